/**
 * What an MTM card's messages have that others do not: the platform's authorisation of the lease
 * behind the result (docs/protocol.md, section 8). The client reads R, since the chip cannot.
 */
import { LENGTH, LOCK_INSTRUCTION, TAG, VERDICT } from "./assigned-numbers.ts";
import { type Bytes, concatBytes, decodeCounter } from "./bytes.ts";
import { type BindingResult, encodeSigned, field } from "./messages.ts";
import { decodeFields, encodeTlv } from "./tlv.ts";

const LEASE_BYTES = 15;
const COUNTER = LENGTH.counter;

/** R as encodeResult wrote it. */
export function decodeResult(bytes: Uint8Array): BindingResult | undefined {
  const body = decodeFields(bytes, [field(TAG.result, 0, 0xff)])?.[0];
  const values =
    body &&
    decodeFields(body, [
      field(TAG.verdict, 1),
      field(TAG.cardId, LENGTH.cardId),
      field(TAG.cardNonce, LENGTH.nonce),
      field(TAG.epoch, COUNTER),
      field(TAG.lockInstruction, 1),
      field(TAG.lease, LEASE_BYTES),
      field(TAG.floor, COUNTER),
    ]);
  const lease =
    values &&
    decodeFields(values[5], [
      field(TAG.leaseUses, COUNTER),
      field(TAG.leaseSeconds, COUNTER),
      field(TAG.leaseServices, 1),
    ]);
  if (values === undefined || lease === undefined) return undefined;
  const [[verdict = 0xff], cardId, cardNonce, epoch, [lock = 0xff], , floor] = values;
  if (verdict > VERDICT.success || lock > LOCK_INSTRUCTION.lock) return undefined;
  return {
    success: verdict === VERDICT.success,
    cardId,
    cardNonce,
    epoch: decodeCounter(epoch),
    lock: lock === LOCK_INSTRUCTION.lock,
    lease: {
      uses: decodeCounter(lease[0]),
      seconds: decodeCounter(lease[1]),
      services: lease[2][0] ?? 0,
    },
    floor: decodeCounter(floor),
  };
}

/** Step 332 of an MTM card: E5 8E D1; without a lease D1 is empty. */
export function encodeMtmResult(
  result: Uint8Array,
  proof: Uint8Array,
  authorisation: Uint8Array,
): Bytes {
  return concatBytes(encodeSigned(result, proof), encodeTlv(TAG.leaseAuthorisation, authorisation));
}

export interface MtmResult {
  readonly result: BindingResult;
  /** Element E5, whole. */
  readonly body: Bytes;
  /** r and s, or empty. */
  readonly authorisation: Uint8Array;
}

export function decodeMtmResult(bytes: Uint8Array): MtmResult | undefined {
  const values = decodeFields(bytes, [
    field(TAG.result, 0, 0xff),
    field(TAG.signature, LENGTH.signature),
    field(TAG.leaseAuthorisation, 0, LENGTH.signature),
  ]);
  if (values === undefined) return undefined;
  const body = encodeTlv(TAG.result, values[0]);
  const result = decodeResult(body);
  const authorisation = values[2];
  const isWhole = authorisation.length === (result?.success === true ? LENGTH.signature : 0);
  return result === undefined || !isWhole ? undefined : { result, body, authorisation };
}

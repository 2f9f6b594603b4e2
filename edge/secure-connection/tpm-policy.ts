/**
 * Names and policy digests of a TPM, computed outside one (TPM 2.0 Library, Part 1, sections 16
 * and 19.7; Part 3, section 23). SHA-256 throughout.
 */
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes } from "#protocol/bytes";
import {
  encodeU16,
  encodeU32,
  type MtmLease,
  TIME_INFO_OFFSET,
  TPM_ALG,
  TPM_CC,
  TPM_EO,
  TPM_RH,
} from "#protocol/tpm";

export type Sha256 = (data: Uint8Array) => Uint8Array;

/** Name of an object or an NV index: nameAlg and the hash of its public area (Part 1, 16). */
export function tpmName(sha256: Sha256, area: Uint8Array): Bytes {
  return concatBytes(encodeU16(TPM_ALG.sha256), sha256(area));
}

/** Qualified Name of a primary key of the endorsement hierarchy (Part 1, 26.5). */
export function qualifiedName(sha256: Sha256, name: Uint8Array): Bytes {
  return tpmName(sha256, concatBytes(encodeU32(TPM_RH.endorsement), name));
}

const START = new Uint8Array(LENGTH.hash);

/** PolicyUpdate (Part 3, 23.2.3): command, name, then policyRef in a hash of its own. */
function updatePolicy(sha256: Sha256, code: number, name: Uint8Array, ref: Uint8Array): Uint8Array {
  return sha256(concatBytes(sha256(concatBytes(START, encodeU32(code), name)), ref));
}

/** The policy of a key that opens for whatever `keyName` signed for `policyRef` (Part 3, 23.16). */
export function policyOfAuthorize(
  sha256: Sha256,
  keyName: Uint8Array,
  policyRef: Uint8Array,
): Uint8Array {
  return updatePolicy(sha256, TPM_CC.policyAuthorize, keyName, policyRef);
}

/** What a lease approves, in the order in which the client runs it (Part 3, 23.9 to 23.11). */
export function approvedPolicy(
  sha256: Sha256,
  { resets, restarts, end, epoch }: MtmLease,
  epochName: Uint8Array,
): Uint8Array {
  const compare = (operand: Uint8Array, offset: number, operation: number): Uint8Array =>
    sha256(concatBytes(operand, encodeU16(offset), encodeU16(operation)));
  const extend = (policy: Uint8Array, code: number, ...parts: readonly Uint8Array[]): Uint8Array =>
    sha256(concatBytes(policy, encodeU32(code), ...parts));
  const at = TIME_INFO_OFFSET;
  const times = [
    compare(resets, at.resets, TPM_EO.equal),
    compare(restarts, at.restarts, TPM_EO.equal),
    compare(end, at.clock, TPM_EO.unsignedLess),
  ];
  let policy: Uint8Array = START;
  for (const time of times) policy = extend(policy, TPM_CC.policyCounterTimer, time);
  policy = extend(policy, TPM_CC.policyNv, compare(epoch, 0, TPM_EO.equal), epochName);
  return extend(policy, TPM_CC.policyCommandCode, encodeU32(TPM_CC.sign));
}

/** What the functions of a slot's writer work with, and the expected answer at rest. */
import type { Dependencies, Vector, Wrapping } from "../dependencies.ts";
import { LENGTH, TAG } from "#protocol/assigned-numbers";
import { decodeFields, decodeRepeated, encodeTlv } from "#protocol/tlv";
import { concatBytes } from "#protocol/bytes";
import type { Sql } from "./sql.ts";

export interface SlotContext {
  readonly sql: Sql;
  readonly object: string;
  readonly dependencies: Pick<
    Dependencies,
    | "clock"
    | "random"
    | "vault"
    | "algorithms"
    | "centre"
    | "limits"
    | "slot"
    | "slots"
    | "storeGeneration"
  >;
}

export const vectorWrapping: Wrapping<{ readonly object: string; readonly number: number }> = {
  purpose: "xres",
  context: ({ object, number }) => `${object}/${number}`,
};

/** CK || IK. */
const CONFIRMATION_KEY_BYTES = 32;
/** Room for four values of 16 bytes. */
const EXPECTED_BYTES_MAX = 4 * (2 + 16);

/** Values and CK || IK in one blob, so that nothing outlives the other. */
export function wrapVector(
  { object, dependencies }: SlotContext,
  number: number,
  { expected, confirmationKey }: Vector,
): Uint8Array {
  const plain = concatBytes(
    encodeTlv(TAG.answer, ...expected.map((value) => encodeTlv(TAG.res, value))),
    encodeTlv(TAG.confirmationTag, confirmationKey ?? new Uint8Array(0)),
  );
  const { purpose, context } = vectorWrapping;
  const wrapped = dependencies.vault.wrap(purpose, context({ object, number }), plain);
  plain.fill(0);
  return wrapped;
}

/** To be wiped by whoever asks. */
export function unwrapVector(
  { object, dependencies }: SlotContext,
  number: number,
  wrapped: Uint8Array,
): Omit<Vector, "autn"> {
  const { purpose, context } = vectorWrapping;
  const plain = dependencies.vault.unwrap(purpose, context({ object, number }), wrapped);
  const fields =
    plain &&
    decodeFields(plain, [
      [TAG.answer, 0, EXPECTED_BYTES_MAX],
      [TAG.confirmationTag, 0, CONFIRMATION_KEY_BYTES],
    ]);
  plain?.fill(0);
  const res = [TAG.res, LENGTH.caveSignature, LENGTH.rand] as const;
  const expected = fields && decodeRepeated(fields[0], res, 1, 4);
  fields?.[0].fill(0);
  if (expected === undefined) throw new Error("an expected answer does not unwrap");
  const confirmationKey = fields?.[1];
  return confirmationKey === undefined || confirmationKey.length === 0
    ? { expected }
    : { expected, confirmationKey };
}

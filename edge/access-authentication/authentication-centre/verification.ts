/** An answer against what a vector expects, whole and in constant time. */
import type { Algorithms, PresentedAnswer, Vector, Verification } from "../../dependencies.ts";
import { equalBytes } from "#protocol/bytes";
import { FORMS } from "../challenge-form.ts";

/**
 * Every value in its place, none short, none missing, none more. A tag that is there must fit; one
 * that nobody here can check does not count as a proof without it.
 */
export function verifyExpectedAnswer(
  { hmacSha256 }: Pick<Algorithms, "hmacSha256">,
  { expected, confirmationKey }: Omit<Vector, "autn">,
  { form, values, tag, tagMessage }: PresentedAnswer,
): Verification {
  if (!matchesExpectedAnswer(values, expected, FORMS[form].answerBytesMin)) {
    return "response_mismatch";
  }
  if (tag.length === 0) return "proven";
  if (confirmationKey === undefined) return "tag_unverifiable";
  const fits = equalBytes(tag, hmacSha256(confirmationKey, tagMessage));
  return fits ? "proven_with_tag" : "response_mismatch";
}

function matchesExpectedAnswer(
  values: readonly Uint8Array[],
  expected: readonly Uint8Array[],
  bytesMin: number,
): boolean {
  if (expected.length === 0 || values.length !== expected.length) return false;
  let right = 0;
  for (const [i, value] of values.entries()) {
    const isRight = equalBytes(value, expected[i] ?? new Uint8Array(0));
    right += isRight && value.length >= bytesMin ? 1 : 0;
  }
  return right === expected.length;
}

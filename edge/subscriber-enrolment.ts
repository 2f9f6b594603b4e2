/** What a subscriber is enrolled with, and within which bounds, one at a time or in a batch. */
import type { CentreProof } from "#protocol/admin";
import type { RowFault } from "#protocol/import";
import {
  readKeys,
  type SubscriberKeys,
} from "./access-authentication/authentication-centre/subscriber-keys.ts";
import type { Algorithm, Dependencies } from "./dependencies.ts";

export const AMF_BYTES = 2;
/** TS 23.003, 2.2. */
export const MCC_DIGITS = 3;
export const ALGORITHM_DEFAULT = "milenage";
/** Separation bit 0: GSM and UMTS (TS 33.102, annex H). */
export const AMF_DEFAULT: Uint8Array = new Uint8Array(AMF_BYTES);
export const IND_BITS_DEFAULT = 5;
/** Leaves 32 bits of SEQ: hundreds of restores, each of which jumps by 2^24. */
export const IND_BITS_MAX = 16;

/** Raised by new keys and by each move to another centre. */
export const FIRST_KEY_VERSION = 1;

/** Of a subscriber whose keys another centre has. */
export interface CentreProfile {
  readonly centre: string;
  readonly proves: CentreProof;
}

export interface Profile {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly keys: SubscriberKeys;
}

export type ProfileRead =
  | { readonly ok: true; readonly profile: Profile }
  | ({ readonly ok: false } & RowFault);

/** Only algorithms that this platform can challenge with; test algorithms where they are let in. */
export function readProfile(
  { algorithms, limits }: Pick<Dependencies, "algorithms" | "limits">,
  name: string,
  given: Readonly<Record<string, unknown>>,
): ProfileRead {
  const column = "algorithm";
  const algorithm = algorithms.find(name);
  if (algorithm === undefined) return { ok: false, column, reason: "unknown_algorithm" };
  const isLetIn =
    algorithm.status !== "experimental" &&
    (algorithm.status !== "test" || limits.testAlgorithms !== 0);
  if (!isLetIn) return { ok: false, column, reason: "algorithm_not_allowed" };
  const read = readKeys(algorithm, given);
  return read.ok ? { ok: true, profile: { name, algorithm, keys: read.keys } } : read;
}

/** One wrapped secret before the re-wrap job, and what the job counted of many. */
import type { Vault } from "./dependencies.ts";
import { wrappingKeyIdOf } from "./vault.ts";

/** Secrets that were looked at, of the catalog or of a single writer. */
export interface RewrapCounts {
  readonly seen: number;
  /** Of those, how many were under each older key, by its id. */
  readonly stale: Readonly<Record<string, number>>;
  /** Of those, how many are under the newest key now. */
  readonly rewrapped: number;
  /** What names the rows whose secret does not open under the key that it names. */
  readonly unreadable: readonly string[];
}

export const NO_COUNTS: RewrapCounts = { seen: 0, stale: {}, rewrapped: 0, unreadable: [] };

export function addCounts(one: RewrapCounts, other: RewrapCounts): RewrapCounts {
  const stale: Record<string, number> = { ...one.stale };
  for (const [id, count] of Object.entries(other.stale)) stale[id] = (stale[id] ?? 0) + count;
  return {
    seen: one.seen + other.seen,
    stale,
    rewrapped: one.rewrapped + other.rewrapped,
    unreadable: [...one.unreadable, ...other.unreadable],
  };
}

/** A secret where it rests. */
export interface SecretAtRest {
  readonly purpose: string;
  readonly context: string;
  readonly wrapped: Uint8Array;
}

/** `fresh` replaces it; absent when there is nothing to do, or nothing that can be done. */
export interface ExaminedSecret {
  readonly counts: RewrapCounts;
  readonly fresh: Uint8Array | undefined;
}

/** Counts it as seen, never yet as re-wrapped. With `check` it is not opened. */
export function examineSecret(
  vault: Vault,
  { purpose, context, wrapped }: SecretAtRest,
  check: boolean,
): ExaminedSecret {
  const id = wrappingKeyIdOf(wrapped);
  const seen = { ...NO_COUNTS, seen: 1 };
  if (id === vault.newestKeyId) return { counts: seen, fresh: undefined };
  const unreadable = {
    counts: { ...seen, unreadable: [`${purpose} ${context}`] },
    fresh: undefined,
  };
  if (id === undefined) return unreadable;
  const stale = { ...seen, stale: { [id]: 1 } };
  const isConfigured = vault.wrappingKeys.some((key) => key.id === id);
  if (check || !isConfigured) return { counts: stale, fresh: undefined };
  const fresh = vault.rewrap(purpose, context, wrapped);
  return fresh === undefined
    ? { counts: { ...unreadable.counts, stale: stale.stale }, fresh }
    : { counts: stale, fresh };
}

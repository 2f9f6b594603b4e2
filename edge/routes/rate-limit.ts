/**
 * A limit on calls that nobody has authenticated yet, by the caller's address (invariant I14: never
 * by what the caller claims to be, or a victim's card could be shut out). Each point of presence
 * counts for itself: a shield, not an account. Phones behind one carrier's address share its count,
 * so the limit is generous.
 */
import type { Clock } from "../dependencies.ts";

export interface RateLimit {
  /** Counts one call; false when the key has had its share of this minute. */
  readonly take: (key: string) => boolean;
}

const MINUTE_MS = 60_000;
/** Keys remembered at once; above it the oldest are forgotten and start anew. */
const KEYS_MAX = 10_000;

export function createRateLimit(clock: Clock, perMinute: number): RateLimit {
  let minute = 0;
  const counts = new Map<string, number>();
  return {
    take(key) {
      const now = Math.floor(clock() / MINUTE_MS);
      if (now !== minute) {
        minute = now;
        counts.clear();
      }
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (counts.size > KEYS_MAX) {
        const [oldest] = counts.keys();
        if (oldest !== undefined) counts.delete(oldest);
      }
      return count <= perMinute;
    },
  };
}

/**
 * Serving state (RAM only, so it dies with power; I9). A lease counts uses, and each is taken
 * before the operation it pays for: an operation that fails has used it all the same. A card with
 * a clock also counts seconds, from the START SESSION of the lease's session.
 */

export type Lease = {
  /** At least 1, but for a lease that was issued with none. */
  readonly uses: number;
  /** As issued. */
  readonly seconds: number;
  /** Bits of SERVICE. */
  readonly services: number;
  /** Of the card's clock; undefined on a card without one. */
  readonly startedAtSeconds: number | undefined;
};

/** Whole seconds that are left at `now`; those issued when no clock counts them. */
export function secondsLeft(lease: Lease, now: number | undefined): number {
  if (lease.startedAtSeconds === undefined || now === undefined) return lease.seconds;
  return Math.max(0, lease.seconds - Math.max(0, Math.floor(now - lease.startedAtSeconds)));
}

export function isCovered(lease: Lease | undefined, service: number): lease is Lease {
  return lease !== undefined && lease.uses > 0 && (lease.services & service) !== 0;
}

/** The lease after one use; undefined when that was the last. */
export function takeUse(lease: Lease): Lease | undefined {
  return lease.uses > 1 ? { ...lease, uses: lease.uses - 1 } : undefined;
}

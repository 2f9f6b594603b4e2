/**
 * Serving state (RAM only, so it dies with power; I9). A lease counts uses, and each is taken
 * before the operation it pays for: an operation that fails has used it all the same.
 */

export type Lease = {
  /** At least 1, but for a lease that was issued with none. */
  readonly uses: number;
  /** Bits of SERVICE. */
  readonly services: number;
};

export function isCovered(lease: Lease | undefined, service: number): lease is Lease {
  return lease !== undefined && lease.uses > 0 && (lease.services & service) !== 0;
}

/** The lease after one use; undefined when that was the last. */
export function takeUse(lease: Lease): Lease | undefined {
  return lease.uses > 1 ? { ...lease, uses: lease.uses - 1 } : undefined;
}

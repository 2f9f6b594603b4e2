/**
 * Keeps calls away from a part that does not answer, so that nobody waits for it in vain: after
 * some failures in a row nobody calls for a while, then one call tries. Pure.
 */

export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly failuresMax: number;
  /** How long it stays open. */
  readonly restMs: number;
  /** A trial that said nothing for so long is given up, and the next call is one. */
  readonly trialMs: number;
}

export type BreakerState =
  | { readonly name: "closed"; readonly failures: number }
  | { readonly name: "open"; readonly until: number }
  /** One call tries; the others do not wait for it. */
  | { readonly name: "half_open"; readonly until: number };

export type Admission =
  | { readonly admitted: true; readonly state: BreakerState; readonly isTrial: boolean }
  | { readonly admitted: false };

export const CLOSED: BreakerState = { name: "closed", failures: 0 };

/** Whether a call may go out at `now`, and the state from then on. */
export function admitCall(
  { trialMs }: BreakerSettings,
  state: BreakerState,
  now: number,
): Admission {
  if (state.name === "closed") return { admitted: true, state, isTrial: false };
  if (now < state.until) return { admitted: false };
  return { admitted: true, state: { name: "half_open", until: now + trialMs }, isTrial: true };
}

/**
 * The state after a call came back. What went out before it opened, or before another trial, says
 * nothing about the time since.
 */
export function settleCall(
  { failuresMax, restMs }: BreakerSettings,
  state: BreakerState,
  call: { readonly isTrial: boolean; readonly isHealthy: boolean },
  now: number,
): BreakerState {
  const { isTrial, isHealthy } = call;
  if (state.name === "closed") {
    if (isHealthy) return CLOSED;
    const failures = state.failures + 1;
    return failures < failuresMax
      ? { name: "closed", failures }
      : { name: "open", until: now + restMs };
  }
  if (!isTrial || state.name === "open") return state;
  return isHealthy ? CLOSED : { name: "open", until: now + restMs };
}

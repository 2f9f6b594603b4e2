/** Giving up: a caller's AbortSignal and a deadline, told apart by the reason of the abort. */

export type CancelledCode = "aborted" | "deadline_exceeded";

/** Neither the platform nor the card failed: the caller or the clock ended the exchange. */
export class CancelledError extends Error {
  readonly code: CancelledCode;

  constructor(code: CancelledCode) {
    super(code === "aborted" ? "given up by the caller" : "the deadline passed");
    this.name = "CancelledError";
    this.code = code;
  }
}

/** A signal that follows `signal` and also ends after `deadlineMs`. */
export function limitSignal(signal: AbortSignal | undefined, deadlineMs: number): AbortSignal {
  const deadline = AbortSignal.timeout(deadlineMs);
  return signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelledError(signal);
}

/**
 * What `work` gives, or CancelledError as soon as the signal ends; for work that does not watch a
 * signal. Once the signal has ended, work is not even begun.
 */
export async function raceSignal<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfCancelled(signal);
  const cancelled = Promise.withResolvers<never>();
  const onAbort = (): void => {
    cancelled.reject(cancelledError(signal));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(), cancelled.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** A pause of so many milliseconds, over at once when `signal` ends; never rejects. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<void>;

/** The SDK's own pause, where the caller gives none: no timer is left behind. */
export const sleepMilliseconds: Sleep = (milliseconds, signal) =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });

/** AbortSignal.timeout and AbortSignal.any keep TimeoutError as the reason (DOM, 3.2). */
function cancelledError(signal: AbortSignal): CancelledError {
  const reason: unknown = signal.reason;
  const timedOut = reason instanceof Error && reason.name === "TimeoutError";
  return new CancelledError(timedOut ? "deadline_exceeded" : "aborted");
}

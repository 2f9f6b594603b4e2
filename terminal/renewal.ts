/**
 * Keeps a card serving: watches its lease and starts a whole session, while the old lease still
 * serves, when half of the uses or of the seconds are left (docs/protocol.md, section 5, renewal).
 *
 * What is left is what the card says (GET DATA status); a card without a clock does not count
 * seconds, so the client counts them, too, from the moment it saw the lease.
 */
import type { CardState, Lease } from "#protocol/messages";
import type { BindingOutcome } from "./bind.ts";
import { CancelledError, raceSignal, type Sleep, sleepMilliseconds } from "./cancel.ts";
import { type CardApplet, CardError, type CardStatus } from "./card.ts";
import { PlatformError } from "./platform-client.ts";

export interface RenewalOptions {
  readonly card: CardApplet;
  /** One whole session with this card; called again for each renewal and each attempt. */
  readonly bind: (signal: AbortSignal) => Promise<BindingOutcome>;
  /** Milliseconds, never going back. */
  readonly now: () => number;
  /** setTimeout unless given. */
  readonly sleep?: Sleep;
  /** What happens to the lease; must not throw. */
  readonly onEvent?: (event: RenewalEvent) => void;
  /** The card is asked at least this often, so that uses by others and a reset are noticed. */
  readonly pollMs?: number;
}

export type RenewalEvent =
  /** Half is gone; `lease` is what is left. */
  | { readonly kind: "renewing"; readonly lease: Lease }
  | { readonly kind: "renewed"; readonly outcome: BindingOutcome }
  /** No new lease: what the binding came to, or what it threw. The old one may still serve. */
  | { readonly kind: "renewal_failed"; readonly outcome: BindingOutcome }
  | { readonly kind: "renewal_failed"; readonly error: unknown }
  /**
   * Nothing is left. `cardState` is `unknown` when the card cannot be asked, and `serving` when the
   * seconds are over by the client's clock and the card has none.
   */
  | { readonly kind: "lease_over"; readonly cardState: CardState["name"] | "unknown" };

export interface Renewal {
  /** The card as before, for its services: each call wakes the watch when half is used up. */
  readonly card: CardApplet;
  /**
   * Starts on a card that serves, as after SUCCESS. Ends when `signal` does, leaving the lease as
   * it is, or when nothing of the lease is left: a FAILURE, a reset, or no renewal in time. Throws
   * nothing but defects.
   */
  keepServing(signal: AbortSignal): Promise<"aborted" | "lease_over">;
}

const POLL_MS = 60_000;
/** After a renewal that failed; each one after it twice as long, up to the greatest. */
const RETRY_MS = 1000;
const RETRY_MS_MAX = 60_000;
const NO_LEASE: Lease = { uses: 0, seconds: 0, services: 0 };

/** A lease as the client first saw it. */
interface Grant {
  /** Of the card: another epoch is another lease. */
  readonly epoch: number;
  readonly lease: Lease;
  readonly at: number;
}

interface Watch {
  readonly options: RenewalOptions;
  readonly counter: UseCounter;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

export function createRenewal(options: RenewalOptions): Renewal {
  const counter = createUseCounter();
  const sleep = options.sleep ?? sleepMilliseconds;
  return {
    card: countUses(options.card, counter),
    keepServing: (signal) => keepServing({ options, counter, sleep, signal }),
  };
}

async function keepServing(watch: Watch): Promise<"aborted" | "lease_over"> {
  const { options, counter, signal } = watch;
  let grant: Grant | undefined;
  let failures = 0;
  let retryAt = -Infinity;
  for (;;) {
    const counted = counter.total();
    const status = await readStatus(watch);
    if (signal.aborted) return "aborted";
    const now = options.now();
    if (grant === undefined || (status !== undefined && status.epoch !== grant.epoch))
      grant = { epoch: status?.epoch ?? 0, lease: status?.lease ?? NO_LEASE, at: now };
    const left = leaseLeft(grant, status, now);
    if (left.uses <= 0 || left.seconds <= 0) {
      options.onEvent?.({ kind: "lease_over", cardState: status?.state.name ?? "unknown" });
      return "lease_over";
    }
    const half = { uses: halve(grant.lease.uses), seconds: halve(grant.lease.seconds) };
    const isHalfGone = left.uses <= half.uses || left.seconds <= half.seconds;
    const waitMs = isHalfGone ? retryAt - now : (left.seconds - half.seconds) * 1000;
    if (waitMs > 0) {
      const usesToWatch = isHalfGone ? left.uses : left.uses - half.uses;
      await pause(watch, Math.min(waitMs, left.seconds * 1000), counted + usesToWatch);
      continue;
    }
    options.onEvent?.({ kind: "renewing", lease: left });
    const retryMs = await renew(watch, failures);
    failures = retryMs === 0 ? 0 : failures + 1;
    retryAt = options.now() + retryMs;
  }
}

/** One attempt; gives how long to wait before the next one, 0 after SUCCESS. */
async function renew(watch: Watch, failures: number): Promise<number> {
  const { options, signal } = watch;
  const backoff = Math.min(RETRY_MS * 2 ** failures, RETRY_MS_MAX);
  try {
    const outcome = await options.bind(signal);
    if (outcome.verdict === "SUCCESS") {
      options.onEvent?.({ kind: "renewed", outcome });
      return 0;
    }
    options.onEvent?.({ kind: "renewal_failed", outcome });
    return backoff;
  } catch (error) {
    if (!signal.aborted) options.onEvent?.({ kind: "renewal_failed", error });
    const asked = error instanceof PlatformError ? error.retryAfterSeconds : undefined;
    return Math.max(backoff, (asked ?? 0) * 1000);
  }
}

/** A card that refuses, cannot be reached or is given up on serves nobody through this slot. */
async function readStatus({ options, signal }: Watch): Promise<CardStatus | undefined> {
  try {
    return await raceSignal(() => options.card.readStatus(), signal);
  } catch (error) {
    if (error instanceof CardError || error instanceof CancelledError) return undefined;
    throw error;
  }
}

/** By the card, and its seconds by the client's clock as well. */
function leaseLeft(grant: Grant, status: CardStatus | undefined, now: number): Lease {
  if (status?.state.name !== "serving") return NO_LEASE;
  const seconds = grant.lease.seconds - Math.floor((now - grant.at) / 1000);
  return { ...status.lease, seconds: Math.min(status.lease.seconds, seconds) };
}

function halve(value: number): number {
  return Math.floor(value / 2);
}

/**
 * Ends after `milliseconds`, at the next poll, with the signal, or when so many uses were counted
 * since the renewal was created.
 */
async function pause(watch: Watch, milliseconds: number, usesCounted: number): Promise<void> {
  const { options, sleep, signal, counter } = watch;
  const end = new AbortController();
  const over = AbortSignal.any([signal, end.signal]);
  const aborted = Promise.withResolvers<void>();
  over.addEventListener("abort", () => {
    aborted.resolve();
  });
  const wait = Math.min(milliseconds, options.pollMs ?? POLL_MS);
  await Promise.race([sleep(wait, over), aborted.promise, counter.reach(usesCounted)]);
  end.abort();
}

interface UseCounter {
  total(): number;
  count(): void;
  /** Settles once so many uses were counted; the newest call replaces the one before it. */
  reach(uses: number): Promise<void>;
}

function createUseCounter(): UseCounter {
  let total = 0;
  let awaited = Infinity;
  let reached = Promise.withResolvers<void>();
  const settle = (): void => {
    if (total >= awaited) reached.resolve();
  };
  return {
    total: () => total,
    count() {
      total += 1;
      settle();
    },
    reach(uses) {
      awaited = uses;
      reached = Promise.withResolvers<void>();
      settle();
      return reached.promise;
    },
  };
}

/** A service that fails may have cost its use (6A80 of DECIPHER), so every call counts. */
function countUses(card: CardApplet, counter: UseCounter): CardApplet {
  const counted =
    (name: "sign" | "encipher" | "decipher"): CardApplet["sign"] =>
    async (data) => {
      try {
        return await card[name](data);
      } finally {
        counter.count();
      }
    };
  return {
    ...card,
    sign: counted("sign"),
    encipher: counted("encipher"),
    decipher: counted("decipher"),
  };
}

/**
 * An external subscriber database over HTTP. The number travels in the body of a POST: request
 * lines end up in the logs of whatever is between, bodies do not.
 */
import { failure, success } from "#protocol/result";
import type { SubscriberProfile } from "#protocol/subscriber-profile";
import type { Clock, Log } from "../dependencies.ts";
import type { PeerRequest, PeerTransport } from "../peers/transport.ts";
import type { SubscriberDirectory } from "../subscriber-directory.ts";
import {
  admitCall,
  type BreakerSettings,
  type BreakerState,
  CLOSED,
  settleCall,
} from "./circuit-breaker.ts";
import { decodeLookup, encodeLookup } from "./profile-answer.ts";

export interface DirectorySettings {
  readonly url: string;
  /** Of the bearer. */
  readonly secret: string;
  readonly timeoutMs: number;
  /** How old an answer may be that is used again; 0: none is. */
  readonly cacheMs: number;
  readonly breaker: BreakerSettings;
}

interface Tools {
  readonly transport: PeerTransport;
  readonly clock: Clock;
  readonly log: Log;
}

interface Kept {
  readonly profile: SubscriberProfile;
  readonly until: number;
}

const ANSWER_BYTES_MAX = 16 * 1024;
/** A profile has 1 KB or so; the oldest goes first. */
const KEPT_MAX = 10_000;

/**
 * Profiles are kept for `cacheMs`, in memory and per isolate, and never longer, whatever fails; an
 * unknown number is not kept, so that a new customer is found at once.
 */
export function createHttpDirectory(
  { transport, clock, log }: Tools,
  settings: DirectorySettings,
): SubscriberDirectory {
  const { breaker } = settings;
  const cache = createCache(settings.cacheMs);
  let state: BreakerState = CLOSED;

  function settle(isTrial: boolean, isHealthy: boolean): void {
    const before = state.name;
    state = settleCall(breaker, state, { isTrial, isHealthy }, clock());
    if (state.name !== before) log("directory_breaker", { from: before, to: state.name });
  }

  return {
    async find(tenant, msisdn) {
      const name = `${tenant}/${msisdn}`;
      const askedAt = clock();
      const kept = cache.get(name, askedAt);
      if (kept !== undefined) return success(kept);
      const admission = admitCall(breaker, state, askedAt);
      if (!admission.admitted) return failure("directory_unavailable");
      ({ state } = admission);
      const answer = await transport(describeLookup(settings, tenant, msisdn));
      const found = answer.ok ? decodeLookup(answer.value, msisdn) : answer;
      settle(admission.isTrial, found.ok || found.reason === "number_unknown");
      if (found.ok) {
        cache.set(name, found.value, askedAt);
        return found;
      }
      if (found.reason === "number_unknown") return failure("number_unknown");
      log("directory_failed", { reason: found.reason });
      return failure("directory_unavailable");
    },
  };
}

function describeLookup(
  { url, secret, timeoutMs }: DirectorySettings,
  tenant: string,
  msisdn: string,
): PeerRequest {
  const headers = {
    authorization: `Bearer ${secret}`,
    "content-type": "application/json",
    accept: "application/json",
  };
  const body = encodeLookup(tenant, msisdn);
  return { url, headers, body, timeoutMs, bodyBytesMax: ANSWER_BYTES_MAX };
}

/** In order of `set`; what is older than `cacheMs` is not there. */
function createCache(cacheMs: number) {
  const kept = new Map<string, Kept>();
  return {
    get(name: string, now: number): SubscriberProfile | undefined {
      const entry = kept.get(name);
      return entry !== undefined && now < entry.until ? entry.profile : undefined;
    },
    set(name: string, profile: SubscriberProfile, askedAt: number): void {
      if (cacheMs === 0) return;
      kept.delete(name);
      kept.set(name, { profile, until: askedAt + cacheMs });
      const [oldest] = kept.size > KEPT_MAX ? kept.keys() : [];
      if (oldest !== undefined) kept.delete(oldest);
    },
  };
}

/**
 * Vectors for points of presence: questions and answers are sealed, and whoever has the key of a
 * name is answered under that name, out of an HLR (gsup-source.ts) or of this platform's own
 * subscribers (home-centre.ts).
 */
import { wipeVector } from "../access-authentication/authentication-centre/external.ts";
import type { Clock, Dependencies, VectorQuery } from "../dependencies.ts";
import { createRateLimit } from "../routes/rate-limit.ts";
import { encodeBase64Url } from "#protocol/bytes";
import {
  openQuestion,
  readEnvelope,
  readQuestion,
  RELAY_PATH,
  type RelayAnswer,
  SALT_BYTES,
  sealAnswer,
  type SealedQuestion,
} from "./envelope.ts";

/** How far the clocks of caller and relay may be apart. */
const SKEW_MS = 30_000;
/** A nonce is remembered for as long as its question could come again, both ends included. */
const NONCE_KEPT_MS = 2 * SKEW_MS + 1;

/** What a caller without the right to an answer is told; none of it depends on a subscriber. */
const REFUSALS = {
  malformed: 400,
  unauthorized: 401,
  not_found: 404,
  replayed: 409,
  out_of_time: 409,
  too_large: 413,
  quota: 429,
} as const;
type Refusal = keyof typeof REFUSALS;

export interface RelayOptions {
  /** 32 bytes by name of the point of presence. */
  readonly callers: ReadonlyMap<string, Uint8Array>;
  /** Questions of one caller. */
  readonly questionsPerMinute: number;
}

/** Where vectors come from. */
export interface VectorSource {
  /** `askedAt` is the question's time, Unix milliseconds, by the clock of the caller. */
  ask(caller: string, query: VectorQuery, askedAt: number): Promise<RelayAnswer>;
}

export interface Relay {
  fetch(request: Request): Promise<Response>;
}

type Tools = Pick<Dependencies, "clock" | "random" | "log">;

export function createRelay(tools: Tools, source: VectorSource, options: RelayOptions): Relay {
  const { clock, random, log } = tools;
  const limit = createRateLimit(clock, options.questionsPerMinute);
  const nonces = createNonces(clock);

  function refuse(reason: Refusal, caller = ""): Response {
    log("relay_question_refused", caller === "" ? { reason } : { reason, caller });
    return Response.json({ code: reason }, { status: REFUSALS[reason] });
  }

  /** The caller has proved itself: the name may stand in the log. */
  function findObjection({ caller, at, nonce }: SealedQuestion): Refusal | undefined {
    if (Math.abs(clock() - at) > SKEW_MS) return "out_of_time";
    const once = encodeBase64Url(nonce);
    // First, so that somebody's copies do not use up what the caller may ask.
    if (nonces.has(once)) return "replayed";
    if (!limit.take(caller)) return "quota";
    nonces.add(once);
    return undefined;
  }

  return {
    async fetch(request) {
      if (new URL(request.url).pathname !== RELAY_PATH || request.method !== "POST") {
        return refuse("not_found");
      }
      const body = await readEnvelope(request).catch(() => "");
      if (body === undefined) return refuse("too_large");
      const question = readQuestion(body);
      if (question === undefined) return refuse("malformed");
      const key = options.callers.get(question.caller);
      const query = key && openQuestion(key, question);
      if (key === undefined || query === undefined) return refuse("unauthorized");
      const objection = findObjection(question);
      if (objection !== undefined) return refuse(objection, question.caller);
      const fetched = await source.ask(question.caller, query, question.at);
      const sealed = sealAnswer(key, question, random(SALT_BYTES), fetched);
      if (fetched.ok) for (const vector of fetched.value) wipeVector(vector);
      else log("relay_answered", { caller: question.caller, reason: fetched.reason });
      return new Response(sealed, { headers: { "content-type": "application/json" } });
    },
  };
}

interface Nonces {
  has(nonce: string): boolean;
  add(nonce: string): void;
}

/** Only of callers that proved themselves, whose questions are limited: memory is, too. */
function createNonces(clock: Clock): Nonces {
  const seen = new Map<string, number>();
  return {
    has: (nonce) => (seen.get(nonce) ?? 0) > clock(),
    add(nonce) {
      const now = clock();
      for (const [old, until] of seen) {
        if (until > now) break;
        seen.delete(old);
      }
      seen.set(nonce, now + NONCE_KEPT_MS);
    },
  };
}

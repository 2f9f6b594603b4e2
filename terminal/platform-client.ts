/**
 * The four exchanges of docs/protocol.md, section 4. A request that got no answer, or 503, is sent
 * again with the very same body: the platform gives the same bytes again and never acts twice.
 */
import { concatBytes, encodeBase64Url } from "#protocol/bytes";
import type { ModeName, ModuleKindName, SuiteName } from "#protocol/suites";
import type {
  AccessRequest,
  CardProofRequest,
  ProblemCode,
  ReceiptRequest,
  SealedAnswerRequest,
  SignedAnswerRequest,
  TerminalClaims,
} from "#protocol/wire";
import { limitSignal, raceSignal, type Sleep, sleepMilliseconds } from "./cancel.ts";
import { throwIfCancelled } from "./cancel.ts";
import {
  type AccessGrant,
  type AnswerReply,
  type CardReply,
  parseAccessGrant,
  parseAnswerReply,
  parseCardReply,
  parseProblemCode,
  parseRetryAfter,
} from "./platform-messages.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The platform's own codes, and what a client finds without it. */
export type PlatformErrorCode = ProblemCode | "malformed_response" | "unreachable";

export class PlatformError extends Error {
  readonly code: PlatformErrorCode;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: PlatformErrorCode,
    status: number,
    more: { readonly retryAfterSeconds?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(status === 0 ? `platform: ${code}` : `platform: ${code} (${status})`, {
      cause: more.cause,
    });
    this.name = "PlatformError";
    this.code = code;
    this.status = status;
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

export interface AccessOffer {
  readonly tenant?: string;
  readonly cardId: string;
  readonly suites: readonly SuiteName[];
  readonly modes: readonly ModeName[];
  readonly moduleKind: ModuleKindName;
}

/** Step 316 or 416; `proof` as the card gave it. */
export type CardProofMessage = {
  readonly token: Uint8Array;
  readonly cardId: string;
  readonly proof: Uint8Array;
  readonly moduleKind: ModuleKindName;
  readonly claims?: TerminalClaims;
} & (
  | { readonly imsi: string }
  /** Encrypted mode: 50 bytes, as concealImsi gave them. */
  | { readonly concealedImsi: Uint8Array }
);

/** Step 327 or 430; `proof` (8E) or `sealed` (D0) as the card gave it. */
export type AnswerMessage =
  | { readonly token: Uint8Array; readonly statement: Uint8Array; readonly proof: Uint8Array }
  | { readonly token: Uint8Array; readonly sealed: Uint8Array };

/**
 * Methods throw PlatformError, or CancelledError when `signal` or the deadline ended the call.
 * A body of the other mode's form is `malformed_response`.
 */
export interface PlatformClient {
  /** Steps 311 and 312; 411 and 412. */
  requestAccess(offer: AccessOffer, signal?: AbortSignal): Promise<AccessGrant>;
  /** Steps 316 and 320; 416 and 420. */
  proveCard(sid: string, proof: CardProofMessage, signal?: AbortSignal): Promise<CardReply>;
  /** Steps 327 and 332, 430 and 435; or 320 and 420 again after AUTS or RANDBS. */
  sendAnswer(sid: string, answer: AnswerMessage, signal?: AbortSignal): Promise<AnswerReply>;
  /** After step 334 or 437, or an unlock; `receipt` as the card gave it. */
  deliverReceipt(
    sid: string,
    receipt: { readonly token: Uint8Array; readonly receipt: Uint8Array },
    signal?: AbortSignal,
  ): Promise<void>;
}

export interface PlatformClientOptions {
  /** Where /v1 lives, with or without a path of its own. */
  readonly baseUrl: string;
  readonly fetch: Fetch;
  readonly attemptsMax?: number;
  /** One attempt without an answer counts as lost after this long. */
  readonly attemptMs?: number;
  /** All attempts of one request together. */
  readonly deadlineMs?: number;
  /** Between attempts; setTimeout unless given. */
  readonly sleep?: Sleep;
}

const ATTEMPTS_MAX = 4;
const ATTEMPT_MS = 10_000;
/** A round must be answered within 30 s. */
const DEADLINE_MS = 30_000;
/** First pause; each one after it is twice as long. */
const PAUSE_MS = 200;
/** As the platform limits its own input. */
const BODY_BYTES_MAX = 16_384;

interface Answer {
  readonly status: number;
  /** Undefined for a body that is too long to be an answer. */
  readonly text: string | undefined;
  readonly retryAfterSeconds: number | undefined;
}

/** An attempt that got an answer which is final, or one that may be sent again. */
type Attempt =
  | { readonly final: true; readonly answer: Answer }
  | { readonly final: false; readonly error: PlatformError };

export function createPlatformClient(options: PlatformClientOptions): PlatformClient {
  const base = options.baseUrl.endsWith("/") ? options.baseUrl : `${options.baseUrl}/`;
  const url = (path: string): string => new URL(`v1/bindings${path}`, base).href;
  const post = (path: string, body: object, signal?: AbortSignal): Promise<Answer> =>
    postWithRetries(options, url(path), JSON.stringify(body), signal);
  return {
    async requestAccess(offer, signal) {
      const body: AccessRequest = offer;
      return expectBody(await post("", body, signal), 201, parseAccessGrant);
    },
    async proveCard(sid, proof, signal) {
      const body = encodeCardProof(proof);
      return expectBody(await post(`/${sid}/card`, body, signal), 200, parseCardReply);
    },
    async sendAnswer(sid, answer, signal) {
      const mode = "sealed" in answer ? "encrypted" : "signed";
      const reply = await post(`/${sid}/answer`, encodeAnswer(answer), signal);
      return expectBody(reply, 200, (text) => parseAnswerReply(text, mode));
    },
    async deliverReceipt(sid, { token, receipt }, signal) {
      const body: ReceiptRequest = {
        token: encodeBase64Url(token),
        receipt: encodeBase64Url(receipt),
      };
      expectBody(await post(`/${sid}/receipt`, body, signal), 204, () => true);
    },
  };
}

function encodeCardProof(message: CardProofMessage): CardProofRequest {
  const { cardId, moduleKind, claims } = message;
  const proof = encodeBase64Url(message.proof);
  const identity =
    "imsi" in message
      ? { imsi: message.imsi }
      : { concealedImsi: encodeBase64Url(message.concealedImsi) };
  const token = encodeBase64Url(message.token);
  const said = claims === undefined ? {} : { claims };
  return { token, cardId, proof, ...identity, moduleKind, ...said };
}

function encodeAnswer(answer: AnswerMessage): SignedAnswerRequest | SealedAnswerRequest {
  const token = encodeBase64Url(answer.token);
  if ("sealed" in answer) return { token, sealed: encodeBase64Url(answer.sealed) };
  const { statement, proof } = answer;
  return { token, statement: encodeBase64Url(statement), proof: encodeBase64Url(proof) };
}

async function postWithRetries(
  options: PlatformClientOptions,
  url: string,
  body: string,
  callerSignal: AbortSignal | undefined,
): Promise<Answer> {
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  const signal = limitSignal(callerSignal, deadlineMs);
  const attemptsMax = options.attemptsMax ?? ATTEMPTS_MAX;
  const sleep = options.sleep ?? sleepMilliseconds;
  for (let count = 1; ; count++) {
    const attempt = await postOnce(options, url, body, signal);
    if (attempt.final) return attempt.answer;
    const asked = attempt.error.retryAfterSeconds;
    const pause = asked === undefined ? PAUSE_MS * 2 ** (count - 1) : asked * 1000;
    // Who is asked to come back after the deadline is told so at once.
    if (count >= attemptsMax || pause >= deadlineMs) throw attempt.error;
    await raceSignal(() => sleep(pause, signal), signal);
  }
}

async function postOnce(
  options: PlatformClientOptions,
  url: string,
  body: string,
  signal: AbortSignal,
): Promise<Attempt> {
  throwIfCancelled(signal);
  try {
    const attemptSignal = limitSignal(signal, options.attemptMs ?? ATTEMPT_MS);
    const attempt = (): Promise<Answer> => send(options.fetch, url, body, attemptSignal);
    const answer = await raceSignal(attempt, attemptSignal);
    if (answer.status !== 503) return { final: true, answer };
    const { retryAfterSeconds } = answer;
    return { final: false, error: new PlatformError("unavailable", 503, { retryAfterSeconds }) };
  } catch (error) {
    throwIfCancelled(signal);
    return { final: false, error: new PlatformError("unreachable", 0, { cause: error }) };
  }
}

async function send(fetch: Fetch, url: string, body: string, signal: AbortSignal): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  // A redirect is no answer of this protocol and would carry the body elsewhere.
  const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
  const retryAfterSeconds = parseRetryAfter(response.headers.get("retry-after"));
  return { status: response.status, text: await readText(response), retryAfterSeconds };
}

/** The body as UTF-8; undefined when it is longer than the platform's answers are. */
async function readText(response: Response): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let byteCount = 0;
  for await (const part of response.body ?? []) {
    byteCount += part.length;
    if (byteCount > BODY_BYTES_MAX) return undefined;
    parts.push(part);
  }
  return new TextDecoder().decode(concatBytes(...parts));
}

function expectBody<T>(answer: Answer, status: number, parse: (text: string) => T | undefined): T {
  if (answer.status !== status) throw problemOf(answer);
  const value = answer.text === undefined ? undefined : parse(answer.text);
  if (value === undefined) throw new PlatformError("malformed_response", answer.status);
  return value;
}

function problemOf(answer: Answer): PlatformError {
  const { text, retryAfterSeconds } = answer;
  const code = answer.status >= 400 && text !== undefined ? parseProblemCode(text) : undefined;
  return new PlatformError(code ?? "malformed_response", answer.status, { retryAfterSeconds });
}

/**
 * The four exchanges of docs/protocol.md, section 4. A request that got no answer, or 503, is sent
 * again with the very same body: the platform gives the same bytes again and never acts twice.
 */
import { encodeBase64Url } from "#protocol/bytes";
import type { ModeName, ModuleKindName, SuiteName } from "#protocol/suites";
import type { AccessRequest, AnswerRequest, CardProofRequest } from "#protocol/wire";
import type { ProblemCode, ReceiptRequest } from "#protocol/wire";
import { limitSignal, raceSignal, throwIfCancelled } from "./cancel.ts";
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

interface AccessOffer {
  readonly tenant?: string;
  readonly cardId: string;
  readonly suites: readonly SuiteName[];
  readonly modes: readonly ModeName[];
  readonly moduleKind: ModuleKindName;
}

/** Methods throw PlatformError, or CancelledError when `signal` or the deadline ended the call. */
export interface PlatformClient {
  /** Steps 311 and 312. */
  requestAccess(offer: AccessOffer, signal?: AbortSignal): Promise<AccessGrant>;
  /** Steps 316 and 320; `proof` as the card gave it. */
  proveCard(
    sid: string,
    proof: {
      readonly token: Uint8Array;
      readonly cardId: string;
      readonly proof: Uint8Array;
      readonly imsi: string;
      readonly moduleKind: ModuleKindName;
    },
    signal?: AbortSignal,
  ): Promise<CardReply>;
  /** Steps 327 and 332, or 320 again after AUTS; `proof` as the card gave it. */
  sendAnswer(
    sid: string,
    answer: {
      readonly token: Uint8Array;
      readonly statement: Uint8Array;
      readonly proof: Uint8Array;
    },
    signal?: AbortSignal,
  ): Promise<AnswerReply>;
  /** After step 334; `receipt` as the card gave it. */
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
  readonly sleep?: (milliseconds: number) => Promise<void>;
}

const ATTEMPTS_MAX = 4;
const ATTEMPT_MS = 10_000;
/** A round must be answered within 30 s. */
const DEADLINE_MS = 30_000;
/** First pause; each one after it is twice as long. */
const PAUSE_MS = 200;
/** As the platform limits its own input. */
const BODY_CHARACTERS_MAX = 16_384;

interface Answer {
  readonly status: number;
  readonly text: string;
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
    async proveCard(sid, { token, proof, ...rest }, signal) {
      const body: CardProofRequest = {
        ...rest,
        token: encodeBase64Url(token),
        proof: encodeBase64Url(proof),
      };
      return expectBody(await post(`/${sid}/card`, body, signal), 200, parseCardReply);
    },
    async sendAnswer(sid, answer, signal) {
      const body: AnswerRequest = {
        token: encodeBase64Url(answer.token),
        statement: encodeBase64Url(answer.statement),
        proof: encodeBase64Url(answer.proof),
      };
      return expectBody(await post(`/${sid}/answer`, body, signal), 200, parseAnswerReply);
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

async function postWithRetries(
  options: PlatformClientOptions,
  url: string,
  body: string,
  callerSignal: AbortSignal | undefined,
): Promise<Answer> {
  const signal = limitSignal(callerSignal, options.deadlineMs ?? DEADLINE_MS);
  const attemptsMax = options.attemptsMax ?? ATTEMPTS_MAX;
  const sleep = options.sleep ?? sleepMilliseconds;
  for (let count = 1; ; count++) {
    const attempt = await postOnce(options, url, body, signal);
    if (attempt.final) return attempt.answer;
    if (count >= attemptsMax) throw attempt.error;
    const asked = attempt.error.retryAfterSeconds;
    const pause = asked === undefined ? PAUSE_MS * 2 ** (count - 1) : asked * 1000;
    await raceSignal(sleep(pause), signal);
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
    const answer = await raceSignal(send(options.fetch, url, body, attemptSignal), attemptSignal);
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
  return { status: response.status, text: await response.text(), retryAfterSeconds };
}

function expectBody<T>(answer: Answer, status: number, parse: (text: string) => T | undefined): T {
  if (answer.text.length > BODY_CHARACTERS_MAX)
    throw new PlatformError("malformed_response", answer.status);
  if (answer.status !== status) throw problemOf(answer);
  const value = parse(answer.text);
  if (value === undefined) throw new PlatformError("malformed_response", answer.status);
  return value;
}

function problemOf(answer: Answer): PlatformError {
  const code = answer.status >= 400 ? parseProblemCode(answer.text) : undefined;
  const { retryAfterSeconds } = answer;
  return new PlatformError(code ?? "malformed_response", answer.status, { retryAfterSeconds });
}

function sleepMilliseconds(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

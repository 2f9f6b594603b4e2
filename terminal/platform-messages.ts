/**
 * What the platform answers, from JSON to values: undefined for everything that is not of the shape
 * in docs/protocol.md, section 4. Members that this version does not know are passed over.
 */
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, decodeBase64Url } from "#protocol/bytes";
import { TOKEN_BYTES_MAX } from "#protocol/messages";
import { type ModeName, SUITES, type SuiteName } from "#protocol/suites";
import { PROBLEM_CODES, type ProblemCode, type Verdict } from "#protocol/wire";

/** Longest TLV in an answer; a credential or a challenge of RSA is below 600 bytes. */
const BLOB_BYTES_MAX = 4096;

/** Steps 312 and 412. */
export interface AccessGrant {
  /** As text, for the next request's path. */
  readonly sid: string;
  readonly token: Bytes;
  readonly credential: Bytes;
  readonly suite: SuiteName;
  readonly mode: ModeName;
}

/** Steps 320 and 420, as the card must see it: in encrypted mode for the card alone. */
export interface ChallengeReply {
  readonly kind: "challenge";
  readonly token: Bytes;
  readonly challenge: Bytes;
}

/** Steps 332 and 435, for the card to judge. */
export interface VerdictReply {
  readonly kind: "verdict";
  /** What JSON says beside the result in signed mode. */
  readonly verdict: Verdict | undefined;
  /** E5 8E in signed mode, D0 in encrypted mode. */
  readonly result: Bytes;
}

/** The card is locked already: there is no challenge. */
export interface LockedReply {
  readonly kind: "locked";
}

/** An operator ordered the card to be unlocked: E6 8E, for the card to judge. */
export interface UnlockReply {
  readonly kind: "unlock";
  readonly token: Bytes;
  readonly unlock: Bytes;
}

export type CardReply = ChallengeReply | LockedReply | UnlockReply;
export type AnswerReply = ChallengeReply | VerdictReply;

export function parseAccessGrant(text: string): AccessGrant | undefined {
  const body = parseObject(text);
  if (body === undefined) return undefined;
  const sid = decodeBlob(body["sid"], LENGTH.sessionId, LENGTH.sessionId);
  const token = decodeBlob(body["token"], 1, TOKEN_BYTES_MAX);
  const credential = decodeBlob(body["credential"], 1, BLOB_BYTES_MAX);
  const suite = SUITES.find((row) => row.name === body["suite"])?.name;
  const mode = parseMode(body["mode"]);
  if (sid === undefined || token === undefined || credential === undefined) return undefined;
  if (suite === undefined || mode === undefined) return undefined;
  return { sid: String(body["sid"]), token, credential, suite, mode };
}

/** Answer to step 316 or 416: exactly one of a challenge, an unlock and FAILURE. */
export function parseCardReply(text: string): CardReply | undefined {
  const body = parseObject(text);
  if (body === undefined || !hasOneOf(body, ["challenge", "unlock", "verdict"])) return undefined;
  if (Object.hasOwn(body, "verdict"))
    return body["verdict"] === "FAILURE" ? { kind: "locked" } : undefined;
  if (Object.hasOwn(body, "challenge")) return parseChallenge(body);
  const token = decodeBlob(body["token"], 1, TOKEN_BYTES_MAX);
  const unlock = decodeBlob(body["unlock"], 1, BLOB_BYTES_MAX);
  if (token === undefined || unlock === undefined) return undefined;
  return { kind: "unlock", token, unlock };
}

/** Answer to step 327 or 430: a challenge, or a result; only signed mode says the verdict. */
export function parseAnswerReply(text: string, mode: ModeName): AnswerReply | undefined {
  const body = parseObject(text);
  if (body === undefined || !hasOneOf(body, ["challenge", "result"])) return undefined;
  const { verdict } = body;
  if (Object.hasOwn(body, "challenge"))
    return verdict === undefined ? parseChallenge(body) : undefined;
  const result = decodeBlob(body["result"], 1, BLOB_BYTES_MAX);
  if (result === undefined) return undefined;
  if (mode === "encrypted")
    return verdict === undefined ? { kind: "verdict", verdict, result } : undefined;
  if (verdict !== "SUCCESS" && verdict !== "FAILURE") return undefined;
  return { kind: "verdict", verdict, result };
}

/** The code of an RFC 9457 problem. */
export function parseProblemCode(text: string): ProblemCode | undefined {
  const code = parseObject(text)?.["code"];
  return PROBLEM_CODES.find((known) => known === code);
}

/** Retry-After in seconds (RFC 9110, 10.2.3); a date is passed over, for want of a clock. */
export function parseRetryAfter(value: string | null): number | undefined {
  return value !== null && /^[0-9]{1,6}$/.test(value) ? Number(value) : undefined;
}

function parseChallenge(body: Readonly<Record<string, unknown>>): ChallengeReply | undefined {
  const token = decodeBlob(body["token"], 1, TOKEN_BYTES_MAX);
  const challenge = decodeBlob(body["challenge"], 1, BLOB_BYTES_MAX);
  if (token === undefined || challenge === undefined) return undefined;
  return { kind: "challenge", token, challenge };
}

function parseMode(value: unknown): ModeName | undefined {
  return value === "signed" || value === "encrypted" ? value : undefined;
}

function hasOneOf(body: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
  return names.filter((name) => Object.hasOwn(body, name)).length === 1;
}

function decodeBlob(value: unknown, bytesMin: number, bytesMax: number): Bytes | undefined {
  const bytes = typeof value === "string" ? decodeBase64Url(value) : undefined;
  if (bytes === undefined || bytes.length < bytesMin || bytes.length > bytesMax) return undefined;
  return bytes;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What the platform answers, from JSON to values: undefined for everything that is not of the shape
 * in docs/protocol.md, section 4. Members that this version does not know are passed over.
 */
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, decodeBase64Url } from "#protocol/bytes";
import { type Challenge, decodeChallenge, TOKEN_BYTES_MAX } from "#protocol/messages";
import { type ModeName, SUITES, type SuiteName } from "#protocol/suites";
import { PROBLEM_CODES, type ProblemCode, type Verdict } from "#protocol/wire";

/** Longest TLV in an answer; a credential is 150 bytes, a signed result 140. */
const BLOB_BYTES_MAX = 4096;

/** Step 312. */
export interface AccessGrant {
  /** As text, for the next request's path. */
  readonly sid: string;
  readonly token: Bytes;
  readonly credential: Bytes;
  readonly suite: SuiteName;
  readonly mode: ModeName;
}

/** Step 320, with the bytes that the card must see. */
export interface ChallengeReply {
  readonly kind: "challenge";
  readonly token: Bytes;
  readonly challenge: Challenge;
  readonly bytes: Bytes;
}

/** Step 332: R and SIG_P, for the card to judge. */
export interface VerdictReply {
  readonly kind: "verdict";
  readonly verdict: Verdict;
  readonly result: Bytes;
}

/** The card is locked already: there is no challenge. */
interface LockedReply {
  readonly kind: "locked";
}

export type CardReply = ChallengeReply | LockedReply;
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

export function parseCardReply(text: string): CardReply | undefined {
  const body = parseObject(text);
  if (body === undefined) return undefined;
  if (body["verdict"] === "FAILURE") return { kind: "locked" };
  return parseChallenge(body);
}

export function parseAnswerReply(text: string): AnswerReply | undefined {
  const body = parseObject(text);
  if (body === undefined) return undefined;
  const { verdict } = body;
  if (verdict === undefined) return parseChallenge(body);
  const result = decodeBlob(body["result"], 1, BLOB_BYTES_MAX);
  if (result === undefined || (verdict !== "SUCCESS" && verdict !== "FAILURE")) return undefined;
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
  const bytes = decodeBlob(body["challenge"], 1, BLOB_BYTES_MAX);
  const challenge = bytes === undefined ? undefined : decodeChallenge(bytes);
  if (token === undefined || bytes === undefined || challenge === undefined) return undefined;
  return { kind: "challenge", token, challenge, bytes };
}

function parseMode(value: unknown): ModeName | undefined {
  return value === "signed" ? value : undefined;
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

/** The JSON envelopes of the four exchanges; byte strings are base64url without padding. */
import type { ModeName, ModuleKindName, SuiteName } from "./suites.ts";

/** POST /v1/bindings (step 311). */
export interface AccessRequest {
  readonly tenant?: string;
  readonly cardId: string;
  readonly suites: readonly SuiteName[];
  readonly modes: readonly ModeName[];
  readonly moduleKind: ModuleKindName;
}

/** Step 312: what START SESSION needs. */
export interface CardChallenge {
  readonly sid: string;
  readonly token: string;
  readonly credential: string;
  readonly suite: SuiteName;
  readonly mode: ModeName;
}

/** POST /v1/bindings/{sid}/card (step 316). `proof` as the card gave it. */
export interface CardProofRequest {
  readonly token: string;
  readonly cardId: string;
  readonly proof: string;
  /** Signed mode. */
  readonly imsi?: string;
  /** Encrypted mode: the IMSI concealed to the platform's concealment key. */
  readonly concealedImsi?: string;
  readonly moduleKind: ModuleKindName;
  /** What the terminal says of itself; nobody proves it, and it can only narrow a decision. */
  readonly claims?: TerminalClaims;
}

export interface TerminalClaims {
  /** 14 digits, or 15 with the check digit (TS 23.003, 6.2.1). */
  readonly imei?: string;
}

/** Step 320 or 420; also the answer to AUTS. In encrypted mode it is for the card alone. */
export interface AccessChallenge {
  readonly token: string;
  readonly challenge: string;
}

/** In place of a challenge, for a locked card that an operator ordered to be unlocked. */
export interface UnlockGrant {
  readonly token: string;
  readonly unlock: string;
}

/** POST /v1/bindings/{sid}/answer (step 327), signed mode. `statement` as the card signed it. */
export interface SignedAnswerRequest {
  readonly token: string;
  readonly statement: string;
  readonly proof: string;
}

/** POST /v1/bindings/{sid}/answer (step 430), encrypted mode. */
export interface SealedAnswerRequest {
  readonly token: string;
  readonly sealed: string;
}

/** Step 332. */
export interface BindingVerdict {
  readonly verdict: Verdict;
  readonly result: string;
}

/** Step 435: what the card is told is for the card alone. */
export interface SealedVerdict {
  readonly result: string;
}

/** A card that is locked already, and stays so, gets no challenge. */
export interface LockedVerdict {
  readonly verdict: "FAILURE";
}

/** POST /v1/bindings/{sid}/receipt, after step 334. */
export interface ReceiptRequest {
  readonly token: string;
  readonly receipt: string;
}

export type Verdict = "SUCCESS" | "FAILURE";

export const PROBLEM_CODES = [
  "malformed",
  "card_not_authenticated",
  "session_expired",
  "out_of_order",
  "quota",
  "too_large",
  "unavailable",
  "not_found",
  "unauthorized",
  "conflict",
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** RFC 9457. `title` says what the code says and nothing about the input. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
}

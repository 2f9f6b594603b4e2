/** What a card's writer remembers, as statements. No decisions here. */
import { encodeBase64Url, decodeBase64Url } from "#protocol/bytes";
import type { Verdict } from "#protocol/wire";
import type { SessionTerms } from "../secure-connection/token.ts";
import { HOUR_MS, REPLY_KEPT_MS } from "../limits.ts";
import { readBytes, readNumber, readOptionalBytes, readText, type Sql } from "./sql.ts";

/** `issued`: a lock left for the card and no receipt came back; `locked`: the card confirmed it. */
const LOCK_PHASES = ["none", "issued", "locked"] as const;
export type LockPhase = (typeof LOCK_PHASES)[number];

export interface Card {
  /** Pinned at the first binding: a public key, or what stands for a shared one. */
  readonly pinnedKey: Uint8Array;
  /** The decision counter. */
  readonly epoch: number;
  /** The highest that the card proved, by a receipt or at the start of a session. */
  readonly receiptEpoch: number;
  readonly lockPhase: LockPhase;
  readonly lockId: Uint8Array | undefined;
  /** The one session that may still go on. */
  readonly currentSid: string;
  readonly storeGeneration: number;
  /** Decisions in a row that found a proven subscriber whom rules do not want. */
  readonly mismatches: number;
  /** The newest version of the rules that decided; none older decides again. */
  readonly ruleVersion: number;
}

/**
 * opening: id consumed, no challenge yet. challenged: a RAND is open. answering: the card's signed
 * answer is accepted. decided: R is committed. delivered: R's bytes are stored. closed: over.
 */
const PHASES = ["opening", "challenged", "answering", "decided", "delivered", "closed"] as const;
export type Phase = (typeof PHASES)[number];

export interface Session {
  readonly sid: string;
  readonly phase: Phase;
  readonly expiresAt: number;
  readonly cardId: string;
  readonly terms: SessionTerms;
  /** N_C, 16 bytes. */
  readonly cardNonce: Uint8Array;
  readonly cardKind: number;
  readonly moduleKind: number;
  /** Stands for the IMSI of step 2; 32 bytes. */
  readonly subscriberMac: Uint8Array;
  /** IMSI and session keys, wrapped; empty once closed. */
  readonly secrets: Uint8Array;
  /** h1 while opening, h2 while challenged, h3 while answering, h4 or hu once decided. */
  readonly transcript: Uint8Array;
  /** The hash before `transcript`; empty while opening. */
  readonly previous: Uint8Array;
  readonly round: number;
  readonly roundExpiresAt: number;
  /** Why no answer can succeed; empty when one can. */
  readonly objection: string;
  /** T2, base64url; empty while opening. */
  readonly token: string;
  /** Of the request body being worked on. */
  readonly digest: Uint8Array;
  readonly verdict: "" | Verdict | "UNLOCK";
  /** A SUCCESS rests on a word of the subscriber's slot, which counts before this; else 0. */
  readonly wordExpiresAt: number;
  /** Of R or of the unlock body, once decided. */
  readonly epoch: number;
  /** R or the unlock body, as committed; empty before. */
  readonly result: Uint8Array;
}

export function findCard(sql: Sql, object: string): Card | undefined {
  const [row] = sql.all("SELECT * FROM card WHERE object = ?", object);
  if (row === undefined) return undefined;
  const phase = readText(row, "lock_phase");
  const lockPhase = LOCK_PHASES.find((name) => name === phase);
  if (lockPhase === undefined) throw new Error("a card's lock phase is unknown");
  return {
    pinnedKey: readBytes(row, "pinned_key"),
    epoch: readNumber(row, "epoch"),
    receiptEpoch: readNumber(row, "receipt_epoch"),
    lockPhase,
    lockId: readOptionalBytes(row, "lock_id"),
    currentSid: readText(row, "current_sid"),
    storeGeneration: readNumber(row, "store_generation"),
    mismatches: readNumber(row, "mismatches"),
    ruleVersion: readNumber(row, "rule_version"),
  };
}

export function saveCard(sql: Sql, object: string, card: Card): void {
  sql.run(
    "INSERT OR REPLACE INTO card VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    object,
    card.pinnedKey,
    card.epoch,
    card.receiptEpoch,
    card.lockPhase,
    card.lockId ?? null,
    card.currentSid,
    card.storeGeneration,
    card.mismatches,
    card.ruleVersion,
  );
}

interface StoredTerms {
  readonly cardId: string;
  readonly cardKind: number;
  readonly moduleKind: number;
  readonly cardNonce: string;
  readonly tenant: string;
  readonly suite: number;
  readonly mode: number;
  readonly generation: number;
  readonly credentialId: string;
}

export function findSession(sql: Sql, object: string, sid: string): Session | undefined {
  const [row] = sql.all("SELECT * FROM card_session WHERE object = ? AND sid = ?", object, sid);
  if (row === undefined) return undefined;
  const phase = PHASES.find((name) => name === readText(row, "phase"));
  const verdict = (["", "SUCCESS", "FAILURE", "UNLOCK"] as const).find(
    (name) => name === readText(row, "verdict"),
  );
  if (phase === undefined || verdict === undefined) throw new Error("a session row is unknown");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- saveSession wrote this text
  const stored = JSON.parse(readText(row, "terms")) as StoredTerms;
  const { tenant, suite, mode, generation } = stored;
  const credentialId = storedBytes(stored.credentialId);
  return {
    sid,
    phase,
    verdict,
    cardId: stored.cardId,
    cardKind: stored.cardKind,
    moduleKind: stored.moduleKind,
    terms: { tenant, sid: storedBytes(sid), suite, mode, generation, credentialId },
    cardNonce: storedBytes(stored.cardNonce),
    expiresAt: readNumber(row, "expires_at"),
    subscriberMac: readBytes(row, "subscriber_mac"),
    secrets: readBytes(row, "wrapped_secrets"),
    transcript: readBytes(row, "transcript"),
    previous: readBytes(row, "previous"),
    round: readNumber(row, "round"),
    roundExpiresAt: readNumber(row, "round_expires_at"),
    objection: readText(row, "objection"),
    token: readText(row, "token"),
    digest: readBytes(row, "digest"),
    wordExpiresAt: readNumber(row, "word_expires_at"),
    epoch: readNumber(row, "epoch"),
    result: readBytes(row, "result"),
  };
}

function storedBytes(text: string): Uint8Array {
  const bytes = decodeBase64Url(text);
  if (bytes === undefined) throw new Error("stored bytes are not base64url");
  return bytes;
}

export function saveSession(sql: Sql, object: string, session: Session): void {
  const { tenant, suite, mode, generation } = session.terms;
  const terms: StoredTerms = {
    cardId: session.cardId,
    cardKind: session.cardKind,
    moduleKind: session.moduleKind,
    tenant,
    suite,
    mode,
    generation,
    cardNonce: encodeBase64Url(session.cardNonce),
    credentialId: encodeBase64Url(session.terms.credentialId),
  };
  sql.run(
    `INSERT OR REPLACE INTO card_session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    object,
    session.sid,
    session.phase,
    session.expiresAt,
    JSON.stringify(terms),
    session.subscriberMac,
    session.secrets,
    session.transcript,
    session.previous,
    session.round,
    session.roundExpiresAt,
    session.objection,
    session.token,
    session.digest,
    session.verdict,
    session.wordExpiresAt,
    session.epoch,
    session.result,
  );
}

/** The stored answer to this very body, whichever step it belonged to. */
export function findReply(
  sql: Sql,
  object: string,
  sid: string,
  digest: Uint8Array,
): string | undefined {
  const [row] = sql.all(
    "SELECT body FROM card_reply WHERE object = ? AND sid = ? AND digest = ?",
    object,
    sid,
    digest,
  );
  return row === undefined ? undefined : readText(row, "body");
}

export function saveReply(
  sql: Sql,
  object: string,
  session: Pick<Session, "sid" | "digest" | "expiresAt">,
  body: string,
): void {
  sql.run(
    "INSERT INTO card_reply VALUES (?, ?, ?, ?, ?)",
    object,
    session.sid,
    session.digest,
    body,
    session.expiresAt,
  );
}

export interface ChallengeCounts {
  /** In the last hour: of this card, of this card with this IMSI, and distinct IMSIs. */
  readonly card: number;
  readonly pair: number;
  readonly imsis: number;
}

export function countCardChallenges(
  sql: Sql,
  object: string,
  subscriberMac: Uint8Array,
  since: number,
): ChallengeCounts {
  const [row] = sql.all(
    `SELECT COUNT(*) AS card, COALESCE(SUM(subscriber_mac = ?), 0) AS pair,
       COUNT(DISTINCT subscriber_mac) AS imsis
     FROM card_challenge WHERE object = ? AND at > ?`,
    subscriberMac,
    object,
    since,
  );
  if (row === undefined) return { card: 0, pair: 0, imsis: 0 };
  return {
    card: readNumber(row, "card"),
    pair: readNumber(row, "pair"),
    imsis: readNumber(row, "imsis"),
  };
}

export function countChallenge(
  sql: Sql,
  object: string,
  session: Pick<Session, "sid" | "round" | "subscriberMac">,
  at: number,
): void {
  sql.run(
    "INSERT OR IGNORE INTO card_challenge VALUES (?, ?, ?, ?, ?)",
    object,
    session.sid,
    session.round,
    session.subscriberMac,
    at,
  );
}

/**
 * Forgets sessions and replies long over, never while a token could open the session again, and
 * challenges that no quota counts any more.
 */
export function pruneCard(sql: Sql, object: string, now: number, tokenLifeMs: number): void {
  const before = now - Math.max(REPLY_KEPT_MS, tokenLifeMs);
  sql.run("DELETE FROM card_session WHERE object = ? AND expires_at < ?", object, before);
  sql.run("DELETE FROM card_reply WHERE object = ? AND expires_at < ?", object, before);
  sql.run("DELETE FROM card_challenge WHERE object = ? AND at <= ?", object, now - HOUR_MS);
}

/** What a subscriber slot's writer remembers, as statements. No decisions here. */
import { FIRST_STORE_GENERATION, RECENT_RANDS } from "../limits.ts";
import {
  readBytes,
  readNumber,
  readOptionalBytes,
  readOptionalText,
  readText,
  type Sql,
} from "./sql.ts";

export interface Slot {
  /** Highest SEQ issued (TS 33.102, C.1.1.1). */
  readonly seq: number;
  readonly sqnGeneration: number;
  readonly storeGeneration: number;
  /** Of the newest challenge. */
  readonly challengeNumber: number;
}

export interface SlotClosure {
  readonly outcome: string;
  /** Of the answer that closed it. */
  readonly digest: Uint8Array;
}

export interface SlotChallenge {
  readonly number: number;
  readonly sid: string;
  readonly round: number;
  readonly rand: Uint8Array;
  readonly autn: Uint8Array;
  /** Absent once answered. */
  readonly wrappedXres: Uint8Array | undefined;
  /** How it was answered, and by what; absent while it is open. */
  readonly closed: SlotClosure | undefined;
}

export function loadSlot(sql: Sql, object: string): Slot {
  const [row] = sql.all("SELECT * FROM slot WHERE object = ?", object);
  if (row === undefined) {
    const storeGeneration = FIRST_STORE_GENERATION;
    return { seq: 0, sqnGeneration: 1, storeGeneration, challengeNumber: 0 };
  }
  return {
    seq: readNumber(row, "seq"),
    sqnGeneration: readNumber(row, "sqn_generation"),
    storeGeneration: readNumber(row, "store_generation"),
    challengeNumber: readNumber(row, "challenge_number"),
  };
}

export function saveSlot(sql: Sql, object: string, slot: Slot): void {
  sql.run(
    "INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?, ?)",
    object,
    slot.seq,
    slot.sqnGeneration,
    slot.storeGeneration,
    slot.challengeNumber,
  );
}

export function findChallenge(
  sql: Sql,
  object: string,
  sid: string,
  round: number,
): SlotChallenge | undefined {
  const [row] = sql.all(
    "SELECT * FROM slot_challenge WHERE object = ? AND sid = ? AND round = ?",
    object,
    sid,
    round,
  );
  if (row === undefined) return undefined;
  const outcome = readOptionalText(row, "outcome");
  return {
    number: readNumber(row, "number"),
    sid: readText(row, "sid"),
    round: readNumber(row, "round"),
    rand: readBytes(row, "rand"),
    autn: readBytes(row, "autn"),
    wrappedXres: readOptionalBytes(row, "wrapped_xres"),
    closed: outcome === undefined ? undefined : { outcome, digest: readBytes(row, "digest") },
  };
}

export function isRecentRand(sql: Sql, object: string, rand: Uint8Array): boolean {
  return (
    sql.all("SELECT 1 FROM slot_challenge WHERE object = ? AND rand = ?", object, rand).length > 0
  );
}

/** Challenges issued since `since`: all of them, and those to cards that never bound here. */
export function countChallenges(
  sql: Sql,
  object: string,
  since: number,
): { readonly all: number; readonly unrelated: number } {
  const [row] = sql.all(
    `SELECT COUNT(*) AS total, COUNT(*) - COALESCE(SUM(related), 0) AS unrelated
     FROM slot_challenge WHERE object = ? AND at > ?`,
    object,
    since,
  );
  if (row === undefined) return { all: 0, unrelated: 0 };
  return { all: readNumber(row, "total"), unrelated: readNumber(row, "unrelated") };
}

/** Also forgets challenges older than the last 1,024 of this slot. */
export function insertChallenge(
  sql: Sql,
  object: string,
  challenge: SlotChallenge,
  { related, at }: { readonly related: boolean; readonly at: number },
): void {
  sql.run(
    "INSERT INTO slot_challenge VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
    object,
    challenge.number,
    challenge.sid,
    challenge.round,
    challenge.rand,
    challenge.autn,
    challenge.wrappedXres ?? null,
    related ? 1 : 0,
    at,
  );
  sql.run(
    "DELETE FROM slot_challenge WHERE object = ? AND number <= ?",
    object,
    challenge.number - RECENT_RANDS,
  );
}

/** Records the outcome and erases the expected answer. */
export function closeChallenge(
  sql: Sql,
  object: string,
  number: number,
  { outcome, digest }: SlotClosure,
): void {
  sql.run(
    `UPDATE slot_challenge SET outcome = ?, digest = ?, wrapped_xres = NULL
     WHERE object = ? AND number = ?`,
    outcome,
    digest,
    object,
    number,
  );
}

/** What a subscriber slot's writer remembers, as statements. No decisions here. */
import {
  SLOT_OUTCOMES,
  type SlotOutcome,
} from "../access-authentication/authentication-centre/slot.ts";
import { FORMS } from "../access-authentication/challenge-form.ts";
import type { ChallengeForm } from "../dependencies.ts";
import { FIRST_STORE_GENERATION, RECENT_RANDS } from "../limits.ts";
import { type Challenge, decodeChallenge, encodeChallenge } from "#protocol/messages";
import { type Strength, STRENGTHS } from "#protocol/suites";
import {
  readBytes,
  readNumber,
  readOptionalBytes,
  readOptionalText,
  readText,
  type Sql,
  type SqlRow,
} from "./sql.ts";

/** Challenges between two looks for RANDs to forget, each of which reads all of the slot's. */
const RANDS_FORGOTTEN_EVERY = 64;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of FORMS are its names
const FORM_NAMES = Object.keys(FORMS) as ChallengeForm[];

export interface Slot {
  /** Highest SEQ issued (TS 33.102, C.1.1.1). */
  readonly seq: number;
  readonly sqnGeneration: number;
  readonly storeGeneration: number;
  /** Of the newest challenge. */
  readonly challengeNumber: number;
  /** The floor of SEQ that counted last (raiseToFloor). */
  readonly seqFloor: number;
  readonly batches: SlotBatches;
}

/** What the slot gave another point of presence. */
export interface SlotBatches {
  /** When the last batch was asked for, by the caller's clock. */
  readonly askedAt: number;
  /** When the hour began in which `count` were given. */
  readonly countedFrom: number;
  readonly count: number;
  /** RANDs of the last batch, and the one whose AUTS it followed, 16 bytes each. */
  readonly rands: Uint8Array;
}

const NO_BATCHES: SlotBatches = {
  askedAt: 0,
  countedFrom: 0,
  count: 0,
  rands: new Uint8Array(0),
};

export interface SlotClosure {
  readonly outcome: SlotOutcome;
  /** Of the outcome "verified". */
  readonly strength: Strength | undefined;
  /** Of the answer that closed it. */
  readonly digest: Uint8Array;
}

export interface SlotChallenge {
  readonly number: number;
  readonly sid: string;
  readonly form: ChallengeForm;
  readonly challenge: Challenge;
  /** Of the keys that it was computed with. */
  readonly keyVersion: number;
  /** What is expected; absent once answered, and where the answer is computed anew (CAVE). */
  readonly wrappedVector: Uint8Array | undefined;
  /** How it was answered, and by what; absent while it is open. */
  readonly closed: SlotClosure | undefined;
}

export function loadSlot(sql: Sql, object: string): Slot {
  const [row] = sql.all("SELECT * FROM slot WHERE object = ?", object);
  if (row === undefined) {
    const storeGeneration = FIRST_STORE_GENERATION;
    return {
      seq: 0,
      sqnGeneration: 1,
      storeGeneration,
      challengeNumber: 0,
      seqFloor: 0,
      batches: NO_BATCHES,
    };
  }
  return {
    seq: readNumber(row, "seq"),
    sqnGeneration: readNumber(row, "sqn_generation"),
    storeGeneration: readNumber(row, "store_generation"),
    challengeNumber: readNumber(row, "challenge_number"),
    seqFloor: readNumber(row, "seq_floor"),
    batches: {
      askedAt: readNumber(row, "batch_asked_at"),
      countedFrom: readNumber(row, "batches_from"),
      count: readNumber(row, "batches"),
      rands: readBytes(row, "batch_rands"),
    },
  };
}

export function saveSlot(sql: Sql, object: string, slot: Slot): void {
  sql.run(
    `INSERT INTO slot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
     seq = excluded.seq, sqn_generation = excluded.sqn_generation,
     store_generation = excluded.store_generation,
     challenge_number = excluded.challenge_number, seq_floor = excluded.seq_floor,
     batch_asked_at = excluded.batch_asked_at, batches_from = excluded.batches_from,
     batches = excluded.batches, batch_rands = excluded.batch_rands`,
    object,
    slot.seq,
    slot.sqnGeneration,
    slot.storeGeneration,
    slot.challengeNumber,
    slot.seqFloor,
    slot.batches.askedAt,
    slot.batches.countedFrom,
    slot.batches.count,
    slot.batches.rands,
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
  const form = FORM_NAMES.find((name) => name === readText(row, "form"));
  const challenge = decodeChallenge(readBytes(row, "challenge"));
  if (form === undefined || challenge === undefined) throw new Error("a stored challenge is none");
  return {
    number: readNumber(row, "number"),
    sid: readText(row, "sid"),
    form,
    challenge,
    keyVersion: readNumber(row, "key_version"),
    wrappedVector: readOptionalBytes(row, "wrapped_vector"),
    closed: readClosure(row),
  };
}

function readClosure(row: SqlRow): SlotClosure | undefined {
  const stored = readOptionalText(row, "outcome");
  if (stored === undefined) return undefined;
  const outcome = SLOT_OUTCOMES.find((name) => name === stored);
  if (outcome === undefined) throw new Error("a stored outcome is none");
  const strength = readOptionalText(row, "strength");
  return {
    outcome,
    strength: STRENGTHS.find((name) => name === strength),
    digest: readBytes(row, "digest"),
  };
}

export function isRecentRand(sql: Sql, object: string, rand: Uint8Array): boolean {
  return sql.all("SELECT 1 FROM slot_rand WHERE object = ? AND rand = ?", object, rand).length > 0;
}

/**
 * Challenges issued since `since`, and queries to the centre that ended in none: all of them, and
 * those to cards that never bound here. The query of this session and round is not counted.
 */
export function countChallenges(
  sql: Sql,
  object: string,
  { sid, round }: { readonly sid: string; readonly round: number },
  since: number,
): { readonly all: number; readonly unrelated: number } {
  const [row] = sql.all(
    `SELECT COUNT(*) AS total, COUNT(*) - COALESCE(SUM(related), 0) AS unrelated FROM (
       SELECT related FROM slot_challenge WHERE object = ?1 AND at > ?2
       UNION ALL
       SELECT related FROM slot_fetch
       WHERE object = ?1 AND at > ?2 AND NOT (sid = ?3 AND round = ?4)
     )`,
    object,
    since,
    sid,
    round,
  );
  if (row === undefined) return { all: 0, unrelated: 0 };
  return { all: readNumber(row, "total"), unrelated: readNumber(row, "unrelated") };
}

/** A query to the external centre is about to be made for this session and round. */
export function recordFetch(
  sql: Sql,
  object: string,
  { sid, round, related }: { readonly sid: string; readonly round: number; related: boolean },
  { at, since }: { readonly at: number; readonly since: number },
): void {
  sql.run("DELETE FROM slot_fetch WHERE object = ? AND at <= ?", object, since);
  sql.run(
    "INSERT OR REPLACE INTO slot_fetch VALUES (?, ?, ?, ?, ?)",
    object,
    sid,
    round,
    related ? 1 : 0,
    at,
  );
}

/** The query has ended in a challenge, which counts from here on. */
export function closeFetch(
  sql: Sql,
  object: string,
  { sid, round }: { readonly sid: string; readonly round: number },
): void {
  sql.run("DELETE FROM slot_fetch WHERE object = ? AND sid = ? AND round = ?", object, sid, round);
}

/**
 * Also forgets challenges of before `since`. RANDs are remembered for longer, those of the last
 * 1,024 challenges and of a few more.
 */
export function insertChallenge(
  sql: Sql,
  object: string,
  { number, sid, form, challenge, keyVersion, wrappedVector }: SlotChallenge,
  {
    related,
    at,
    since,
  }: { readonly related: boolean; readonly at: number; readonly since: number },
): void {
  sql.run("DELETE FROM slot_challenge WHERE object = ? AND at <= ?", object, since);
  sql.run(
    `INSERT INTO slot_challenge VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)`,
    object,
    number,
    sid,
    challenge.round,
    form,
    encodeChallenge(challenge),
    keyVersion,
    wrappedVector ?? null,
    related ? 1 : 0,
    at,
  );
  for (const rand of challenge.rands) {
    sql.run("INSERT INTO slot_rand VALUES (?, ?, ?)", object, rand, number);
  }
  if (number % RANDS_FORGOTTEN_EVERY !== 0) return;
  sql.run("DELETE FROM slot_rand WHERE object = ? AND number <= ?", object, number - RECENT_RANDS);
}

/** Records the outcome and erases the expected answer. */
export function closeChallenge(
  sql: Sql,
  object: string,
  { sid, challenge: { round } }: SlotChallenge,
  { outcome, strength, digest }: SlotClosure,
): void {
  sql.run(
    `UPDATE slot_challenge SET outcome = ?, strength = ?, digest = ?, wrapped_vector = NULL
     WHERE object = ? AND sid = ? AND round = ?`,
    outcome,
    strength ?? null,
    digest,
    object,
    sid,
    round,
  );
}

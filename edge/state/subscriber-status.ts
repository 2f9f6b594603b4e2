/**
 * What is reported of a subscriber, at each of its slots, and the words that a slot gave before it
 * heard of it (invariant I11). A word is the outcome "verified": it serves one session, and only
 * for VERIFIED_WORD_MS. A report counts everywhere once every slot has recorded it and the longest
 * of the words given before has run out.
 */
import type {
  SlotOrder,
  SlotOutcome,
  SlotWord,
  SubscriberWithdrawal,
} from "../access-authentication/authentication-centre/slot.ts";
import type { Dependencies } from "../dependencies.ts";
import { VERIFIED_WORD_MS } from "../limits.ts";
import { recordEvent } from "./outbox.ts";
import { readNumber, type Sql } from "./sql.ts";

interface SlotStatus {
  readonly barred: boolean;
  readonly swapped: boolean;
  /** When the last of the words given so far runs out; 0 before the first. */
  readonly wordsUntil: number;
}

function findStatus(sql: Sql, object: string): SlotStatus {
  const [row] = sql.all("SELECT * FROM slot_status WHERE object = ?", object);
  if (row === undefined) return { barred: false, swapped: false, wordsUntil: 0 };
  return {
    barred: readNumber(row, "barred") === 1,
    swapped: readNumber(row, "swapped") === 1,
    wordsUntil: readNumber(row, "words_until"),
  };
}

function saveStatus(sql: Sql, object: string, status: SlotStatus): void {
  sql.run(
    "INSERT OR REPLACE INTO slot_status VALUES (?, ?, ?, ?)",
    object,
    status.barred ? 1 : 0,
    status.swapped ? 1 : 0,
    status.wordsUntil,
  );
}

/** Why this subscriber gets neither vectors nor words; undefined when it does. */
export function findWithdrawal(sql: Sql, object: string): SubscriberWithdrawal | undefined {
  const { barred, swapped } = findStatus(sql, object);
  if (barred) return "imsi_barred";
  return swapped ? "imsi_swapped" : undefined;
}

/**
 * Turns what became of an open RAND into the slot's word, inside the transaction that closed it.
 * When the same answer comes again, the word is a new one, or there is none any more.
 */
export function giveWord(sql: Sql, object: string, outcome: SlotOutcome, now: number): SlotWord {
  if (outcome !== "verified") return { outcome, goodForMs: 0 };
  const withdrawal = findWithdrawal(sql, object);
  if (withdrawal !== undefined) return { outcome: withdrawal, goodForMs: 0 };
  const status = findStatus(sql, object);
  const wordsUntil = Math.max(status.wordsUntil, now + VERIFIED_WORD_MS);
  saveStatus(sql, object, { ...status, wordsUntil });
  return { outcome, goodForMs: VERIFIED_WORD_MS };
}

/** Records the order; gives how long the words of before it are still good, in milliseconds. */
export function recordSlotOrder(
  sql: Sql,
  object: string,
  { clock, storeGeneration }: Pick<Dependencies, "clock" | "storeGeneration">,
  order: SlotOrder,
): number {
  const now = clock();
  const status = findStatus(sql, object);
  saveStatus(sql, object, { ...status, [order.mark]: order.set });
  recordEvent(sql, object, storeGeneration, {
    tenant: order.tenant,
    at: now,
    type: order.set ? "subscriber_reported" : "subscriber_cleared",
    cardId: "",
    session: "",
    reason: [order.mark, ...order.by.map((name) => JSON.stringify(name))].join(" "),
    trail: [],
  });
  // By a clock that was set back since, an old word would seem to last for long.
  const left = Math.min(Math.max(0, status.wordsUntil - now), VERIFIED_WORD_MS);
  return order.set ? left : 0;
}

/**
 * What is reported of a subscriber, at each of its slots, that it moved to another centre, and the
 * words that a slot gave before it heard of it (invariant I11). A word is the outcome "verified":
 * it serves one session, and only for VERIFIED_WORD_MS. An order counts everywhere once every slot
 * has recorded it and the longest of the words given before has run out.
 */
import type {
  SlotOrder,
  SlotOrderDone,
  SlotOutcome,
  SlotObjection,
  SlotWord,
  SubscriberWithdrawal,
} from "../access-authentication/authentication-centre/slot.ts";
import type { Dependencies, SubscriberRecord } from "../dependencies.ts";
import { VERIFIED_WORD_MS } from "../limits.ts";
import { recordEvent } from "./outbox.ts";
import { readNumber, type Sql } from "./sql.ts";
import { loadSlot, saveSlot } from "./subscriber-store.ts";

interface SlotStatus {
  readonly barred: boolean;
  readonly swapped: boolean;
  /** When the last of the words given so far runs out; 0 before the first. */
  readonly wordsUntil: number;
  /** Of the subscriber's record when it last moved; 0 before the first move. */
  readonly keyVersion: number;
}

function findStatus(sql: Sql, object: string): SlotStatus {
  const [row] = sql.all("SELECT * FROM slot_status WHERE object = ?", object);
  if (row === undefined) {
    return { barred: false, swapped: false, wordsUntil: 0, keyVersion: 0 };
  }
  return {
    barred: readNumber(row, "barred") === 1,
    swapped: readNumber(row, "swapped") === 1,
    wordsUntil: readNumber(row, "words_until"),
    keyVersion: readNumber(row, "key_version"),
  };
}

function saveStatus(sql: Sql, object: string, status: SlotStatus): void {
  sql.run(
    "INSERT OR REPLACE INTO slot_status VALUES (?, ?, ?, ?, ?)",
    object,
    status.barred ? 1 : 0,
    status.swapped ? 1 : 0,
    status.wordsUntil,
    status.keyVersion,
  );
}

/** Why this subscriber gets neither vectors nor words; undefined when it does. */
function withdrawalIn({ barred, swapped }: SlotStatus): SubscriberWithdrawal | undefined {
  if (barred) return "imsi_barred";
  return swapped ? "imsi_swapped" : undefined;
}

/** The same, and whether the record that somebody comes with is of before a move. */
export function findObjection(
  sql: Sql,
  object: string,
  { keyVersion }: Pick<SubscriberRecord, "keyVersion">,
): SlotObjection | undefined {
  const status = findStatus(sql, object);
  return withdrawalIn(status) ?? (keyVersion < status.keyVersion ? "keys_replaced" : undefined);
}

/**
 * Turns what became of an open RAND into the slot's word, inside the transaction that closed it.
 * When the same answer comes again, the word is a new one, or there is none any more.
 */
export function giveWord(sql: Sql, object: string, outcome: SlotOutcome, now: number): SlotWord {
  if (outcome !== "verified") return { outcome, goodForMs: 0 };
  const status = findStatus(sql, object);
  const withdrawal = withdrawalIn(status);
  if (withdrawal !== undefined) return { outcome: withdrawal, goodForMs: 0 };
  const wordsUntil = Math.max(status.wordsUntil, now + VERIFIED_WORD_MS);
  saveStatus(sql, object, { ...status, wordsUntil });
  return { outcome, goodForMs: VERIFIED_WORD_MS };
}

/** Records the order, and what the slot's row becomes by it. */
export function recordSlotOrder(
  sql: Sql,
  object: string,
  { clock, storeGeneration }: Pick<Dependencies, "clock" | "storeGeneration">,
  order: SlotOrder,
): SlotOrderDone {
  const now = clock();
  const status = findStatus(sql, object);
  const before = loadSlot(sql, object);
  const seq = order.mark === "sqn" ? Math.max(order.seq, before.seq) : before.seq;
  // At once, whatever floor of the catalog counted before (invariant I4).
  if (seq > before.seq) saveSlot(sql, object, { ...before, seq });
  saveStatus(sql, object, applyOrder(status, order));
  recordEvent(sql, object, storeGeneration, {
    tenant: order.tenant,
    at: now,
    ...describeOrder(order),
    cardId: "",
    session: "",
    trail: [],
  });
  const endsWords = order.mark === "moved" || ("set" in order && order.set);
  // By a clock that was set back since, an old word would seem to last for long.
  const left = Math.min(Math.max(0, status.wordsUntil - now), VERIFIED_WORD_MS);
  return { goodForMs: endsWords ? left : 0, seq };
}

function applyOrder(status: SlotStatus, order: SlotOrder): SlotStatus {
  switch (order.mark) {
    case "barred":
    case "swapped":
      return { ...status, [order.mark]: order.set };
    case "moved":
      return { ...status, keyVersion: Math.max(status.keyVersion, order.keyVersion) };
    case "sqn":
      return status;
  }
}

function describeOrder(order: SlotOrder): { readonly type: string; readonly reason: string } {
  const by = order.by.map((name) => JSON.stringify(name));
  switch (order.mark) {
    case "barred":
    case "swapped": {
      const type = order.set ? "subscriber_reported" : "subscriber_cleared";
      return { type, reason: [order.mark, ...by].join(" ") };
    }
    case "moved": {
      const version = `version ${order.keyVersion}`;
      return { type: "subscriber_moved", reason: [order.centre, version, ...by].join(" ") };
    }
    case "sqn":
      return { type: "sqn_floor_set", reason: [String(order.seq), ...by].join(" ") };
  }
}

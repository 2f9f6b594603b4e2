/**
 * What an operator ordered about a card, durable at the card's writer before it is acknowledged: a
 * report stops every SUCCESS from then on (invariant I11), a grant lets the next session of a
 * locked card end in an unlock, a clearing forgets the pinned pairings.
 */
import { failure, type Result, success } from "#protocol/result";
import { CARD_REPORTS, type CardReportReason } from "#protocol/admin";
import { forgetPairs } from "./card-pairs.ts";
import { type Card, findCard, findSession } from "./card-store.ts";
import type { CardContext } from "./card-writer.ts";
import { recordEvent } from "./outbox.ts";
import { readNumber, readText, type Sql } from "./sql.ts";

export interface CardOrders {
  /** Empty when nobody misses the card. */
  readonly report: "" | CardReportReason;
  /** The registry's status. */
  readonly revoked: boolean;
  /** Two people allowed the lock to be lifted. */
  readonly granted: boolean;
  /** Epoch of an unlock that left for the card and has no receipt; 0 when there is none. */
  readonly unlockEpoch: number;
}

const NO_ORDERS: CardOrders = { report: "", revoked: false, granted: false, unlockEpoch: 0 };

/** `by` holds the names of who gave it; a change of the registry's status names nobody. */
export type CardOrder = { readonly tenant: string; readonly cardId: string } & (
  | {
      readonly order: "report";
      readonly reason: CardReportReason;
      readonly by: readonly string[];
    }
  | { readonly order: "unlock" | "clear"; readonly by: readonly string[] }
  | { readonly order: "status"; readonly status: "active" | "revoked" }
);

/** There is neither a lock nor a report that an unlock could lift. */
export type CardOrderFailure = "conflict";

export function findOrders(sql: Sql, object: string): CardOrders {
  const [row] = sql.all("SELECT * FROM card_order WHERE object = ?", object);
  if (row === undefined) return NO_ORDERS;
  const stored = readText(row, "report");
  const report = CARD_REPORTS.find((reason) => reason === stored) ?? "";
  if (report !== stored) throw new Error("a card's report is unknown");
  return {
    report,
    revoked: readNumber(row, "revoked") === 1,
    granted: readNumber(row, "granted") === 1,
    unlockEpoch: readNumber(row, "unlock_epoch"),
  };
}

export function saveOrders(sql: Sql, object: string, orders: CardOrders): void {
  sql.run(
    "INSERT OR REPLACE INTO card_order VALUES (?, ?, ?, ?, ?)",
    object,
    orders.report,
    orders.revoked ? 1 : 0,
    orders.granted ? 1 : 0,
    orders.unlockEpoch,
  );
}

/** One transaction: the order and its audit event. The same order again changes nothing more. */
export function recordOrder(
  context: CardContext,
  order: CardOrder,
): Result<undefined, CardOrderFailure> {
  const { sql, object } = context;
  return sql.transaction(() => {
    const orders = applyOrder(findOrders(sql, object), findCard(sql, object), order);
    if (orders === undefined) return failure("conflict");
    saveOrders(sql, object, orders);
    if (order.order === "clear") forgetPairs(sql, object);
    recordOrderEvent(context, order);
    return success(undefined);
  });
}

/** A report withdraws a grant and a grant a report; "stolen" outweighs "lost". */
function applyOrder(
  orders: CardOrders,
  card: Card | undefined,
  order: CardOrder,
): CardOrders | undefined {
  switch (order.order) {
    case "report": {
      const report = orders.report === "stolen" ? "stolen" : order.reason;
      return { ...orders, report, granted: false };
    }
    case "unlock": {
      // A grant without a lock would lift the next one that comes.
      const granted = card !== undefined && card.lockPhase !== "none";
      return granted || orders.report !== "" ? { ...orders, report: "", granted } : undefined;
    }
    case "clear":
      return orders;
    case "status":
      return { ...orders, revoked: order.status === "revoked" };
  }
}

function recordOrderEvent({ sql, object, dependencies }: CardContext, order: CardOrder): void {
  const { clock, storeGeneration } = dependencies;
  recordEvent(sql, object, storeGeneration, {
    tenant: order.tenant,
    at: clock(),
    type: `card_${order.order}`,
    cardId: order.cardId,
    session: "",
    reason: describeOrder(order),
    trail: [],
  });
}

function describeOrder(order: CardOrder): string {
  if (order.order === "status") return order.status;
  const names = order.by.map((name) => JSON.stringify(name));
  return [...(order.order === "report" ? [order.reason] : []), ...names].join(" ");
}

/** Why this card gets no SUCCESS, whatever rules say; undefined when nothing is reported. */
export function findReport({ report, revoked }: CardOrders): string | undefined {
  if (report !== "") return `card_${report}`;
  return revoked ? "card_revoked" : undefined;
}

/** A stored SUCCESS is not sent again, or for the first time, once the card is reported. */
export function isWithheld(sql: Sql, object: string, sid: string): boolean {
  if (findReport(findOrders(sql, object)) === undefined) return false;
  return findSession(sql, object, sid)?.verdict === "SUCCESS";
}

/** What the writer knows of a card and the registry does not. */
export interface CardStanding {
  readonly report: CardOrders["report"];
  /** A lock left for the card, or the card confirmed it. */
  readonly isLocked: boolean;
  /** The card has proved itself in a session. */
  readonly isUsed: boolean;
}

export function describeCard({ sql, object }: CardContext): CardStanding {
  const card = findCard(sql, object);
  const { report } = findOrders(sql, object);
  const isLocked = card !== undefined && card.lockPhase !== "none";
  return { report, isLocked, isUsed: card !== undefined };
}

/**
 * Audit events leave a writer in two moves: recorded in the transaction of what they report,
 * numbered without gaps; then carried to the audit index at least once and erased here.
 */
import type { AuditEvent } from "#edge/dependencies";
import { readNumber, readText, type Sql } from "./sql.ts";

/** When the audit index did not take an event, it is offered again after this. */
export const DRAIN_RETRY_MS = 30_000;
/** Events carried in one go. */
const DRAIN_MAX = 64;

export type NewEvent = Omit<AuditEvent, "writer" | "number">;

/**
 * Call inside the transaction of what the event reports. The store generation is part of the
 * writer's name: a restored state counts on from an older number, and must not be taken for itself.
 */
export function recordEvent(
  sql: Sql,
  object: string,
  storeGeneration: number,
  event: NewEvent,
): void {
  const [row] = sql.all(
    `INSERT INTO outbox_number (object, number) VALUES (?, 1)
     ON CONFLICT (object) DO UPDATE SET number = number + 1 RETURNING number`,
    object,
  );
  if (row === undefined) throw new Error("the outbox gave no number");
  const number = readNumber(row, "number");
  sql.run(
    "INSERT INTO outbox (object, number, event) VALUES (?, ?, ?)",
    object,
    number,
    JSON.stringify({ ...event, writer: `${object}@${storeGeneration}`, number }),
  );
}

export function hasEvents(sql: Sql, object: string): boolean {
  return sql.all("SELECT 1 FROM outbox WHERE object = ? LIMIT 1", object).length > 0;
}

/**
 * Carries the oldest of what is waiting; true when there may be more. What it reads must be on disk
 * already: a number that a failed COMMIT gives back goes to another event, which the index would
 * then take for the first one. What `append` did not take stays for the next time.
 */
export async function carryEvents(
  sql: Sql,
  object: string,
  append: (events: readonly AuditEvent[]) => Promise<void>,
): Promise<boolean> {
  const rows = sql.all(
    "SELECT number, event FROM outbox WHERE object = ? ORDER BY number LIMIT ?",
    object,
    DRAIN_MAX,
  );
  const last = rows.at(-1);
  if (last === undefined) return false;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- recordEvent wrote these rows
  await append(rows.map((row) => JSON.parse(readText(row, "event")) as AuditEvent));
  sql.transaction(() =>
    sql.run(
      "DELETE FROM outbox WHERE object = ? AND number <= ?",
      object,
      readNumber(last, "number"),
    ),
  );
  return rows.length === DRAIN_MAX;
}

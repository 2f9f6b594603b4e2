/**
 * What a single writer holds wrapped, brought under the newest wrapping key. The one table of such
 * columns: one of the writers' schema that is missing here fails a test.
 */
import type { Vault, Wrapping } from "../dependencies.ts";
import { addCounts, examineSecret, NO_COUNTS, type RewrapCounts } from "../rewrap-counts.ts";
import { SESSION_SECRETS_PURPOSE } from "../secure-connection/session-secrets.ts";
import { secretsContext } from "./card-connection.ts";
import { readBytes, readNumber, readText, type Sql, type SqlRow } from "./sql.ts";
import { vectorWrapping } from "./subscriber-context.ts";
import { ssdWrapping } from "./subscriber-ssd.ts";
import { fetchedVectorWrapping } from "./subscriber-vectors.ts";

interface StateRow {
  readonly object: string;
  readonly row: SqlRow;
}

interface StateColumn extends Wrapping<StateRow> {
  readonly table: string;
  readonly column: string;
  /** With the object's name, what names the row. */
  readonly key: "sid" | "number" | "key_version";
}

export const STATE_COLUMNS: readonly StateColumn[] = [
  {
    table: "card_session",
    column: "wrapped_secrets",
    key: "sid",
    purpose: SESSION_SECRETS_PURPOSE,
    context: ({ object, row }) => secretsContext(object, readText(row, "sid")),
  },
  {
    table: "slot_challenge",
    column: "wrapped_vector",
    key: "number",
    purpose: vectorWrapping.purpose,
    context: ({ object, row }) =>
      vectorWrapping.context({ object, number: readNumber(row, "number") }),
  },
  {
    table: "slot_vector",
    column: "wrapped_vector",
    key: "number",
    purpose: fetchedVectorWrapping.purpose,
    context: ({ object, row }) =>
      fetchedVectorWrapping.context({ object, number: readNumber(row, "number") }),
  },
  ...(["wrapped_ssd", "wrapped_offer"] as const).map((column): StateColumn => ({
    table: "slot_ssd",
    column,
    key: "key_version",
    purpose: ssdWrapping.purpose,
    context: ({ object, row }) =>
      ssdWrapping.context({ object, keyVersion: readNumber(row, "key_version") }),
  })),
];

/** What goes to a single writer. With `check` it counts and changes nothing. */
export interface RewrapOrder {
  readonly check: boolean;
}

/** All that one writer holds, in one transaction. */
export function rewrapState(
  sql: Sql,
  object: string,
  vault: Vault,
  order: RewrapOrder,
): RewrapCounts {
  return sql.transaction(() =>
    STATE_COLUMNS.map((column) => rewrapColumn(sql, object, vault, column, order)).reduce(
      addCounts,
    ),
  );
}

function rewrapColumn(
  sql: Sql,
  object: string,
  vault: Vault,
  { table, column, key, purpose, context }: StateColumn,
  { check }: RewrapOrder,
): RewrapCounts {
  const rows = sql.all(
    `SELECT ${key}, ${column} FROM ${table} WHERE object = ? AND length(${column}) > 0`,
    object,
  );
  let counts = NO_COUNTS;
  for (const row of rows) {
    const secret = { purpose, context: context({ object, row }), wrapped: readBytes(row, column) };
    const examined = examineSecret(vault, secret, check);
    counts = addCounts(counts, examined.counts);
    if (examined.fresh === undefined) continue;
    sql.run(
      `UPDATE ${table} SET ${column} = ? WHERE object = ? AND ${key} = ?`,
      examined.fresh,
      object,
      row[key] ?? null,
    );
    counts = { ...counts, rewrapped: counts.rewrapped + 1 };
  }
  return counts;
}

/** The next writers in the order of their names, where one file holds all of them. */
export function listWriters(sql: Sql, after: string, limit: number): string[] {
  // Sessions have a row of their card, challenges and SSD one of their slot.
  const names = ["card", "slot"].flatMap((table) =>
    sql
      .all(`SELECT object FROM ${table} WHERE object > ? ORDER BY object LIMIT ?`, after, limit)
      .map((row) => readText(row, "object")),
  );
  return names.toSorted((one, other) => (one < other ? -1 : 1)).slice(0, limit);
}

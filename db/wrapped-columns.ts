/**
 * Every column with a wrapped secret, whatever table it is in: the pages that the re-wrap job walks
 * and the updates that it makes. A column is one of them by its name, `wrapped_...`.
 */
import { and, type Column, eq, getTableColumns, is, sql } from "drizzle-orm";
import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";

import {
  build,
  type Call,
  type CatalogDatabase,
  prepareStatement,
  readRows,
  type Statement,
} from "./database.ts";
import type { Repositories, RowKey, WrappedRow } from "./records.ts";
import * as schema from "./schema.ts";

/** What a table is called in code, and how its rows are read there. */
export type CatalogRow<Table extends keyof typeof schema> = (typeof schema)[Table]["$inferSelect"];
export type CatalogTable = keyof typeof schema;

type Row = Readonly<Record<string, unknown>>;

interface TableStatements {
  readonly table: string;
  /** Names in code. */
  readonly keyColumns: readonly string[];
  readonly wrappedColumns: readonly string[];
  readonly first: Statement<Row>;
  readonly next: Statement<Row>;
  /** By column. */
  readonly replace: ReadonlyMap<string, Statement<unknown>>;
}

const isWrapped = ({ name }: Column): boolean => name.startsWith("wrapped_");

function prepareTable(name: string, table: SQLiteTable): TableStatements {
  const columns = Object.entries(getTableColumns(table));
  const ofKey = new Set<Column>(getTableConfig(table).primaryKeys.flatMap((key) => key.columns));
  const keys = columns.filter(([, column]) => ofKey.has(column));
  const wrapped = columns.filter(([, column]) => isWrapped(column));
  const placeholders = keys.map((_, index) => sql.placeholder(`key${index}`));
  const order = keys.map(([, column]) => column);
  const isThisRow = and(...order.map((column, index) => eq(column, placeholders[index])));
  const isAfter = sql`(${sql.join(order, sql`, `)}) > (${sql.join(placeholders, sql`, `)})`;
  const page = () => build.select().from(table).$dynamic();
  const limit = sql.placeholder("limit");
  return {
    table: name,
    keyColumns: keys.map(([column]) => column),
    wrappedColumns: wrapped.map(([column]) => column),
    first: prepareStatement<Row>(
      page()
        .orderBy(...order)
        .limit(limit),
    ),
    next: prepareStatement<Row>(
      page()
        .where(isAfter)
        .orderBy(...order)
        .limit(limit),
    ),
    // Only what the job has read is replaced: whoever changed the column meanwhile was later.
    replace: new Map(
      wrapped.map(([property, column]) => [
        property,
        prepareStatement<unknown>(
          build
            .update(table)
            .set({ [property]: sql`${sql.placeholder("fresh")}` })
            .where(and(isThisRow, eq(column, sql.placeholder("stale"))))
            .returning({ replaced: sql<number>`1`.as("replaced") }),
        ),
      ]),
    ),
  };
}

const STATEMENTS: readonly TableStatements[] = Object.entries(schema).flatMap(([name, table]) =>
  is(table, SQLiteTable) && Object.values(getTableColumns(table)).some(isWrapped)
    ? [prepareTable(name, table)]
    : [],
);

function statementsOf(table: string): TableStatements {
  const found = STATEMENTS.find((each) => each.table === table);
  if (found === undefined) throw new Error("a table has no wrapped column");
  return found;
}

const keyValues = (key: RowKey) =>
  Object.fromEntries(key.map((value, index) => [`key${index}`, value]));

export function createWrappedColumns(database: CatalogDatabase): Repositories["wrappedColumns"] {
  return {
    tables: STATEMENTS.map(({ table, wrappedColumns }) => ({ table, columns: wrappedColumns })),
    async page(table, after, limit) {
      const { first, next, keyColumns, wrappedColumns } = statementsOf(table);
      const rows =
        after === undefined
          ? await readRows(database, first, { limit })
          : await readRows(database, next, { ...keyValues(after), limit });
      return rows.map((row): WrappedRow => {
        const wrapped = wrappedColumns.map((column) => [column, row[column]] as const);
        return {
          key: keyColumns.map((column) => readKey(row[column])),
          row,
          wrapped: new Map(
            wrapped.filter((entry): entry is [string, Uint8Array] => {
              const [, value] = entry;
              return value instanceof Uint8Array && value.length > 0;
            }),
          ),
        };
      });
    },
    async replace(table, changes) {
      const { replace } = statementsOf(table);
      const calls = changes.flatMap(({ key, column, stale, fresh }): Call[] => {
        const statement = replace.get(column);
        return statement === undefined ? [] : [statement.call({ ...keyValues(key), stale, fresh })];
      });
      const answers = calls.length === 0 ? [] : await database.write(calls);
      return answers.map((rows) => rows.length > 0);
    },
  };
}

function readKey(value: unknown): string | number {
  if (typeof value === "string" || typeof value === "number") return value;
  throw new TypeError("a key column holds neither text nor a number");
}

/** A wrapped column that the job does not know would keep an old key needed for ever. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";
import { is } from "drizzle-orm";
import { openCatalog } from "#db/bun";
import { createRepositories } from "#db/catalog";
import * as schema from "#db/schema";
import { STATE_COLUMNS } from "#edge/state/rewrapping";
import { createStateTables } from "#edge/state/schema";
import { WRAPPED_COLUMNS } from "#edge/wrappings";
import { WRAPPED_PLACES } from "./rows.ts";

/** As SQL has them: table.column. */
const inCatalog = Object.values(schema)
  .filter((table) => is(table, SQLiteTable))
  .map((table) => getTableConfig(table))
  .flatMap(({ name, columns }) => columns.map((column) => `${name}.${column.name}`))
  .filter((name) => name.includes(".wrapped_"));

test("every wrapped column of the catalog is in the table of wrappings, once", async () => {
  const catalog = await openCatalog(":memory:");
  const { tables } = createRepositories(catalog).wrappedColumns;
  catalog.close();
  const walked = tables.flatMap(({ table, columns }) =>
    columns.map((column) => `${table}.${column}`),
  );
  const described = WRAPPED_COLUMNS.map(({ table, column }) => `${table}.${column}`);
  expect(described.toSorted()).toEqual(walked.toSorted());
  expect(walked).toHaveLength(inCatalog.length);
  expect(inCatalog.length).toBeGreaterThan(0);
});

test("every wrapped column of the writers is in theirs, once", () => {
  const database = new Database(":memory:");
  createStateTables({
    all: (statement) => database.query<Record<string, string>, []>(statement).all(),
    run: (statement) => void database.run(statement),
    transaction: (work) => work(),
  });
  const tables = database.query<{ name: string }, []>("SELECT name FROM sqlite_master").all();
  const columns = tables.flatMap(({ name }) =>
    database
      .query<{ name: string }, []>(`PRAGMA table_info("${name}")`)
      .all()
      .map((column) => `${name}.${column.name}`),
  );
  database.close();
  const wrapped = columns.filter((name) => name.includes(".wrapped_"));
  const described = STATE_COLUMNS.map(({ table, column }) => `${table}.${column}`);
  expect(described.toSorted()).toEqual(wrapped.toSorted());
  expect([...wrapped, ...inCatalog].toSorted()).toEqual(WRAPPED_PLACES.toSorted());
});

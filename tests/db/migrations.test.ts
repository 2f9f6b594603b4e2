/** The migrations say what the schema says. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { openCatalog } from "#db/bun";
import type { Call, CatalogDatabase, RawRows } from "#db/database";
import { applyMigrations } from "#db/migrations";

const ROOT = join(import.meta.dir, "../..");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "simlatch-migrations-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Lets drizzle-kit compare db/schema.ts with what is in `out`; gives what it says. */
function generate(out: string): string {
  const kit = [process.execPath, "node_modules/drizzle-kit/bin.cjs", "generate"];
  // It takes every path as relative, and exits with 0 when it fails.
  const options = ["--dialect", "sqlite", "--schema", "./db/schema.ts", "--out"];
  const command = [...kit, ...options, relative(ROOT, out)];
  const run = Bun.spawnSync(command, { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  expect(run.stderr.toString()).toBe("");
  return run.stdout.toString();
}

const sqlFiles = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => name.endsWith(".sql"))
    .toSorted();

/** Tables, columns, keys and indexes, whatever text made them. */
function describeSchema(folderOfSql: string): unknown {
  const database = new Database(":memory:");
  for (const name of sqlFiles(folderOfSql)) {
    database.run(readFileSync(join(folderOfSql, name), "utf8"));
  }
  const tables = database.query("select name from sqlite_master where type = 'table'").values();
  const described = tables
    .flat()
    .map(String)
    .map((table) => ({
      table,
      columns: database.query(`pragma table_xinfo("${table}")`).all(),
      foreignKeys: database.query(`pragma foreign_key_list("${table}")`).all(),
      indexes: database.query("select name, sql from sqlite_master where tbl_name = ?1").all(table),
    }));
  database.close();
  return described;
}

test("drizzle-kit has nothing to add to the migrations", () => {
  const committed = join(ROOT, "db/migrations");
  const copy = join(folder, "copy");
  cpSync(committed, copy, { recursive: true });
  expect(generate(copy)).toContain("No schema changes");
  expect(sqlFiles(copy)).toEqual(sqlFiles(committed));
});

test("the SQL files make the schema that drizzle-kit makes from nothing", () => {
  const scratch = join(folder, "scratch");
  expect(generate(scratch)).toContain("Your SQL migration file");
  expect(sqlFiles(scratch)).toHaveLength(1);
  const expected = describeSchema(scratch);
  expect(expected).not.toEqual([]);
  expect(describeSchema(join(ROOT, "db/migrations"))).toEqual(expected);
});

test("every SQL file is applied, and only once", async () => {
  const catalog = await openCatalog(":memory:");
  const applied = { sql: "select name from _migrations order by name", params: [] };
  const names = sqlFiles(join(ROOT, "db/migrations")).map((name) => [name.replace(".sql", "")]);
  expect(await catalog.read([applied])).toEqual([names]);
  await applyMigrations(catalog);
  expect(await catalog.read([applied])).toEqual([names]);
  catalog.close();
});

test("a migration that fails leaves nothing behind", async () => {
  const database = new Database(":memory:");
  database.run("create table tenant (taken text)");
  const host = hostOn(database);
  expect(await applyMigrations(host).catch(() => "thrown")).toBe("thrown");
  const sql = "select name from sqlite_master where type = 'table' order by name";
  expect(database.query(sql).values().flat()).toEqual(["_migrations", "tenant"]);
  expect(database.query("select * from _migrations").values()).toEqual([]);
  database.close();
});

function hostOn(database: Database): CatalogDatabase {
  const run = database.transaction((calls: readonly Call[]): RawRows[] =>
    calls.map(({ sql, params }) => database.query(sql).values(...params.map(String))),
  );
  return { read: async (calls) => run(calls), write: async (calls) => run(calls) };
}

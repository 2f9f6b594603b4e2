/** The catalog on one machine: bun:sqlite, in a file or `:memory:`. */
import { Database, type SQLQueryBindings } from "bun:sqlite";

import type { Call, CatalogDatabase, RawRows } from "./database.ts";
import { applyMigrations } from "./migrations.ts";

/** Longest wait for another process's write, a command of the operator's for instance. */
const BUSY_TIMEOUT_MILLISECONDS = 5_000;

/**
 * WAL with FULL: a commit that was answered survives power loss. The change to WAL may wait. What
 * is replaced is overwritten: no secret under an older wrapping key stays behind on a free page.
 */
const PRAGMAS = `
  PRAGMA busy_timeout = ${BUSY_TIMEOUT_MILLISECONDS};
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA secure_delete = ON;
`;

export interface Catalog extends CatalogDatabase {
  close(): void;
}

/** Opens or creates the file and brings it to the newest schema. */
export async function openCatalog(path: string): Promise<Catalog> {
  const database = new Database(path, { create: true, strict: true });
  database.run(PRAGMAS);

  function runAll(calls: readonly Call[]): RawRows[] {
    return calls.map(({ sql, params }) => database.query(sql).values(...params.map(toBinding)));
  }
  // A write takes the lock at its start: a lock taken after a read can fail without waiting.
  const inTransaction = database.transaction(runAll);
  const catalog: Catalog = {
    read: async (calls) => (calls.length === 1 ? runAll(calls) : inTransaction.deferred(calls)),
    write: async (calls) => inTransaction.immediate(calls),
    close: () => database.close(),
  };
  await applyMigrations(catalog);
  return catalog;
}

function toBinding(value: unknown): SQLQueryBindings {
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError("the catalog holds text, integers and bytes only");
}

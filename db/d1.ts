/** The catalog on Cloudflare: D1. Its schema is brought up to date at deployment. */
import type { Call, CatalogDatabase, RawRows } from "./database.ts";

/** The part of a D1 binding, or of a session on it, that the catalog uses. */
export interface D1Binding {
  prepare(sql: string): D1Statement;
  batch(statements: D1Statement[]): Promise<{ readonly results: readonly unknown[] }[]>;
}

interface D1Statement {
  bind(...values: unknown[]): D1Statement;
}

/** D1 runs a batch as one transaction. */
export function openD1(binding: D1Binding): CatalogDatabase {
  async function run(calls: readonly Call[]): Promise<RawRows[]> {
    if (calls.length === 0) return [];
    const statements = calls.map(({ sql, params }) => binding.prepare(sql).bind(...params));
    const answers = await binding.batch(statements);
    // Rows are objects here, so a query must never give two columns one name.
    return answers.map(({ results }) => results.map((row) => Object.values(row ?? {})));
  }
  return { read: run, write: run };
}

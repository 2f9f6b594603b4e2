/** The migrations that drizzle-kit generated, and their runner for both hosts. */
import type { Call, CatalogDatabase } from "./database.ts";
import catalog from "./migrations/0000_catalog.sql" with { type: "text" };

interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** In order; a migration once released never changes. */
const MIGRATIONS: readonly Migration[] = [{ name: "0000_catalog", sql: catalog }];

const BREAKPOINT = "--> statement-breakpoint";

/**
 * Applies what is missing, each migration as one atomic unit with its mark. wrangler does the
 * same with the same files at a deployment, under marks of its own.
 */
export async function applyMigrations(database: CatalogDatabase): Promise<void> {
  await database.write([
    { sql: "create table if not exists _migrations (name text primary key)", params: [] },
  ]);
  for (const migration of MIGRATIONS) {
    if (await isApplied(database, migration)) continue;
    try {
      await database.write(migrationCalls(migration));
    } catch (error) {
      // Another process that started at the same moment may have been first.
      if (!(await isApplied(database, migration))) throw error;
    }
  }
}

async function isApplied(database: CatalogDatabase, migration: Migration): Promise<boolean> {
  const sql = "select 1 as applied from _migrations where name = ?";
  const [rows] = await database.read([{ sql, params: [migration.name] }]);
  return rows !== undefined && rows.length > 0;
}

function migrationCalls(migration: Migration): Call[] {
  const statements = migration.sql.split(BREAKPOINT).map((sql) => ({ sql, params: [] }));
  const mark = { sql: "insert into _migrations (name) values (?)", params: [migration.name] };
  return [...statements, mark];
}

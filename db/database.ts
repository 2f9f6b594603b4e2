/**
 * What the repositories need of a database: lists of statements, each list one atomic unit.
 * Queries are built once by drizzle and never again; the hosts (bun.ts, d1.ts) see only SQL.
 */
import { fillPlaceholders, type Query } from "drizzle-orm";
import { drizzle } from "drizzle-orm/sqlite-proxy";

/** One statement with its values. */
export interface Call {
  readonly sql: string;
  readonly params: readonly unknown[];
}

/** The rows of one call, each an array of column values. */
export type RawRows = readonly (readonly unknown[])[];

export interface CatalogDatabase {
  /** One snapshot for all calls; may be a replica that lags. */
  read(calls: readonly Call[]): Promise<readonly RawRows[]>;
  /** All calls or none, durable when the promise resolves. */
  write(calls: readonly Call[]): Promise<readonly RawRows[]>;
}

/** A query with its placeholders, and how its rows become values. */
export interface Statement<Row> {
  call(values: Readonly<Record<string, unknown>>): Call;
  rows(raw: RawRows | undefined): Row[];
}

/** A drizzle query builder with `Row` as its result. */
interface Preparable<Row> {
  prepare(): {
    getQuery(): Query;
    mapAllResult(rows: unknown): unknown;
    all(values?: Record<string, unknown>): Promise<Row[]>;
  };
}

/** Builds queries only; nothing is ever run through it. */
export const build = drizzle(() => {
  throw new Error("queries run through a CatalogDatabase");
});

/** Does the building, which costs ten times the running, once. */
export function prepareStatement<Row>(query: Preparable<Row>): Statement<Row> {
  const prepared = query.prepare();
  const { sql, params } = prepared.getQuery();
  return {
    call: (values) => ({ sql, params: fillPlaceholders(params, values) }),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type that all() promises
    rows: (raw) => prepared.mapAllResult(raw ?? []) as Row[],
  };
}

/** Runs one reading statement. */
export async function readRows<Row>(
  database: CatalogDatabase,
  statement: Statement<Row>,
  values: Readonly<Record<string, unknown>>,
): Promise<Row[]> {
  const [raw] = await database.read([statement.call(values)]);
  return statement.rows(raw);
}

/** Runs one writing statement and gives what it returns. */
export async function writeRows<Row>(
  database: CatalogDatabase,
  statement: Statement<Row>,
  values: Readonly<Record<string, unknown>>,
): Promise<Row[]> {
  const [raw] = await database.write([statement.call(values)]);
  return statement.rows(raw);
}

/**
 * The small synchronous database that a single writer works on: a Durable Object's own storage, or
 * one file shared by all writers of a Bun process. Every table has the writer's name as its first
 * key column, so the same statements serve both.
 */
export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface Sql {
  all(statement: string, ...values: readonly SqlValue[]): SqlRow[];
  run(statement: string, ...values: readonly SqlValue[]): void;
  /** All of `work` or none of it. Not nested. */
  transaction<T>(work: () => T): T;
}

/** A COMMIT failed: what the call had written is gone, and nothing of it was acknowledged. */
export class StorageError extends Error {
  override readonly name = "StorageError";
}

export function readNumber(row: SqlRow, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw new TypeError(`column ${column} holds no number`);
  return value;
}

export function readText(row: SqlRow, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`column ${column} holds no text`);
  return value;
}

export function readBytes(row: SqlRow, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new TypeError(`column ${column} holds no bytes`);
  return value;
}

export function readOptionalBytes(row: SqlRow, column: string): Uint8Array | undefined {
  return row[column] === null ? undefined : readBytes(row, column);
}

export function readOptionalText(row: SqlRow, column: string): string | undefined {
  return row[column] === null ? undefined : readText(row, column);
}

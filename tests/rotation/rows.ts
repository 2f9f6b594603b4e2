/**
 * Every wrapped secret in the database files of a platform that stands still, of either host, found
 * by what docs/storage-schema.md says and by nothing of the platform's own tables.
 */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { createVault } from "#edge/vault";
import type { WrappingKey } from "#edge/wrapping-keys";
import { encodeHex } from "#protocol/bytes";
import { random } from "#tests/platform/rig";

type Row = Readonly<Record<string, unknown>>;

interface Place {
  readonly purpose: string;
  readonly name: (row: Row) => string;
}

const hex = (value: unknown): string =>
  value instanceof Uint8Array ? encodeHex(value) : "not bytes";
const subscriber = (row: Row): string => `${String(row["tenant"])}/${String(row["imsi"])}`;
const ofObject =
  (column: string) =>
  (row: Row): string =>
    `${String(row["object"])}/${String(row[column])}`;

const PLACES: Readonly<Record<string, Place>> = {
  "auc.wrapped_key": { purpose: "k", name: subscriber },
  "auc.wrapped_operator": { purpose: "opc", name: subscriber },
  "auc.wrapped_ssd": { purpose: "ssd", name: subscriber },
  "card.wrapped_key": {
    purpose: "card key",
    name: (row) => `${String(row["tenant"])}/${String(row["card_id"])}`,
  },
  "platform_key.wrapped_private_key": {
    purpose: "platform-key",
    name: (row) => `${String(row["tenant"])}/${String(row["suite"])}/${hex(row["public_key"])}`,
  },
  "concealment_key.wrapped_private_key": {
    purpose: "concealment-key",
    name: (row) => `${String(row["tenant"])}/${hex(row["public_key"])}`,
  },
  "binding_rule.wrapped_identities": {
    purpose: "rule identities",
    name: (row) => `${String(row["tenant"])}/${String(row["id"])}`,
  },
  "audit_event.wrapped_facts": {
    purpose: "decision facts",
    name: (row) => `${String(row["tenant"])}/${String(row["session"])}`,
  },
  "card_session.wrapped_secrets": { purpose: "session", name: ofObject("sid") },
  "slot_challenge.wrapped_vector": { purpose: "xres", name: ofObject("number") },
  "slot_vector.wrapped_vector": { purpose: "fetched vector", name: ofObject("number") },
  "slot_ssd.wrapped_ssd": { purpose: "ssd", name: ofObject("key_version") },
  "slot_ssd.wrapped_offer": { purpose: "ssd", name: ofObject("key_version") },
};

export const WRAPPED_PLACES: readonly string[] = Object.keys(PLACES);

export interface StoredSecret {
  /** table.column */
  readonly place: string;
  readonly purpose: string;
  readonly name: string;
  readonly wrapped: Uint8Array;
}

/** Version 2, and long enough for header, salt, nonce and tag. */
const isWrapped = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array && value[0] === 2 && value.length >= 55;

/** Fails on bytes that look wrapped in a column that nobody told of. */
export function readSecrets(folder: string): StoredSecret[] {
  const files = [...new Bun.Glob("**/*.{db,sqlite}").scanSync({ cwd: folder })];
  return files.flatMap((file) => {
    const database = new Database(join(folder, file));
    try {
      return readFile(database);
    } finally {
      database.close();
    }
  });
}

function readFile(database: Database): StoredSecret[] {
  const tables = database
    .query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'")
    .all();
  return tables.flatMap(({ name: table }) =>
    database
      .query<Row, []>(`SELECT * FROM "${table}"`)
      .all()
      .flatMap((row) =>
        Object.entries(row).flatMap(([column, value]): StoredSecret[] => {
          if (!isWrapped(value)) return [];
          const place = PLACES[`${table}.${column}`];
          if (place === undefined) throw new Error(`${table}.${column} holds a wrapped secret`);
          const { purpose, name } = place;
          return [{ place: `${table}.${column}`, purpose, name: name(row), wrapped: value }];
        }),
      ),
  );
}

/** How many single writers have tables of their own there: on workerd one a file. */
export function countWriters(folder: string): number {
  const files = [...new Bun.Glob("**/*.sqlite").scanSync({ cwd: folder })];
  return files.filter((file) => {
    const database = new Database(join(folder, file));
    const tables = database.query("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").all();
    database.close();
    return tables.length > 0;
  }).length;
}

/**
 * Those that this key opens, whatever id they name: the id is replaced by the key's before it is
 * tried.
 */
export function openedBy(secrets: readonly StoredSecret[], key: WrappingKey): StoredSecret[] {
  const vault = createVault(random(32), random, [key]);
  return secrets.filter(({ purpose, name, wrapped }) => {
    const relabelled = Uint8Array.from(wrapped);
    relabelled.set([key.id >> 8, key.id & 0xff], 1);
    return vault.unwrap(purpose, name, relabelled) !== undefined;
  });
}

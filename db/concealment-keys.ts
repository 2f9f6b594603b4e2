/** Keys that clients conceal the IMSI to; the id of a destroyed one is never used again. */
import { and, eq, isNotNull, sql } from "drizzle-orm";

import { build, type CatalogDatabase, prepareStatement, readRows, writeRows } from "./database.ts";
import type { ConcealmentKeyRecord, Repositories } from "./records.ts";
import { concealmentKeys } from "./schema.ts";

/** An id is one byte on the wire. */
const ID_MAX = 255;

const tenant = sql.placeholder("tenant");
const id = sql.placeholder("id");

const isThisKey = and(eq(concealmentKeys.tenant, tenant), eq(concealmentKeys.id, id));

const nextId = sql`select coalesce(max(id), 0) + 1 as next from concealment_key
  where tenant = ${tenant}`;

/** One statement, so that two callers never get the same id, nor one behind the last. */
const insertKey = prepareStatement(
  build
    .insert(concealmentKeys)
    .select(
      sql`select ${tenant}, next, ${sql.placeholder("publicKey")},
        ${sql.placeholder("wrappedPrivateKey")} from (${nextId})
        where next <= ${sql.raw(String(ID_MAX))}`,
    )
    .returning({ id: concealmentKeys.id }),
);

const selectKey = prepareStatement(
  build
    .select()
    .from(concealmentKeys)
    .where(and(isThisKey, isNotNull(concealmentKeys.wrappedPrivateKey))),
);

const destroyKey = prepareStatement(
  build
    .update(concealmentKeys)
    .set({ wrappedPrivateKey: sql`null` })
    .where(and(isThisKey, isNotNull(concealmentKeys.wrappedPrivateKey)))
    .returning({ id: concealmentKeys.id }),
);

export function createConcealmentKeys(database: CatalogDatabase): Repositories["concealmentKeys"] {
  async function create(key: ConcealmentKeyRecord): Promise<number | undefined> {
    const [row] = await writeRows(database, insertKey, { ...key });
    return row?.id;
  }

  async function find(name: string, number: number): Promise<ConcealmentKeyRecord | undefined> {
    const [row] = await readRows(database, selectKey, { tenant: name, id: number });
    const wrappedPrivateKey = row?.wrappedPrivateKey;
    if (row === undefined || wrappedPrivateKey === null || wrappedPrivateKey === undefined) {
      return undefined;
    }
    return { tenant: row.tenant, publicKey: row.publicKey, wrappedPrivateKey };
  }

  async function destroy(name: string, number: number): Promise<boolean> {
    return (await writeRows(database, destroyKey, { tenant: name, id: number })).length > 0;
  }

  return { create, find, destroy };
}

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

const nextId = sql<number>`(select coalesce(max(id), 0) + 1 from concealment_key
  where tenant = ${tenant})`;

/** One statement, so that two callers never get the same id. */
const insertKey = prepareStatement(
  build
    .insert(concealmentKeys)
    .values({
      tenant,
      id: nextId,
      publicKey: sql.placeholder("publicKey"),
      wrappedPrivateKey: sql.placeholder("wrappedPrivateKey"),
    })
    .returning({ id: concealmentKeys.id }),
);

const selectKey = prepareStatement(
  build
    .select()
    .from(concealmentKeys)
    .where(and(isThisKey, isNotNull(concealmentKeys.wrappedPrivateKey))),
);

const selectLast = prepareStatement(
  build
    .select({ last: sql<number>`coalesce(max(${concealmentKeys.id}), 0)`.as("last") })
    .from(concealmentKeys)
    .where(eq(concealmentKeys.tenant, tenant)),
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
    const [newest] = await readRows(database, selectLast, { tenant: key.tenant });
    if ((newest?.last ?? 0) >= ID_MAX) return undefined;
    const [row] = await writeRows(database, insertKey, { ...key });
    if (row === undefined) throw new Error("the concealment key was not stored");
    return row.id;
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

/**
 * Subscribers by the thousand. A list of rows is one parameter, a JSON array that json_each takes
 * apart: one statement a table whatever the number of rows, within D1's limits (100 parameters a
 * statement, and statements are counted) and no slower on bun:sqlite than a statement a row.
 */
import { and, asc, eq, gt, inArray, sql } from "drizzle-orm";

import { encodeHex } from "#protocol/bytes";

import { build, type CatalogDatabase, prepareStatement, readRows } from "./database.ts";
import type {
  Page,
  Repositories,
  SavedSubscribers,
  SubscriberChange,
  SubscriberListing,
  SubscriberRecord,
} from "./records.ts";
import { auc, subscribers } from "./schema.ts";

const tenant = sql.placeholder("tenant");
const rows = sql.placeholder("rows");
const isItsAuc = and(eq(auc.tenant, subscribers.tenant), eq(auc.imsi, subscribers.imsi));

/** Each column of a SubscriberRecord, as a query yet without its condition. */
export function selectWithKeys() {
  return build
    .select({
      tenant: subscribers.tenant,
      imsi: subscribers.imsi,
      operator: subscribers.operator,
      msisdn: subscribers.msisdn,
      status: subscribers.status,
      centre: auc.centre,
      algorithm: auc.algorithm,
      wrappedKey: auc.wrappedKey,
      wrappedOperator: auc.wrappedOperator,
      wrappedSsd: auc.wrappedSsd,
      uimId: auc.uimId,
      amf: auc.amf,
      indBits: auc.indBits,
      keyVersion: auc.keyVersion,
      ssdUpdates: auc.ssdUpdates,
      seqFloor: auc.seqFloor,
    })
    .from(subscribers)
    .innerJoin(auc, isItsAuc);
}

type SubscriberRow = Awaited<ReturnType<typeof selectWithKeys>>[number];

/** What is null in a row is absent. */
export function toSubscriber(row: SubscriberRow): SubscriberRecord {
  return {
    ...row,
    msisdn: row.msisdn ?? undefined,
    wrappedKey: row.wrappedKey ?? undefined,
    wrappedOperator: row.wrappedOperator ?? undefined,
    wrappedSsd: row.wrappedSsd ?? undefined,
    uimId: row.uimId ?? undefined,
  };
}

const selectMany = prepareStatement(
  selectWithKeys().where(
    and(
      eq(subscribers.tenant, tenant),
      inArray(subscribers.imsi, sql`(select value from json_each(${rows}))`),
    ),
  ),
);

const selectPage = prepareStatement(
  build
    .select({
      imsi: subscribers.imsi,
      operator: subscribers.operator,
      msisdn: subscribers.msisdn,
      status: subscribers.status,
      centre: auc.centre,
      algorithm: auc.algorithm,
      amf: auc.amf,
      indBits: auc.indBits,
      keyVersion: auc.keyVersion,
    })
    .from(subscribers)
    .innerJoin(auc, isItsAuc)
    .where(and(eq(subscribers.tenant, tenant), gt(subscribers.imsi, sql.placeholder("after"))))
    .orderBy(asc(subscribers.imsi))
    .limit(sql.placeholder("limit")),
);

/** Places in the array that `toArray` makes. */
const at = (place: number) => sql`value ->> ${sql.raw(String(place))}`;
const bytesAt = (place: number) => sql`unhex(value ->> ${sql.raw(String(place))})`;

/** In the order of the columns. SQLite wants a condition between a join and `on conflict`. */
const insertSubscribers = prepareStatement(
  build
    .insert(subscribers)
    .select(
      sql`select ${at(0)}, ${at(1)}, ${at(2)}, ${at(3)}, ${at(4)}, null
        from json_each(${rows}) where true`,
    )
    .onConflictDoNothing()
    .returning({ imsi: subscribers.imsi }),
);

const insertAucs = prepareStatement(
  build
    .insert(auc)
    .select(
      sql`select ${at(0)}, ${at(1)}, ${at(16)}, ${at(5)}, ${bytesAt(6)}, ${bytesAt(7)},
        ${bytesAt(8)}, ${bytesAt(9)}, ${bytesAt(10)}, ${at(11)}, ${at(12)}, ${at(13)}, ${at(14)}
        from json_each(${rows}) where true`,
    )
    .onConflictDoNothing()
    .returning({ imsi: auc.imsi }),
);

/** Names of their own: drizzle writes them without their table's. */
const changed = build
  .select({
    tenant: sql<string>`${at(0)}`.as("new_tenant"),
    imsi: sql<string>`${at(1)}`.as("new_imsi"),
    operator: sql<string>`${at(2)}`.as("new_operator"),
    msisdn: sql<string>`${at(3)}`.as("new_msisdn"),
    algorithm: sql<string>`${at(5)}`.as("new_algorithm"),
    wrappedKey: sql<Uint8Array>`${bytesAt(6)}`.as("new_wrapped_key"),
    wrappedOperator: sql<Uint8Array>`${bytesAt(7)}`.as("new_wrapped_operator"),
    wrappedSsd: sql<Uint8Array>`${bytesAt(8)}`.as("new_wrapped_ssd"),
    uimId: sql<Uint8Array>`${bytesAt(9)}`.as("new_uim_id"),
    amf: sql<Uint8Array>`${bytesAt(10)}`.as("new_amf"),
    keyVersion: sql<number>`${at(12)}`.as("new_key_version"),
    seqFloor: sql<number>`${at(14)}`.as("new_seq_floor"),
    knownKeyVersion: sql<number>`${at(15)}`.as("known_key_version"),
  })
  .from(sql`json_each(${rows})`)
  .as("changed");

const isThisAuc = and(eq(auc.tenant, changed.tenant), eq(auc.imsi, changed.imsi));
/** The keys that were compared must still be there. */
const isUnreplaced = eq(auc.keyVersion, changed.knownKeyVersion);

/** Before updateAucs, which raises the key version. */
const updateSubscribers = prepareStatement(
  build
    .update(subscribers)
    .set({ operator: sql`${changed.operator}`, msisdn: sql`${changed.msisdn}` })
    .from(changed)
    .where(
      and(
        eq(subscribers.tenant, changed.tenant),
        eq(subscribers.imsi, changed.imsi),
        sql`exists (select 1 from ${auc} where ${isThisAuc} and ${isUnreplaced})`,
      ),
    )
    .returning({ imsi: subscribers.imsi }),
);

/** Keys that stay are not written: what was read of them may have been wrapped anew meanwhile. */
const ofNewKeys = (next: unknown, known: unknown) =>
  sql`case when ${changed.keyVersion} = ${changed.knownKeyVersion} then ${known} else ${next} end`;

const updateAucs = prepareStatement(
  build
    .update(auc)
    .set({
      algorithm: sql`${changed.algorithm}`,
      wrappedKey: ofNewKeys(changed.wrappedKey, auc.wrappedKey),
      wrappedOperator: ofNewKeys(changed.wrappedOperator, auc.wrappedOperator),
      wrappedSsd: ofNewKeys(changed.wrappedSsd, auc.wrappedSsd),
      uimId: ofNewKeys(changed.uimId, auc.uimId),
      amf: sql`${changed.amf}`,
      keyVersion: sql`${changed.keyVersion}`,
      ssdUpdates: ofNewKeys(sql`0`, auc.ssdUpdates),
      seqFloor: sql`max(${auc.seqFloor}, ${changed.seqFloor})`,
    })
    .from(changed)
    .where(and(isThisAuc, isUnreplaced))
    .returning({ imsi: auc.imsi }),
);

export function createSubscriberBatches(
  database: CatalogDatabase,
): Pick<Repositories["subscribers"], "findMany" | "saveMany" | "list"> {
  async function findMany(name: string, imsis: readonly string[]): Promise<SubscriberRecord[]> {
    const values = { tenant: name, rows: JSON.stringify(imsis) };
    return (await readRows(database, selectMany, values)).map(toSubscriber);
  }

  async function saveMany(
    inserts: readonly SubscriberRecord[],
    changes: readonly SubscriberChange[],
  ): Promise<SavedSubscribers> {
    const inserted = { rows: JSON.stringify(inserts.map((record) => toArray(record, 0))) };
    const updated = {
      rows: JSON.stringify(
        changes.map(({ record, knownKeyVersion }) => toArray(record, knownKeyVersion)),
      ),
    };
    const statements = [
      ...(inserts.length > 0 ? [insertSubscribers.call(inserted), insertAucs.call(inserted)] : []),
      ...(changes.length > 0 ? [updateSubscribers.call(updated), updateAucs.call(updated)] : []),
    ];
    const raw = statements.length > 0 ? await database.write(statements) : [];
    const imsisOf = (all: typeof raw, index: number): ReadonlySet<string> =>
      new Set(insertAucs.rows(all[index]).map(({ imsi }) => imsi));
    return {
      inserted: imsisOf(inserts.length > 0 ? raw : [], 1),
      updated: imsisOf(changes.length > 0 ? raw.slice(-1) : [], 0),
    };
  }

  async function list(name: string, page: Page): Promise<SubscriberListing[]> {
    const found = await readRows(database, selectPage, { tenant: name, ...page });
    return found.map(({ msisdn, ...row }) => Object.assign(row, { msisdn: msisdn ?? undefined }));
  }

  return { findMany, saveMany, list };
}

const hexOf = (bytes: Uint8Array | undefined): string | null =>
  bytes === undefined ? null : encodeHex(bytes);

/** Byte strings in hex; what is absent is null. */
function toArray(record: SubscriberRecord, knownKeyVersion: number): readonly unknown[] {
  return [
    record.tenant,
    record.imsi,
    record.operator,
    record.msisdn ?? null,
    record.status,
    record.algorithm,
    hexOf(record.wrappedKey),
    hexOf(record.wrappedOperator),
    hexOf(record.wrappedSsd),
    hexOf(record.uimId),
    hexOf(record.amf),
    record.indBits,
    record.keyVersion,
    record.ssdUpdates,
    record.seqFloor,
    knownKeyVersion,
    record.centre,
  ];
}

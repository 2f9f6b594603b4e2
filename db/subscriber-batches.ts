/**
 * Subscribers by the thousand. A list of rows is one parameter, a JSON array that json_each takes
 * apart: one statement a table whatever the number of rows, within D1's limits (100 parameters a
 * statement, and statements are counted) and no slower on bun:sqlite than a statement a row.
 */
import { and, asc, eq, gt, inArray, isNotNull, sql } from "drizzle-orm";

import { encodeHex } from "#protocol/bytes";

import { build, type Call, type CatalogDatabase, prepareStatement, readRows } from "./database.ts";
import type {
  Page,
  Repositories,
  SavedSubscribers,
  SubscriberChange,
  SubscriberEntry,
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

const isAmongRows = and(
  eq(subscribers.tenant, tenant),
  inArray(subscribers.imsi, sql`(select value from json_each(${rows}))`),
);
const selectMany = prepareStatement(selectWithKeys().where(isAmongRows));
/** Apart from the keys, which every binding reads. */
const selectProfiles = prepareStatement(
  build
    .select({ imsi: subscribers.imsi, profile: subscribers.profile })
    .from(subscribers)
    .where(and(isAmongRows, isNotNull(subscribers.profile))),
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
      profile: subscribers.profile,
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
      sql`select ${at(0)}, ${at(1)}, ${at(2)}, ${at(3)}, ${at(4)}, ${at(17)}
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
    profile: sql<string>`${at(17)}`.as("new_profile"),
    knownProfile: sql<string>`${at(18)}`.as("known_profile"),
    hasNewProfile: sql<number>`${at(19)}`.as("has_new_profile"),
  })
  .from(sql`json_each(${rows})`)
  .as("changed");

const isThisAuc = and(eq(auc.tenant, changed.tenant), eq(auc.imsi, changed.imsi));
/** The keys that were compared must still be there. */
const isUnreplaced = eq(auc.keyVersion, changed.knownKeyVersion);

/** The profile that was compared must still be there; after updateSubscribers, the new one. */
const hasProfile = (profile: unknown) =>
  sql`(${changed.hasNewProfile} = 0 or ${subscribers.profile} is ${profile})`;

/** Before updateAucs, which raises the key version. */
const updateSubscribers = prepareStatement(
  build
    .update(subscribers)
    .set({
      operator: sql`${changed.operator}`,
      msisdn: sql`${changed.msisdn}`,
      profile: sql`case when ${changed.hasNewProfile} = 0 then ${subscribers.profile}
        else ${changed.profile} end`,
    })
    .from(changed)
    .where(
      and(
        eq(subscribers.tenant, changed.tenant),
        eq(subscribers.imsi, changed.imsi),
        hasProfile(changed.knownProfile),
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
    .where(
      and(
        isThisAuc,
        isUnreplaced,
        sql`exists (select 1 from ${subscribers} where ${isItsAuc}
          and ${hasProfile(changed.profile)})`,
      ),
    )
    .returning({ imsi: auc.imsi }),
);

export function createSubscriberBatches(
  database: CatalogDatabase,
): Pick<Repositories["subscribers"], "findMany" | "saveMany" | "list"> {
  async function findMany(name: string, imsis: readonly string[]): Promise<SubscriberEntry[]> {
    const values = { tenant: name, rows: JSON.stringify(imsis) };
    const [found, described] = await database.read([
      selectMany.call(values),
      selectProfiles.call(values),
    ]);
    const profiles = new Map(
      selectProfiles.rows(described).map(({ imsi, profile }) => [imsi, profile ?? undefined]),
    );
    return selectMany
      .rows(found)
      .map((row) => Object.assign(toSubscriber(row), { profile: profiles.get(row.imsi) }));
  }

  async function saveMany(
    inserts: readonly SubscriberEntry[],
    changes: readonly SubscriberChange[],
  ): Promise<SavedSubscribers> {
    const inserted = listParameters(inserts.map(insertValues)).flatMap((values): Call[] => [
      insertSubscribers.call(values),
      insertAucs.call(values),
    ]);
    const updated = listParameters(changes.map(changeValues)).flatMap((values): Call[] => [
      updateSubscribers.call(values),
      updateAucs.call(values),
    ]);
    const calls = [...inserted, ...updated];
    const answered = calls.length > 0 ? await database.write(calls) : [];
    // Of each pair the second says of which rows both were done.
    const imsisOf = (answers: typeof answered): ReadonlySet<string> =>
      new Set(
        answers.flatMap((raw, index) =>
          index % 2 === 1 ? insertAucs.rows(raw).map(({ imsi }) => imsi) : [],
        ),
      );
    return {
      inserted: imsisOf(answered.slice(0, inserted.length)),
      updated: imsisOf(answered.slice(inserted.length)),
    };
  }

  async function list(name: string, page: Page): Promise<SubscriberListing[]> {
    const found = await readRows(database, selectPage, { tenant: name, ...page });
    return found.map(({ msisdn, profile, ...row }) =>
      Object.assign(row, { msisdn: msisdn ?? undefined, profile: profile ?? undefined }),
    );
  }

  return { findMany, saveMany, list };
}

/** A parameter of D1 has at most 2,000,000 bytes; a character takes three at most. */
const PARAMETER_CHARACTERS_MAX = 600_000;

/** Each as `rows` of one call; customer data may be long. */
function listParameters(values: readonly (readonly unknown[])[]): { readonly rows: string }[] {
  const parameters: { readonly rows: string }[] = [];
  let some: string[] = [];
  let characters = 0;
  const close = (): void => {
    if (some.length > 0) parameters.push({ rows: `[${some.join(",")}]` });
    some = [];
    characters = 0;
  };
  for (const each of values) {
    const text = JSON.stringify(each);
    if (characters + text.length > PARAMETER_CHARACTERS_MAX) close();
    some.push(text);
    characters += text.length + 1;
  }
  close();
  return parameters;
}

const insertValues = (record: SubscriberEntry): readonly unknown[] => [
  ...toArray(record, 0),
  textOf(record.profile),
];

const changeValues = ({
  record,
  knownKeyVersion,
  profile,
}: SubscriberChange): readonly unknown[] => [
  ...toArray(record, knownKeyVersion),
  textOf(profile?.next),
  textOf(profile?.known),
  profile === undefined ? 0 : 1,
];

/** As setProfile of db/subscribers.ts keeps it, so that equal ones are equal texts. */
const textOf = (profile: SubscriberEntry["profile"]): string | null =>
  profile === undefined ? null : JSON.stringify(profile);

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

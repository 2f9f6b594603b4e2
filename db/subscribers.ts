/** Subscribers and, in a table of its own, their authentication data. */
import { and, asc, eq, gte, isNotNull, sql } from "drizzle-orm";

import { EMBEDDED_CENTRE, type SubscriberStatus } from "#protocol/admin";

import { build, type CatalogDatabase, prepareStatement, readRows, writeRows } from "./database.ts";
import type { SubscriberProfile } from "#protocol/subscriber-profile";
import type {
  InsertOutcome,
  Repositories,
  SubscriberKeyRecord,
  SubscriberRecord,
} from "./records.ts";
import { auc, subscribers } from "./schema.ts";
import { createSubscriberBatches, selectWithKeys, toSubscriber } from "./subscriber-batches.ts";

const tenant = sql.placeholder("tenant");
const imsi = sql.placeholder("imsi");
const status = sql.placeholder("status");
const msisdn = sql.placeholder("msisdn");
const algorithm = sql.placeholder("algorithm");
const wrappedKey = sql.placeholder("wrappedKey");
const wrappedOperator = sql.placeholder("wrappedOperator");
const wrappedSsd = sql.placeholder("wrappedSsd");
const uimId = sql.placeholder("uimId");

const isThisSubscriber = and(eq(subscribers.tenant, tenant), eq(subscribers.imsi, imsi));
const isItsAuc = and(eq(auc.tenant, tenant), eq(auc.imsi, imsi));

const selectSubscriber = prepareStatement(selectWithKeys().where(isThisSubscriber));

const shape = { imsi: auc.imsi, algorithm: auc.algorithm, amf: auc.amf };
const hasAlgorithm = and(eq(auc.tenant, tenant), eq(auc.algorithm, algorithm));

/** Each is one step in the index of algorithms. */
const selectNext = prepareStatement(
  build
    .select(shape)
    .from(auc)
    .where(and(hasAlgorithm, gte(auc.imsi, imsi)))
    .orderBy(asc(auc.imsi))
    .limit(1),
);
const selectFirst = prepareStatement(
  build.select(shape).from(auc).where(hasAlgorithm).orderBy(asc(auc.imsi)).limit(1),
);

const insertSubscriber = prepareStatement(
  build
    .insert(subscribers)
    .values({ tenant, imsi, operator: sql.placeholder("operator"), msisdn, status })
    .onConflictDoNothing()
    .returning({ imsi: subscribers.imsi }),
);

/** A subscriber has its row here from the same unit on, so that both conflict or neither does. */
const insertAuc = prepareStatement(
  build
    .insert(auc)
    .values({
      tenant,
      imsi,
      centre: sql.placeholder("centre"),
      algorithm,
      wrappedKey,
      wrappedOperator,
      wrappedSsd,
      uimId,
      amf: sql.placeholder("amf"),
      indBits: sql.placeholder("indBits"),
      keyVersion: sql.placeholder("keyVersion"),
      ssdUpdates: sql.placeholder("ssdUpdates"),
      seqFloor: sql.placeholder("seqFloor"),
    })
    .onConflictDoNothing()
    .returning({ imsi: auc.imsi }),
);

const updateStatus = prepareStatement(
  build
    .update(subscribers)
    .set({ status: sql`${status}` })
    .where(isThisSubscriber)
    .returning({ imsi: subscribers.imsi }),
);

const updateNumber = prepareStatement(
  build
    .update(subscribers)
    .set({ msisdn: sql`${msisdn}` })
    .where(isThisSubscriber)
    .returning({ imsi: subscribers.imsi }),
);

/** Only beside a number, by which it is looked up. */
const updateProfile = prepareStatement(
  build
    .update(subscribers)
    .set({ profile: sql`${sql.placeholder("profile")}` })
    .where(and(isThisSubscriber, isNotNull(subscribers.msisdn)))
    .returning({ imsi: subscribers.imsi }),
);

/** Two rows say that the number is not one subscriber's alone. */
const selectProfiles = prepareStatement(
  build
    .select({ profile: subscribers.profile })
    .from(subscribers)
    .where(and(eq(subscribers.tenant, tenant), eq(subscribers.msisdn, msisdn)))
    .limit(2),
);

const updateKeys = prepareStatement(
  build
    .update(auc)
    .set({
      algorithm: sql`${algorithm}`,
      wrappedKey: sql`${wrappedKey}`,
      wrappedOperator: sql`${wrappedOperator}`,
      wrappedSsd: sql`${wrappedSsd}`,
      uimId: sql`${uimId}`,
      keyVersion: sql`${auc.keyVersion} + 1`,
      ssdUpdates: 0,
    })
    .where(and(isItsAuc, eq(auc.centre, EMBEDDED_CENTRE)))
    .returning({ imsi: auc.imsi }),
);

const updateCentre = prepareStatement(
  build
    .update(auc)
    .set({
      centre: sql`${sql.placeholder("centre")}`,
      algorithm: sql`${algorithm}`,
      wrappedKey: sql`${wrappedKey}`,
      wrappedOperator: sql`${wrappedOperator}`,
      wrappedSsd: sql`${wrappedSsd}`,
      uimId: sql`${uimId}`,
      amf: sql`${sql.placeholder("amf")}`,
      indBits: sql`${sql.placeholder("indBits")}`,
      keyVersion: sql`${auc.keyVersion} + 1`,
      ssdUpdates: 0,
      seqFloor: sql`max(${auc.seqFloor}, ${sql.placeholder("seqFloor")})`,
    })
    .where(and(isItsAuc, eq(auc.keyVersion, sql.placeholder("knownKeyVersion"))))
    .returning({ imsi: auc.imsi }),
);

const raiseSsdUpdates = prepareStatement(
  build
    .update(auc)
    .set({ ssdUpdates: sql`${auc.ssdUpdates} + 1` })
    .where(and(isItsAuc, eq(auc.algorithm, algorithm)))
    .returning({ imsi: auc.imsi }),
);

export function createSubscribers(database: CatalogDatabase): Repositories["subscribers"] {
  const found = async (
    statement: typeof updateStatus,
    values: Readonly<Record<string, unknown>>,
  ): Promise<boolean> => (await writeRows(database, statement, values)).length > 0;

  async function find(name: string, number: string): Promise<SubscriberRecord | undefined> {
    const [row] = await readRows(database, selectSubscriber, { tenant: name, imsi: number });
    return row && toSubscriber(row);
  }

  async function findNeighbour(
    name: string,
    number: string,
    algorithms: readonly string[],
  ): Promise<Pick<SubscriberRecord, "imsi" | "algorithm" | "amf"> | undefined> {
    const values = algorithms.map((each) => ({ tenant: name, imsi: number, algorithm: each }));
    const statements = [selectNext, selectFirst] as const;
    const calls = statements.flatMap((statement) => values.map((each) => statement.call(each)));
    const raw = await database.read(calls);
    const rows = raw.map((each) => selectNext.rows(each)[0]);
    const first = (some: typeof rows) =>
      some
        .filter((row) => row !== undefined)
        .toSorted((a, b) => (a.imsi < b.imsi ? -1 : 1))
        .at(0);
    return first(rows.slice(0, values.length)) ?? first(rows.slice(values.length));
  }

  async function insert(record: SubscriberRecord): Promise<InsertOutcome> {
    const values = toValues(record);
    const calls = [insertSubscriber.call(values), insertAuc.call(values)];
    const [raw] = await database.write(calls);
    return insertSubscriber.rows(raw).length > 0 ? "inserted" : "taken";
  }

  return {
    ...createSubscriberBatches(database),
    find,
    findNeighbour,
    ...createProfiles(database),
    insert,
    setStatus: (name: string, number: string, value: SubscriberStatus) =>
      found(updateStatus, { tenant: name, imsi: number, status: value }),
    setNumber: (name, number, value) =>
      found(updateNumber, { tenant: name, imsi: number, msisdn: value ?? null }),
    replaceKeys: (name, number, keys: SubscriberKeyRecord) =>
      found(updateKeys, { ...toValues(keys), tenant: name, imsi: number }),
    move: (name, number, next) =>
      found(updateCentre, { ...toValues(next), tenant: name, imsi: number }),
    orderSsdUpdate: (name, number, value) =>
      found(raiseSsdUpdates, { tenant: name, imsi: number, algorithm: value }),
  };
}

/** What is absent is null in a row. */
function toValues(record: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).map(([column, value]: [string, unknown]) => [column, value ?? null]),
  );
}

/** What the embedded subscriber directory says, by number. */
function createProfiles(
  database: CatalogDatabase,
): Pick<Repositories["subscribers"], "setProfile" | "findProfile"> {
  async function setProfile(
    name: string,
    number: string,
    profile: SubscriberProfile | undefined,
  ): Promise<"set" | "no_number" | "absent"> {
    const stored = profile === undefined ? null : JSON.stringify(profile);
    const values = { tenant: name, imsi: number, profile: stored };
    if ((await writeRows(database, updateProfile, values)).length > 0) return "set";
    const rows = await readRows(database, selectSubscriber, { tenant: name, imsi: number });
    return rows.length === 0 ? "absent" : "no_number";
  }

  async function findProfile(name: string, number: string): Promise<SubscriberProfile | undefined> {
    const rows = await readRows(database, selectProfiles, { tenant: name, msisdn: number });
    const [row, other] = rows;
    return other === undefined ? (row?.profile ?? undefined) : undefined;
  }

  return { setProfile, findProfile };
}

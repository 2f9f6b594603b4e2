/** Subscribers and, in a table of its own, their authentication data. */
import { and, eq, sql } from "drizzle-orm";

import type { SubscriberStatus } from "#protocol/admin";

import { build, type CatalogDatabase, prepareStatement, readRows, writeRows } from "./database.ts";
import type { InsertOutcome, Repositories, SubscriberRecord } from "./records.ts";
import { auc3g, subscribers } from "./schema.ts";

const tenant = sql.placeholder("tenant");
const imsi = sql.placeholder("imsi");
const status = sql.placeholder("status");

const isThisSubscriber = and(eq(subscribers.tenant, tenant), eq(subscribers.imsi, imsi));

const selectSubscriber = prepareStatement(
  build
    .select({
      tenant: subscribers.tenant,
      imsi: subscribers.imsi,
      operator: subscribers.operator,
      status: subscribers.status,
      algorithm: auc3g.algorithm,
      wrappedK: auc3g.wrappedK,
      wrappedOpc: auc3g.wrappedOpc,
      amf: auc3g.amf,
      indBits: auc3g.indBits,
      keyVersion: auc3g.keyVersion,
    })
    .from(subscribers)
    .innerJoin(auc3g, and(eq(auc3g.tenant, subscribers.tenant), eq(auc3g.imsi, subscribers.imsi)))
    .where(isThisSubscriber),
);

const insertSubscriber = prepareStatement(
  build
    .insert(subscribers)
    .values({ tenant, imsi, operator: sql.placeholder("operator"), status })
    .onConflictDoNothing()
    .returning({ imsi: subscribers.imsi }),
);

/** A subscriber has its row here from the same unit on, so that both conflict or neither does. */
const insertAuc = prepareStatement(
  build
    .insert(auc3g)
    .values({
      tenant,
      imsi,
      algorithm: sql.placeholder("algorithm"),
      wrappedK: sql.placeholder("wrappedK"),
      wrappedOpc: sql.placeholder("wrappedOpc"),
      amf: sql.placeholder("amf"),
      indBits: sql.placeholder("indBits"),
      keyVersion: sql.placeholder("keyVersion"),
    })
    .onConflictDoNothing()
    .returning({ imsi: auc3g.imsi }),
);

const updateStatus = prepareStatement(
  build
    .update(subscribers)
    .set({ status: sql`${status}` })
    .where(isThisSubscriber)
    .returning({ imsi: subscribers.imsi }),
);

export function createSubscribers(database: CatalogDatabase): Repositories["subscribers"] {
  async function find(name: string, number: string): Promise<SubscriberRecord | undefined> {
    const [row] = await readRows(database, selectSubscriber, { tenant: name, imsi: number });
    return row;
  }

  async function insert(record: SubscriberRecord): Promise<InsertOutcome> {
    const values = { ...record };
    const calls = [insertSubscriber.call(values), insertAuc.call(values)];
    const [raw] = await database.write(calls);
    return insertSubscriber.rows(raw).length > 0 ? "inserted" : "taken";
  }

  async function setStatus(
    name: string,
    number: string,
    value: SubscriberStatus,
  ): Promise<boolean> {
    const values = { tenant: name, imsi: number, status: value };
    return (await writeRows(database, updateStatus, values)).length > 0;
  }

  return { find, insert, setStatus };
}

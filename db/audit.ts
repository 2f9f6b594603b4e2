/** The audit index: what the single writers reported, at least once, kept once. */
import { and, desc, eq, isNotNull, sql } from "drizzle-orm";

import { decodeBase64Url, encodeBase64Url } from "#protocol/bytes";

import { build, type CatalogDatabase, prepareStatement, readRows } from "./database.ts";
import type { AuditEvent, Repositories } from "./records.ts";
import { auditEvents } from "./schema.ts";

const tenant = sql.placeholder("tenant");
const limit = sql.placeholder("limit");

const insertEvent = prepareStatement(
  build
    .insert(auditEvents)
    .values({
      tenant,
      writer: sql.placeholder("writer"),
      number: sql.placeholder("number"),
      at: sql.placeholder("at"),
      type: sql.placeholder("type"),
      cardId: sql.placeholder("cardId"),
      session: sql.placeholder("session"),
      reason: sql.placeholder("reason"),
      trail: sql.placeholder("trail"),
      wrappedFacts: sql.placeholder("wrappedFacts"),
    })
    .onConflictDoNothing()
    .returning({ number: auditEvents.number }),
);

/** Numbers count within a writer, and after a restore on from an older one: time comes first. */
const newestFirst = [
  desc(auditEvents.at),
  desc(auditEvents.number),
  desc(auditEvents.writer),
] as const;

const selectBySession = prepareStatement(
  build
    .select()
    .from(auditEvents)
    .where(and(eq(auditEvents.tenant, tenant), eq(auditEvents.session, sql.placeholder("session"))))
    .orderBy(...newestFirst)
    .limit(limit),
);

const selectByCard = prepareStatement(
  build
    .select()
    .from(auditEvents)
    .where(and(eq(auditEvents.tenant, tenant), eq(auditEvents.cardId, sql.placeholder("cardId"))))
    .orderBy(...newestFirst)
    .limit(limit),
);

const selectDecisions = prepareStatement(
  build
    .select()
    .from(auditEvents)
    .where(and(eq(auditEvents.tenant, tenant), isNotNull(auditEvents.wrappedFacts)))
    .orderBy(...newestFirst)
    .limit(limit),
);

export function createAuditIndex(database: CatalogDatabase): Repositories["audit"] {
  async function append(events: readonly AuditEvent[]): Promise<void> {
    await database.write(
      events.map(({ facts, ...event }) => {
        const wrappedFacts = facts === undefined ? null : (decodeBase64Url(facts) ?? null);
        return insertEvent.call({ ...event, wrappedFacts });
      }),
    );
  }

  /** The newest `count` events, oldest of them first. */
  async function find(
    name: string,
    by: { readonly session: string } | { readonly cardId: string },
    count: number,
  ): Promise<AuditEvent[]> {
    const statement = "session" in by ? selectBySession : selectByCard;
    const rows = await readRows(database, statement, { tenant: name, limit: count, ...by });
    return rows.map(toEvent).toReversed();
  }

  async function findDecisions(name: string, count: number): Promise<AuditEvent[]> {
    const rows = await readRows(database, selectDecisions, { tenant: name, limit: count });
    return rows.map(toEvent);
  }

  return { append, find, findDecisions };
}

function toEvent({ wrappedFacts, ...event }: typeof auditEvents.$inferSelect): AuditEvent {
  return wrappedFacts === null ? event : { ...event, facts: encodeBase64Url(wrappedFacts) };
}

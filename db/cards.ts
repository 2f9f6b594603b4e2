/** The card registry. */
import { and, eq, exists, getTableColumns, gt, gte, notExists, sql } from "drizzle-orm";

import type { CardStatus } from "#protocol/admin";

import { build, type CatalogDatabase, prepareStatement, readRows, writeRows } from "./database.ts";
import type {
  CardDetails,
  CardListing,
  CardRecord,
  CardTerms,
  InsertOutcome,
  Page,
  RegisteredCard,
  Repositories,
} from "./records.ts";
import { cardRoots, cards, revokedCertificates } from "./schema.ts";

const tenant = sql.placeholder("tenant");
const cardId = sql.placeholder("cardId");
const status = sql.placeholder("status");

const isThisCard = and(eq(cards.tenant, tenant), eq(cards.cardId, cardId));

const revokedLinks = build
  .select({ fingerprint: revokedCertificates.fingerprint })
  .from(revokedCertificates)
  .where(
    and(
      eq(revokedCertificates.tenant, cards.tenant),
      sql`${revokedCertificates.fingerprint} in
        (select value from json_each(${cards.fingerprints}))`,
    ),
  );

/** The root is the last of the chain. */
const trustedRoot = build
  .select({ fingerprint: cardRoots.fingerprint })
  .from(cardRoots)
  .where(
    and(
      eq(cardRoots.tenant, cards.tenant),
      eq(cardRoots.fingerprint, sql`json_extract(${cards.fingerprints}, '$[#-1]')`),
    ),
  );

/** A card with a shared key has no chain, nor has an MTM card. */
const hasChain = sql`(${cards.wrappedKey} is null and ${cards.kind} <> 'MTM')`;
const isChainBroken = sql`(${exists(revokedLinks)} or ${notExists(trustedRoot)})`;
const chainRevoked = sql<number>`(${hasChain} and ${isChainBroken})`.as("chain_revoked");

const {
  certificates: _certificates,
  fingerprints: _fingerprints,
  ...columns
} = getTableColumns(cards);

const selectCard = prepareStatement(
  build
    .select({ ...columns, chainRevoked })
    .from(cards)
    .where(isThisCard),
);

const selectTerms = prepareStatement(
  build.select({ suite: cards.suite, modes: cards.modes }).from(cards).where(isThisCard),
);

/** The registered card whose id comes next to a made-up one, and the first of all. */
const selectNextTerms = prepareStatement(
  build
    .select({ suite: cards.suite, modes: cards.modes })
    .from(cards)
    .where(and(eq(cards.tenant, tenant), gte(cards.cardId, sql.placeholder("stranger"))))
    .orderBy(cards.cardId)
    .limit(1),
);

const selectFirstTerms = prepareStatement(
  build
    .select({ suite: cards.suite, modes: cards.modes })
    .from(cards)
    .where(eq(cards.tenant, tenant))
    .orderBy(cards.cardId)
    .limit(1),
);

const insertCard = prepareStatement(
  build
    .insert(cards)
    .values({
      tenant,
      cardId,
      kind: sql.placeholder("kind"),
      suite: sql.placeholder("suite"),
      modes: sql.placeholder("modes"),
      status,
      pinnedKey: sql.placeholder("pinnedKey"),
      wrappedKey: sql.placeholder("wrappedKey"),
      keyVersion: sql.placeholder("keyVersion"),
      servicePublicKey: sql.placeholder("servicePublicKey"),
      certificates: sql.placeholder("certificates"),
      fingerprints: sql.placeholder("fingerprints"),
      notBefore: sql.placeholder("notBefore"),
      notAfter: sql.placeholder("notAfter"),
      groups: sql.placeholder("groups"),
      company: sql.placeholder("company"),
    })
    .onConflictDoNothing()
    .returning({ cardId: cards.cardId }),
);

const { tenant: _tenant, wrappedKey: _wrappedKey, ...listed } = columns;

const selectPage = prepareStatement(
  build
    .select(listed)
    .from(cards)
    .where(and(eq(cards.tenant, tenant), gt(cards.cardId, sql.placeholder("after"))))
    .orderBy(cards.cardId)
    .limit(sql.placeholder("limit")),
);

const updateStatus = prepareStatement(
  build
    .update(cards)
    .set({ status: sql`${status}` })
    .where(isThisCard)
    .returning({ cardId: cards.cardId }),
);

const updateDetails = prepareStatement(
  build
    .update(cards)
    .set({
      groups: sql`${sql.placeholder("groups")}`,
      company: sql`${sql.placeholder("company")}`,
    })
    .where(isThisCard)
    .returning({ cardId: cards.cardId }),
);

const selectGroupMember = prepareStatement(
  build
    .select({ cardId: cards.cardId })
    .from(cards)
    .where(
      and(
        eq(cards.tenant, tenant),
        sql`${sql.placeholder("group")} in (select value from json_each(${cards.groups}))`,
      ),
    )
    .limit(1),
);

const insertRevoked = prepareStatement(
  build
    .insert(revokedCertificates)
    .values({ tenant, fingerprint: sql.placeholder("fingerprint") })
    .onConflictDoNothing()
    .returning({ fingerprint: revokedCertificates.fingerprint }),
);

export function createCards(database: CatalogDatabase): Repositories["cards"] {
  async function find(name: string, id: string): Promise<RegisteredCard | undefined> {
    const [row] = await readRows(database, selectCard, { tenant: name, cardId: id });
    if (row === undefined) return undefined;
    return {
      ...row,
      wrappedKey: row.wrappedKey ?? undefined,
      company: row.company ?? undefined,
      chainRevoked: row.chainRevoked !== 0,
    };
  }

  async function findTerms(
    name: string,
    id: string,
    stranger: string,
  ): Promise<CardTerms | undefined> {
    const [own, next, first] = await database.read([
      selectTerms.call({ tenant: name, cardId: id }),
      selectNextTerms.call({ tenant: name, stranger }),
      selectFirstTerms.call({ tenant: name }),
    ]);
    const [terms] = [
      ...selectTerms.rows(own),
      ...selectNextTerms.rows(next),
      ...selectFirstTerms.rows(first),
    ];
    return terms;
  }

  async function insert(record: CardRecord): Promise<InsertOutcome> {
    const { wrappedKey = null, company = null } = record;
    const values = { ...record, wrappedKey, company };
    const rows = await writeRows(database, insertCard, values);
    return rows.length > 0 ? "inserted" : "taken";
  }

  async function setStatus(name: string, id: string, value: CardStatus): Promise<boolean> {
    const values = { tenant: name, cardId: id, status: value };
    return (await writeRows(database, updateStatus, values)).length > 0;
  }

  async function setDetails(name: string, id: string, details: CardDetails): Promise<boolean> {
    const { groups, company = null } = details;
    const values = { tenant: name, cardId: id, groups: JSON.stringify(groups), company };
    return (await writeRows(database, updateDetails, values)).length > 0;
  }

  async function list(name: string, page: Page): Promise<CardListing[]> {
    const rows = await readRows(database, selectPage, { tenant: name, ...page });
    return rows.map(({ company, ...row }) => Object.assign(row, { company: company ?? undefined }));
  }

  async function hasGroup(name: string, group: string): Promise<boolean> {
    return (await readRows(database, selectGroupMember, { tenant: name, group })).length > 0;
  }

  async function revokeCertificate(name: string, fingerprint: string): Promise<void> {
    await writeRows(database, insertRevoked, { tenant: name, fingerprint });
  }

  return {
    find,
    findTerms,
    insert,
    setStatus,
    setDetails,
    list,
    hasGroup,
    revokeCertificate,
  };
}

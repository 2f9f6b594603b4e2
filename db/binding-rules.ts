/**
 * The patent's rule storage unit: binding rules in versions. A row lives from the version that
 * brought it to the one that took it away; the draft is the version after all others.
 */
import { and, desc, eq, exists, getTableColumns, gt, isNull, lte, or, sql } from "drizzle-orm";

import { build, type CatalogDatabase, prepareStatement, readRows } from "./database.ts";
import type { Page, Repositories, RuleActivation, RuleSetState, StoredRule } from "./records.ts";
import { bindingRules, ruleSets, ruleVersions } from "./schema.ts";

type RuleRow = typeof bindingRules.$inferSelect;

const tenant = sql.placeholder("tenant");
const id = sql.placeholder("id");
const cardId = sql.placeholder("cardId");
const version = sql.placeholder("version");
const after = sql.placeholder("after");
const limit = sql.placeholder("limit");

/** A tenant whose rules were never changed. */
const NEW_SET: RuleSetState = { active: 0, floor: 0, draft: 1, revision: 0 };

const isThisSet = eq(ruleSets.tenant, tenant);
const ofTenant = eq(bindingRules.tenant, tenant);
const isThisRule = and(ofTenant, eq(bindingRules.id, id));
const isInVersion = and(
  ofTenant,
  lte(bindingRules.since, version),
  or(isNull(bindingRules.until), gt(bindingRules.until, version)),
);
const ofThisSet = sql`from ${ruleSets} where ${ruleSets.tenant} = ${tenant}`;
const draft = sql`(select ${ruleSets.draft} ${ofThisSet})`;
const active = sql`(select ${ruleSets.active} ${ofThisSet})`;
const isOfDraft = eq(bindingRules.since, draft);

const selectState = prepareStatement(
  build
    .select({
      active: ruleSets.active,
      floor: ruleSets.floor,
      draft: ruleSets.draft,
      revision: ruleSets.revision,
    })
    .from(ruleSets)
    .where(isThisSet),
);

const selectOwn = prepareStatement(
  build
    .select()
    .from(bindingRules)
    .where(and(isInVersion, eq(bindingRules.cardId, cardId)))
    .orderBy(bindingRules.id),
);

const selectShared = prepareStatement(
  build
    .select()
    .from(bindingRules)
    .where(and(isInVersion, isNull(bindingRules.cardId), gt(bindingRules.id, after)))
    .orderBy(bindingRules.id)
    .limit(limit),
);

const selectPage = prepareStatement(
  build
    .select()
    .from(bindingRules)
    .where(and(isInVersion, gt(bindingRules.id, after)))
    .orderBy(bindingRules.id)
    .limit(limit),
);

const insertSet = prepareStatement(
  build
    .insert(ruleSets)
    .values({ tenant, ...NEW_SET })
    .onConflictDoNothing()
    .returning({ draft: ruleSets.draft }),
);

const raiseRevision = prepareStatement(
  build
    .update(ruleSets)
    .set({ revision: sql`${ruleSets.revision} + 1` })
    .where(isThisSet)
    .returning({ revision: ruleSets.revision }),
);

/** Comes before the removal, and raises nothing when the draft has no such rule. */
const raiseForRemoval = prepareStatement(
  build
    .update(ruleSets)
    .set({ revision: sql`${ruleSets.revision} + 1` })
    .where(
      and(
        isThisSet,
        exists(
          build
            .select({ id: bindingRules.id })
            .from(bindingRules)
            .where(and(isThisRule, isNull(bindingRules.until))),
        ),
      ),
    )
    .returning({ revision: ruleSets.revision }),
);

/** What the draft brought under this id. */
const deleteDrafted = prepareStatement(
  build.delete(bindingRules).where(and(isThisRule, isOfDraft)).returning({ id: bindingRules.id }),
);

/** What the draft had from versions before it. */
const endRule = prepareStatement(
  build
    .update(bindingRules)
    .set({ until: draft })
    .where(and(isThisRule, isNull(bindingRules.until)))
    .returning({ id: bindingRules.id }),
);

const insertRule = prepareStatement(
  build
    .insert(bindingRules)
    .values({
      tenant,
      id,
      since: draft,
      until: null,
      cardId,
      cardGroup: sql.placeholder("cardGroup"),
      effect: sql.placeholder("effect"),
      priority: sql.placeholder("priority"),
      condition: sql.placeholder("condition"),
      claims: sql.placeholder("claims"),
      wrappedIdentities: sql.placeholder("wrappedIdentities"),
      onMismatch: sql.placeholder("onMismatch"),
      minimumStrength: sql.placeholder("minimumStrength"),
      validFrom: sql.placeholder("validFrom"),
      validUntil: sql.placeholder("validUntil"),
      lease: sql.placeholder("lease"),
    })
    .returning({ id: bindingRules.id }),
);

/** Undoes every change of the draft: first what it brought, then what it ended. */
const deleteDraft = prepareStatement(
  build.delete(bindingRules).where(and(ofTenant, isOfDraft)).returning({ id: bindingRules.id }),
);
const reviveEnded = prepareStatement(
  build
    .update(bindingRules)
    .set({ until: null })
    .where(and(ofTenant, eq(bindingRules.until, draft)))
    .returning({ id: bindingRules.id }),
);

/** Ends what came after `version`, and brings again what ended since. */
const endNewer = prepareStatement(
  build
    .update(bindingRules)
    .set({ until: draft })
    .where(and(ofTenant, isNull(bindingRules.until), gt(bindingRules.since, version)))
    .returning({ id: bindingRules.id }),
);
const {
  tenant: _tenant,
  id: _id,
  since: _since,
  until: _until,
  ...content
} = getTableColumns(bindingRules);
const copyOlder = prepareStatement(
  build
    .insert(bindingRules)
    .select(
      build
        .select({
          tenant: bindingRules.tenant,
          id: bindingRules.id,
          since: sql<number>`${draft}`.as("since"),
          until: sql<null>`null`.as("until"),
          ...content,
        })
        .from(bindingRules)
        .where(and(isInVersion, lte(bindingRules.until, active))),
    )
    .returning({ id: bindingRules.id }),
);

const isUnchanged = and(isThisSet, eq(ruleSets.revision, sql.placeholder("revision")));

const insertVersion = prepareStatement(
  build
    .insert(ruleVersions)
    .select(
      build
        .select({
          tenant: ruleSets.tenant,
          version: ruleSets.draft,
          activatedAt: sql<number>`${sql.placeholder("at")}`.as("activated_at"),
        })
        .from(ruleSets)
        .where(isUnchanged),
    )
    .returning({ version: ruleVersions.version }),
);

const advance = prepareStatement(
  build
    .update(ruleSets)
    .set({
      active: sql`${ruleSets.draft}`,
      draft: sql`${ruleSets.draft} + 1`,
      floor: sql`case ${sql.placeholder("raises")}
        when 1 then ${ruleSets.draft} else ${ruleSets.floor} end`,
      revision: sql`${ruleSets.revision} + 1`,
    })
    .where(isUnchanged)
    .returning({ active: ruleSets.active }),
);

const selectVersions = prepareStatement(
  build
    .select({ version: ruleVersions.version, activatedAt: ruleVersions.activatedAt })
    .from(ruleVersions)
    .where(eq(ruleVersions.tenant, tenant))
    .orderBy(desc(ruleVersions.version))
    .limit(limit),
);

export function createBindingRules(database: CatalogDatabase): Repositories["rules"] {
  async function findState(name: string): Promise<RuleSetState> {
    const [state] = await readRows(database, selectState, { tenant: name });
    return state ?? NEW_SET;
  }

  async function findOwn(name: string, number: number, card: string): Promise<StoredRule[]> {
    const values = { tenant: name, version: number, cardId: card };
    return (await readRows(database, selectOwn, values)).map(toRule);
  }

  async function findPage(
    statement: typeof selectPage,
    name: string,
    number: number,
    page: Page,
  ): Promise<StoredRule[]> {
    const values = { tenant: name, version: number, ...page };
    return (await readRows(database, statement, values)).map(toRule);
  }

  async function save(name: string, rule: StoredRule): Promise<void> {
    const values = { tenant: name, ...toRow(rule) };
    const statements = [insertSet, deleteDrafted, endRule, insertRule, raiseRevision];
    await database.write(statements.map((statement) => statement.call(values)));
  }

  async function remove(name: string, rule: string): Promise<boolean> {
    const values = { tenant: name, id: rule };
    const statements = [raiseForRemoval, deleteDrafted, endRule];
    const [raised] = await database.write(statements.map((statement) => statement.call(values)));
    return raiseForRemoval.rows(raised).length > 0;
  }

  /** A set that has no row yet can be activated, too: it is empty then. */
  async function activate(
    name: string,
    { revision, at, raisesFloor }: RuleActivation,
  ): Promise<number | undefined> {
    const values = { tenant: name, revision, at, raises: raisesFloor ? 1 : 0 };
    const statements = [insertSet, insertVersion, advance];
    const [, , raw] = await database.write(statements.map((statement) => statement.call(values)));
    return advance.rows(raw)[0]?.active;
  }

  async function restore(name: string, number: number): Promise<number | undefined> {
    const values = { tenant: name, version: number };
    const statements = [deleteDraft, reviveEnded, endNewer, copyOlder, raiseRevision];
    const raw = await database.write(statements.map((statement) => statement.call(values)));
    return raiseRevision.rows(raw.at(-1))[0]?.revision;
  }

  return {
    findState,
    findOwn,
    findShared: (name, number, page) => findPage(selectShared, name, number, page),
    list: (name, number, page) => findPage(selectPage, name, number, page),
    save,
    remove,
    activate,
    restore,
    listVersions: (name, count) =>
      readRows(database, selectVersions, { tenant: name, limit: count }),
  };
}

function toRow(rule: StoredRule): Omit<RuleRow, "tenant" | "since" | "until"> {
  const { target } = rule;
  return {
    id: rule.id,
    cardId: "card" in target ? target.card : null,
    cardGroup: "group" in target ? target.group : null,
    effect: rule.effect ?? null,
    priority: rule.priority ?? null,
    condition: rule.condition,
    claims: rule.claims ?? null,
    wrappedIdentities: rule.wrappedIdentities ?? null,
    onMismatch: rule.onMismatch,
    minimumStrength: rule.minimumStrength ?? null,
    validFrom: rule.validFrom ?? null,
    validUntil: rule.validUntil ?? null,
    lease: rule.lease ?? null,
  };
}

function toRule(row: RuleRow): StoredRule {
  const { tenant: _of, since: _from, until: _to, id: name, cardId: card, cardGroup, ...rest } = row;
  const present = Object.entries(rest).filter(([, value]) => value !== null);
  const target =
    card === null ? (cardGroup === null ? { all: true } : { group: cardGroup }) : { card };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- toRow wrote these members
  return { id: name, target, ...Object.fromEntries(present) } as StoredRule;
}

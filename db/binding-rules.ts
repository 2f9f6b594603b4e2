/** The patent's rule storage unit: binding rules and the version of each tenant's rule set. */
import { and, eq, exists, isNull, or, sql } from "drizzle-orm";

import { build, type CatalogDatabase, prepareStatement, type Statement } from "./database.ts";
import type { ApplicableRules, Repositories, StoredRule } from "./records.ts";
import { bindingRules, ruleSets } from "./schema.ts";

type RuleRow = typeof bindingRules.$inferSelect;

const tenant = sql.placeholder("tenant");
const id = sql.placeholder("id");
const cardId = sql.placeholder("cardId");

/** A tenant whose rules were never changed. */
const FIRST_VERSION = 0;

const ofTenant = eq(bindingRules.tenant, tenant);
const isThisRule = and(ofTenant, eq(bindingRules.id, id));

const selectVersion = prepareStatement(
  build.select({ version: ruleSets.version }).from(ruleSets).where(eq(ruleSets.tenant, tenant)),
);

const selectRules = prepareStatement(
  build.select().from(bindingRules).where(ofTenant).orderBy(bindingRules.id),
);

const selectApplicable = prepareStatement(
  build
    .select()
    .from(bindingRules)
    .where(and(ofTenant, or(eq(bindingRules.cardId, cardId), isNull(bindingRules.cardId))))
    .orderBy(bindingRules.id),
);

const upsertRule = prepareStatement(
  build
    .insert(bindingRules)
    .values({
      tenant,
      id,
      cardId,
      wrappedImsi: sql.placeholder("wrappedImsi"),
      operator: sql.placeholder("operator"),
      onMismatch: sql.placeholder("onMismatch"),
      minimumStrength: sql.placeholder("minimumStrength"),
    })
    .onConflictDoUpdate({
      target: [bindingRules.tenant, bindingRules.id],
      set: {
        cardId: sql`excluded.card_id`,
        wrappedImsi: sql`excluded.wrapped_imsi`,
        operator: sql`excluded.operator`,
        onMismatch: sql`excluded.on_mismatch`,
        minimumStrength: sql`excluded.minimum_strength`,
      },
    })
    .returning({ id: bindingRules.id }),
);

const raiseVersion = prepareStatement(
  build
    .insert(ruleSets)
    .values({ tenant, version: FIRST_VERSION + 1 })
    .onConflictDoUpdate({
      target: ruleSets.tenant,
      set: { version: sql`${ruleSets.version} + 1` },
    })
    .returning({ version: ruleSets.version }),
);

/** Comes before the deletion, and raises nothing when there is no such rule. */
const raiseVersionForRemoval = prepareStatement(
  build
    .update(ruleSets)
    .set({ version: sql`${ruleSets.version} + 1` })
    .where(
      and(
        eq(ruleSets.tenant, tenant),
        exists(build.select({ id: bindingRules.id }).from(bindingRules).where(isThisRule)),
      ),
    )
    .returning({ version: ruleSets.version }),
);

const deleteRule = prepareStatement(
  build.delete(bindingRules).where(isThisRule).returning({ id: bindingRules.id }),
);

export function createBindingRules(database: CatalogDatabase): Repositories["rules"] {
  async function findWithVersion(
    statement: Statement<RuleRow>,
    values: Readonly<Record<string, unknown>>,
  ): Promise<ApplicableRules> {
    const calls = [selectVersion.call(values), statement.call(values)];
    const [versions, rows] = await database.read(calls);
    const [row] = selectVersion.rows(versions);
    return { version: row?.version ?? FIRST_VERSION, rules: statement.rows(rows).map(toRule) };
  }

  async function save(name: string, rule: StoredRule): Promise<number> {
    const values = { tenant: name, ...toRow(rule) };
    const [, raw] = await database.write([upsertRule.call(values), raiseVersion.call(values)]);
    const [row] = raiseVersion.rows(raw);
    if (row === undefined) throw new Error("the rule set has no version");
    return row.version;
  }

  async function remove(name: string, rule: string): Promise<boolean> {
    const values = { tenant: name, id: rule };
    const calls = [raiseVersionForRemoval.call(values), deleteRule.call(values)];
    const [, raw] = await database.write(calls);
    return deleteRule.rows(raw).length > 0;
  }

  return {
    findApplicable: (name, card) =>
      findWithVersion(selectApplicable, { tenant: name, cardId: card }),
    list: (name) => findWithVersion(selectRules, { tenant: name }),
    save,
    remove,
  };
}

function toRow(rule: StoredRule): Omit<RuleRow, "tenant"> {
  const { target, condition } = rule;
  return {
    id: rule.id,
    cardId: "card" in target ? target.card : null,
    wrappedImsi: "wrappedImsi" in condition ? condition.wrappedImsi : null,
    operator: "operator" in condition ? condition.operator : null,
    onMismatch: rule.onMismatch,
    minimumStrength: rule.minimumStrength ?? null,
  };
}

function toRule(row: RuleRow): StoredRule {
  const { id: name, onMismatch, minimumStrength } = row;
  const target = row.cardId === null ? { all: true as const } : { card: row.cardId };
  const rule = { id: name, target, condition: toCondition(row), onMismatch };
  return minimumStrength === null ? rule : { ...rule, minimumStrength };
}

function toCondition({ wrappedImsi, operator }: RuleRow): StoredRule["condition"] {
  if (wrappedImsi !== null) return { wrappedImsi };
  if (operator !== null) return { operator };
  throw new Error("a stored rule has no condition");
}

/** A rule as decisions read it, and the order in which they do. */
import {
  type BindingRule,
  type MismatchAction,
  type RuleCondition,
  type RuleTarget,
} from "#protocol/rules";
import { type Strength, STRENGTHS } from "#protocol/suites";
import {
  CONDITION_CHECKS,
  type ConditionCheck,
  fieldsOf,
  MATCH,
  type Match,
  needsProfile,
  type RuleSubject,
} from "./rule-match.ts";

/** How closely a rule's target names a card: the card itself, a group of it, all cards. */
export const TIER = { card: 0, group: 1, all: 2 } as const;
export type Tier = (typeof TIER)[keyof typeof TIER];

export interface CompiledRule {
  readonly rule: BindingRule;
  readonly condition: RuleCondition;
  readonly checks: readonly ConditionCheck[];
  /** Those that the place of the rule in an index leaves open; all of them without an index. */
  readonly openChecks: readonly ConditionCheck[];
  readonly tier: Tier;
  /** The group of cards that its place in an index leaves open. */
  readonly openGroup: string | undefined;
  readonly isDeny: boolean;
  readonly priority: number;
  readonly onMismatch: MismatchAction;
  /** Of `onMismatch`: 0 refuse; the sooner a lock, the higher. */
  readonly severity: number;
  /** Unix milliseconds; valid from `from` to before `until`. */
  readonly from: number;
  readonly until: number;
  readonly needsProfile: boolean;
}

const SEVERITY_LOCK = 100;

function severityOf(action: MismatchAction): number {
  if (action === "refuse") return 0;
  return action === "lock" ? SEVERITY_LOCK : SEVERITY_LOCK - action.lockAfter;
}

function tierOf(target: RuleTarget): Tier {
  if ("card" in target) return TIER.card;
  return "group" in target ? TIER.group : TIER.all;
}

/** Rules have one of few sets of fields; each set has its list of checks once. */
const checkLists = new Map<string, readonly ConditionCheck[]>();

function checksOf(fields: readonly string[]): readonly ConditionCheck[] {
  const key = fields.join();
  const known = checkLists.get(key);
  if (known !== undefined) return known;
  const checks = CONDITION_CHECKS.filter(({ field }) => fields.includes(field));
  checkLists.set(key, checks);
  return checks;
}

export function compileRule(rule: BindingRule): CompiledRule {
  const { condition, target, claims, priority = 0, validFrom, validUntil } = rule;
  const isDeny = rule.effect === "deny";
  // A terminal that may choose what it claims must not be able to bring a lock about.
  const onMismatch = isDeny && claims !== undefined ? "refuse" : rule.onMismatch;
  const checks = checksOf(fieldsOf(condition));
  return {
    rule,
    condition,
    checks,
    openChecks: checks,
    tier: tierOf(target),
    openGroup: "group" in target ? target.group : undefined,
    isDeny,
    priority,
    onMismatch,
    severity: severityOf(onMismatch),
    from: validFrom ?? Number.NEGATIVE_INFINITY,
    until: validUntil ?? Number.POSITIVE_INFINITY,
    needsProfile: needsProfile(condition),
  };
}

/** The same rule where only those find it for whom this member, or the group of cards, holds. */
export function placeBy(placed: CompiledRule, field: keyof RuleCondition | "group"): CompiledRule {
  const fields = fieldsOf(placed.condition).filter((each) => each !== field);
  // Member by member, so that every rule has one shape in memory.
  return {
    rule: placed.rule,
    condition: placed.condition,
    checks: placed.checks,
    openChecks: checksOf(fields),
    tier: placed.tier,
    openGroup: field === "group" ? undefined : placed.openGroup,
    isDeny: placed.isDeny,
    priority: placed.priority,
    onMismatch: placed.onMismatch,
    severity: placed.severity,
    from: placed.from,
    until: placed.until,
    needsProfile: placed.needsProfile,
  };
}

/** The least of all members: one that fails outweighs one that is not known. */
export function matchRule({ openChecks, condition }: CompiledRule, subject: RuleSubject): Match {
  let match: Match = MATCH.yes;
  for (const { test } of openChecks) {
    const outcome = test(condition, subject);
    if (outcome === MATCH.no) return MATCH.no;
    if (outcome === MATCH.unknown) match = MATCH.unknown;
  }
  return match;
}

/** The first member with this outcome. */
export function fieldWith(
  { checks, condition }: CompiledRule,
  subject: RuleSubject,
  outcome: Match,
): keyof RuleCondition | undefined {
  return checks.find(({ test }) => test(condition, subject) === outcome)?.field;
}

/** Places in the order of strengths. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each strength has its place
const RANKS = Object.fromEntries(STRENGTHS.map((strength, rank) => [strength, rank])) as Readonly<
  Record<Strength, number>
>;

/**
 * A rule that names no strength asks for what the subscriber's own module proves; COMP128-1 is
 * broken and never enough unless a rule names it.
 */
export function isStrongEnough(
  { minimumStrength }: BindingRule,
  { strength, provisionedStrength }: RuleSubject,
): boolean {
  const own: Strength = provisionedStrength === "COMP128-1" ? "SIM" : provisionedStrength;
  return RANKS[strength] >= RANKS[minimumStrength ?? own];
}

export function compareIds(one: CompiledRule, other: CompiledRule): number {
  return one.rule.id < other.rule.id ? -1 : Number(one.rule.id > other.rule.id);
}

/** Highest priority first; there what denies before what allows; there the mildest first. */
export function compareRules(one: CompiledRule, other: CompiledRule): number {
  if (one.priority !== other.priority) return other.priority - one.priority;
  if (one.isDeny !== other.isDeny) return one.isDeny ? -1 : 1;
  const bySeverity = one.isDeny ? one.severity - other.severity : one.tier - other.tier;
  return bySeverity || compareIds(one, other);
}

/** Who decides what is told when nothing allows: the mildest, then the first by its id. */
export function compareMildness(one: CompiledRule, other: CompiledRule): number {
  return one.severity - other.severity || compareIds(one, other);
}

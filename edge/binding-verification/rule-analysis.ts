/**
 * What is odd about a set of rules, before it is in use: rules that can never match, rules that
 * another one always comes before or contradicts, and a set that locks out everybody. It reports
 * nothing that is not so, and does not find everything that is: conditions are compared member by
 * member, a range or an IMSI with the ranges that it is within.
 */
import type { RuleFinding } from "#protocol/admin-rules";
import type { BindingRule, RuleCondition } from "#protocol/rules";
import type { Dependencies } from "../dependencies.ts";
import { numberOf, rankOf } from "./compiled-rule.ts";
import { findAround, type RankedRange } from "./covering-ranges.ts";
import { fieldsOf } from "./rule-match.ts";

type Tools = Pick<Dependencies, "repositories" | "clock" | "sleep">;
type Finding = RuleFinding["finding"];

/** Questions to the registries at one moment. */
const LOOKUPS_AT_ONCE = 64;
/** Rules between two turns of everybody else: a look through a million takes half a minute. */
const RULES_A_TURN = 500;
/** More members than any condition has. */
const SUBSETS_MAX_MEMBERS = 12;

export async function analyseRules(
  tools: Tools,
  tenant: string,
  rules: readonly BindingRule[],
): Promise<RuleFinding[]> {
  const never = findNeverMatching(rules, tools.clock());
  const absent = await findAbsent(tools, tenant, rules);
  const hopeless = new Set([...never, ...absent].map(({ rule }) => rule));
  const living = rules.filter(({ id }) => !hopeless.has(id));
  const covered = await findCovered(tools, living);
  const dead = new Set(covered.filter(({ isDead }) => isDead).map(({ rule }) => rule));
  const isOpen = living.some(({ id, effect }) => effect !== "deny" && !dead.has(id));
  return [
    ...never,
    ...absent,
    ...covered.map(({ isDead: _isDead, ...finding }) => finding),
    ...(isOpen ? [] : [{ finding: "locks_out_everybody" } as const]),
  ];
}

export function locksOutEverybody(findings: readonly RuleFinding[]): boolean {
  return findings.some(({ finding }) => finding === "locks_out_everybody");
}

function findNeverMatching(rules: readonly BindingRule[], now: number): RuleFinding[] {
  return rules.flatMap((rule) => {
    const finding = whyNever(rule, now);
    return finding === undefined ? [] : [{ finding, rule: rule.id }];
  });
}

function whyNever(rule: BindingRule, now: number): Finding | undefined {
  const { condition, validFrom = 0, validUntil = Number.POSITIVE_INFINITY } = rule;
  if (validUntil <= now || validUntil <= validFrom) return "never_valid";
  const { imsiRange: range, imsi, operator } = condition;
  if (range !== undefined && range.from > range.to) return "empty_range";
  if (imsi !== undefined) {
    const isOutside =
      range !== undefined &&
      (imsi.length !== range.from.length || imsi < range.from || imsi > range.to);
    if (isOutside || (operator !== undefined && !imsi.startsWith(operator))) {
      return "contradicts_itself";
    }
  }
  const isElsewhere =
    range !== undefined && operator !== undefined && !isPrefixInRange(operator, range);
  return isElsewhere ? "contradicts_itself" : undefined;
}

function isPrefixInRange(
  operator: string,
  { from, to }: NonNullable<RuleCondition["imsiRange"]>,
): boolean {
  const lowest = operator.padEnd(from.length, "0");
  const highest = operator.padEnd(from.length, "9");
  return lowest <= to && highest >= from;
}

/** Cards, groups and IMSIs that no registry knows. */
async function findAbsent(
  { repositories }: Tools,
  tenant: string,
  rules: readonly BindingRule[],
): Promise<RuleFinding[]> {
  const { cards, subscribers } = repositories;
  const find = async (rule: BindingRule): Promise<RuleFinding[]> => {
    const { target, condition, id } = rule;
    const absent = (finding: Finding): RuleFinding[] => [{ finding, rule: id }];
    if ("card" in target && (await cards.find(tenant, target.card)) === undefined) {
      return absent("card_unknown");
    }
    if ("group" in target && !(await cards.hasGroup(tenant, target.group))) {
      return absent("group_unknown");
    }
    const { imsi } = condition;
    const isKnown = imsi === undefined || (await subscribers.find(tenant, imsi)) !== undefined;
    return isKnown ? [] : absent("subscriber_unknown");
  };
  const findings: RuleFinding[] = [];
  for (let start = 0; start < rules.length; start += LOOKUPS_AT_ONCE) {
    const batch = rules.slice(start, start + LOOKUPS_AT_ONCE);
    findings.push(...(await Promise.all(batch.map(find))).flat());
  }
  return findings;
}

interface Covering extends RuleFinding {
  /** The rule never decides anything. */
  readonly isDead: boolean;
}

/**
 * A rule is shadowed when one of higher priority matches whatever it matches; contradicted when one
 * of equal priority does that denies what it allows.
 */
async function findCovered({ sleep }: Tools, rules: readonly BindingRule[]): Promise<Covering[]> {
  const lasting = rules.filter(
    ({ claims, validFrom, validUntil }) =>
      claims === undefined && validFrom === undefined && validUntil === undefined,
  );
  // The highest first: where that one does not come before a rule, none does.
  const ranked = lasting.toSorted((one, other) => rankOf(other) - rankOf(one));
  const byContent = Map.groupBy(ranked, (rule) => contentKey(rule.target, rule.condition));
  const byRange = findInWiderRange(rules, lasting);
  const covered: Covering[] = [];
  for (const [index, rule] of rules.entries()) {
    if ((index + 1) % RULES_A_TURN === 0) await sleep(0);
    const alike = coveringKeys(rule).map((key) =>
      byContent.get(key)?.find(({ id }) => id !== rule.id),
    );
    for (const by of [...alike, byRange.get(rule)]) {
      const finding = by && relate(rule, by);
      if (finding === undefined) continue;
      covered.push({ finding, rule: rule.id, by: by?.id, isDead: true });
      break;
    }
  }
  return covered;
}

/** For a rule of an IMSI or a range one that asks for a range around it, and for no more. */
function findInWiderRange(
  rules: readonly BindingRule[],
  lasting: readonly BindingRule[],
): Map<BindingRule, BindingRule> {
  const wide = Map.groupBy(
    lasting.filter(({ condition }) => condition.imsiRange !== undefined),
    ({ target, condition }) => contentKey(target, withoutRange(condition)),
  );
  const narrow = new Map<string, BindingRule[]>();
  for (const rule of wide.size === 0 ? [] : rules) {
    const { imsi, imsiRange } = rule.condition;
    if (imsi === undefined && imsiRange === undefined) continue;
    for (const key of coveringKeys({ ...rule, condition: withoutRange(rule.condition) })) {
      if (!wide.has(key)) continue;
      const others = narrow.get(key);
      if (others === undefined) narrow.set(key, [rule]);
      else others.push(rule);
    }
  }
  const found = new Map<BindingRule, BindingRule>();
  for (const [key, members] of narrow) {
    const outer = wide.get(key)?.map((rule) => rankRange(rule, rule.condition.imsiRange)) ?? [];
    const inner = members.map((rule) => {
      const { imsi, imsiRange } = rule.condition;
      return rankRange(rule, imsi === undefined ? imsiRange : { from: imsi, to: imsi });
    });
    for (const [rule, by] of findAround(outer, inner)) if (!found.has(rule)) found.set(rule, by);
  }
  return found;
}

const withoutRange = (condition: RuleCondition): RuleCondition =>
  Object.assign({}, condition, { imsiRange: undefined });

/** One of higher rank has a higher priority, or the same and denies what the other allows. */
function rankRange(rule: BindingRule, range: RuleCondition["imsiRange"]): RankedRange<BindingRule> {
  const [first, last] = [numberOf(range?.from ?? ""), numberOf(range?.to ?? "")];
  return { rule, first, last, rank: rankOf(rule) };
}

function relate(rule: BindingRule, by: BindingRule): Finding | undefined {
  const [own = 0, other = 0] = [rule.priority, by.priority];
  if (other > own) return "shadowed";
  const isDenied = rule.effect !== "deny" && by.effect === "deny";
  return other === own && isDenied ? "contradicted" : undefined;
}

function contentKey(target: BindingRule["target"], condition: RuleCondition): string {
  const members = fieldsOf(condition).map((field) => [field, condition[field]]);
  return JSON.stringify([target, members]);
}

/** Keys of every rule that would match whatever this one does: fewer members, or more cards. */
function coveringKeys({ target, condition }: BindingRule): string[] {
  const fields = fieldsOf(condition).slice(0, SUBSETS_MAX_MEMBERS);
  const targets = "all" in target ? [target] : [target, { all: true } as const];
  return targets.flatMap((wider) =>
    Array.from({ length: 2 ** fields.length }, (_, bits) => {
      const kept = fields.filter((_field, place) => (bits & (1 << place)) !== 0);
      const members = Object.fromEntries(kept.map((field) => [field, condition[field]]));
      return contentKey(wider, members);
    }),
  );
}

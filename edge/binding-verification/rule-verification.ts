/**
 * Rule verification, pure: which rule decides about a card beside a proven subscriber, and why
 * (docs/rules.md). Default deny; the highest priority decides; there, what denies wins.
 */
import type { BindingRule, LeaseTerms, MismatchAction, RuleField } from "#protocol/rules";
import {
  type CompiledRule,
  compareIds,
  compareMildness,
  compileRule,
  fieldWith,
  isStrongEnough,
  matchRule,
  TIER,
  type Tier,
} from "./compiled-rule.ts";
import { findCover } from "./imsi-ranges.ts";
import { MATCH, type Match, matchClaims, type RuleSubject } from "./rule-match.ts";
import { buildIndex, type RuleIndex, type RuleLookup } from "./rule-index.ts";

export type RuleRefusal =
  | "no_rule_for_card"
  | "no_rule_allows"
  | "rule_denies"
  | "strength_too_low"
  | "claim_mismatch"
  | "attribute_unknown";

export type RuleVerdict =
  | { readonly allowed: true; readonly rule: string; readonly lease: LeaseTerms }
  | {
      readonly allowed: false;
      readonly reason: RuleRefusal;
      /** What a mismatch is told; refusals that are none are `refuse`, and count for no lock. */
      readonly action: MismatchAction;
      /** A proven subscriber whom rules do not want: `action` is the rules' own. */
      readonly isMismatch: boolean;
      /** The rule that decided, or came nearest; absent when no rule names the card. */
      readonly rule: string | undefined;
      /** Which member of it did not hold, or is not known. */
      readonly field: RuleField | undefined;
    };

type Refusal = Extract<RuleVerdict, { allowed: false }>;

/** Found by index; and the mildest of those that allow first, to say what a mismatch is told. */
export interface OwnRules {
  readonly index: RuleIndex;
  readonly mildest: readonly CompiledRule[];
}

export interface SharedRules {
  readonly index: RuleIndex;
  readonly mildestByGroup: ReadonlyMap<string, readonly CompiledRule[]>;
  readonly mildestOfAll: readonly CompiledRule[];
}

/** Rules that name one card, and those of its tenant for groups and for all cards. */
export interface RuleSet {
  readonly own: OwnRules | undefined;
  readonly shared: SharedRules;
}

/** Leaves out what is over at `now` and what begins after `horizon`. */
export function compileRules(
  rules: readonly BindingRule[],
  now: number,
  horizon: number,
): CompiledRule[] {
  return rules
    .filter(
      ({ validFrom, validUntil }) =>
        (validUntil ?? Number.POSITIVE_INFINITY) > now &&
        (validFrom ?? Number.NEGATIVE_INFINITY) <= horizon,
    )
    .map(compileRule);
}

/** Undefined for a card that no rule names. */
export function indexOwn(rules: readonly CompiledRule[]): OwnRules | undefined {
  return rules.length === 0 ? undefined : { index: buildIndex(rules), mildest: byMildness(rules) };
}

export function indexShared(rules: readonly CompiledRule[]): SharedRules {
  const groups = Map.groupBy(rules, ({ openGroup }) => openGroup);
  const mildestByGroup = new Map<string, readonly CompiledRule[]>();
  for (const [group, members] of groups) {
    if (group !== undefined) mildestByGroup.set(group, byMildness(members));
  }
  const mildestOfAll = byMildness(groups.get(undefined) ?? []);
  return { index: buildIndex(rules), mildestByGroup, mildestOfAll };
}

function byMildness(rules: readonly CompiledRule[]): readonly CompiledRule[] {
  return rules.filter(({ isDeny }) => !isDeny).toSorted(compareMildness);
}

/** `last`: no rule of equal priority behind it in the same list can change the tally. */
type Counted = "skipped" | "counted" | "last";

/** What the rules of the highest priority that match, or may match, come to. */
interface Tally {
  priority: number;
  denying: CompiledRule | undefined;
  allowing: CompiledRule | undefined;
  weak: CompiledRule | undefined;
  unclaimed: CompiledRule | undefined;
  unknown: CompiledRule | undefined;
  unknownDenying: CompiledRule | undefined;
}

const NO_PRIORITY = -1;

/** `at` in Unix milliseconds. */
export function verifyRules(set: RuleSet, subject: RuleSubject, at: number): RuleVerdict {
  const tally: Tally = {
    priority: NO_PRIORITY,
    denying: undefined,
    allowing: undefined,
    weak: undefined,
    unclaimed: undefined,
    unknown: undefined,
    unknownDenying: undefined,
  };
  const { own, shared } = set;
  if (own !== undefined) searchDenying(tally, own.index, subject, at);
  searchDenying(tally, shared.index, subject, at);
  if (own !== undefined) searchAllowing(tally, own.index, TIER.card, subject, at);
  searchAllowing(tally, shared.index, TIER.group, subject, at);
  if (tally.priority === NO_PRIORITY) return mismatch(set, subject, at);
  return conclude(tally, subject, at);
}

function searchDenying(
  tally: Tally,
  { denying }: RuleIndex,
  subject: RuleSubject,
  at: number,
): void {
  if (denying !== undefined && denying.priority >= tally.priority) {
    searchLookup(tally, denying, subject, at);
  }
}

/** After what denies; the card's own before shared ones. `tier`: the closest of the index. */
function searchAllowing(
  tally: Tally,
  { allowing }: RuleIndex,
  tier: Tier,
  subject: RuleSubject,
  at: number,
): void {
  if (allowing === undefined || allowing.priority < tally.priority) return;
  if (allowing.priority === tally.priority && isSettledFor(tally, tier)) return;
  searchLookup(tally, allowing, subject, at);
}

/** Nothing that allows in this scope can change the tally without a higher priority. */
function isSettledFor({ denying, unknownDenying, allowing }: Tally, tier: Tier): boolean {
  if (denying !== undefined || unknownDenying !== undefined) return true;
  return allowing !== undefined && allowing.tier < tier;
}

function searchLookup(tally: Tally, index: RuleLookup, subject: RuleSubject, at: number): void {
  for (const { valuesOf, byValue, everyRule } of index.maps) {
    const values = valuesOf(subject);
    if (values === undefined) search(tally, everyRule, subject, at, true);
    else if (typeof values === "string") search(tally, byValue.get(values), subject, at);
    else for (const value of values) search(tally, byValue.get(value), subject, at);
  }
  if (index.ranges !== undefined) {
    let cover = findCover(index.ranges, subject.imsi);
    for (; cover !== undefined; cover = cover.next) search(tally, cover.rules, subject, at);
  }
  search(tally, index.rest, subject, at);
}

/**
 * A list in the order of decisions, up to the rule behind which nothing can change the tally.
 * `isUnknown`: none of it matches for certain, so that the first one that may stands for all.
 */
function search(
  tally: Tally,
  rules: readonly CompiledRule[] | undefined,
  subject: RuleSubject,
  at: number,
  isUnknown = false,
): void {
  if (rules === undefined) return;
  for (const rule of rules) {
    if (rule.priority < tally.priority) return;
    if (at < rule.from || at >= rule.until) continue;
    const { openGroup } = rule;
    if (openGroup !== undefined && !subject.cardGroups.includes(openGroup)) continue;
    const match = matchRule(rule, subject);
    if (match === MATCH.no) continue;
    const counted = rule.isDeny
      ? countDenying(tally, rule, match, subject, at)
      : countAllowing(tally, rule, match, subject, at);
    if (counted === "last" || (isUnknown && counted === "counted")) return;
  }
}

function raise(tally: Tally, priority: number): void {
  if (priority === tally.priority) return;
  tally.priority = priority;
  tally.denying = undefined;
  tally.allowing = undefined;
  tally.weak = undefined;
  tally.unclaimed = undefined;
  tally.unknown = undefined;
  tally.unknownDenying = undefined;
}

function countDenying(
  tally: Tally,
  rule: CompiledRule,
  match: Match,
  subject: RuleSubject,
  at: number,
): Counted {
  const claimed = matchClaims(rule.rule.claims, subject.claims, at).match;
  if (claimed === MATCH.no) return "skipped";
  raise(tally, rule.priority);
  if (match === MATCH.unknown || claimed === MATCH.unknown) {
    tally.unknownDenying = first(tally.unknownDenying, rule, compareMildness);
    return "counted";
  }
  tally.denying = first(tally.denying, rule, compareMildness);
  return "last";
}

function countAllowing(
  tally: Tally,
  rule: CompiledRule,
  match: Match,
  subject: RuleSubject,
  at: number,
): Counted {
  raise(tally, rule.priority);
  if (match === MATCH.unknown) tally.unknown = first(tally.unknown, rule, compareCloseness);
  else if (!isStrongEnough(rule.rule, subject))
    tally.weak = first(tally.weak, rule, compareCloseness);
  else if (matchClaims(rule.rule.claims, subject.claims, at).match !== MATCH.yes) {
    tally.unclaimed = first(tally.unclaimed, rule, compareCloseness);
  } else {
    tally.allowing = first(tally.allowing, rule, compareCloseness);
    return "last";
  }
  return "counted";
}

function first(
  one: CompiledRule | undefined,
  other: CompiledRule,
  compare: (one: CompiledRule, other: CompiledRule) => number,
): CompiledRule {
  return one === undefined || compare(other, one) < 0 ? other : one;
}

/** Of several that allow, the one that names the card most closely gives the lease. */
function compareCloseness(one: CompiledRule, other: CompiledRule): number {
  return one.tier - other.tier || compareIds(one, other);
}

function conclude(tally: Tally, subject: RuleSubject, at: number): RuleVerdict {
  const { denying, unknownDenying, allowing, unclaimed, weak, unknown } = tally;
  if (denying !== undefined) {
    const [field] = denying.checks;
    const { onMismatch } = denying;
    return {
      ...refusal("rule_denies", denying, field?.field),
      action: onMismatch,
      isMismatch: true,
    };
  }
  if (unknownDenying !== undefined) return unknownRefusal(unknownDenying, subject, at);
  if (allowing !== undefined) {
    return { allowed: true, rule: allowing.rule.id, lease: allowing.rule.lease ?? {} };
  }
  if (unclaimed !== undefined) {
    const { field } = matchClaims(unclaimed.rule.claims, subject.claims, at);
    return refusal("claim_mismatch", unclaimed, field);
  }
  if (weak !== undefined) return refusal("strength_too_low", weak, "minimumStrength");
  if (unknown === undefined) throw new Error("a priority without a rule");
  return unknownRefusal(unknown, subject, at);
}

function unknownRefusal(rule: CompiledRule, subject: RuleSubject, at: number): Refusal {
  const field =
    fieldWith(rule, subject, MATCH.unknown) ??
    matchClaims(rule.rule.claims, subject.claims, at).field;
  return refusal("attribute_unknown", rule, field);
}

function refusal(
  reason: RuleRefusal,
  rule: CompiledRule | undefined,
  field: RuleField | undefined,
): Refusal {
  const id = rule?.rule.id;
  return { allowed: false, reason, action: "refuse", isMismatch: false, rule: id, field };
}

/**
 * Nothing matches and nothing may. The rules that name the card most closely say what it is told,
 * the mildest of them, because a lock is the harder error to undo. A card that no rule names never
 * locks.
 */
function mismatch(set: RuleSet, subject: RuleSubject, at: number): Refusal {
  const rule = findDeciding(set, subject, at);
  if (rule === undefined) return refusal("no_rule_for_card", undefined, undefined);
  const field = fieldWith(rule, subject, MATCH.no);
  return {
    ...refusal("no_rule_allows", rule, field),
    action: rule.onMismatch,
    isMismatch: true,
  };
}

function findDeciding(
  { own, shared }: RuleSet,
  { cardGroups }: RuleSubject,
  at: number,
): CompiledRule | undefined {
  const ofCard = own && findValid(own.mildest, at);
  if (ofCard !== undefined) return ofCard;
  let ofGroups: CompiledRule | undefined;
  for (const group of cardGroups) {
    const rule = findValid(shared.mildestByGroup.get(group) ?? [], at);
    if (rule !== undefined) ofGroups = first(ofGroups, rule, compareMildness);
  }
  return ofGroups ?? findValid(shared.mildestOfAll, at);
}

function findValid(rules: readonly CompiledRule[], at: number): CompiledRule | undefined {
  return rules.find(({ from, until }) => at >= from && at < until);
}

/**
 * Rules of one card, or those that cards share, found by what subscriber and card are: a map by one
 * attribute each, a tree of IMSI ranges, and a list of what names no such attribute.
 */
import type { RuleCondition, RuleTarget } from "#protocol/rules";
import { type CompiledRule, compareRules, placeBy } from "./compiled-rule.ts";
import { buildRanges, type ImsiRanges } from "./imsi-ranges.ts";
import { networkSubsetOf, type RuleSubject } from "./rule-match.ts";

/** What a subscriber has of an attribute; undefined when that is not known. */
type Values = string | readonly string[] | undefined;

interface Attribute {
  readonly field: keyof RuleCondition | "group";
  /** What a rule is found by. */
  readonly keyOf: (condition: RuleCondition, target: RuleTarget) => string | undefined;
  readonly valuesOf: (subject: RuleSubject) => Values;
}

const NONE: readonly string[] = [];

function profileMember(
  member: "company" | "corporate" | "serviceProvider" | "homeRegion" | "level",
): Attribute {
  return {
    field: member,
    keyOf: (condition) => condition[member],
    valuesOf: ({ profile }) => (profile.ok ? (profile.value[member] ?? NONE) : undefined),
  };
}

/** A rule stands under the first of these that it has, the one that fewest subscribers share. */
const ATTRIBUTES: readonly Attribute[] = [
  { field: "imsi", keyOf: ({ imsi }) => imsi, valuesOf: ({ imsi }) => imsi },
  { field: "msisdn", keyOf: ({ msisdn }) => msisdn, valuesOf: ({ msisdn }) => msisdn },
];
const ATTRIBUTES_AFTER_RANGES: readonly Attribute[] = [
  profileMember("company"),
  {
    field: "userGroup",
    keyOf: ({ userGroup }) => userGroup,
    valuesOf: ({ profile }) => (profile.ok ? profile.value.userGroups : undefined),
  },
  profileMember("corporate"),
  profileMember("serviceProvider"),
  {
    field: "group",
    keyOf: (_condition, target) => ("group" in target ? target.group : undefined),
    valuesOf: ({ cardGroups }) => cardGroups,
  },
  profileMember("homeRegion"),
  {
    field: "networkSubset",
    keyOf: ({ networkSubset }) => networkSubset,
    valuesOf: networkSubsetOf,
  },
  profileMember("level"),
  {
    field: "services",
    keyOf: ({ services }) => services?.[0],
    valuesOf: ({ profile }) => (profile.ok ? profile.value.services : undefined),
  },
  { field: "operator", keyOf: ({ operator }) => operator, valuesOf: ({ operator }) => operator },
];
const ALL_ATTRIBUTES = [...ATTRIBUTES, ...ATTRIBUTES_AFTER_RANGES];

export interface AttributeMap {
  readonly valuesOf: Attribute["valuesOf"];
  readonly byValue: ReadonlyMap<string, readonly CompiledRule[]>;
  /** For a subscriber of whom the attribute is not known. */
  readonly everyRule: readonly CompiledRule[];
}

/** Rules of one effect. All lists in the order of decisions. */
export interface RuleLookup {
  /** The highest of its rules. */
  readonly priority: number;
  readonly maps: readonly AttributeMap[];
  readonly ranges: ImsiRanges<CompiledRule> | undefined;
  readonly rest: readonly CompiledRule[];
}

/** What denies is apart from what allows: there is little of it, and it is looked at first. */
export interface RuleIndex {
  readonly denying: RuleLookup | undefined;
  readonly allowing: RuleLookup | undefined;
  readonly needsProfile: boolean;
}

/** Up to this many rules a look at each of them is the quickest. */
const UNINDEXED_MAX = 8;
const NO_RANGES: ImsiRanges<CompiledRule> | undefined = undefined;

export function buildIndex(rules: readonly CompiledRule[]): RuleIndex {
  const denying = rules.filter(({ isDeny }) => isDeny);
  const allowing = rules.filter(({ isDeny }) => !isDeny);
  return {
    denying: buildLookup(denying),
    allowing: buildLookup(allowing),
    needsProfile: rules.some((rule) => rule.needsProfile),
  };
}

function buildLookup(rules: readonly CompiledRule[]): RuleLookup | undefined {
  const sorted = rules.toSorted(compareRules);
  const [highest] = sorted;
  if (highest === undefined) return undefined;
  const { priority } = highest;
  if (rules.length <= UNINDEXED_MAX) {
    return { priority, maps: [], ranges: NO_RANGES, rest: sorted };
  }
  const byPlace = Map.groupBy(sorted, placeOf);
  const ranged = byPlace.get("range");
  return {
    priority,
    maps: ALL_ATTRIBUTES.flatMap((attribute) => {
      const members = byPlace.get(attribute);
      return members === undefined ? [] : [mapBy(attribute, members)];
    }),
    ranges: ranged === undefined ? NO_RANGES : indexRanges(ranged),
    rest: byPlace.get("rest") ?? [],
  };
}

function placeOf({ condition, rule: { target } }: CompiledRule): Attribute | "range" | "rest" {
  const has = ({ keyOf }: Attribute): boolean => keyOf(condition, target) !== undefined;
  const first = ATTRIBUTES.find(has);
  if (first !== undefined) return first;
  if (condition.imsiRange !== undefined) return "range";
  return ATTRIBUTES_AFTER_RANGES.find(has) ?? "rest";
}

function mapBy(attribute: Attribute, rules: readonly CompiledRule[]): AttributeMap {
  const { keyOf, valuesOf, field } = attribute;
  const groups = Map.groupBy(
    rules,
    ({ condition, rule: { target } }) => keyOf(condition, target) ?? "",
  );
  const byValue = new Map<string, readonly CompiledRule[]>();
  for (const [value, members] of groups) {
    // Of several services the first one finds the rule, which asks for all of them.
    const placed = members.map((rule) => (field === "services" ? rule : placeBy(rule, field)));
    byValue.set(value, dropUnreachable(placed));
  }
  return { valuesOf, byValue, everyRule: rules };
}

function indexRanges(rules: readonly CompiledRule[]): ImsiRanges<CompiledRule> {
  const placed = rules.map((rule) => placeBy(rule, "imsiRange"));
  return buildRanges(placed, {
    rangeOf: ({ condition }) => condition.imsiRange ?? { from: "1", to: "0" },
    order: (members) => dropUnreachable(members.toSorted(compareRules)),
  });
}

/**
 * In one place of an index a rule that asks for nothing else matches everybody who comes there, so
 * that nothing of lower priority is ever looked at, nor a second such rule under the same terms.
 */
function dropUnreachable(sorted: readonly CompiledRule[]): readonly CompiledRule[] {
  const end = sorted.find(isAlwaysMatching);
  if (end === undefined) return sorted;
  return sorted.filter(
    (rule) =>
      rule === end ||
      rule.priority > end.priority ||
      (rule.priority === end.priority && !(isAlwaysMatching(rule) && isSameKind(rule, end))),
  );
}

function isAlwaysMatching(placed: CompiledRule): boolean {
  const { openChecks, openGroup, rule, from, until } = placed;
  const isLasting = from === Number.NEGATIVE_INFINITY && until === Number.POSITIVE_INFINITY;
  if (openGroup !== undefined || rule.claims !== undefined) return false;
  return openChecks.length === 0 && isLasting;
}

/** Both deny, the first is the milder; or both allow whoever proves the same. */
function isSameKind(one: CompiledRule, other: CompiledRule): boolean {
  return one.isDeny
    ? other.isDeny
    : !other.isDeny && one.rule.minimumStrength === other.rule.minimumStrength;
}

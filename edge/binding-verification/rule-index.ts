/** Rules on their way into a table: in the order of decisions, each under what finds it. */
import type { BindingRule, RuleCondition, RuleTarget } from "#protocol/rules";
import { hasTerms, numberOf, rankOf, severityOf, tierOf, writeRecord } from "./compiled-rule.ts";
import { type Cover, cutRanges, type KeptPiece, type PieceTable, tabulate } from "./imsi-ranges.ts";
import {
  type AttributeName,
  ATTRIBUTES,
  fieldsOf,
  MAY_BE_UNKNOWN,
  needsProfile,
} from "./rule-match.ts";
import {
  EMPTY,
  hashOf,
  homeOf,
  keepList,
  keepRecord,
  type KeyedAttribute,
  nameOf,
  RUN_HEAD,
  type RuleTable,
  type RuleTerms,
  SLOT_WORDS,
} from "./rule-table.ts";

/** A rule that is being compiled. */
interface Draft {
  readonly rule: BindingRule;
  readonly rank: number;
  readonly severity: number;
  /** Place in the order of decisions. */
  order: number;
  /** Of its record; 0 until it is written. */
  place: number;
}

/** A rule is found by the first of these that it has, the one that fewest subjects share. */
const KEYS: readonly (AttributeName & keyof RuleCondition)[] = ["imsi", "msisdn"];
const KEYS_AFTER_RANGES: readonly AttributeName[] = [
  "company",
  "userGroup",
  "corporate",
  "serviceProvider",
  "group",
  "homeRegion",
  "networkSubset",
  "level",
  "services",
  "operator",
];

/** Up to this many rules a look at each of them is the quickest. */
const UNINDEXED_MAX = 8;
const NO_PLACES = new Uint32Array(0);
const NO_TERMS: ReadonlyMap<number, RuleTerms> = new Map();

/** Leaves out what is over at `now` and what begins after `horizon`. */
export function compileRules(
  rules: readonly BindingRule[],
  now: number,
  horizon: number,
): RuleTable {
  const drafts: Draft[] = [];
  for (const rule of rules) {
    const { validFrom = Number.NEGATIVE_INFINITY, validUntil = Number.POSITIVE_INFINITY } = rule;
    if (validUntil <= now || validFrom > horizon) continue;
    drafts.push({ rule, rank: rankOf(rule), severity: severityOf(rule), order: 0, place: 0 });
  }
  drafts.sort(compareDrafts);
  for (const [order, draft] of drafts.entries()) draft.order = order;
  return buildTable(drafts);
}

function buildTable(drafts: Draft[]): RuleTable {
  const isIndexed = drafts.length > UNINDEXED_MAX;
  const fewOf = isIndexed ? findCardsOfFew(drafts) : new Set<string>();
  const places = isIndexed
    ? Map.groupBy(drafts, (draft) => placeOf(draft, fewOf))
    : new Map<string, Draft[]>([[REST, drafts]]);
  const writer = createWriter(drafts);
  const runs = findKeyed(places);
  const { slots, homes } = writeRuns(writer, runs);
  const rest = writer.writeRun(places.get(REST) ?? []);
  const ranged = places.get(RANGE);
  const covers: number[] = [0];
  const ranges = ranged === undefined ? undefined : writeRanges(writer, ranged, covers);
  const mildest = writeMildest(writer, drafts, fewOf);
  const withTerms = drafts.filter(({ rule }) => hasTerms(rule));
  return {
    code: writer.finish(),
    slots,
    homes,
    keyed: listKeyed(runs),
    ranges,
    covers: Uint32Array.from(covers),
    rest,
    mildest,
    ids: writer.ids,
    terms:
      withTerms.length === 0
        ? NO_TERMS
        : new Map(withTerms.map(({ order, rule }) => [order, termsOf(rule)] as const)),
    needsProfile: drafts.some(({ rule: { condition } }) => needsProfile(condition)),
  };
}

function termsOf({ claims, validFrom, validUntil, lease }: BindingRule): RuleTerms {
  return { claims, validFrom, validUntil, lease };
}

/** Highest priority first; there what denies before what allows; there the mildest first. */
function compareDrafts(one: Draft, other: Draft): number {
  if (one.rank !== other.rank) return other.rank - one.rank;
  const byScope =
    one.rule.effect === "deny"
      ? one.severity - other.severity
      : tierOf(one.rule.target) - tierOf(other.rule.target);
  return byScope || compareIds(one.rule.id, other.rule.id);
}

function compareIds(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

interface Writer {
  readonly ids: string;
  /** Once; the place of its record. */
  readonly write: (draft: Draft) => number;
  /** All of them one behind the other, with their length in front; the place of that. */
  writeRun(drafts: readonly Draft[]): number;
  finish(): Uint16Array;
}

/** Units of a cache line. */
const LINE_UNITS = 32;

function createWriter(drafts: readonly Draft[]): Writer {
  const idPlaces = new Uint32Array(drafts.length + 1);
  for (const [order, { rule }] of drafts.entries()) {
    idPlaces[order + 1] = (idPlaces[order] ?? 0) + rule.id.length;
  }
  let code = new Uint16Array(LINE_UNITS * (drafts.length + 1));
  // Place 0 is no record's.
  let length = 1;
  const append = (units: readonly number[]): void => {
    if (length + units.length > code.length) {
      const larger = new Uint16Array(2 * code.length + units.length);
      larger.set(code);
      code = larger;
    }
    code.set(units, length);
    length += units.length;
  };
  /** What fits into a line does not reach into the next one: each line is a wait. */
  const beginLine = (units: number): void => {
    const left = LINE_UNITS - (length % LINE_UNITS);
    if (units > left && units <= LINE_UNITS) length += left;
  };
  const recordOf = ({ rule, order }: Draft): number[] =>
    writeRecord(rule, { order, id: idPlaces[order] ?? 0 });
  return {
    ids: drafts.map(({ rule }) => rule.id).join(""),
    write(draft) {
      if (draft.place === 0) {
        const record = recordOf(draft);
        beginLine(record.length);
        draft.place = length;
        append(record);
      }
      return draft.place;
    },
    writeRun(members) {
      const records = members.map(recordOf);
      const units = records.reduce((sum, record) => sum + record.length, RUN_HEAD);
      beginLine(units);
      const place = length;
      append([units & 0xffff, units >>> 16]);
      for (const [index, draft] of members.entries()) {
        draft.place = length;
        append(records[index] ?? []);
      }
      return place;
    },
    finish: () => code.slice(0, length),
  };
}

const RANGE = "range";
const REST = "rest";

/** Cards with so few rules that all of them are looked at together. */
function findCardsOfFew(drafts: readonly Draft[]): Set<string> {
  const counts = new Map<string, number>();
  for (const { rule } of drafts) {
    if (!("card" in rule.target)) continue;
    const { card } = rule.target;
    counts.set(card, (counts.get(card) ?? 0) + 1);
  }
  return new Set([...counts].filter(([, count]) => count <= UNINDEXED_MAX).map(([card]) => card));
}

/** The attribute and its value, RANGE or REST. */
function placeOf({ rule: { condition, target } }: Draft, fewOf: ReadonlySet<string>): string {
  if ("card" in target && fewOf.has(target.card)) return `card ${target.card}`;
  for (const key of KEYS) {
    const value = keyOf(key, condition, target);
    if (value !== undefined) return `${key} ${value}`;
  }
  if (condition.imsiRange !== undefined) return RANGE;
  for (const key of KEYS_AFTER_RANGES) {
    const value = keyOf(key, condition, target);
    if (value !== undefined) return `${key} ${value}`;
  }
  return REST;
}

function keyOf(
  name: AttributeName,
  condition: RuleCondition,
  target: RuleTarget,
): string | undefined {
  if (name === "card") return "card" in target ? target.card : undefined;
  if (name === "group") return "group" in target ? target.group : undefined;
  // Of several services the first one finds the rule, which asks for all of them.
  if (name === "services") return condition.services?.[0];
  const wanted = condition[name];
  return typeof wanted === "string" ? wanted : undefined;
}

/** Rules that are found by one value of an attribute. */
interface Run {
  readonly attribute: number;
  readonly hash: number;
  readonly members: readonly Draft[];
}

function findKeyed(places: ReadonlyMap<string, readonly Draft[]>): Run[] {
  const runs: Run[] = [];
  for (const [place, members] of places) {
    if (place === RANGE || place === REST) continue;
    const space = place.indexOf(" ");
    const attribute = ATTRIBUTES.findIndex((name) => name === place.slice(0, space));
    const hash = hashOf(attribute, place.slice(space + 1));
    runs.push({ attribute, hash, members: dropUnreachable(members, ATTRIBUTES[attribute]) });
  }
  return runs;
}

/** Homes for a run. */
const HOMES_PER_RUN = 1.6;

function writeRuns(writer: Writer, runs: readonly Run[]): Pick<RuleTable, "slots" | "homes"> {
  const groups = [...Map.groupBy(runs, ({ hash }) => hash)];
  const byHash = groups.toSorted(([one], [other]) => one - other);
  const homes = Math.ceil(HOMES_PER_RUN * byHash.length);
  const slots = new Int32Array(SLOT_WORDS * (homes + byHash.length + 1));
  for (let slot = 0; slot < slots.length; slot += SLOT_WORDS) slots[slot] = EMPTY;
  let next = 0;
  for (const [hash, alike] of byHash) {
    const slot = Math.max(next, homeOf(hash, homes));
    slots[SLOT_WORDS * slot] = hash;
    const members = alike.flatMap((run) => run.members).toSorted(byOrder);
    slots[SLOT_WORDS * slot + 1] = writer.writeRun(members);
    next = slot + 1;
  }
  return { slots: slots.slice(0, SLOT_WORDS * (Math.max(next, homes) + 1)), homes };
}

function listKeyed(runs: readonly Run[]): KeyedAttribute[] {
  return [...Map.groupBy(runs, ({ attribute }) => attribute)].map(([attribute, members]) => {
    const name = ATTRIBUTES[attribute];
    if (name === undefined || !MAY_BE_UNKNOWN.has(name)) return { attribute, every: NO_PLACES };
    const drafts = members.flatMap((run) => run.members).toSorted(byOrder);
    return { attribute, every: Uint32Array.from(drafts, ({ place }) => place) };
  });
}

const byOrder = (one: Draft, other: Draft): number => one.order - other.order;

function writeRanges(writer: Writer, rules: readonly Draft[], covers: number[]): PieceTable {
  const { starts, covers: drafts } = cutRanges(rules, {
    rangeOf: ({ rule: { condition } }) => ({
      first: numberOf(condition.imsiRange?.from ?? ""),
      last: numberOf(condition.imsiRange?.to ?? ""),
    }),
    order: (members) => dropUnreachable(members.toSorted(byOrder), "imsiRange"),
  });
  const lists = new Map<Cover<Draft>, number>();
  const listOf = (cover: Cover<Draft>, skipped: number): number => {
    const known = skipped === 0 ? lists.get(cover) : undefined;
    if (known !== undefined) return known;
    const next = cover.next === undefined ? 0 : listOf(cover.next, 0);
    const list = covers.length;
    covers.push(next);
    for (const draft of cover.rules.slice(skipped)) covers.push(writer.write(draft));
    covers.push(0);
    if (skipped === 0) lists.set(cover, list);
    return list;
  };
  const keepRest = (cover: Cover<Draft>): number => {
    const [, second, third] = cover.rules;
    if (third !== undefined || cover.next !== undefined) return keepList(listOf(cover, 1));
    return second === undefined ? 0 : keepRecord(writer.write(second));
  };
  const kept = new Map<Cover<Draft>, KeptPiece>();
  const keep = (cover: Cover<Draft> | undefined): KeptPiece => {
    const [first] = cover?.rules ?? [];
    if (cover === undefined || first === undefined) return { first: 0, rest: 0 };
    const known = kept.get(cover);
    if (known !== undefined) return known;
    const piece = { first: writer.write(first), rest: keepRest(cover) };
    kept.set(cover, piece);
    return piece;
  };
  return tabulate(starts, drafts.map(keep));
}

/** Those that allow, by whom they name, as far as one of them may say what a mismatch is told. */
function writeMildest(
  writer: Writer,
  drafts: readonly Draft[],
  fewOf: ReadonlySet<string>,
): ReadonlyMap<string, readonly number[]> {
  const allowing = drafts.filter(
    ({ rule: { target, effect } }) =>
      effect !== "deny" && !("card" in target && fewOf.has(target.card)),
  );
  const mildest = new Map<string, readonly number[]>();
  for (const [name, members] of Map.groupBy(allowing, ({ rule }) => nameOf(rule.target))) {
    let last: Draft | undefined;
    for (const draft of members) {
      const isMilder = last === undefined || compareMildness(draft, last) < 0;
      if (isMilder && isLasting(draft)) last = draft;
    }
    const told = members
      .filter((draft) => last === undefined || compareMildness(draft, last) <= 0)
      .toSorted(compareMildness);
    mildest.set(name, told.map(writer.write));
  }
  return mildest;
}

/** Who decides what is told when nothing allows: the mildest, then the first by its id. */
function compareMildness(one: Draft, other: Draft): number {
  return one.severity - other.severity || compareIds(one.rule.id, other.rule.id);
}

function isLasting({ rule: { validFrom, validUntil } }: Draft): boolean {
  return validFrom === undefined && validUntil === undefined;
}

/**
 * In one place of an index a rule that asks for nothing else matches everybody who comes there, so
 * that nothing of lower priority is ever looked at, nor a second such rule under the same terms.
 */
function dropUnreachable(
  sorted: readonly Draft[],
  found: AttributeName | undefined,
): readonly Draft[] {
  const end = sorted.find((draft) => isAlwaysMatching(draft, found));
  if (end === undefined) return sorted;
  const priority = end.rank >>> 1;
  return sorted.filter(
    (draft) =>
      draft === end ||
      draft.rank >>> 1 > priority ||
      (draft.rank >>> 1 === priority &&
        !(isAlwaysMatching(draft, found) && isSameKind(draft, end))),
  );
}

/** `found`: what finds the rule, so that it holds; of several services only the first does. */
function isAlwaysMatching(draft: Draft, found: AttributeName | undefined): boolean {
  const { target, condition, claims } = draft.rule;
  const isOpen = "card" in target ? found !== "card" : "group" in target && found !== "group";
  if (isOpen || claims !== undefined || !isLasting(draft)) return false;
  return fieldsOf(condition).every((field) => field === found && field !== "services");
}

/** Both deny, the first is the milder; or both allow whoever proves the same. */
function isSameKind({ rule: one }: Draft, { rule: other }: Draft): boolean {
  return one.effect === "deny"
    ? other.effect === "deny"
    : other.effect !== "deny" && one.minimumStrength === other.minimumStrength;
}

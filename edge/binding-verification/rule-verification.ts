/**
 * Rule verification, pure: which rule decides about a card beside a proven subscriber, and why
 * (docs/rules.md). Default deny; the highest priority decides; there, what denies wins.
 */
import type { LeaseTerms, MismatchAction, RuleField } from "#protocol/rules";
import {
  actionAt,
  fieldWith,
  hasTermsAt,
  idAt,
  isDenyAt,
  isStrongEnough,
  matchRecord,
  namesCard,
  orderAt,
  rankAt,
  severityAt,
  sizeAt,
  TIER,
  type Tier,
} from "./compiled-rule.ts";
import { MATCH, type Match, matchClaims, type RuleSubject } from "./rule-match.ts";
import {
  createCandidates,
  findCandidates,
  findRunsOfCard,
  nameOf,
  type RuleTable,
  type RuleTerms,
} from "./rule-table.ts";

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

/**
 * Rules that name one card, and those of its tenant for groups and for all cards; or all of a
 * tenant's rules in one table.
 */
export interface RuleSet {
  readonly own?: RuleTable | undefined;
  readonly shared: RuleTable;
}

/** What a rule that matches or may match comes to; of equal priority the first decides. */
const OUTCOME = {
  denying: 0,
  unknownDenying: 1,
  allowing: 2,
  unclaimed: 3,
  weak: 4,
  unknown: 5,
  none: 6,
} as const;
type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];

/** A look through a table, and the rule that decides as far as it has come. */
interface Search {
  readonly table: RuleTable;
  readonly subject: RuleSubject;
  /** Unix milliseconds. */
  readonly at: number;
  outcome: Outcome;
  /** Its record. */
  place: number;
  /** Ranks below this change nothing any more. */
  leastRank: number;
  /** Nor does anything behind this in the order of decisions. */
  lastOrder: number;
}

/** `at` in Unix milliseconds. */
export function verifyRules(
  { own, shared }: RuleSet,
  subject: RuleSubject,
  at: number,
): RuleVerdict {
  if (own === undefined) {
    const only = search(shared, subject, at, 0);
    return only.outcome === OUTCOME.none ? mismatch([shared], subject, at) : conclude(only);
  }
  const closer = search(own, subject, at, 0);
  const wider = search(shared, subject, at, leastRankAfter(closer));
  const decided = decideBetween(closer, wider);
  return decided.outcome === OUTCOME.none
    ? mismatch([own, shared], subject, at)
    : conclude(decided);
}

/** What each search fills anew; none begins before the one before it has ended. */
const candidates = createCandidates();
const NO_PLACES = new Uint32Array(0);

function search(table: RuleTable, subject: RuleSubject, at: number, leastRank: number): Search {
  const found: Search = {
    table,
    subject,
    at,
    outcome: OUTCOME.none,
    place: 0,
    leastRank,
    lastOrder: Number.POSITIVE_INFINITY,
  };
  const { code } = table;
  findCandidates(table, subject, candidates);
  const { runs, runCount, covers, coverCount, unknown, unknownCount } = candidates;
  for (let run = 0; run < runCount; run += 2) {
    const end = runs[run + 1] ?? 0;
    for (let place = runs[run] ?? 0; place < end; place += sizeAt(code, place)) {
      if (isBehind(found, place)) break;
      count(found, place);
    }
  }
  for (let cover = 0; cover < coverCount; cover++) {
    for (let next = covers[cover] ?? 0; ; next++) {
      const place = table.covers[next] ?? 0;
      if (place === 0 || isBehind(found, place)) break;
      count(found, place);
    }
  }
  for (let list = 0; list < unknownCount; list++) {
    searchUnknown(found, table.keyed[unknown[list] ?? 0]?.every ?? NO_PLACES);
  }
  return found;
}

/** None of these matches for certain, so that the first that may match stands for all. */
function searchUnknown(found: Search, places: Uint32Array): void {
  for (const place of places) {
    if (isBehind(found, place)) return;
    if (count(found, place)) return;
  }
}

/** Nothing from this rule on, in a list in the order of decisions, changes who decides. */
function isBehind({ table: { code }, leastRank, lastOrder }: Search, place: number): boolean {
  return rankAt(code, place) < leastRank || orderAt(code, place) > lastOrder;
}

const NO_TERMS: RuleTerms = {};

function termsOf({ code, terms }: RuleTable, place: number): RuleTerms {
  return hasTermsAt(code, place) ? (terms.get(orderAt(code, place)) ?? NO_TERMS) : NO_TERMS;
}

function isValid(
  { validFrom = Number.NEGATIVE_INFINITY, validUntil = Number.POSITIVE_INFINITY }: RuleTerms,
  at: number,
): boolean {
  return at >= validFrom && at < validUntil;
}

/** Whether the rule counts; then it may be the one that decides. */
function count(found: Search, place: number): boolean {
  const { table, subject, at } = found;
  const terms = termsOf(table, place);
  if (!isValid(terms, at)) return false;
  const match = matchRecord(table.code, place, subject);
  if (match === MATCH.no) return false;
  const outcome = outcomeOf(found, place, terms, match);
  if (outcome === OUTCOME.none) return false;
  if (isBefore(found, outcome, place)) keep(found, outcome, place);
  return true;
}

function outcomeOf(
  { table: { code }, subject, at }: Search,
  place: number,
  { claims }: RuleTerms,
  match: Match,
): Outcome {
  const claimed = matchClaims(claims, subject.claims, at).match;
  if (isDenyAt(code, place)) {
    if (claimed === MATCH.no) return OUTCOME.none;
    const isUnknown = match === MATCH.unknown || claimed === MATCH.unknown;
    return isUnknown ? OUTCOME.unknownDenying : OUTCOME.denying;
  }
  if (match === MATCH.unknown) return OUTCOME.unknown;
  if (!isStrongEnough(code, place, subject)) return OUTCOME.weak;
  return claimed === MATCH.yes ? OUTCOME.allowing : OUTCOME.unclaimed;
}

const priorityAt = (code: Uint16Array, place: number): number => rankAt(code, place) >>> 1;

function isBefore(found: Search, outcome: Outcome, place: number): boolean {
  if (found.outcome === OUTCOME.none) return true;
  const { code } = found.table;
  const higher = priorityAt(code, place) - priorityAt(code, found.place);
  if (higher !== 0) return higher > 0;
  if (outcome !== found.outcome) return outcome < found.outcome;
  return orderAt(code, place) < orderAt(code, found.place);
}

function keep(found: Search, outcome: Outcome, place: number): void {
  const { code } = found.table;
  found.outcome = outcome;
  found.place = place;
  found.leastRank = leastRankBeside(code, place, outcome <= OUTCOME.unknownDenying);
  if (outcome === OUTCOME.denying || outcome === OUTCOME.allowing) {
    found.lastOrder = orderAt(code, place);
  }
}

/** Of equal priority all may still decide, or only what denies. */
function leastRankBeside(code: Uint16Array, place: number, isDenyOnly: boolean): number {
  return 2 * priorityAt(code, place) + (isDenyOnly ? 1 : 0);
}

/** Once a rule of the card's own allows, denies or may deny, only what denies others counts. */
function leastRankAfter({ table: { code }, outcome, place }: Search): number {
  if (outcome === OUTCOME.none) return 0;
  return leastRankBeside(code, place, outcome <= OUTCOME.allowing);
}

/** `closer` names the card itself, so that what allows there comes first. */
function decideBetween(closer: Search, wider: Search): Search {
  if (wider.outcome === OUTCOME.none) return closer;
  if (closer.outcome === OUTCOME.none) return wider;
  const higher =
    priorityAt(closer.table.code, closer.place) - priorityAt(wider.table.code, wider.place);
  if (higher !== 0) return higher > 0 ? closer : wider;
  if (closer.outcome !== wider.outcome) return closer.outcome < wider.outcome ? closer : wider;
  const isDenying = closer.outcome <= OUTCOME.unknownDenying;
  return isDenying && compareMildness(wider, closer) < 0 ? wider : closer;
}

type Found = Pick<Search, "table" | "place">;

/** The mildest, then the first by its id. */
function compareMildness(one: Found, other: Found): number {
  const milder = severityAt(one.table.code, one.place) - severityAt(other.table.code, other.place);
  if (milder !== 0) return milder;
  const [oneId, otherId] = [idOf(one), idOf(other)];
  return oneId < otherId ? -1 : Number(oneId > otherId);
}

const idOf = ({ table: { code, ids }, place }: Found): string => idAt(code, place, ids);

function conclude(decided: Search): RuleVerdict {
  const { table, place, outcome, subject, at } = decided;
  const { code } = table;
  const terms = termsOf(table, place);
  switch (outcome) {
    case OUTCOME.denying: {
      const refused = refusal("rule_denies", decided, fieldWith(code, place, subject));
      return { ...refused, action: actionAt(code, place), isMismatch: true };
    }
    case OUTCOME.allowing:
      return { allowed: true, rule: idOf(decided), lease: terms.lease ?? NO_LIMITS };
    case OUTCOME.unclaimed: {
      const { field } = matchClaims(terms.claims, subject.claims, at);
      return refusal("claim_mismatch", decided, field);
    }
    case OUTCOME.weak:
      return refusal("strength_too_low", decided, "minimumStrength");
    case OUTCOME.unknownDenying:
    case OUTCOME.unknown: {
      const field =
        fieldWith(code, place, subject, MATCH.unknown) ??
        matchClaims(terms.claims, subject.claims, at).field;
      return refusal("attribute_unknown", decided, field);
    }
    case OUTCOME.none:
      throw new Error("no rule decides");
  }
}

const NO_LIMITS: LeaseTerms = {};

function refusal(
  reason: RuleRefusal,
  found: Found | undefined,
  field: RuleField | undefined,
): Refusal {
  const rule = found && idOf(found);
  return { allowed: false, reason, action: "refuse", isMismatch: false, rule, field };
}

/**
 * Nothing matches and nothing may. The rules that name the card most closely say what it is told,
 * the mildest of them, because a lock is the harder error to undo. A card that no rule names never
 * locks.
 */
function mismatch(tables: readonly RuleTable[], subject: RuleSubject, at: number): Refusal {
  const found = findMildest(tables, subject, at);
  if (found === undefined) return refusal("no_rule_for_card", undefined, undefined);
  const { table, place } = found;
  const field = fieldWith(table.code, place, subject, MATCH.no);
  const action = actionAt(table.code, place);
  return { ...refusal("no_rule_allows", found, field), action, isMismatch: true };
}

function findMildest(
  tables: readonly RuleTable[],
  subject: RuleSubject,
  at: number,
): Found | undefined {
  for (const tier of [TIER.card, TIER.group, TIER.all]) {
    let mildest: Found | undefined;
    for (const table of tables) {
      for (const place of findAllowing(table, tier, subject)) {
        if (!isValid(termsOf(table, place), at)) continue;
        const found = { table, place };
        if (mildest === undefined || compareMildness(found, mildest) < 0) mildest = found;
      }
    }
    if (mildest !== undefined) return mildest;
  }
  return undefined;
}

const NONE: readonly number[] = [];

/** Records of those that allow and name the card so closely; the mildest of them at least. */
function findAllowing(table: RuleTable, tier: Tier, subject: RuleSubject): readonly number[] {
  const { cardId, cardGroups } = subject;
  const { mildest } = table;
  if (tier === TIER.all) return mildest.get(nameOf({ all: true })) ?? NONE;
  if (tier === TIER.group) {
    return cardGroups.flatMap((group) => mildest.get(nameOf({ group })) ?? NONE);
  }
  return mildest.get(nameOf({ card: cardId })) ?? findOwn(table, subject);
}

function findOwn(table: RuleTable, subject: RuleSubject): readonly number[] {
  const { code } = table;
  const places: number[] = [];
  findRunsOfCard(table, subject.cardId, candidates);
  const { runs, runCount } = candidates;
  for (let run = 0; run < runCount; run += 2) {
    const end = runs[run + 1] ?? 0;
    for (let place = runs[run] ?? 0; place < end; place += sizeAt(code, place)) {
      if (!isDenyAt(code, place) && namesCard(code, place, subject)) places.push(place);
    }
  }
  return places;
}

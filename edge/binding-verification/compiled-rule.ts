/**
 * A rule as decisions read it: a record of 16-bit units, so that all of it lies in one place of
 * memory or two. A rank, what it asks for as texts, and where its id is; nothing else is there of a
 * rule that has no terms (claims, validity, lease).
 *
 * | Unit | Content |
 * | --- | --- |
 * | 0 | units of the record |
 * | 1 | rank: twice the priority, and one more for what denies |
 * | 2 | bits 0-1 tier, 2 has terms, 3-5 one more than the least strength; 0: the module's own |
 * | 3 | bits 0-7 severity, 8-15 length of the id |
 * | 4, 5 | place in the order of decisions, low unit first |
 * | 6, 7 | place of the id among all ids, low unit first |
 * | 8- | checks, the target first: bits 0-3 attribute, 4 wide, 5-15 characters; then the text |
 *
 * A text of hexadecimal digits alone takes four bits a digit, lowest first; a wide one a unit a
 * character. A range of IMSIs has its two ends as numbers of four units each.
 */
import type { BindingRule, MismatchAction, RuleCondition, RuleTarget } from "#protocol/rules";
import { type Strength, STRENGTHS } from "#protocol/suites";
import {
  type AttributeName,
  ATTRIBUTES,
  fieldsOf,
  MATCH,
  type Match,
  type RuleSubject,
  VALUES_OF,
} from "./rule-match.ts";

/** How closely a rule's target names a card: the card itself, a group of it, all cards. */
export const TIER = { card: 0, group: 1, all: 2 } as const;
export type Tier = (typeof TIER)[keyof typeof TIER];

const HEAD = { size: 0, rank: 1, flags: 2, severity: 3, order: 4, id: 6, units: 8 };
const TIER_MASK = 3;
const HAS_TERMS = 4;
const STRENGTH_SHIFT = 3;
const BYTE = 0xff;
const UNIT_BITS = 16;
const UNIT_MASK = 0xffff;
const ATTRIBUTE_MASK = 15;
const IS_WIDE = 16;
const LENGTH_SHIFT = 5;
const DIGIT_BITS = 4;
const DIGIT_MASK = 15;
const DIGITS_SHIFT = 2;
const DIGITS_OF_UNIT = 4;
const RANGE_END_UNITS = 4;
const HEX_PATTERN = /^[0-9A-F]*$/;
const CODE_OF_0 = 48;
const CODE_OF_A = 65;

const SEVERITY_LOCK = 100;

export function tierOf(target: RuleTarget): Tier {
  if ("card" in target) return TIER.card;
  return "group" in target ? TIER.group : TIER.all;
}

/** Twice the priority, and one more for what denies. */
export function rankOf({ priority = 0, effect }: BindingRule): number {
  return 2 * priority + (effect === "deny" ? 1 : 0);
}

/** 0 refuse; the sooner a lock, the higher. */
export function severityOf({ effect, claims, onMismatch }: BindingRule): number {
  // A terminal that may choose what it claims must not be able to bring a lock about.
  const action = effect === "deny" && claims !== undefined ? "refuse" : onMismatch;
  if (action === "refuse") return 0;
  return action === "lock" ? SEVERITY_LOCK : SEVERITY_LOCK - action.lockAfter;
}

export function hasTerms({ claims, validFrom, validUntil, lease }: BindingRule): boolean {
  return !(
    claims === undefined &&
    validFrom === undefined &&
    validUntil === undefined &&
    lease === undefined
  );
}

/** Places in the order of strengths. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each strength has its place
const RANKS = Object.fromEntries(STRENGTHS.map((strength, rank) => [strength, rank])) as Readonly<
  Record<Strength, number>
>;

export interface RecordPlaces {
  /** In the order of decisions. */
  readonly order: number;
  /** Of the id among all ids. */
  readonly id: number;
}

export function writeRecord(rule: BindingRule, { order, id }: RecordPlaces): number[] {
  const { target, condition, minimumStrength } = rule;
  const strength = minimumStrength === undefined ? 0 : RANKS[minimumStrength] + 1;
  const terms = hasTerms(rule) ? HAS_TERMS : 0;
  const units = [
    0,
    rankOf(rule),
    tierOf(target) | terms | (strength << STRENGTH_SHIFT),
    severityOf(rule) | (rule.id.length << 8),
    order & UNIT_MASK,
    order >>> UNIT_BITS,
    id & UNIT_MASK,
    id >>> UNIT_BITS,
  ];
  if ("card" in target) writeText(units, "card", target.card);
  if ("group" in target) writeText(units, "group", target.group);
  for (const field of fieldsOf(condition)) writeMember(units, field, condition);
  units[HEAD.size] = units.length;
  return units;
}

function writeMember(units: number[], field: keyof RuleCondition, condition: RuleCondition): void {
  const wanted = condition[field];
  if (typeof wanted === "string") writeText(units, field, wanted);
  if (field === "sameCompany") units.push(ATTRIBUTES.indexOf(field));
  for (const service of field === "services" ? (condition.services ?? []) : []) {
    writeText(units, field, service);
  }
  const { imsiRange: range } = condition;
  if (field === "imsiRange" && range !== undefined) {
    units.push(ATTRIBUTES.indexOf(field) | IS_WIDE | ((2 * RANGE_END_UNITS) << LENGTH_SHIFT));
    for (const end of [range.from, range.to]) {
      const number = numberOf(end);
      for (let unit = 0; unit < RANGE_END_UNITS; unit++) {
        units.push(Math.floor(number / 2 ** (UNIT_BITS * unit)) & UNIT_MASK);
      }
    }
  }
}

function writeText(units: number[], attribute: AttributeName, text: string): void {
  const isWide = !HEX_PATTERN.test(text);
  const head = ATTRIBUTES.indexOf(attribute) | (text.length << LENGTH_SHIFT);
  units.push(isWide ? head | IS_WIDE : head);
  if (isWide) {
    for (let at = 0; at < text.length; at++) units.push(text.charCodeAt(at));
    return;
  }
  for (let at = 0; at < text.length; at += DIGITS_OF_UNIT) {
    const lowestLast = text
      .slice(at, at + DIGITS_OF_UNIT)
      .split("")
      .toReversed()
      .join("");
    units.push(Number.parseInt(lowestLast, 16));
  }
}

/** The digits of an IMSI behind a 1, so that those of each length are numbers of their own. */
export function numberOf(imsi: string): number {
  let number = 1;
  for (let at = 0; at < imsi.length; at++) number = number * 10 + imsi.charCodeAt(at) - CODE_OF_0;
  return number;
}

// Reading. `at` is where the record begins.

const unitAt = (code: Uint16Array, at: number): number => code[at] ?? 0;
const pairAt = (code: Uint16Array, at: number): number =>
  (unitAt(code, at) | (unitAt(code, at + 1) << UNIT_BITS)) >>> 0;

export const sizeAt = (code: Uint16Array, at: number): number => unitAt(code, at + HEAD.size);
export const rankAt = (code: Uint16Array, at: number): number => unitAt(code, at + HEAD.rank);
export const isDenyAt = (code: Uint16Array, at: number): boolean => (rankAt(code, at) & 1) === 1;
const tierAt = (code: Uint16Array, at: number): number => unitAt(code, at + HEAD.flags) & TIER_MASK;
export const hasTermsAt = (code: Uint16Array, at: number): boolean =>
  (unitAt(code, at + HEAD.flags) & HAS_TERMS) !== 0;
export const severityAt = (code: Uint16Array, at: number): number =>
  unitAt(code, at + HEAD.severity) & BYTE;
export const orderAt = (code: Uint16Array, at: number): number => pairAt(code, at + HEAD.order);

export function idAt(code: Uint16Array, at: number, ids: string): string {
  const start = pairAt(code, at + HEAD.id);
  return ids.substring(start, start + (unitAt(code, at + HEAD.severity) >>> 8));
}

export function actionAt(code: Uint16Array, at: number): MismatchAction {
  const severity = severityAt(code, at);
  if (severity === 0) return "refuse";
  return severity === SEVERITY_LOCK ? "lock" : { lockAfter: SEVERITY_LOCK - severity };
}

/**
 * A rule that names no strength asks for what the subscriber's own module proves; COMP128-1 is
 * broken and never enough unless a rule names it.
 */
export function isStrongEnough(
  code: Uint16Array,
  at: number,
  { strength, provisionedStrength }: RuleSubject,
): boolean {
  const least = unitAt(code, at + HEAD.flags) >>> STRENGTH_SHIFT;
  const own: Strength = provisionedStrength === "COMP128-1" ? "SIM" : provisionedStrength;
  return RANKS[strength] >= (least === 0 ? RANKS[own] : least - 1);
}

/** The least of all checks: one that fails outweighs one that is not known. */
export function matchRecord(code: Uint16Array, at: number, subject: RuleSubject): Match {
  const end = at + sizeAt(code, at);
  let match: Match = MATCH.yes;
  for (let check = at + HEAD.units; check < end; check = nextCheck(code, check)) {
    const outcome = matchCheck(code, check, subject);
    if (outcome === MATCH.no) return MATCH.no;
    if (outcome === MATCH.unknown) match = MATCH.unknown;
  }
  return match;
}

/** The first member of the condition with this outcome; the first of all when none is given. */
export function fieldWith(
  code: Uint16Array,
  at: number,
  subject: RuleSubject,
  outcome?: Match,
): keyof RuleCondition | undefined {
  const end = at + sizeAt(code, at);
  for (let check = at + HEAD.units; check < end; check = nextCheck(code, check)) {
    const name = ATTRIBUTES[unitAt(code, check) & ATTRIBUTE_MASK];
    if (name === undefined || name === "card" || name === "group") continue;
    if (outcome === undefined || matchCheck(code, check, subject) === outcome) return name;
  }
  return undefined;
}

/** Whether the target, which is the first check, is this very card. */
export function namesCard(code: Uint16Array, at: number, subject: RuleSubject): boolean {
  const isOfCard = tierAt(code, at) === TIER.card;
  return isOfCard && matchCheck(code, at + HEAD.units, subject) === MATCH.yes;
}

function nextCheck(code: Uint16Array, at: number): number {
  const head = unitAt(code, at);
  const length = head >>> LENGTH_SHIFT;
  return (
    at + 1 + ((head & IS_WIDE) === 0 ? (length + DIGITS_OF_UNIT - 1) >>> DIGITS_SHIFT : length)
  );
}

const VALUES = ATTRIBUTES.map((name) => VALUES_OF[name]);
const IMSI_RANGE = ATTRIBUTES.indexOf("imsiRange");
const SAME_COMPANY = ATTRIBUTES.indexOf("sameCompany");

function matchCheck(code: Uint16Array, at: number, subject: RuleSubject): Match {
  const attribute = unitAt(code, at) & ATTRIBUTE_MASK;
  if (attribute === IMSI_RANGE) return isInRange(code, at, subject.imsi) ? MATCH.yes : MATCH.no;
  const values = VALUES[attribute]?.(subject);
  if (attribute === SAME_COMPANY) {
    if (subject.cardCompany === undefined) return MATCH.no;
    if (values === undefined) return MATCH.unknown;
    return values === subject.cardCompany ? MATCH.yes : MATCH.no;
  }
  if (values === undefined) return MATCH.unknown;
  if (typeof values === "string") return isText(code, at, values) ? MATCH.yes : MATCH.no;
  for (const value of values) if (isText(code, at, value)) return MATCH.yes;
  return MATCH.no;
}

function isInRange(code: Uint16Array, at: number, imsi: string): boolean {
  const number = numberOf(imsi);
  return number >= endAt(code, at + 1) && number <= endAt(code, at + 1 + RANGE_END_UNITS);
}

function endAt(code: Uint16Array, at: number): number {
  return pairAt(code, at) + pairAt(code, at + 2) * 2 ** 32;
}

function isText(code: Uint16Array, at: number, text: string): boolean {
  const head = unitAt(code, at);
  if (text.length !== head >>> LENGTH_SHIFT) return false;
  if ((head & IS_WIDE) !== 0) {
    for (let place = 0; place < text.length; place++) {
      if (unitAt(code, at + 1 + place) !== text.charCodeAt(place)) return false;
    }
    return true;
  }
  for (let place = 0; place < text.length; place++) {
    const unit = unitAt(code, at + 1 + (place >>> DIGITS_SHIFT));
    const digit = (unit >>> ((place % DIGITS_OF_UNIT) * DIGIT_BITS)) & DIGIT_MASK;
    const character = digit < 10 ? digit + CODE_OF_0 : digit - 10 + CODE_OF_A;
    if (text.charCodeAt(place) !== character) return false;
  }
  return true;
}

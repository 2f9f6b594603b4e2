/**
 * Compiled rules, of one card or of many, in a few flat arrays, and which of them a decision has to
 * look at. Rules that are found by an attribute stand in runs, one run for each value; a table of
 * hashes says where. Beside many rules a decision takes as long as its reads wait for memory, so
 * there are few of them, and those that do not need each other are made together.
 */
import type { LeaseTerms, RuleClaims, RuleTarget } from "#protocol/rules";
import { findPiece, firstOf, type PieceTable, restOf } from "./imsi-ranges.ts";
import { numberOf, sizeAt } from "./compiled-rule.ts";
import { ATTRIBUTES, type RuleSubject, VALUES_OF } from "./rule-match.ts";

/** What few rules have; Unix milliseconds, valid from `validFrom` to before `validUntil`. */
export interface RuleTerms {
  readonly claims?: RuleClaims | undefined;
  readonly validFrom?: number | undefined;
  readonly validUntil?: number | undefined;
  readonly lease?: LeaseTerms | undefined;
}

export interface RuleTable {
  /** Records (compiled-rule.ts); in front of each run its length, low unit first. */
  readonly code: Uint16Array;
  /**
   * Slots of two words, a hash and the place of its run in `code`: ascending, each hash at its home
   * among `homes` or behind it without a gap. The last one is empty.
   */
  readonly slots: Int32Array;
  readonly homes: number;
  /** Attributes by whose values rules are found. */
  readonly keyed: readonly KeyedAttribute[];
  readonly ranges: PieceTable | undefined;
  /** Lists of records: where the list goes on, or 0; records in the order of decisions; 0. */
  readonly covers: Uint32Array;
  /** The run of those that are found by nothing. */
  readonly rest: number;
  /** Records, the mildest first, of those that allow and name this target (`nameOf`). */
  readonly mildest: ReadonlyMap<string, readonly number[]>;
  /** The ids of all rules, one behind the other. */
  readonly ids: string;
  /** By place in the order of decisions. */
  readonly terms: ReadonlyMap<number, RuleTerms>;
  readonly needsProfile: boolean;
}

export interface KeyedAttribute {
  /** Place in ATTRIBUTES. */
  readonly attribute: number;
  /** Records for a subject of whom it is not known, in the order of decisions. */
  readonly every: Uint32Array;
}

const FNV_PRIME = 0x01000193;
const HASHES = 2 ** 32;
const LEAST_HASH = -(2 ** 31);

/** 32 bits, signed. */
export function hashOf(attribute: number, text: string): number {
  let hash = Math.imul(attribute + 1, 0x9e3779b1);
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return hash ^ (hash >>> 15);
}

/** A hash and a place. */
export const SLOT_WORDS = 2;
/** The hash of an empty slot, below none. */
export const EMPTY = 0x7fff_ffff;

/** The slot of this hash, or the first of those in front of it. */
export function homeOf(hash: number, homes: number): number {
  return Math.floor(((hash - LEAST_HASH) * homes) / HASHES);
}

/** Units in front of a run. */
export const RUN_HEAD = 2;

/**
 * Where a decision finds what may match a subject. Each list is as long as its count says, so that
 * the next decision finds room in it.
 */
export interface Candidates {
  /** Runs of records: from, to before, from, to before ... */
  readonly runs: number[];
  runCount: number;
  /** Places in `covers` where more records of the subject's piece are. */
  readonly covers: number[];
  coverCount: number;
  /** Places in `keyed` of what is not known of the subject. */
  readonly unknown: number[];
  unknownCount: number;
  readonly hashes: number[];
  hashCount: number;
  readonly slots: number[];
}

export function createCandidates(): Candidates {
  return {
    runs: [],
    runCount: 0,
    covers: [],
    coverCount: 0,
    unknown: [],
    unknownCount: 0,
    hashes: [],
    hashCount: 0,
    slots: [],
  };
}

const VALUES = ATTRIBUTES.map((name) => VALUES_OF[name]);

export function findCandidates(table: RuleTable, subject: RuleSubject, found: Candidates): void {
  found.runCount = 0;
  found.coverCount = 0;
  found.unknownCount = 0;
  found.hashCount = 0;
  const { keyed } = table;
  for (let key = 0; key < keyed.length; key++) {
    const attribute = keyed[key]?.attribute ?? 0;
    const values = VALUES[attribute]?.(subject);
    if (values === undefined) found.unknown[found.unknownCount++] = key;
    else if (typeof values === "string") addHash(found, attribute, values);
    else for (const value of values) addHash(found, attribute, value);
  }
  readSlots(table, found);
  if (table.ranges !== undefined) findCovers(table, table.ranges, subject, found);
  findRuns(table, found);
  addRunAt(table.code, table.rest, found);
}

function addHash(found: Candidates, attribute: number, value: string): void {
  found.hashes[found.hashCount++] = hashOf(attribute, value);
}

function addRun(found: Candidates, from: number, end: number): void {
  found.runs[found.runCount++] = from;
  found.runs[found.runCount++] = end;
}

/** Runs of records that this card's own ones are among. */
export function findRunsOfCard(table: RuleTable, card: string, found: Candidates): void {
  found.runCount = 0;
  found.hashCount = 0;
  if (table.homes === 0) return;
  addHash(found, CARD, card);
  readSlots(table, found);
  findRuns(table, found);
}

const CARD = ATTRIBUTES.indexOf("card");

/**
 * The first look of each hash, so that these reads wait for memory together, and while the ranges
 * are searched.
 */
function readSlots(
  { slots, homes }: RuleTable,
  { hashes, hashCount, slots: firsts }: Candidates,
): void {
  for (let index = 0; index < hashCount; index++) {
    firsts[index] = slots[SLOT_WORDS * homeOf(hashes[index] ?? 0, homes)] ?? 0;
  }
}

function findRuns({ code, slots, homes }: RuleTable, found: Candidates): void {
  const { hashes, hashCount } = found;
  let count = 0;
  for (let index = 0; index < hashCount; index++) {
    const hash = hashes[index] ?? 0;
    let slot = SLOT_WORDS * homeOf(hash, homes);
    let other = found.slots[index] ?? 0;
    while (other < hash) {
      slot += SLOT_WORDS;
      other = slots[slot] ?? 0;
    }
    const place = slots[slot + 1] ?? 0;
    if (other === hash && place !== 0) found.slots[count++] = place;
  }
  for (let index = 0; index < count; index++) addRunAt(code, found.slots[index] ?? 0, found);
}

function addRunAt(code: Uint16Array, place: number, found: Candidates): void {
  const length = (code[place] ?? 0) | ((code[place + 1] ?? 0) << 16);
  addRun(found, place + RUN_HEAD, place + length);
}

/** In `mildest`. */
export function nameOf(target: RuleTarget): string {
  if ("card" in target) return `card ${target.card}`;
  return "group" in target ? `group ${target.group}` : "all";
}

function findCovers(
  { code, covers }: RuleTable,
  ranges: PieceTable,
  { imsi }: RuleSubject,
  found: Candidates,
): void {
  const piece = findPiece(ranges, numberOf(imsi));
  const first = firstOf(ranges, piece);
  if (first === 0) return;
  addRun(found, first, first + sizeAt(code, first));
  const rest = restOf(ranges, piece);
  if (rest === 0) return;
  const place = rest >>> 1;
  if (!isListKept(rest)) {
    addRun(found, place, place + sizeAt(code, place));
    return;
  }
  for (let list = place; list !== 0; list = covers[list] ?? 0) {
    found.covers[found.coverCount++] = list + 1;
  }
}

/** Kept of a piece behind its first record: twice the place of a record, or of a list and one. */
export const keepRecord = (place: number): number => 2 * place;
export const keepList = (place: number): number => 2 * place + 1;
const isListKept = (kept: number): boolean => (kept & 1) === 1;

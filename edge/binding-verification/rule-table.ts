/**
 * Compiled rules, of one card or of many, in a few flat arrays, and which of them a decision has to
 * look at. Rules that are found by an attribute stand in runs, one run for each value, and the runs
 * in buckets by a hash of the value. So what has to be looked at is a few places of memory, none of
 * which has to be read before another one is known.
 */
import type { LeaseTerms, RuleClaims, RuleTarget } from "#protocol/rules";
import { findPiece, NO_PIECE, type PieceTable } from "./imsi-ranges.ts";
import { numberOf } from "./compiled-rule.ts";
import { ATTRIBUTES, type RuleSubject, VALUES_OF } from "./rule-match.ts";

/** What few rules have; Unix milliseconds, valid from `validFrom` to before `validUntil`. */
export interface RuleTerms {
  readonly claims?: RuleClaims | undefined;
  readonly validFrom?: number | undefined;
  readonly validUntil?: number | undefined;
  readonly lease?: LeaseTerms | undefined;
}

export interface RuleTable {
  /** Records (compiled-rule.ts), and in front of each run three units: tag, length with these. */
  readonly code: Uint16Array;
  /** Where each bucket begins in `code`; one more than there are buckets. */
  readonly buckets: Uint32Array;
  /** Attributes by whose values rules are found. */
  readonly keyed: readonly KeyedAttribute[];
  readonly ranges: PieceTable | undefined;
  /** Lists of records: where the list goes on, or 0; records in the order of decisions; 0. */
  readonly covers: Uint32Array;
  /** The run of those that are found by nothing: from, and to before. */
  readonly rest: readonly [from: number, end: number];
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
const TAG_MASK = 0xffff;
const RANGE_OF_HASH = 2 ** 32;

/** 32 bits: the high ones choose the bucket, the low 16 are the tag. */
export function hashOf(attribute: number, text: string): number {
  let hash = Math.imul(attribute + 1, 0x9e3779b1);
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return (hash ^ (hash >>> 15)) >>> 0;
}

export const tagOf = (hash: number): number => hash & TAG_MASK;

export function bucketOf(hash: number, buckets: number): number {
  return Math.floor((hash * buckets) / RANGE_OF_HASH);
}

/** Units in front of a run. */
export const RUN_HEAD = 3;

/** Where a decision finds what may match a subject. */
export interface Candidates {
  /** Runs of records: from, to before, from, to before ... */
  readonly runs: number[];
  /** Places in `covers` where more records of the subject's piece are. */
  readonly covers: number[];
  /** Records found by what is not known of the subject. */
  readonly unknown: Uint32Array[];
}

const VALUES = ATTRIBUTES.map((name) => VALUES_OF[name]);

export function findCandidates(table: RuleTable, subject: RuleSubject): Candidates {
  const found: Candidates = { runs: [], covers: [], unknown: [] };
  const hashes: number[] = [];
  for (const { attribute, every } of table.keyed) {
    const values = VALUES[attribute]?.(subject);
    if (values === undefined) found.unknown.push(every);
    else if (typeof values === "string") hashes.push(hashOf(attribute, values));
    else for (const value of values) hashes.push(hashOf(attribute, value));
  }
  if (table.ranges !== undefined) findCovers(table, table.ranges, subject, found);
  for (const hash of hashes) findRuns(table, hash, found.runs);
  const [from, end] = table.rest;
  if (from < end) found.runs.push(from, end);
  return found;
}

export function findRuns({ code, buckets }: RuleTable, hash: number, runs: number[]): void {
  const bucket = bucketOf(hash, buckets.length - 1);
  const tag = tagOf(hash);
  const end = buckets[bucket + 1] ?? 0;
  for (let at = buckets[bucket] ?? 0; at < end; ) {
    const next = at + ((code[at + 1] ?? 0) | ((code[at + 2] ?? 0) << 16));
    if (code[at] === tag) runs.push(at + RUN_HEAD, next);
    at = next;
  }
}

/** In `mildest`. */
export function nameOf(target: RuleTarget): string {
  if ("card" in target) return `card ${target.card}`;
  return "group" in target ? `group ${target.group}` : "all";
}

/** What is kept of a piece: twice the place of its only record, or of its list and one more. */
export function keepPiece(place: number, isList: boolean): number {
  return 2 * place + (isList ? 1 : 0);
}

function findCovers(
  { covers }: RuleTable,
  ranges: PieceTable,
  { imsi }: RuleSubject,
  found: Candidates,
): void {
  const kept = findPiece(ranges, numberOf(imsi));
  if (kept === NO_PIECE) return;
  const place = Math.floor(kept / 2);
  if (kept % 2 === 0) {
    found.runs.push(place, place + 1);
    return;
  }
  for (let list = place; list !== 0; list = covers[list] ?? 0) found.covers.push(list + 1);
}

/**
 * Which ranges an IMSI is in, in time that does not grow with their number: the ends of all ranges
 * cut the numbers into pieces, a segment tree says which ranges cover a piece, and what no
 * decision can ever look at is left out on the way down.
 */
import { countUpTo } from "./covering-ranges.ts";

/** Rules of a piece, in the order of decisions; `next` holds those that were too many to copy. */
export interface Cover<Rule> {
  readonly rules: readonly Rule[];
  readonly next: Cover<Rule> | undefined;
}

export interface RangeTools<Rule> {
  /** The first number and the last; empty when the last is below. */
  readonly rangeOf: (rule: Rule) => { readonly first: number; readonly last: number };
  /** Sorts, and drops what stands behind a rule that ends every search. */
  readonly order: (rules: readonly Rule[]) => readonly Rule[];
}

export interface Pieces<Rule> {
  /** First number of each piece, ascending. */
  readonly starts: Float64Array;
  readonly covers: readonly (Cover<Rule> | undefined)[];
}

/** Lists up to this length are copied down the tree. */
const COPIED_MAX = 32;

/** The last piece that does not start after `number`; -1 before the first. */
const pieceOf = (starts: Float64Array, number: number): number => countUpTo(starts, number) - 1;

export function cutRanges<Rule>(rules: readonly Rule[], tools: RangeTools<Rule>): Pieces<Rule> {
  const ranges = rules.map((rule) => {
    const { first, last } = tools.rangeOf(rule);
    return { rule, first, end: last + 1 };
  });
  const cuts = ranges.flatMap(({ first, end }) => [first, end]);
  const starts = Float64Array.from(new Set(cuts)).toSorted();
  const size = starts.length;
  const nodes = new Map<number, Rule[]>();
  for (const { rule, first, end } of ranges) {
    let left = pieceOf(starts, first) + size;
    let right = pieceOf(starts, end) + size;
    for (; left < right; left >>>= 1, right >>>= 1) {
      if (left % 2 === 1) addTo(nodes, left++, rule);
      if (right % 2 === 1) addTo(nodes, --right, rule);
    }
  }
  // A parent has the smaller number, so that its list is ready before its children's.
  const covers: (Cover<Rule> | undefined)[] = [];
  for (let node = 1; node < 2 * size; node++) {
    covers[node] = extend(covers[node >>> 1], nodes.get(node), tools);
  }
  return { starts, covers: covers.slice(size) };
}

function addTo<Rule>(nodes: Map<number, Rule[]>, node: number, rule: Rule): void {
  const list = nodes.get(node);
  if (list === undefined) nodes.set(node, [rule]);
  else list.push(rule);
}

function extend<Rule>(
  above: Cover<Rule> | undefined,
  own: readonly Rule[] | undefined,
  { order }: RangeTools<Rule>,
): Cover<Rule> | undefined {
  if (own === undefined) return above;
  const merged = order([...own, ...(above?.rules ?? [])]);
  if (above === undefined || merged.length <= COPIED_MAX) {
    return { rules: merged, next: above?.next };
  }
  return { rules: order(own), next: above };
}

/** Pieces as decisions look them up: by a tree of few levels, the wider ones small. */
export interface PieceTable {
  /** First numbers of every 16th of the level below, the widest level first. */
  readonly levels: readonly Float64Array[];
  /** Sixteen bytes a piece: its first number, then two words that are kept of it. */
  readonly numbers: Float64Array;
  readonly words: Uint32Array;
}

const FAN = 16;
const PIECE_NUMBERS = 2;
const PIECE_WORDS = 4;

export interface KeptPiece {
  readonly first: number;
  readonly rest: number;
}

/** `kept`: two words for each piece. */
export function tabulate(starts: Float64Array, kept: readonly KeptPiece[]): PieceTable {
  const numbers = new Float64Array(PIECE_NUMBERS * starts.length);
  const words = new Uint32Array(numbers.buffer);
  for (const [piece, { first, rest }] of kept.entries()) {
    numbers[PIECE_NUMBERS * piece] = starts[piece] ?? 0;
    words[PIECE_WORDS * piece + 2] = first;
    words[PIECE_WORDS * piece + 3] = rest;
  }
  const levels: Float64Array[] = [];
  for (let level = starts; level.length > FAN; levels.unshift(level)) {
    level = level.filter((_start, place) => place % FAN === 0);
  }
  return { levels, numbers, words };
}

/** -1 before the first piece. */
export function findPiece({ levels, numbers }: PieceTable, number: number): number {
  let from = 0;
  for (const level of levels) {
    const end = Math.min(from + FAN, level.length);
    let place = from;
    while (place < end && (level[place] ?? 0) <= number) place += 1;
    if (place === 0) return -1;
    from = FAN * (place - 1);
  }
  const end = Math.min(from + FAN, numbers.length / PIECE_NUMBERS);
  let piece = from;
  while (piece < end && (numbers[PIECE_NUMBERS * piece] ?? 0) <= number) piece += 1;
  return piece - 1;
}

/** Zero before the first piece. */
export function firstOf({ words }: PieceTable, piece: number): number {
  return words[PIECE_WORDS * piece + 2] ?? 0;
}

export function restOf({ words }: PieceTable, piece: number): number {
  return words[PIECE_WORDS * piece + 3] ?? 0;
}

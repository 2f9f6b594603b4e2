/**
 * Which ranges an IMSI is in, in time that does not grow with their number: the ends of all ranges
 * cut the numbers into pieces, a segment tree says which ranges cover a piece, and what no
 * decision can ever look at is left out on the way down.
 */

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
function pieceOf(starts: Float64Array, number: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= number) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

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

/** Pieces as decisions look them up: a number leads to what is kept of its piece. */
export interface PieceTable {
  /** First number of each block of pieces, so few that they stay at hand. */
  readonly blocks: Float64Array;
  /** Pairs of the first number of a piece and what is kept of it. */
  readonly pieces: Float64Array;
}

/** Two cache lines of pairs. */
const BLOCK_PIECES = 8;
/** Of a number in no range. */
export const NO_PIECE = -1;

/** `kept`: not negative, or NO_PIECE. */
export function tabulate(starts: Float64Array, kept: readonly number[]): PieceTable {
  const blocks = Math.ceil(starts.length / BLOCK_PIECES);
  const pieces = new Float64Array(2 * BLOCK_PIECES * blocks).fill(Number.POSITIVE_INFINITY);
  for (const [piece, start] of starts.entries()) {
    pieces[2 * piece] = start;
    pieces[2 * piece + 1] = kept[piece] ?? NO_PIECE;
  }
  return { blocks: starts.filter((_start, piece) => piece % BLOCK_PIECES === 0), pieces };
}

export function findPiece({ blocks, pieces }: PieceTable, number: number): number {
  const block = pieceOf(blocks, number);
  if (block < 0) return NO_PIECE;
  let at = 2 * BLOCK_PIECES * block;
  const last = at + 2 * (BLOCK_PIECES - 1);
  while (at < last && (pieces[at + 2] ?? 0) <= number) at += 2;
  return pieces[at + 1] ?? NO_PIECE;
}

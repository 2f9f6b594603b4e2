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

export interface RangeOrder<Rule> {
  readonly rangeOf: (rule: Rule) => { readonly from: string; readonly to: string };
  /** Sorts, and drops what stands behind a rule that ends every search. */
  readonly order: (rules: readonly Rule[]) => readonly Rule[];
}

/** By length of the IMSI: digits of another length are another number. */
export type ImsiRanges<Rule> = ReadonlyMap<number, Pieces<Rule>>;

interface Pieces<Rule> {
  /** First number of each piece, ascending. */
  readonly starts: Float64Array;
  readonly covers: readonly (Cover<Rule> | undefined)[];
}

/** Lists up to this length are copied down the tree. */
const COPIED_MAX = 32;

export function buildRanges<Rule>(
  rules: readonly Rule[],
  tools: RangeOrder<Rule>,
): ImsiRanges<Rule> {
  const byLength = Map.groupBy(rules, (rule) => tools.rangeOf(rule).from.length);
  return new Map(
    [...byLength].map(([length, ofLength]) => [length, buildPieces(ofLength, tools)] as const),
  );
}

export function findCover<Rule>(ranges: ImsiRanges<Rule>, imsi: string): Cover<Rule> | undefined {
  const pieces = ranges.get(imsi.length);
  return pieces?.covers[pieceOf(pieces.starts, Number(imsi))];
}

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

function buildPieces<Rule>(rules: readonly Rule[], tools: RangeOrder<Rule>): Pieces<Rule> {
  const ranges = rules.map((rule) => {
    const { from, to } = tools.rangeOf(rule);
    return { rule, first: Number(from), end: Number(to) + 1 };
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
  { order }: RangeOrder<Rule>,
): Cover<Rule> | undefined {
  if (own === undefined) return above;
  const merged = order([...own, ...(above?.rules ?? [])]);
  if (above === undefined || merged.length <= COPIED_MAX) {
    return { rules: merged, next: above?.next };
  }
  return { rules: order(own), next: above };
}

/** Ranges of numbers inside wider ones that come before them, in n log n steps. */

export interface RankedRange<Rule> {
  readonly rule: Rule;
  /** Both included. */
  readonly first: number;
  readonly last: number;
  /** The higher comes before. */
  readonly rank: number;
}

/** For each of `inner` that lies within one of `outer` of higher rank, one such. */
export function findAround<Rule>(
  outer: readonly RankedRange<Rule>[],
  inner: readonly RankedRange<Rule>[],
): Map<Rule, Rule> {
  const firsts = Float64Array.from(outer, ({ first }) => first).toSorted();
  // A Fenwick tree by first number: which range of those that begin no later reaches farthest.
  const farthest: (RankedRange<Rule> | undefined)[] = [];
  const insert = (range: RankedRange<Rule>): void => {
    for (let node = countUpTo(firsts, range.first); node <= firsts.length; node += node & -node) {
      const other = farthest[node];
      if (other === undefined || other.last < range.last) farthest[node] = range;
    }
  };
  const find = (number: number): RankedRange<Rule> | undefined => {
    let found: RankedRange<Rule> | undefined;
    for (let node = countUpTo(firsts, number); node > 0; node -= node & -node) {
      const other = farthest[node];
      if (found === undefined || (other !== undefined && other.last > found.last)) found = other;
    }
    return found;
  };
  const byRank = outer.toSorted((one, other) => other.rank - one.rank);
  const around = new Map<Rule, Rule>();
  let next = 0;
  for (const asked of inner.toSorted((one, other) => other.rank - one.rank)) {
    for (let range = byRank[next]; range && range.rank > asked.rank; range = byRank[next]) {
      insert(range);
      next += 1;
    }
    const range = find(asked.first);
    if (range !== undefined && range.last >= asked.last) around.set(asked.rule, range.rule);
  }
  return around;
}

/** How many of these ascending numbers are not above this one. */
export function countUpTo(numbers: Float64Array, number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) <= number) low = middle + 1;
    else high = middle;
  }
  return low;
}

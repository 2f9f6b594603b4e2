/**
 * In which line a value was seen first. Open addressing over typed arrays: 12 bytes a place, three
 * places of four taken at most, so that a million rows cost 25 MB and not the 200 of a Map.
 */

/** Where the file is to be split: 400 MB. */
export const TABLE_ROWS_MAX = 12_000_000;
const PLACES_FIRST = 1024;

export interface LineTable {
  /** The line in which the value was seen before; undefined if it is new, and then it is noted. */
  note(value: bigint, line: number): number | undefined;
}

export function createLineTable(): LineTable {
  let values = new BigUint64Array(PLACES_FIRST);
  let lines = new Uint32Array(PLACES_FIRST);
  let count = 0;

  function placeOf(value: bigint): number {
    const mask = lines.length - 1;
    // Neighbouring IMSIs would fill neighbouring places (Fibonacci hashing spreads them).
    let place = Number(BigInt.asUintN(64, value * 0x9e37_79b9_7f4a_7c15n) >> 32n) & mask;
    while (lines[place] !== 0 && values[place] !== value) place = (place + 1) & mask;
    return place;
  }

  function grow(): void {
    const old = { values, lines };
    values = new BigUint64Array(old.values.length * 2);
    lines = new Uint32Array(values.length);
    for (let index = 0; index < old.lines.length; index++) {
      const line = old.lines[index] ?? 0;
      if (line === 0) continue;
      const value = old.values[index] ?? 0n;
      const place = placeOf(value);
      values[place] = value;
      lines[place] = line;
    }
  }

  return {
    note(value, line) {
      if (count * 4 >= lines.length * 3) grow();
      const place = placeOf(value);
      const seen = lines[place] ?? 0;
      if (seen !== 0) return seen;
      values[place] = value;
      lines[place] = line;
      count += 1;
      return undefined;
    },
  };
}

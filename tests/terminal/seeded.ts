/** Repeatable inputs for tests that throw many malformed ones at a decoder. */

export interface Seeded {
  /** 0 to `end` - 1. */
  below(end: number): number;
  bytes(length: number): Uint8Array<ArrayBuffer>;
  pick<T>(values: readonly [T, ...T[]]): T;
}

/** mulberry32. */
export function createSeeded(seed: number): Seeded {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (end: number): number => next() % end;
  return {
    below,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    pick: (values) => values[below(values.length)] ?? values[0],
  };
}

/** `valid` with one to three defects: a byte changed, taken out or put in, or the end cut off. */
export function damageBytes(seeded: Seeded, valid: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = [...valid];
  const defects = 1 + seeded.below(3);
  for (let i = 0; i < defects; i++) {
    const at = seeded.below(bytes.length + 1);
    const kind = seeded.below(4);
    if (kind === 0) bytes[Math.min(at, Math.max(bytes.length - 1, 0))] = seeded.below(256);
    else if (kind === 1) bytes.splice(at, 1);
    else if (kind === 2) bytes.splice(at, 0, seeded.below(256));
    else bytes.length = at;
  }
  return Uint8Array.from(bytes);
}

/** The same for text: characters that JSON cares about are likely. */
export function damageText(seeded: Seeded, valid: string): string {
  const characters = valid.split("");
  const defects = 1 + seeded.below(3);
  for (let i = 0; i < defects; i++) {
    const at = seeded.below(characters.length + 1);
    const kind = seeded.below(4);
    const fresh = seeded.pick(['"', "{", "}", "[", ",", ":", "\\", "A", "=", "0", "-", "\u0000"]);
    if (kind === 0) characters[Math.min(at, Math.max(characters.length - 1, 0))] = fresh;
    else if (kind === 1) characters.splice(at, 1);
    else if (kind === 2) characters.splice(at, 0, fresh);
    else characters.length = at;
  }
  return characters.join("");
}

/** What the fuzz tests print, so that a run shows what it went through. */
export function reportCounts(what: string, counts: Readonly<Record<string, number>>): void {
  const text = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(`${what}: ${text.join(", ")}\n`);
}

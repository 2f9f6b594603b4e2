// A seeded source of random numbers for tests: the same seed gives the same cases.

/** A generator of unsigned 32-bit numbers: xorshift128 (G. Marsaglia, "Xorshift RNGs", 2003). */
export class SeededRandom {
  readonly seed: number;
  private readonly state: Uint32Array;

  constructor(seed: number) {
    this.seed = seed;
    this.state = new Uint32Array([seed, 0x9e3779b9, 0x243f6a88, 0xb7e15162]);
    for (let round = 0; round < 32; round += 1) this.next();
  }

  /** 0 to 2^32 - 1 */
  next(): number {
    const [x = 0, y = 0, z = 0, w = 0] = this.state;
    const t = x ^ (x << 11);
    const result = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    this.state.set([y, z, w, result]);
    return result >>> 0;
  }

  /** 0 to bound - 1 */
  below(bound: number): number {
    return this.next() % bound;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.next() >>> 24);
  }
}

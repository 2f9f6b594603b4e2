// A seeded source of random numbers for tests: the same seed gives the same cases.

/** A generator of unsigned 32-bit numbers: xorshift128 (G. Marsaglia, "Xorshift RNGs", 2003). */
export class SeededRandom {
  readonly seed: number;
  private x: number;
  private y = 0x9e3779b9;
  private z = 0x243f6a88;
  private w = 0xb7e15162;

  constructor(seed: number) {
    this.seed = seed;
    this.x = seed;
    for (let round = 0; round < 32; round += 1) this.next();
  }

  /** 0 to 2^32 - 1 */
  next(): number {
    const t = this.x ^ (this.x << 11);
    this.x = this.y;
    this.y = this.z;
    this.z = this.w;
    this.w = (this.w ^ (this.w >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return this.w;
  }

  /** 0 to bound - 1 */
  below(bound: number): number {
    return this.next() % bound;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index += 1) bytes[index] = this.next() >>> 24;
    return bytes;
  }
}

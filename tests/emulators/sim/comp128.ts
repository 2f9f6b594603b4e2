/**
 * COMP128, the algorithm A3/A8 of many SIMs, for the emulated card. There is no public standard;
 * version 1 is known since 1998, versions 2 and 3 since 2013. The numbers are in
 * comp128-tables.json. All three are weak (version 1 gives Ki away), so they belong on test cards
 * only.
 *
 * Input: Ki and RAND, 16 bytes each. Output: SRES, 4 bytes, and Kc, 8 bytes, big-endian. Kc of
 * versions 1 and 2 ends in ten zero bits.
 */
import tables from "./comp128-tables.json";

const BLOCK_BYTES = 16;
const ROUNDS = 8;
/** Butterfly levels of one compression: five halvings of 32 elements. */
const LEVELS = 5;
/** Of the element that a bit of the permuted block comes from (version 1). */
const PERMUTATION_FACTOR = 17;
/** The bit permutation of versions 2 and 3: bit n of the output is bit 19 n + 19 of the input. */
const PERMUTATION_FACTOR_23 = 19;
const KC_CLEAR_BITS = 10n;

const TABLES_1 = tables.version1.map((hex) => Uint8Array.fromHex(hex));
const [TABLE_0, TABLE_1] = tables.version23.map((hex) => Uint8Array.fromHex(hex));

/** SRES, 4 bytes, and Kc, 8 bytes. */
export type Triplet = { readonly sres: Uint8Array; readonly kc: Uint8Array };

/** Version 1. */
export function comp128v1(ki: Uint8Array, rand: Uint8Array): Triplet {
  let right: Uint8Array = rand;
  let nibbles = new Uint8Array();
  for (let round = 1; round <= ROUNDS; round += 1) {
    nibbles = compress(new Uint8Array([...ki, ...right]));
    if (round < ROUNDS) right = permuteNibbles(nibbles);
  }
  // SRES is the first eight nibbles; Kc the last 54 bits, from nibble 18 and a half on.
  const bits = nibbles.reduce((value, nibble) => (value << 4n) | BigInt(nibble), 0n);
  return { sres: toBytes(bits >> 96n, 4), kc: toBytes((bits & 0x3f_ffff_ffff_ffffn) << 10n, 8) };
}

/** Version 2: version 3 with ten bits of Kc cleared. */
export function comp128v2(ki: Uint8Array, rand: Uint8Array): Triplet {
  const { sres, kc } = comp128v3(ki, rand);
  const value = BigInt(`0x${kc.toHex()}`) >> KC_CLEAR_BITS;
  return { sres, kc: toBytes(value << KC_CLEAR_BITS, 8) };
}

/** Version 3. */
export function comp128v3(ki: Uint8Array, rand: Uint8Array): Triplet {
  // Both inputs are read from their last byte, and the output is written that way.
  let block: Uint8Array = rand.toReversed();
  const mixed = ki.toReversed().map((byte, index) => byte ^ (block[index] ?? 0));
  for (let round = 0; round < ROUNDS; round += 1) block = compress23(mixed, block);
  const output = block.toReversed();
  return { sres: output.slice(0, 4), kc: output.slice(8) };
}

/** Version 1: 32 bytes to 32 nibbles; level n works modulo 2^(9 - n) and looks up in table n. */
function compress(block: Uint8Array): Uint8Array<ArrayBuffer> {
  const x = new Uint8Array(block);
  for (let level = 0; level < LEVELS; level += 1) {
    const table = TABLES_1[level] ?? new Uint8Array();
    const half = BLOCK_BYTES >> level;
    for (let m = 0; m < x.length; m += 1) {
      if ((m & half) !== 0) continue;
      const [left, right] = [x[m] ?? 0, x[m + half] ?? 0];
      x[m] = table[(left + 2 * right) % table.length] ?? 0;
      x[m + half] = table[(2 * left + right) % table.length] ?? 0;
    }
  }
  return x;
}

/** 32 nibbles, most significant bit first, to 16 bytes: bit n comes from bit 17 n mod 128. */
function permuteNibbles(nibbles: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLOCK_BYTES);
  for (let bit = 0; bit < 8 * BLOCK_BYTES; bit += 1) {
    const from = (PERMUTATION_FACTOR * bit) % (8 * BLOCK_BYTES);
    const value = ((nibbles[from >> 2] ?? 0) >> (3 - (from & 3))) & 1;
    out[bit >> 3] = (out[bit >> 3] ?? 0) | (value << (7 - (bit & 7)));
  }
  return out;
}

/** Versions 2 and 3: 16 bytes under a key of 16 bytes. */
function compress23(key: Uint8Array, block: Uint8Array): Uint8Array {
  let x = new Uint8Array([...block, ...key]);
  for (let level = 0; level < LEVELS; level += 1) {
    const [left, right] = [x.slice(0, BLOCK_BYTES), x.slice(BLOCK_BYTES)];
    const first = left.map((byte, index) => look(byte, right[index] ?? 0));
    const second = first.map((byte, index) => look(right[index] ?? 0, byte));
    x = interleave(first, second, 1 << level);
  }
  return permuteBits23(x);
}

/** T0[T1[b] ^ a]. */
function look(a: number, b: number): number {
  return TABLE_0?.[(TABLE_1?.[b] ?? 0) ^ a] ?? 0;
}

/** Runs of `run` bytes from `first` and `second` in turn. */
function interleave(first: Uint8Array, second: Uint8Array, run: number): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  for (let offset = 0; offset < BLOCK_BYTES; offset += run) {
    out.push(...first.subarray(offset, offset + run), ...second.subarray(offset, offset + run));
  }
  return new Uint8Array(out);
}

/** 32 bytes to 16: bit n, least significant first, is bit 19 n + 19 mod 256. */
function permuteBits23(x: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLOCK_BYTES);
  for (let bit = 0; bit < 8 * BLOCK_BYTES; bit += 1) {
    const from = (PERMUTATION_FACTOR_23 * (bit + 1)) % 256;
    const value = ((x[from >> 3] ?? 0) >> (from & 7)) & 1;
    out[bit >> 3] = (out[bit >> 3] ?? 0) | (value << (bit & 7));
  }
  return out;
}

function toBytes(value: bigint, length: number): Uint8Array {
  return Uint8Array.fromHex(value.toString(16).padStart(2 * length, "0"));
}

// COMP128 versions 1, 2 and 3, the A3/A8 of many GSM cards. There is no public standard; the tables
// and what the versions have in common are as published (1998, 2013). Broken algorithms: for cards
// that still carry them.
//
// Both run a butterfly of five levels over 32 bytes, sixteen pairs a level, all sixteen looked up at
// once by a scan of the whole table.
//
// REQUEST  Ki 16 | RAND 16          ANSWER  SRES 4 | Kc 8

import { ANSWER, REQUEST } from "./arena-vectors";
import { scan } from "./table-scan";
import { V1_TABLE0, V1_TABLE1, V1_TABLE2, V1_TABLE3, V1_TABLE4 } from "./tables-comp128";
import { V23_TABLE0, V23_TABLE1 } from "./tables-comp128";

const KI: usize = REQUEST;
const RAND: usize = REQUEST + 16;

const V1_ROUNDS: i32 = 8;
const V23_ROUNDS: i32 = 8;

/** The 32 bytes of the butterfly: LOW is bytes 0 to 15. */
const LOW: usize = memory.data(32, 16);
const HIGH: usize = LOW + 16;

/** 256 bits, one a byte, most significant first within a byte. */
const BITS: usize = memory.data(256, 16);

function wipe(): void {
  memory.fill(LOW, 0, 32);
  memory.fill(BITS, 0, 256);
}

/** One level: a[m] from m + 2n, b[n] from 2m + n, modulo the number of entries. */
class Level {
  /** Entry of the 512 of table 0, whose upper half is the lower with neighbours exchanged. */
  @inline static first(x: v128, y: v128): v128 {
    const twice = i8x16.shl(y, 1);
    const sum = i8x16.add(x, twice);
    // Bit 8 of x + 2y: the bit shifted out, and the carry of the sum. They add modulo 2.
    const carry = i8x16.shr_u(v128.xor(y, i8x16.shl(i8x16.lt_u(sum, x), 7)), 7);
    return scan(V1_TABLE0, 256, v128.xor(sum, carry));
  }

  /** Entry of table 1 to 4 for the same sum modulo its size. */
  @inline static later(table: usize, entries: usize, x: v128, y: v128): v128 {
    const sum = i8x16.add(x, i8x16.shl(y, 1));
    return scan(table, entries, v128.and(sum, i8x16.splat(i8(entries - 1))));
  }
}

/** The five levels of version 1 on LOW and HIGH. */
function butterfly1(): void {
  let m = v128.load(LOW);
  let n = v128.load(HIGH);
  let a = Level.first(m, n);
  let b = Level.first(n, m);
  // Blocks of 16 bytes with 8 pairs each: m is the first half of a block.
  m = i64x2.shuffle(a, b, 0, 2);
  n = i64x2.shuffle(a, b, 1, 3);
  a = Level.later(V1_TABLE1, 256, m, n);
  b = Level.later(V1_TABLE1, 256, n, m);
  // a holds 0-7, 16-23 and b 8-15, 24-31. Blocks of 8: m takes 0-3, 8-11, 16-19, 24-27.
  m = i32x4.shuffle(a, b, 0, 4, 2, 6);
  n = i32x4.shuffle(a, b, 1, 5, 3, 7);
  a = Level.later(V1_TABLE2, 128, m, n);
  b = Level.later(V1_TABLE2, 128, n, m);
  // Blocks of 4: m takes 0-1, 4-5, 8-9 and so on.
  m = i16x8.shuffle(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
  n = i16x8.shuffle(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  a = Level.later(V1_TABLE3, 64, m, n);
  b = Level.later(V1_TABLE3, 64, n, m);
  // Blocks of 2: m takes the even places.
  m = i8x16.shuffle(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
  n = i8x16.shuffle(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
  a = Level.later(V1_TABLE4, 32, m, n);
  b = Level.later(V1_TABLE4, 32, n, m);
  v128.store(LOW, i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(
    HIGH,
    i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
  );
}

/** Writes the 32 nibbles of LOW and HIGH as 128 bits, takes every 17th, and packs them in HIGH. */
function permuteNibbles(): void {
  for (let bit: usize = 0; bit < 128; bit++) {
    store<u8>(BITS + bit, (load<u8>(LOW + (bit >> 2)) >> u8(3 - (bit & 3))) & 1);
  }
  for (let byte: usize = 0; byte < 16; byte++) {
    let value: u32 = 0;
    for (let bit: usize = 0; bit < 8; bit++) {
      value = (value << 1) | load<u8>(BITS + ((((byte << 3) + bit) * 17) & 127));
    }
    store<u8>(HIGH + byte, u8(value));
  }
}

/** COMP128-1: SRES, and Kc with ten bits of zero at its end. */
export function comp128v1(): void {
  v128.store(HIGH, v128.load(RAND));
  for (let round = 1; round <= V1_ROUNDS; round++) {
    v128.store(LOW, v128.load(KI));
    butterfly1();
    if (round < V1_ROUNDS) permuteNibbles();
  }
  // Nibbles 0 to 7 are SRES; Kc is the last 54 bits of the 128.
  for (let byte: usize = 0; byte < 4; byte++) {
    const high = load<u8>(LOW + (byte << 1)) << 4;
    store<u8>(ANSWER + byte, high | load<u8>(LOW + (byte << 1), 1));
  }
  for (let byte: usize = 0; byte < 6; byte++) {
    const from = LOW + 18 + (byte << 1);
    store<u8>(
      ANSWER + byte,
      (load<u8>(from) << 6) | (load<u8>(from, 1) << 2) | (load<u8>(from, 2) >> 2),
      4,
    );
  }
  store<u8>(ANSWER, (load<u8>(LOW, 30) << 6) | (load<u8>(LOW, 31) << 2), 10);
  store<u8>(ANSWER, 0, 11);
  wipe();
}

/** table 0 at (table 1 at x) + y, for sixteen bytes. */
function mix(x: v128, y: v128): v128 {
  return scan(V23_TABLE0, 256, v128.xor(scan(V23_TABLE1, 256, x), y));
}

/** Five levels of versions 2 and 3 on LOW (the data) and HIGH (the key). */
function butterfly23(): void {
  let low = v128.load(LOW);
  let high = v128.load(HIGH);
  let a = mix(high, low);
  let b = mix(a, high);
  low = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  high = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  a = mix(high, low);
  b = mix(a, high);
  low = i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  high = i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  a = mix(high, low);
  b = mix(a, high);
  low = i32x4.shuffle(a, b, 0, 4, 1, 5);
  high = i32x4.shuffle(a, b, 2, 6, 3, 7);
  a = mix(high, low);
  b = mix(a, high);
  low = i64x2.shuffle(a, b, 0, 2);
  high = i64x2.shuffle(a, b, 1, 3);
  a = mix(high, low);
  v128.store(LOW, a);
  v128.store(HIGH, mix(a, high));
}

/** Bit j of byte i is bit 3j + 3 (mod 8) of byte (19(j + 8i) + 19) mod 256 / 8. */
function permuteBits(): void {
  for (let byte: usize = 0; byte < 16; byte++) {
    let value: u32 = 0;
    for (let bit: usize = 0; bit < 8; bit++) {
      const from = ((19 * (bit + (byte << 3)) + 19) & 255) >> 3;
      const shift = (3 * bit + 3) & 7;
      value |= ((u32(load<u8>(LOW + from)) >> u32(shift)) & 1) << u32(bit);
    }
    store<u8>(BITS + byte, u8(value));
  }
  v128.store(LOW, v128.load(BITS));
}

/** The bytes of a block in the opposite order. */
function reverse(x: v128): v128 {
  return i8x16.shuffle(x, x, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}

/** COMP128-3, and COMP128-2 if `kcBitsMasked` is 10: the last ten bits of Kc are then zero. */
export function comp128v23(kcBitsMasked: i32): void {
  const rand = reverse(v128.load(RAND));
  const key = v128.xor(reverse(v128.load(KI)), rand);
  v128.store(LOW, rand);
  for (let round = 0; round < V23_ROUNDS; round++) {
    v128.store(HIGH, key);
    butterfly23();
    permuteBits();
  }
  const out = reverse(v128.load(LOW));
  store<i32>(ANSWER, i32x4.extract_lane(out, 0));
  const kc = bswap<u64>(u64(i64x2.extract_lane(out, 1)));
  const mask = ~((u64(1) << u64(kcBitsMasked)) - 1);
  store<u64>(ANSWER, bswap<u64>(kc & mask), 4);
  wipe();
}

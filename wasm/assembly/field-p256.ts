// The field GF(p) of P-256, p = 2^256 - 2^224 + 2^192 + 2^96 - 1 (SP 800-186 section 3.2.1.3).
//
// An element is a pointer to nine i32 limbs of 29 bits, least significant first, in the Montgomery
// domain: x stands for x * R mod p with R = 2^261. Limbs are signed, so a difference needs no
// correction. Two forms occur:
//
//   tight   limbs 0 to 7 in [0, 2^29), limb 8 signed; value in (-p/8, 9p/8)
//   loose   sum or difference of two tight elements, limb by limb: limbs in (-2^29, 2^30)
//
// multiply takes two loose elements of which one is no sum, square a tight one or a difference: then
// a column of nine products stays below 9 * 2^59 < 2^63. A product is below 9p/4 * 5p/4 in size;
// Montgomery reduction divides it by R > 31p and adds less than p, so the result is tight.
//
// The functions handle public values only (signature verification) and may vary in time.

import { P_LIMBS } from "./tables-p256";

const ELEMENT_BYTES: usize = 36;

const MASK: i64 = 0x1fff_ffff; // 29 bits
const LIMB_BITS: i64 = 29;

const SCRATCH: usize = memory.data(36, 16);

class Limbs {
  /**
   * The column after the one with the sum t in Montgomery reduction, before its own products: the
   * carry of t, and what the multiples of p added so far put there.
   *
   * To clear column i, q p is added at its weight. p = -1 mod 2^29, so q is the low 29 bits of the
   * column, and q p = q (2^256 - 2^224 + 2^192 + 2^96) - q: the -q clears the column, the powers
   * fall on the columns i + 8, 7, 6 and 3 at the bits 24, 21, 18 and 9. q3 is the q of the column
   * three before, and so on.
   */
  @inline static fold(t: i64, q3: i64, q6: i64, q7: i64, q8: i64): i64 {
    return (t >> LIMB_BITS) + (q3 << 9) + (q6 << 18) - (q7 << 21) + (q8 << 24);
  }

  /** Stores c0..c8 (weight 2^(29i)) with limbs 0 to 7 brought into [0, 2^29). */
  @inline static carry(
    out: usize,
    c0: i64,
    c1: i64,
    c2: i64,
    c3: i64,
    c4: i64,
    c5: i64,
    c6: i64,
    c7: i64,
    c8: i64,
  ): void {
    store<i32>(out, i32(c0 & MASK));
    c1 += c0 >> LIMB_BITS;
    store<i32>(out, i32(c1 & MASK), 4);
    c2 += c1 >> LIMB_BITS;
    store<i32>(out, i32(c2 & MASK), 8);
    c3 += c2 >> LIMB_BITS;
    store<i32>(out, i32(c3 & MASK), 12);
    c4 += c3 >> LIMB_BITS;
    store<i32>(out, i32(c4 & MASK), 16);
    c5 += c4 >> LIMB_BITS;
    store<i32>(out, i32(c5 & MASK), 20);
    c6 += c5 >> LIMB_BITS;
    store<i32>(out, i32(c6 & MASK), 24);
    c7 += c6 >> LIMB_BITS;
    store<i32>(out, i32(c7 & MASK), 28);
    store<i32>(out, i32(c8 + (c7 >> LIMB_BITS)), 32);
  }

  /** x * a[i] + y * b[i] */
  @inline static pair(x: i64, a: usize, y: i64, b: usize): i64 {
    return x * i64(load<i32>(a)) + y * i64(load<i32>(b));
  }
}

/**
 * out = a * b / R mod p; see the header for the bounds. out may be a or b: a limb of it is stored
 * after the last use of the limbs of a and b at its place.
 */
export function multiply(out: usize, a: usize, b: usize): void {
  const a0 = i64(load<i32>(a));
  const a1 = i64(load<i32>(a, 4));
  const a2 = i64(load<i32>(a, 8));
  const a3 = i64(load<i32>(a, 12));
  const a4 = i64(load<i32>(a, 16));
  const a5 = i64(load<i32>(a, 20));
  const a6 = i64(load<i32>(a, 24));
  const a7 = i64(load<i32>(a, 28));
  const a8 = i64(load<i32>(a, 32));
  const b0 = i64(load<i32>(b));
  const b1 = i64(load<i32>(b, 4));
  const b2 = i64(load<i32>(b, 8));
  const b3 = i64(load<i32>(b, 12));
  const b4 = i64(load<i32>(b, 16));
  const b5 = i64(load<i32>(b, 20));
  const b6 = i64(load<i32>(b, 24));
  const b7 = i64(load<i32>(b, 28));
  const b8 = i64(load<i32>(b, 32));
  let t = a0 * b0;
  const q0 = t & MASK;
  t = (t >> LIMB_BITS) + a0 * b1 + a1 * b0;
  const q1 = t & MASK;
  t = (t >> LIMB_BITS) + a0 * b2 + a1 * b1 + a2 * b0;
  const q2 = t & MASK;
  t = Limbs.fold(t, q0, 0, 0, 0) + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
  const q3 = t & MASK;
  t = Limbs.fold(t, q1, 0, 0, 0) + a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0;
  const q4 = t & MASK;
  t = Limbs.fold(t, q2, 0, 0, 0);
  t += a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0;
  const q5 = t & MASK;
  t = Limbs.fold(t, q3, q0, 0, 0);
  t += a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0;
  const q6 = t & MASK;
  t = Limbs.fold(t, q4, q1, q0, 0);
  t += a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0;
  const q7 = t & MASK;
  t = Limbs.fold(t, q5, q2, q1, q0);
  t += a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 + a8 * b0;
  const q8 = t & MASK;
  t = Limbs.fold(t, q6, q3, q2, q1);
  t += a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1;
  store<i32>(out, i32(t & MASK));
  t = Limbs.fold(t, q7, q4, q3, q2);
  t += a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2;
  store<i32>(out, i32(t & MASK), 4);
  t = Limbs.fold(t, q8, q5, q4, q3);
  t += a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3;
  store<i32>(out, i32(t & MASK), 8);
  t = Limbs.fold(t, 0, q6, q5, q4) + a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4;
  store<i32>(out, i32(t & MASK), 12);
  t = Limbs.fold(t, 0, q7, q6, q5) + a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5;
  store<i32>(out, i32(t & MASK), 16);
  t = Limbs.fold(t, 0, q8, q7, q6) + a6 * b8 + a7 * b7 + a8 * b6;
  store<i32>(out, i32(t & MASK), 20);
  t = Limbs.fold(t, 0, 0, q8, q7) + a7 * b8 + a8 * b7;
  store<i32>(out, i32(t & MASK), 24);
  t = Limbs.fold(t, 0, 0, 0, q8) + a8 * b8;
  store<i32>(out, i32(t & MASK), 28);
  store<i32>(out, i32(t >> LIMB_BITS), 32);
}

/** out = a * a / R mod p; a is tight or a difference. out may be a. */
export function square(out: usize, a: usize): void {
  const a0 = i64(load<i32>(a));
  const a1 = i64(load<i32>(a, 4));
  const a2 = i64(load<i32>(a, 8));
  const a3 = i64(load<i32>(a, 12));
  const a4 = i64(load<i32>(a, 16));
  const a5 = i64(load<i32>(a, 20));
  const a6 = i64(load<i32>(a, 24));
  const a7 = i64(load<i32>(a, 28));
  const a8 = i64(load<i32>(a, 32));
  const d0 = a0 << 1;
  const d1 = a1 << 1;
  const d2 = a2 << 1;
  const d3 = a3 << 1;
  const d4 = a4 << 1;
  const d5 = a5 << 1;
  const d6 = a6 << 1;
  const d7 = a7 << 1;
  let t = a0 * a0;
  const q0 = t & MASK;
  t = (t >> LIMB_BITS) + d0 * a1;
  const q1 = t & MASK;
  t = (t >> LIMB_BITS) + d0 * a2 + a1 * a1;
  const q2 = t & MASK;
  t = Limbs.fold(t, q0, 0, 0, 0) + d0 * a3 + d1 * a2;
  const q3 = t & MASK;
  t = Limbs.fold(t, q1, 0, 0, 0) + d0 * a4 + d1 * a3 + a2 * a2;
  const q4 = t & MASK;
  t = Limbs.fold(t, q2, 0, 0, 0) + d0 * a5 + d1 * a4 + d2 * a3;
  const q5 = t & MASK;
  t = Limbs.fold(t, q3, q0, 0, 0) + d0 * a6 + d1 * a5 + d2 * a4 + a3 * a3;
  const q6 = t & MASK;
  t = Limbs.fold(t, q4, q1, q0, 0) + d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4;
  const q7 = t & MASK;
  t = Limbs.fold(t, q5, q2, q1, q0) + d0 * a8 + d1 * a7 + d2 * a6 + d3 * a5 + a4 * a4;
  const q8 = t & MASK;
  t = Limbs.fold(t, q6, q3, q2, q1) + d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5;
  store<i32>(out, i32(t & MASK));
  t = Limbs.fold(t, q7, q4, q3, q2) + d2 * a8 + d3 * a7 + d4 * a6 + a5 * a5;
  store<i32>(out, i32(t & MASK), 4);
  t = Limbs.fold(t, q8, q5, q4, q3) + d3 * a8 + d4 * a7 + d5 * a6;
  store<i32>(out, i32(t & MASK), 8);
  t = Limbs.fold(t, 0, q6, q5, q4) + d4 * a8 + d5 * a7 + a6 * a6;
  store<i32>(out, i32(t & MASK), 12);
  t = Limbs.fold(t, 0, q7, q6, q5) + d5 * a8 + d6 * a7;
  store<i32>(out, i32(t & MASK), 16);
  t = Limbs.fold(t, 0, q8, q7, q6) + d6 * a8 + a7 * a7;
  store<i32>(out, i32(t & MASK), 20);
  t = Limbs.fold(t, 0, 0, q8, q7) + d7 * a8;
  store<i32>(out, i32(t & MASK), 24);
  t = Limbs.fold(t, 0, 0, 0, q8) + a8 * a8;
  store<i32>(out, i32(t & MASK), 28);
  store<i32>(out, i32(t >> LIMB_BITS), 32);
}

/** out = a + b, loose, of tight a and b. */
export function addLoose(out: usize, a: usize, b: usize): void {
  for (let i: usize = 0; i < ELEMENT_BYTES; i += 4) {
    store<i32>(out + i, load<i32>(a + i) + load<i32>(b + i));
  }
}

/** out = a - b, loose, of tight a and b. */
export function subtractLoose(out: usize, a: usize, b: usize): void {
  for (let i: usize = 0; i < ELEMENT_BYTES; i += 4) {
    store<i32>(out + i, load<i32>(a + i) - load<i32>(b + i));
  }
}

/**
 * out = x*a + y*b, tight, for factors up to 8 in size. The bits of the sum from 2^256 on say
 * about how many times p it holds; that multiple is taken off before the carries run.
 */
export function combine(out: usize, x: i64, a: usize, y: i64, b: usize): void {
  let c8 = Limbs.pair(x, a + 32, y, b + 32);
  const q = c8 >> 24;
  c8 -= q << 24; // 2^256
  const c7 = Limbs.pair(x, a + 28, y, b + 28) + (q << 21); // - 2^224
  const c6 = Limbs.pair(x, a + 24, y, b + 24) - (q << 18); // + 2^192
  const c5 = Limbs.pair(x, a + 20, y, b + 20);
  const c4 = Limbs.pair(x, a + 16, y, b + 16);
  const c3 = Limbs.pair(x, a + 12, y, b + 12) - (q << 9); // + 2^96
  const c2 = Limbs.pair(x, a + 8, y, b + 8);
  const c1 = Limbs.pair(x, a + 4, y, b + 4);
  const c0 = Limbs.pair(x, a, y, b) + q; // - 1
  Limbs.carry(out, c0, c1, c2, c3, c4, c5, c6, c7, c8);
}

/** Whether a, tight or loose, is 0 mod p. */
export function isZero(a: usize): bool {
  // combine leaves a value above -p and below 2p, so 0 mod p means 0 or p.
  combine(SCRATCH, 1, a, 0, a);
  return isEqual(SCRATCH, P_LIMBS) || isAllZero(SCRATCH);
}

function isEqual(a: usize, b: usize): bool {
  return memory.compare(a, b, ELEMENT_BYTES) === 0;
}

function isAllZero(a: usize): bool {
  let bits = 0;
  for (let i: usize = 0; i < ELEMENT_BYTES; i += 4) bits |= load<i32>(a + i);
  return bits === 0;
}

/** out = a. */
export function copy(out: usize, a: usize): void {
  memory.copy(out, a, ELEMENT_BYTES);
}

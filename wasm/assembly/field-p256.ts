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
// a column of nine products stays below 9 * 2^59 < 2^63. Results are tight. As the inputs are
// below 9p/4 in size, a product is below 6p^2 and Montgomery reduction, which divides by R > 31p and
// adds less than p, leaves it within (-p/5, 6p/5); normalise is where needed for more.
//
// The functions handle public values only (signature verification) and may vary in time.

import { P_LIMBS } from "./tables-p256";

export const ELEMENT_BYTES: usize = 36;

const MASK: i64 = 0x1fff_ffff; // 29 bits
const LIMB_BITS: i64 = 29;

const SCRATCH: usize = memory.data(36, 16);

class Limbs {
  /**
   * Montgomery reduction of the 17 columns t0..t16 (weight 2^(29i)) to `out`: nine times, adds the
   * multiple q * p that clears the lowest column. p = -1 mod 2^29, so q is that column's low bits,
   * and q * p = q * (2^256 - 2^224 + 2^192 + 2^96) - q, whose powers fall on the columns 8, 7, 6, 3
   * at the bits 24, 21, 18, 9.
   */
  @inline static reduce(
    out: usize,
    t0: i64,
    t1: i64,
    t2: i64,
    t3: i64,
    t4: i64,
    t5: i64,
    t6: i64,
    t7: i64,
    t8: i64,
    t9: i64,
    t10: i64,
    t11: i64,
    t12: i64,
    t13: i64,
    t14: i64,
    t15: i64,
    t16: i64,
  ): void {
    let q = t0 & MASK;
    t1 += t0 >> LIMB_BITS;
    t3 += q << 9;
    t6 += q << 18;
    t7 -= q << 21;
    t8 += q << 24;
    q = t1 & MASK;
    t2 += t1 >> LIMB_BITS;
    t4 += q << 9;
    t7 += q << 18;
    t8 -= q << 21;
    t9 += q << 24;
    q = t2 & MASK;
    t3 += t2 >> LIMB_BITS;
    t5 += q << 9;
    t8 += q << 18;
    t9 -= q << 21;
    t10 += q << 24;
    q = t3 & MASK;
    t4 += t3 >> LIMB_BITS;
    t6 += q << 9;
    t9 += q << 18;
    t10 -= q << 21;
    t11 += q << 24;
    q = t4 & MASK;
    t5 += t4 >> LIMB_BITS;
    t7 += q << 9;
    t10 += q << 18;
    t11 -= q << 21;
    t12 += q << 24;
    Limbs.reduceHigh(out, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15, t16);
  }

  /** The last four steps of reduce. */
  @inline static reduceHigh(
    out: usize,
    t5: i64,
    t6: i64,
    t7: i64,
    t8: i64,
    t9: i64,
    t10: i64,
    t11: i64,
    t12: i64,
    t13: i64,
    t14: i64,
    t15: i64,
    t16: i64,
  ): void {
    let q = t5 & MASK;
    t6 += t5 >> LIMB_BITS;
    t8 += q << 9;
    t11 += q << 18;
    t12 -= q << 21;
    t13 += q << 24;
    q = t6 & MASK;
    t7 += t6 >> LIMB_BITS;
    t9 += q << 9;
    t12 += q << 18;
    t13 -= q << 21;
    t14 += q << 24;
    q = t7 & MASK;
    t8 += t7 >> LIMB_BITS;
    t10 += q << 9;
    t13 += q << 18;
    t14 -= q << 21;
    t15 += q << 24;
    q = t8 & MASK;
    t9 += t8 >> LIMB_BITS;
    t11 += q << 9;
    t14 += q << 18;
    t15 -= q << 21;
    t16 += q << 24;
    Limbs.carry(out, t9, t10, t11, t12, t13, t14, t15, t16, 0);
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

/** out = a * b / R mod p; see the header for the bounds. out may be a or b. */
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
  const t0 = a0 * b0;
  const t1 = a0 * b1 + a1 * b0;
  const t2 = a0 * b2 + a1 * b1 + a2 * b0;
  const t3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
  const t4 = a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0;
  const t5 = a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0;
  const t6 = a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0;
  const t7 = a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0;
  let t8 = a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1;
  t8 += a8 * b0;
  const t9 = a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1;
  const t10 = a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2;
  const t11 = a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3;
  const t12 = a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4;
  const t13 = a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5;
  const t14 = a6 * b8 + a7 * b7 + a8 * b6;
  const t15 = a7 * b8 + a8 * b7;
  const t16 = a8 * b8;
  Limbs.reduce(out, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15, t16);
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
  const t0 = a0 * a0;
  const t1 = d0 * a1;
  const t2 = d0 * a2 + a1 * a1;
  const t3 = d0 * a3 + d1 * a2;
  const t4 = d0 * a4 + d1 * a3 + a2 * a2;
  const t5 = d0 * a5 + d1 * a4 + d2 * a3;
  const t6 = d0 * a6 + d1 * a5 + d2 * a4 + a3 * a3;
  const t7 = d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4;
  const t8 = d0 * a8 + d1 * a7 + d2 * a6 + d3 * a5 + a4 * a4;
  const t9 = d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5;
  const t10 = d2 * a8 + d3 * a7 + d4 * a6 + a5 * a5;
  const t11 = d3 * a8 + d4 * a7 + d5 * a6;
  const t12 = d4 * a8 + d5 * a7 + a6 * a6;
  const t13 = d5 * a8 + d6 * a7;
  const t14 = d6 * a8 + a7 * a7;
  const t15 = d7 * a8;
  const t16 = a8 * a8;
  Limbs.reduce(out, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15, t16);
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

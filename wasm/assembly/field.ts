// The field GF(p) of the selected curve:
//
//   P-256  p = 2^256 - 2^224 + 2^192 + 2^96 - 1   (SP 800-186 section 3.2.1.3)
//   SM2    p = 2^256 - 2^224 - 2^96 + 2^64 - 1    (GB/T 32918.5 section 2)
//
// An element is a pointer to nine i32 limbs of 29 bits, least significant first, in the Montgomery
// domain: x stands for x * R mod p with R = 2^261. Limbs are signed, so a difference needs no
// correction. Two forms occur:
//
//   tight   limbs 0 to 7 in [0, 2^29), limb 8 signed; value in (-5p/4, 5p/4)
//   loose   sum or difference of two tight elements, limb by limb: limbs in (-2^29, 2^30)
//
// multiply takes two loose elements of which one is no sum, square a tight one or a difference: then
// a column of nine products stays below 9 * 2^59 < 2^63. A product is below 5p/2 * 5p/2 in size;
// Montgomery reduction divides by R > 31p and takes off less than p, so the result is tight.
//
// No function branches on a value or reads at an address that depends on one, but isZero, which is
// for public values, and invertField.

import { CURVE_SM2, P, R2_MOD_P, curve } from "./curve";
import { multiplyIn, squareIn } from "./field-product";
import { P256Field, Sm2Field } from "./field-reduction";
import { invert } from "./inverse";
import { bitsAt } from "./limbs";

const ELEMENT_BYTES: usize = 36;

const MASK: i64 = 0x1fff_ffff; // 29 bits
const LIMB_BITS: i64 = 29;
const P_PRIME: u64 = 1; // -1/p mod 2^29 for both

const SCRATCH: usize = memory.data(40, 16);
const DIFFERENCE: usize = memory.data(40, 16);

class Limbs {
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
 * out = x*a + y*b, tight, for factors up to 8 in size. The bits of the sum from 2^256 on say
 * about how many times p it holds; that multiple is taken off before the carries run.
 */
function combineIn<F>(out: usize, x: i64, a: usize, y: i64, b: usize): void {
  const f = changetype<F>(0);
  let c8 = Limbs.pair(x, a + 32, y, b + 32);
  const q = c8 >> 24;
  c8 -= q << 24; // 2^256
  const c7 = Limbs.pair(x, a + 28, y, b + 28) + (q << 21); // - 2^224
  const c6 = Limbs.pair(x, a + 24, y, b + 24) + -f.column6(q);
  const c5 = Limbs.pair(x, a + 20, y, b + 20);
  const c4 = Limbs.pair(x, a + 16, y, b + 16);
  const c3 = Limbs.pair(x, a + 12, y, b + 12) - f.column3(q);
  const c2 = Limbs.pair(x, a + 8, y, b + 8) - f.column2(q);
  const c1 = Limbs.pair(x, a + 4, y, b + 4);
  const c0 = Limbs.pair(x, a, y, b) + q; // - 1
  Limbs.carry(out, c0, c1, c2, c3, c4, c5, c6, c7, c8);
}

/** out = a * b / R mod p of the selected curve; bounds as in the header. */
export function multiply(out: usize, a: usize, b: usize): void {
  if (curve === CURVE_SM2) multiplyIn<Sm2Field>(out, a, b);
  else multiplyIn<P256Field>(out, a, b);
}

/** out = a * a / R mod p of the selected curve. */
export function square(out: usize, a: usize): void {
  if (curve === CURVE_SM2) squareIn<Sm2Field>(out, a);
  else squareIn<P256Field>(out, a);
}

/** out = a + b, loose, of tight a and b. */
export function addLoose(out: usize, a: usize, b: usize): void {
  v128.store(out, i32x4.add(v128.load(a), v128.load(b)));
  v128.store(out, i32x4.add(v128.load(a, 16), v128.load(b, 16)), 16);
  store<i32>(out, load<i32>(a, 32) + load<i32>(b, 32), 32);
}

/** out = a - b, loose, of tight a and b. */
export function subtractLoose(out: usize, a: usize, b: usize): void {
  v128.store(out, i32x4.sub(v128.load(a), v128.load(b)));
  v128.store(out, i32x4.sub(v128.load(a, 16), v128.load(b, 16)), 16);
  store<i32>(out, load<i32>(a, 32) - load<i32>(b, 32), 32);
}

/** out = x*a + y*b mod p of the selected curve, tight, for factors up to 8 in size. */
export function combine(out: usize, x: i64, a: usize, y: i64, b: usize): void {
  if (curve === CURVE_SM2) combineIn<Sm2Field>(out, x, a, y, b);
  else combineIn<P256Field>(out, x, a, y, b);
}

/** out = x*a + y*b with carries and no reduction. */
function addMultiples(out: usize, x: i64, a: usize, y: i64, b: usize): void {
  let carry: i64 = 0;
  for (let i: usize = 0; i < ELEMENT_BYTES; i += 4) {
    carry += x * load<i32>(a + i) + y * load<i32>(b + i);
    const isTop = i === ELEMENT_BYTES - 4;
    store<i32>(out + i, isTop ? i32(carry) : i32(carry & MASK));
    carry >>= LIMB_BITS;
  }
}

/** out = the number in [0, p) that a, tight or loose, stands for; out is not a. */
export function freeze(out: usize, a: usize): void {
  combine(out, 1, a, 0, a); // above -p and below 2p
  addMultiples(out, 1, out, i64(load<i32>(out, 32) >>> 31), curve + P); // + p if negative
  addMultiples(DIFFERENCE, 1, out, -1, curve + P);
  selectElement(out, DIFFERENCE, load<i32>(DIFFERENCE, 32) >> 31, out);
}

/** out = a where mask is 0, b where it is -1. */
export function selectElement(out: usize, a: usize, mask: i32, b: usize): void {
  for (let i: usize = 0; i < ELEMENT_BYTES; i += 4) {
    const x = load<i32>(a + i);
    store<i32>(out + i, x ^ ((x ^ load<i32>(b + i)) & mask));
  }
}

/** out = 1/a for a secret a, by Fermat: a^(p - 2); p is public. out is not a. 0 gives 0. */
export function invertSecretField(out: usize, a: usize): void {
  memory.copy(SCRATCH, curve + P, ELEMENT_BYTES);
  store<i32>(SCRATCH, load<i32>(SCRATCH) - 2); // the lowest limb of both p is larger
  copy(out, a); // the highest bit, 255
  for (let bit = 254; bit >= 0; bit--) {
    square(out, out);
    if (bitsAt(SCRATCH, bit, 1)) multiply(out, out, a);
  }
}

/** Clears what freeze left of a secret. */
export function wipeField(): void {
  memory.fill(SCRATCH, 0, ELEMENT_BYTES);
  memory.fill(DIFFERENCE, 0, ELEMENT_BYTES);
}

/** out = 1/a for a that is not 0, all in the Montgomery domain. Public values: the time varies. */
export function invertField(out: usize, a: usize): void {
  freeze(out, a);
  invert(out, out, curve + P, P_PRIME); // 1/(a R)
  multiply(out, out, curve + R2_MOD_P);
  multiply(out, out, curve + R2_MOD_P);
}

/** Whether a, tight or loose, is 0 mod p. */
export function isZero(a: usize): bool {
  // As a number a is above -3p and below 3p, so 0 mod p needs a lowest limb of -2 to 2 mod 2^29, as
  // p = -1. Hardly any other number passes this.
  const lowest = (load<i32>(a) + 2) & i32(MASK);
  if (lowest > 4) return false;
  // combine leaves a value above -p and below 2p, so 0 mod p means 0 or p.
  combine(SCRATCH, 1, a, 0, a);
  return isEqual(SCRATCH, curve + P) || isAllZero(SCRATCH);
}

function isEqual(a: usize, b: usize): bool {
  return memory.compare(a, b, ELEMENT_BYTES) === 0;
}

/** Whether every limb is 0, which is 0 itself but no multiple of p. */
export function isAllZero(a: usize): bool {
  let bits = 0;
  for (let i: usize = 0; i < ELEMENT_BYTES; i += 4) bits |= load<i32>(a + i);
  return bits === 0;
}

/** out = a. */
export function copy(out: usize, a: usize): void {
  v128.store(out, v128.load(a));
  v128.store(out, v128.load(a, 16), 16);
  store<i32>(out, load<i32>(a, 32), 32);
}

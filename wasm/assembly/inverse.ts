// Modular inversion by division steps: D. Bernstein, B.-Y. Yang, "Fast constant-time gcd computation
// and modular inversion" (2019), here in variable time, as it serves public values only.
//
//   divstep(delta, f, g) = (1 - delta, g, (g - f) / 2)            if delta > 0 and g is odd
//                          (1 + delta, f, (g + (g mod 2) f) / 2)  otherwise
//
// From (1, m, a) with odd m the steps end in g = 0 and f = +-gcd(m, a). STEPS of them depend on the
// lowest bits alone and multiply (f, g) by a matrix over 2^STEPS. The same matrix, modulo m, keeps
// f = d a and g = e a, so that at the end 1/a = +-d.
//
// Numbers are nine i32 limbs of 29 bits, least significant first, the highest signed.

import { isLess } from "./limbs";

const LIMB_BITS: i64 = 29;
const MASK: i64 = 0x1fff_ffff; // 29 bits
const STEPS: i32 = 29; // one limb a round
const BYTES: usize = 36;
const TOP: usize = 32; // offset of the highest limb
const CANCEL_MASK: u32 = 63; // bits of g cleared at once: the formula for -1/f is right modulo 64

const F: usize = memory.data(40, 16);
const G: usize = memory.data(40, 16);
const D: usize = memory.data(40, 16);
const E: usize = memory.data(40, 16);
const MATRIX: usize = memory.data(32, 16); // i64 u, v, q, r: f' = (u f + v g) / 2^STEPS, g' = q, r

/** STEPS division steps on the lowest bits; writes MATRIX. Takes and returns eta = -delta. */
function divisionSteps(eta: i32, fLow: u32, gLow: u32): i32 {
  let f = fLow;
  let g = gLow;
  let u: i32 = 1;
  let v: i32 = 0;
  let q: i32 = 0;
  let r: i32 = 1;
  let left = STEPS;
  while (true) {
    // Steps with even g: g / 2; the first row takes the factor 2 instead.
    const zeros = i32(ctz<u32>(g | (u32(1) << left)));
    g >>= zeros;
    u <<= zeros;
    v <<= zeros;
    eta -= zeros;
    left -= zeros;
    if (left === 0) break;
    if (eta < 0) {
      // delta > 0 and g is odd: (f, g) = (g, -f), to which the sum below is added.
      eta = -eta;
      const f1 = f;
      f = g;
      g = 0 - f1;
      const u1 = u;
      u = q;
      q = -u1;
      const v1 = v;
      v = r;
      r = -v1;
    }
    // No exchange for eta + 1 steps: add the multiple of f that clears as many low bits of g.
    const count = min<i32>(eta + 1, left);
    const w = (g * f * (f * f - 2)) & ((u32.MAX_VALUE >> (32 - count)) & CANCEL_MASK);
    g += f * w;
    q += u * i32(w);
    r += v * i32(w);
  }
  store<i64>(MATRIX, u);
  store<i64>(MATRIX, v, 8);
  store<i64>(MATRIX, q, 16);
  store<i64>(MATRIX, r, 24);
  return eta;
}

/** (F, G) = MATRIX (F, G) / 2^STEPS, an exact division. */
function updateFG(): void {
  const u = load<i64>(MATRIX);
  const v = load<i64>(MATRIX, 8);
  const q = load<i64>(MATRIX, 16);
  const r = load<i64>(MATRIX, 24);
  let f = (u * load<i32>(F) + v * load<i32>(G)) >> LIMB_BITS;
  let g = (q * load<i32>(F) + r * load<i32>(G)) >> LIMB_BITS;
  for (let i: usize = 4; i < BYTES; i += 4) {
    const fi = i64(load<i32>(F + i));
    const gi = i64(load<i32>(G + i));
    f += u * fi + v * gi;
    g += q * fi + r * gi;
    store<i32>(F + i - 4, i32(f & MASK));
    store<i32>(G + i - 4, i32(g & MASK));
    f >>= LIMB_BITS;
    g >>= LIMB_BITS;
  }
  store<i32>(F, i32(f), TOP);
  store<i32>(G, i32(g), TOP);
}

/**
 * (D, E) = MATRIX (D, E) / 2^STEPS mod m, with the multiple of m that makes the division exact. A
 * round adds less than m to their size and there are at most 26, which the highest limb can hold.
 */
function updateDE(m: usize, mPrime: u64): void {
  const u = load<i64>(MATRIX);
  const v = load<i64>(MATRIX, 8);
  const q = load<i64>(MATRIX, 16);
  const r = load<i64>(MATRIX, 24);
  let d = u * load<i32>(D) + v * load<i32>(E);
  let e = q * load<i32>(D) + r * load<i32>(E);
  const dFactor = (d * i64(mPrime)) & MASK;
  const eFactor = (e * i64(mPrime)) & MASK;
  d = (d + dFactor * load<i32>(m)) >> LIMB_BITS;
  e = (e + eFactor * load<i32>(m)) >> LIMB_BITS;
  for (let i: usize = 4; i < BYTES; i += 4) {
    const di = i64(load<i32>(D + i));
    const ei = i64(load<i32>(E + i));
    const mi = i64(load<i32>(m + i));
    d += u * di + v * ei + dFactor * mi;
    e += q * di + r * ei + eFactor * mi;
    store<i32>(D + i - 4, i32(d & MASK));
    store<i32>(E + i - 4, i32(e & MASK));
    d >>= LIMB_BITS;
    e >>= LIMB_BITS;
  }
  store<i32>(D, i32(d), TOP);
  store<i32>(E, i32(e), TOP);
}

function isGZero(): bool {
  let bits = 0;
  for (let i: usize = 0; i < BYTES; i += 4) bits |= load<i32>(G + i);
  return bits === 0;
}

/** out = x a + y b with carries, for factors of size 1 or 0. */
function addMultiples(out: usize, x: i64, a: usize, y: i64, b: usize): void {
  let carry: i64 = 0;
  for (let i: usize = 0; i < TOP; i += 4) {
    carry += x * load<i32>(a + i) + y * load<i32>(b + i);
    store<i32>(out + i, i32(carry & MASK));
    carry >>= LIMB_BITS;
  }
  store<i32>(out, i32(carry + x * load<i32>(a, TOP) + y * load<i32>(b, TOP)), TOP);
}

/** out = 1/a mod m in [0, m) for odd m, a in [1, m) prime to m, and mPrime = -1/m mod 2^29. */
export function invert(out: usize, a: usize, m: usize, mPrime: u64): void {
  memory.copy(F, m, BYTES);
  memory.copy(G, a, BYTES);
  memory.fill(D, 0, BYTES);
  memory.fill(E, 0, BYTES);
  store<i32>(E, 1);
  let eta = -1; // delta = 1
  while (!isGZero()) {
    eta = divisionSteps(eta, load<u32>(F), load<u32>(G));
    updateDE(m, mPrime);
    updateFG();
  }
  const sign: i64 = load<i32>(F, TOP) < 0 ? -1 : 1; // f = +-1
  addMultiples(out, sign, D, 0, D);
  while (load<i32>(out, TOP) < 0) addMultiples(out, 1, out, 1, m);
  while (!isLess(out, m)) addMultiples(out, 1, out, -1, m);
}

// [k]P for a secret k on the selected curve, y^2 = x^3 - 3x + b: no branch and no address depends on
// k or on a coordinate.
//
// Points are X, Y, Z in homogeneous projective coordinates (x = X / Z, y = Y / Z; O = (0 : 1 : 0)),
// tight elements of field.ts. The formulas are complete: they hold for all pairs of points, O and
// equal ones included, as the order is odd (J. Renes, C. Costello, L. Batina, "Complete addition
// formulas for prime order elliptic curves", 2016, algorithms 4 and 6 for a = -3).

import { B, ONE, curve } from "./curve";
import { addLoose, combine, copy, freeze, invertSecretField, multiply, square } from "./field";
import { bitsAt } from "./limbs";

const WINDOW_BITS: i32 = 4;
const WINDOWS: i32 = 64;
const ENTRIES: i32 = 16;
const ENTRY_BYTES: usize = 112; // X, Y, Z and four bytes, so that seven vectors hold one

const Y: usize = 36; // offsets in a point
const Z: usize = 72;

// Everything that depends on a secret, in one piece so that it is cleared as one.
const WORK_BYTES: usize = 2480;
const WORK: usize = memory.data(2480, 16);
const MULTIPLES: usize = WORK; // 0P, 1P .. 15P, 1792 bytes
const SUM: usize = WORK + 1792;
const TERM: usize = WORK + 1904;
const T0: usize = WORK + 2016;
const T1: usize = WORK + 2056;
const T2: usize = WORK + 2096;
const T3: usize = WORK + 2136;
const T4: usize = WORK + 2176;
const T5: usize = WORK + 2216;
const T6: usize = WORK + 2256;
const T7: usize = WORK + 2296;
const T8: usize = WORK + 2336;
const LEFT: usize = WORK + 2376;
const RIGHT: usize = WORK + 2416;

/** out = (a + b)(c + d) - e - f: a mixed term of two points from the products of like ones. */
function mixed(out: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize): void {
  combine(LEFT, 1, a, 1, b);
  addLoose(RIGHT, c, d);
  multiply(LEFT, LEFT, RIGHT);
  combine(LEFT, 1, LEFT, -1, e);
  combine(out, 1, LEFT, -1, f);
}

/** out = 3(b u - 3 v - w) for the coefficient b of the curve. */
function tripleDifference(out: usize, u: usize, v: usize, w: usize): void {
  multiply(out, curve + B, u);
  combine(out, 3, out, -8, v);
  combine(out, 1, out, -1, v);
  combine(out, 1, out, -3, w);
}

/** p = p + q; algorithm 4. */
function addComplete(p: usize, q: usize): void {
  multiply(T0, p, q); // X1 X2
  multiply(T1, p + Y, q + Y); // Y1 Y2
  multiply(T2, p + Z, q + Z); // Z1 Z2
  mixed(T3, p, p + Y, q, q + Y, T0, T1); // X1 Y2 + X2 Y1
  mixed(T4, p + Y, p + Z, q + Y, q + Z, T1, T2); // Y1 Z2 + Y2 Z1
  mixed(T5, p, p + Z, q, q + Z, T0, T2); // X1 Z2 + X2 Z1
  multiply(T6, curve + B, T2);
  combine(T6, 3, T5, -3, T6); // 3 (X1 Z2 + X2 Z1 - b Z1 Z2)
  combine(T7, 1, T1, 1, T6);
  combine(T8, 1, T1, -1, T6);
  tripleDifference(T6, T5, T2, T0); // 3 (b (X1 Z2 + X2 Z1) - 3 Z1 Z2 - X1 X2)
  combine(T0, 3, T0, -3, T2); // 3 (X1 X2 - Z1 Z2)
  multiply(T1, T3, T7);
  multiply(T2, T4, T6);
  combine(p, 1, T1, -1, T2);
  multiply(T1, T7, T8);
  multiply(T2, T0, T6);
  combine(p + Y, 1, T1, 1, T2);
  multiply(T1, T4, T8);
  multiply(T2, T3, T0);
  combine(p + Z, 1, T1, 1, T2);
}

/** p = 2p; algorithm 6. */
function doubleComplete(p: usize): void {
  square(T0, p);
  square(T1, p + Y);
  square(T2, p + Z);
  multiply(T3, p, p + Y);
  multiply(T4, p, p + Z);
  multiply(T5, p + Y, p + Z);
  multiply(T6, curve + B, T2);
  combine(T6, 3, T6, -6, T4); // 3 (b Z^2 - 2 X Z)
  combine(T7, 1, T1, 1, T6);
  combine(T8, 1, T1, -1, T6);
  addLoose(T6, T4, T4);
  combine(T6, 1, T6, 0, T6);
  tripleDifference(T4, T6, T2, T0); // 3 (2 b X Z - 3 Z^2 - X^2)
  combine(T0, 3, T0, -3, T2); // 3 (X^2 - Z^2)
  multiply(T2, T3, T8);
  multiply(T6, T5, T4);
  combine(p, 2, T2, -2, T6);
  multiply(T2, T7, T8);
  multiply(T6, T0, T4);
  combine(p + Y, 1, T2, 1, T6);
  multiply(T2, T5, T1);
  combine(p + Z, 8, T2, 0, T2);
}

/** TERM = entry `digit` of MULTIPLES: all entries are read, all in the same order. */
function select(digit: i32): void {
  for (let offset: usize = 0; offset < ENTRY_BYTES; offset += 16) {
    let chosen = i32x4.splat(0);
    for (let entry = 0; entry < ENTRIES; entry++) {
      const mask = i32x4.splat(((entry ^ digit) - 1) >> 31); // -1 where they are equal
      const value = v128.load(MULTIPLES + usize(entry) * ENTRY_BYTES + offset);
      chosen = v128.or(chosen, v128.and(value, mask));
    }
    v128.store(TERM + offset, chosen);
  }
}

/**
 * The affine [k]P for k in [1, n - 1] at `k` and the affine point at `point`: x as an integer in
 * [0, p) to `x`, y to `y`, nine limbs each.
 */
export function multiplySecret(x: usize, y: usize, k: usize, point: usize): void {
  memory.fill(MULTIPLES, 0, 2 * ENTRY_BYTES);
  copy(MULTIPLES + Y, curve + ONE); // O
  const first = MULTIPLES + ENTRY_BYTES;
  copy(first, point);
  copy(first + Y, point + Y);
  copy(first + Z, curve + ONE);
  for (let entry = 2; entry < ENTRIES; entry++) {
    const target = MULTIPLES + usize(entry) * ENTRY_BYTES;
    memory.copy(target, target - ENTRY_BYTES, ENTRY_BYTES);
    addComplete(target, first);
  }
  memory.copy(SUM, MULTIPLES, ENTRY_BYTES);
  for (let window = WINDOWS - 1; window >= 0; window--) {
    for (let i = 0; i < WINDOW_BITS; i++) doubleComplete(SUM);
    select(bitsAt(k, window * WINDOW_BITS, WINDOW_BITS));
    addComplete(SUM, TERM);
  }
  invertSecretField(T0, SUM + Z);
  toInteger(x, SUM);
  toInteger(y, SUM + Y);
}

/** out = the integer in [0, p) of the coordinate at `a` divided by Z, whose inverse is in T0. */
function toInteger(out: usize, a: usize): void {
  memory.fill(T2, 0, Y);
  store<i32>(T2, 1);
  multiply(T1, a, T0);
  multiply(T1, T1, T2); // out of the Montgomery domain
  freeze(out, T1);
}

/** Clears what came of a secret. */
export function wipeSecretPoint(): void {
  memory.fill(WORK, 0, WORK_BYTES);
}

// Points of the selected curve over the layer field.ts: y^2 = x^3 - 3x + b, for P-256 and SM2 alike.
//
// A point is a pointer to X, Y, Z in Jacobian coordinates (x = X / Z^2, y = Y / Z^3), tight elements
// of the Montgomery domain; Z = 0 all through is the point at infinity O. An affine point is x, y.
// Formulas: Explicit-Formulas Database, short Weierstrass with a = -3, "dbl-2001-b" and the general
// Jacobian addition; the cases they leave out (O, P + P, P - P) are branches, as values are public.

import {
  addLoose,
  combine,
  copy,
  isAllZero,
  isZero,
  multiply,
  square,
  subtractLoose,
} from "./field";
import { B, ONE, curve } from "./curve";

export const AFFINE_BYTES: usize = 72;
export const POINT_BYTES: usize = 108;

const Y: usize = 36; // offsets in a point
const Z: usize = 72;

// Temporaries, 40 bytes apart; no function that uses them calls another that does, except where
// addition falls back to doubling and is done itself.
const T: usize = memory.data(360, 16);
const T0: usize = T;
const T1: usize = T + 40;
const T2: usize = T + 80;
const T3: usize = T + 120;
const T4: usize = T + 160;
const T5: usize = T + 200;
const T6: usize = T + 240;
const T7: usize = T + 280;
const T8: usize = T + 320;

export function setInfinity(p: usize): void {
  memory.fill(p, 0, POINT_BYTES);
}

export function isInfinity(p: usize): bool {
  return isAllZero(p + Z);
}

export function copyPoint(out: usize, p: usize): void {
  copy(out, p);
  copy(out + Y, p + Y);
  copy(out + Z, p + Z);
}

/** p = 2p. 2 O = O needs no branch: Z stays 0. The group has no point of order 2. */
export function double(p: usize): void {
  square(T0, p + Z); // delta = Z^2
  square(T1, p + Y); // gamma = Y^2
  multiply(T2, p, T1); // beta = X gamma
  subtractLoose(T3, p, T0);
  combine(T4, 3, p, 3, T0);
  multiply(T3, T3, T4); // alpha = 3 (X - delta) (X + delta)
  addLoose(T4, p + Y, p + Y);
  multiply(p + Z, T4, p + Z); // Z' = 2 Y Z
  square(T4, T3);
  combine(p, 1, T4, -8, T2); // X' = alpha^2 - 8 beta
  combine(T2, 4, T2, -1, p);
  multiply(T3, T3, T2);
  square(T1, T1);
  combine(p + Y, 1, T3, -8, T1); // Y' = alpha (4 beta - X') - 8 gamma^2
}

/**
 * p = p + q from H = U2 - U1 in T0, r = S2 - S1 in T1, Z1 Z2, U1 and S1, of which U1 may be the X of p,
 * S1 its Y and Z1 Z2 its Z:
 * X' = r^2 - H^3 - 2 U1 H^2, Y' = r (U1 H^2 - X') - S1 H^3, Z' = Z1 Z2 H.
 */
function finishAddition(p: usize, z: usize, u1: usize, s1: usize): void {
  multiply(p + Z, z, T0);
  square(T5, T0); // H^2
  multiply(T6, T0, T5); // H^3
  multiply(T5, u1, T5); // U1 H^2
  square(T7, T1);
  addLoose(T8, T5, T5);
  addLoose(T8, T8, T6); // limbs below 3 * 2^29, which combine takes
  combine(p, 1, T7, -1, T8);
  subtractLoose(T5, T5, p);
  multiply(T5, T1, T5);
  multiply(T6, s1, T6);
  combine(p + Y, 1, T5, -1, T6);
}

/** Whether H = 0 needed no formula: then p has become 2p or O. */
function finishEqualX(p: usize): bool {
  if (!isZero(T0)) return false;
  if (isZero(T1)) double(p);
  else setInfinity(p);
  return true;
}

/** p = p + q for a point q. */
export function add(p: usize, q: usize): void {
  if (isInfinity(q)) return;
  if (isInfinity(p)) {
    copyPoint(p, q);
    return;
  }
  square(T7, p + Z); // Z1^2
  square(T8, q + Z); // Z2^2
  multiply(T2, p, T8); // U1 = X1 Z2^2
  multiply(T0, q, T7); // U2 = X2 Z1^2
  multiply(T8, q + Z, T8);
  multiply(T3, p + Y, T8); // S1 = Y1 Z2^3
  multiply(T7, p + Z, T7);
  multiply(T1, q + Y, T7); // S2 = Y2 Z1^3
  subtractLoose(T0, T0, T2); // H = U2 - U1
  subtractLoose(T1, T1, T3); // r = S2 - S1
  if (finishEqualX(p)) return;
  multiply(T4, p + Z, q + Z);
  finishAddition(p, T4, T2, T3);
}

/** p = p + q for an affine q, where Z2 = 1. */
export function addAffine(p: usize, q: usize): void {
  if (isInfinity(p)) {
    copy(p, q);
    copy(p + Y, q + Y);
    copy(p + Z, curve + ONE);
    return;
  }
  square(T7, p + Z); // Z1^2
  multiply(T0, q, T7); // U2 = x Z1^2
  multiply(T7, p + Z, T7);
  multiply(T1, q + Y, T7); // S2 = y Z1^3
  subtractLoose(T0, T0, p); // U1 = X1
  subtractLoose(T1, T1, p + Y); // S1 = Y1
  if (finishEqualX(p)) return;
  finishAddition(p, p + Z, p, p + Y);
}

/** out = -p for a point p. */
export function negate(out: usize, p: usize): void {
  copyPoint(out, p);
  combine(out + Y, -1, out + Y, 0, out + Y);
}

/** Whether the affine x, y satisfies y^2 = x^3 - 3x + b, tight elements of the Montgomery domain. */
export function isOnCurve(q: usize): bool {
  square(T0, q + Y);
  square(T1, q);
  multiply(T1, T1, q); // x^3
  combine(T1, 1, T1, -3, q);
  combine(T0, 1, T0, -1, T1);
  combine(T0, 1, T0, -1, curve + B);
  return isZero(T0);
}

// The affine points Q, 3Q, 5Q .. 15Q of a public key Q, for one multiplication.
//
// 2Q is added to Q again and again, by formulas for two points with the same Z (co-Z: N. Meloni, "New
// point addition formulae for ECC applications", 2007), which give the sum and 2Q once more with the
// Z of the sum:
//
//   C = (X1 - X2)^2, W1 = X1 C, W2 = X2 C, A1 = Y1 (W1 - W2)
//   X3 = (Y1 - Y2)^2 - W1 - W2, Y3 = (Y1 - Y2) (W1 - X3) - A1, Z3 = Z (X1 - X2)
//   point 1 again: (W1, A1) with Z3
//
// From Z to Z is a known factor, so one inversion makes all points affine. X1 = X2 does not occur: the
// order of Q is no factor of such small numbers. Everything is public.

import { ONE, curve } from "./curve";
import { addLoose, combine, copy, invertField, multiply, square, subtractLoose } from "./field";
import { AFFINE_BYTES } from "./point";

/** How many: with signs, they serve digits of five bits. */
export const ODD_MULTIPLES: usize = 8;
const Y: usize = 36; // offset in a point
const ELEMENT_BYTES: usize = 36;

const POINTS: usize = memory.data(576, 16); // affine at the end
const FACTORS: usize = memory.data(288, 16); // from the Z of the point before, for all but Q

const T: usize = memory.data(320, 16);
const DOUBLE: usize = T; // X and Y of 2Q, 72 bytes
const Z: usize = T + 80;
const INVERSE: usize = T + 120;
const T0: usize = T + 160;
const T1: usize = T + 200;
const T2: usize = T + 240;
const T3: usize = T + 280;

/** The affine point (2 index + 1) Q. */
export function oddMultiple(index: usize): usize {
  return POINTS + index * AFFINE_BYTES;
}

/** DOUBLE = 2Q, and Q with the same Z = 2y to `same`. */
function doubleAffine(same: usize, q: usize): void {
  addLoose(T0, q + Y, q + Y);
  combine(Z, 1, T0, 0, T0);
  square(T1, q + Y);
  multiply(T0, q, T1);
  combine(same, 4, T0, 0, T0); // x Z^2 = 4 x y^2
  square(T0, T1);
  combine(same + Y, 8, T0, 0, T0); // y Z^3 = 8 y^4
  square(T1, q);
  combine(T1, 3, T1, -3, curve + ONE); // M = 3 x^2 - 3
  square(T0, T1);
  combine(DOUBLE, 1, T0, -2, same); // X = M^2 - 2 S for S = 4 x y^2
  subtractLoose(T0, same, DOUBLE);
  multiply(T0, T1, T0);
  combine(DOUBLE + Y, 1, T0, -1, same + Y); // Y = M (S - X) - 8 y^4
}

/** out = DOUBLE + q for the q with its Z; DOUBLE gets the Z of the sum, `factor` times the one before. */
function addDouble(out: usize, factor: usize, q: usize): void {
  subtractLoose(T0, DOUBLE, q);
  combine(factor, 1, T0, 0, T0);
  multiply(Z, Z, factor);
  subtractLoose(T1, DOUBLE + Y, q + Y);
  square(T0, factor); // C
  multiply(T2, q, T0); // W2
  multiply(DOUBLE, DOUBLE, T0); // W1
  subtractLoose(T3, DOUBLE, T2);
  multiply(DOUBLE + Y, DOUBLE + Y, T3); // A1
  square(T0, T1);
  addLoose(T2, DOUBLE, T2);
  combine(out, 1, T0, -1, T2); // X3
  subtractLoose(T0, DOUBLE, out);
  multiply(T0, T1, T0);
  combine(out + Y, 1, T0, -1, DOUBLE + Y); // Y3
}

/** Makes the multiples of the affine point at `q`. */
export function prepareOddMultiples(q: usize): void {
  doubleAffine(POINTS, q);
  for (let index: usize = 1; index < ODD_MULTIPLES; index++) {
    addDouble(oddMultiple(index), FACTORS + index * ELEMENT_BYTES, oddMultiple(index - 1));
  }
  invertField(INVERSE, Z);
  for (let index = ODD_MULTIPLES - 1; index > 0; index--) {
    const point = oddMultiple(index);
    square(T0, INVERSE);
    multiply(point, point, T0); // x = X / Z^2
    multiply(T0, T0, INVERSE);
    multiply(point + Y, point + Y, T0); // y = Y / Z^3
    multiply(INVERSE, INVERSE, FACTORS + index * ELEMENT_BYTES);
  }
  copy(POINTS, q);
  copy(POINTS + Y, q + Y);
}

// Sums of the affine points that stand in each row of a multiplication. Points of a row are added in
// pairs, with one inversion for the pairs of all rows (P. Montgomery's trick):
//
//   lambda = (y2 - y1) / (x2 - x1),  x3 = lambda^2 - x1 - x2,  y3 = lambda (x1 - x3) - y1
//
// With its share of the trick this is five products and a square instead of eight and three. It pays
// while there are more pairs than an inversion is worth, so the caller says how often, and adds what
// is left with the formulas of point.ts. Everything is public.

import { ONE, curve } from "./curve";
import {
  addLoose,
  combine,
  copy,
  invertField,
  isZero,
  multiply,
  square,
  subtractLoose,
} from "./field";
import { AFFINE_BYTES } from "./point";

export const ROWS_MAX: i32 = 11;
const ROW_BYTES: usize = 504; // seven points
const Y: usize = 36; // offset in a point
const ELEMENT_BYTES: usize = 36;

const POINTS: usize = memory.data(5544, 16);
const COUNTS: usize = memory.data(44, 16); // i32, points in each row
const PRODUCTS: usize = memory.data(1224, 16); // 34 elements: one, and three pairs a row

const T: usize = memory.data(200, 16);
const DIFFERENCE: usize = T; // x2 - x1
const INVERSE: usize = T + 40;
const LAMBDA: usize = T + 80;
const T0: usize = T + 120;
const T1: usize = T + 160;

/** The affine point `index` of a row, tight elements. */
export function rowPoint(row: i32, index: i32): usize {
  return POINTS + usize(row) * ROW_BYTES + usize(index) * AFFINE_BYTES;
}

/** How many points a row holds. */
export function rowCount(row: i32): i32 {
  return load<i32>(COUNTS + (usize(row) << 2));
}

export function setRowCount(row: i32, count: i32): void {
  store<i32>(COUNTS + (usize(row) << 2), count);
}

/** out = a + b from 1 / (x2 - x1) in LAMBDA; out may be a or b. */
function addPair(out: usize, a: usize, b: usize): void {
  subtractLoose(T0, b + Y, a + Y);
  multiply(LAMBDA, T0, LAMBDA);
  square(T0, LAMBDA);
  addLoose(T1, a, b);
  combine(T1, 1, T0, -1, T1); // x3
  subtractLoose(T0, a, T1);
  multiply(T0, LAMBDA, T0);
  combine(out + Y, 1, T0, -1, a + Y);
  copy(out, T1);
}

/**
 * Adds the points of each row in pairs; half of them, rounded up, are left. Does nothing if the two
 * of a pair have the same x, for which the formula has no answer.
 */
export function halveRows(): void {
  // The products of the denominators, from the last pair to the first.
  let product = PRODUCTS;
  copy(product, curve + ONE);
  for (let row = ROWS_MAX - 1; row >= 0; row--) {
    for (let pair = (rowCount(row) >> 1) - 1; pair >= 0; pair--) {
      const a = rowPoint(row, pair << 1);
      subtractLoose(DIFFERENCE, a + AFFINE_BYTES, a);
      if (isZero(DIFFERENCE)) return;
      multiply(product + ELEMENT_BYTES, product, DIFFERENCE);
      product += ELEMENT_BYTES;
    }
  }
  invertField(INVERSE, product);
  for (let row = 0; row < ROWS_MAX; row++) {
    const count = rowCount(row);
    for (let pair = 0; pair < count >> 1; pair++) {
      const a = rowPoint(row, pair << 1);
      product -= ELEMENT_BYTES;
      subtractLoose(DIFFERENCE, a + AFFINE_BYTES, a);
      multiply(LAMBDA, INVERSE, product);
      multiply(INVERSE, INVERSE, DIFFERENCE);
      addPair(rowPoint(row, pair), a, a + AFFINE_BYTES);
    }
    if (count & 1) memory.copy(rowPoint(row, count >> 1), rowPoint(row, count - 1), AFFINE_BYTES);
    setRowCount(row, (count + 1) >> 1);
  }
}

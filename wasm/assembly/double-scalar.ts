// What verification on either curve needs of the layers below: reading a public key, [u]G + [v]Q,
// and comparing a coordinate. Everything here is public.

import { N, ONE, P, R2_MOD_P, curve } from "./curve";
import { combine, copy, isZero, multiply, square } from "./field";
import { fromBytes, isLess, isNull } from "./limbs";
import { oddMultiple, prepareOddMultiples } from "./odd-multiples";
import { AFFINE_BYTES, addAffine, double, isOnCurve, setInfinity } from "./point";
import {
  BASE_BLOCKS,
  BASE_ROWS,
  KEY_BLOCKS,
  KEY_ROWS,
  addBaseRow,
  baseTable,
  loadBaseRow,
  loadKeyRow,
  recodeForBase,
  recodeForKey,
} from "./prepared-table";
import { halveRows, rowCount, rowPoint, setRowCount } from "./row-sums";
import { DIGITS, recodeSigned } from "./scalar";

const WINDOW_BITS: i32 = 5;
const HALVINGS: i32 = 2; // seven points a row become two; a third inversion would cost more

/** The public key, affine and then Z = 1. */
export const Q: usize = memory.data(108, 16);
/** [u]G + [v]Q, in Jacobian coordinates. */
export const R1: usize = memory.data(108, 16);

const TERM: usize = memory.data(108, 16);
const ELEMENT: usize = memory.data(40, 16);
const DIGITS_V: usize = memory.data(272, 16);

/**
 * Reads X and Y, 32 bytes each at `bytes`, into Q (partial validation, SP 800-56A section
 * 5.6.2.3.4). False if a coordinate is not below p or the point is off the curve. The cofactor is 1,
 * so Q then has order n.
 */
export function readPublicKey(bytes: usize): bool {
  fromBytes(Q, bytes);
  fromBytes(Q + 36, bytes + 32);
  if (!isLess(Q, curve + P) || !isLess(Q + 36, curve + P)) return false;
  multiply(Q, Q, curve + R2_MOD_P); // to the Montgomery domain
  multiply(Q + 36, Q + 36, curve + R2_MOD_P);
  copy(Q + AFFINE_BYTES, curve + ONE);
  return isOnCurve(Q);
}

/** Whether a scalar is in [1, n - 1]. */
export function isScalarInRange(a: usize): bool {
  return !isNull(a) && isLess(a, curve + N);
}

/** R1 = R1 + (2 index + 1) Q, or R1 less it. */
function addOddMultiple(index: usize, isNegative: bool): void {
  let point = oddMultiple(index);
  if (isNegative) {
    copy(TERM, point);
    combine(TERM + 36, -1, point + 36, 0, point + 36);
    point = TERM;
  }
  addAffine(R1, point);
}

/**
 * R1 = [u]G + [v]Q for any Q: one chain of doublings for both (Straus), signed digits of v; the last
 * doublings serve the table of G as well.
 */
export function multiplyAndAdd(u: usize, v: usize): void {
  const base = baseTable();
  recodeForBase(u);
  recodeSigned(DIGITS_V, v, WINDOW_BITS);
  prepareOddMultiples(Q);
  setInfinity(R1);
  for (let bit = i32(DIGITS) - 1; bit >= 0; bit--) {
    double(R1);
    const digit = i32(load<i8>(DIGITS_V + usize(bit)));
    const size = digit < 0 ? -digit : digit;
    if (digit !== 0) addOddMultiple(usize(size >> 1), digit < 0);
    if (bit < BASE_ROWS) addBaseRow(R1, base, bit);
  }
}

/** The points that the tables of Q and G have for each row of u and v, to the rows of row-sums.ts. */
function loadRows(u: usize, v: usize, table: usize): void {
  const base = baseTable();
  recodeForBase(u);
  recodeForKey(v);
  for (let row = 0; row < KEY_ROWS; row++) {
    loadKeyRow(rowPoint(row, 0), table, row);
    if (row < BASE_ROWS) loadBaseRow(rowPoint(row, KEY_BLOCKS), base, row);
    setRowCount(row, row < BASE_ROWS ? KEY_BLOCKS + BASE_BLOCKS : KEY_BLOCKS);
  }
}

/** R1 = [u]G + [v]Q for the prepared table of Q. */
export function multiplyAndAddPrepared(u: usize, v: usize, table: usize): void {
  loadRows(u, v, table);
  for (let i = 0; i < HALVINGS; i++) halveRows();
  setInfinity(R1);
  for (let row = KEY_ROWS - 1; row >= 0; row--) {
    double(R1);
    for (let index = 0; index < rowCount(row); index++) addAffine(R1, rowPoint(row, index));
  }
}

/** Whether the x-coordinate X / Z^2 of R1 is the integer at `candidate`, below p. */
export function isCoordinateOfR1(candidate: usize): bool {
  square(TERM, R1 + AFFINE_BYTES); // Z^2
  multiply(ELEMENT, candidate, curve + R2_MOD_P);
  multiply(ELEMENT, ELEMENT, TERM);
  combine(ELEMENT, 1, ELEMENT, -1, R1);
  return isZero(ELEMENT);
}

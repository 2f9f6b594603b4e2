// ECDSA verification on P-256 with SHA-256, FIPS 186-5 section 6.4.2:
//
//   1. r and s are integers in [1, n - 1]
//   2. H = Hash(M)
//   3. e = the leftmost bits of H: all 256, as the hash is as long as n
//   4. s^-1 mod n
//   5. u = e s^-1 mod n, v = r s^-1 mod n
//   6. R1 = [u]G + [v]Q; invalid if it is O
//   7. x_R = the x-coordinate of R1 as an integer
//   8. valid if r = x_R mod n
//
// The public key Q is validated first (SP 800-56A section 5.6.2.3.4, partial validation): both
// coordinates below p and the point on the curve. The cofactor is 1, so Q then has order n.
// Everything here is public.

import { INPUT, OUTPUT } from "./arena";
import { isZero, multiply, square, combine } from "./field-p256";
import { fromBytes, isLess, isNull } from "./limbs";
import {
  AFFINE_BYTES,
  POINT_BYTES,
  add,
  addAffine,
  copyPoint,
  double,
  isInfinity,
  isOnCurve,
  negate,
  setInfinity,
} from "./point-p256";
import { DIGITS, invertScalar, multiplyScalar, recodeSigned } from "./scalar-p256";
import { sha256 } from "./sha256";
import {
  BASE_TABLE,
  BASE_WINDOW_BITS,
  N_LIMBS,
  ONE_MONTGOMERY,
  P_LIMBS,
  P_MINUS_N,
  R2_MOD_P,
} from "./tables-p256";

const X: usize = INPUT; // public key and signature, 32 bytes each, big-endian
const Y: usize = INPUT + 32;
const R_BYTES: usize = INPUT + 64;
const S_BYTES: usize = INPUT + 96;

const KEY_WINDOW_BITS: i32 = 5;
const KEY_MULTIPLES: usize = 8; // odd multiples 1Q, 3Q .. 15Q

const Q: usize = memory.data(108, 16);
const KEY_TABLE: usize = memory.data(864, 16); // KEY_MULTIPLES points
const R1: usize = memory.data(108, 16);
const TERM: usize = memory.data(108, 16);
const SCALAR_R: usize = memory.data(40, 16);
const SCALAR_S: usize = memory.data(40, 16);
const SCALAR_U: usize = memory.data(40, 16);
const SCALAR_V: usize = memory.data(40, 16);
const ELEMENT: usize = memory.data(40, 16);
const DIGITS_U: usize = memory.data(272, 16);
const DIGITS_V: usize = memory.data(272, 16);

/** Reads the public key into Q. False if a coordinate is not below p or the point is off the curve. */
function readPublicKey(): bool {
  fromBytes(Q, X);
  fromBytes(Q + 36, Y);
  if (!isLess(Q, P_LIMBS) || !isLess(Q + 36, P_LIMBS)) return false;
  multiply(Q, Q, R2_MOD_P); // to the Montgomery domain
  multiply(Q + 36, Q + 36, R2_MOD_P);
  memory.copy(Q + AFFINE_BYTES, ONE_MONTGOMERY, 36);
  return isOnCurve(Q);
}

/** Whether the X and Y of the request are a point of P-256: 1 or 0. */
export function isP256Point(): i32 {
  return i32(readPublicKey());
}

function isScalarInRange(a: usize): bool {
  return !isNull(a) && isLess(a, N_LIMBS);
}

/** 1Q, 3Q .. 15Q to KEY_TABLE. */
function prepareKeyTable(): void {
  copyPoint(KEY_TABLE, Q);
  copyPoint(TERM, Q);
  double(TERM);
  for (let i: usize = 1; i < KEY_MULTIPLES; i++) {
    const entry = KEY_TABLE + i * POINT_BYTES;
    copyPoint(entry, entry - POINT_BYTES);
    add(entry, TERM);
  }
}

/** R1 = [u]G + [v]Q, both sums over one chain of doublings (Straus), signed digits. */
function multiplyAndAdd(): void {
  recodeSigned(DIGITS_U, SCALAR_U, BASE_WINDOW_BITS);
  recodeSigned(DIGITS_V, SCALAR_V, KEY_WINDOW_BITS);
  prepareKeyTable();
  setInfinity(R1);
  for (let bit = i32(DIGITS) - 1; bit >= 0; bit--) {
    double(R1);
    const v = i32(load<i8>(DIGITS_V + usize(bit)));
    if (v > 0) add(R1, KEY_TABLE + usize(v >> 1) * POINT_BYTES);
    if (v < 0) {
      negate(TERM, KEY_TABLE + usize(-v >> 1) * POINT_BYTES);
      add(R1, TERM);
    }
    const u = i32(load<i8>(DIGITS_U + usize(bit)));
    const size = u < 0 ? -u : u;
    if (u !== 0) addAffine(R1, BASE_TABLE + usize(size >> 1) * AFFINE_BYTES, u < 0, ONE_MONTGOMERY);
  }
}

/** Whether the x-coordinate X / Z^2 of R1 is the integer at `candidate`, below p. */
function isCoordinateOfR1(candidate: usize): bool {
  square(TERM, R1 + AFFINE_BYTES); // Z^2
  multiply(ELEMENT, candidate, R2_MOD_P);
  multiply(ELEMENT, ELEMENT, TERM);
  combine(ELEMENT, 1, ELEMENT, -1, R1);
  return isZero(ELEMENT);
}

/** r = x_R mod n without dividing by Z: x_R is r, or r + n where that is below p still. */
function matchesR(): bool {
  if (isCoordinateOfR1(SCALAR_R)) return true;
  if (!isLess(SCALAR_R, P_MINUS_N)) return false;
  combine(SCALAR_R, 1, SCALAR_R, 1, N_LIMBS);
  return isCoordinateOfR1(SCALAR_R);
}

/** Verifies the signature of the request over the digest H at OUTPUT: 1 valid, 0 invalid. */
export function verifyP256Digest(): i32 {
  if (!readPublicKey()) return 0;
  // 1. r, s in [1, n - 1]
  fromBytes(SCALAR_R, R_BYTES);
  fromBytes(SCALAR_S, S_BYTES);
  if (!isScalarInRange(SCALAR_R) || !isScalarInRange(SCALAR_S)) return 0;
  // 3. e
  fromBytes(SCALAR_U, OUTPUT);
  // 4. s^-1 mod n
  invertScalar(SCALAR_S, SCALAR_S);
  // 5. u = e s^-1 mod n, v = r s^-1 mod n
  multiplyScalar(SCALAR_U, SCALAR_U, SCALAR_S);
  multiplyScalar(SCALAR_V, SCALAR_R, SCALAR_S);
  // 6. R1 = [u]G + [v]Q
  multiplyAndAdd();
  if (isInfinity(R1)) return 0;
  // 7. and 8. r = x_R mod n
  return i32(matchesR());
}

/** Verifies the signature of the request over the first `byteCount` bytes of MESSAGE. */
export function verifyP256(byteCount: i32): i32 {
  sha256(byteCount); // 2. H = Hash(M)
  return verifyP256Digest();
}

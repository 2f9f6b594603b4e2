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
// The public key Q is validated first, or was when its table was prepared. Everything is public.

import { INPUT, OUTPUT } from "./arena";
import { KEY_TABLE, SM_INPUT } from "./arena-sm";
import { CURVE_P256, P_MINUS_N, curve, selectCurve } from "./curve";
import {
  R1,
  isCoordinateOfR1,
  isScalarInRange,
  multiplyAndAdd,
  multiplyAndAddPrepared,
  readPublicKey,
} from "./double-scalar";
import { fromBytes, isLess } from "./limbs";
import { isInfinity } from "./point";
import { addOrder, invertScalar, multiplyScalar } from "./scalar";
import { sha256 } from "./sha256";

const SIGNATURE_OFFSET: usize = 64; // of r and s behind X and Y, 32 bytes each, big-endian

const SCALAR_R: usize = memory.data(40, 16);
const SCALAR_S: usize = memory.data(40, 16);
const SCALAR_U: usize = memory.data(40, 16);
const SCALAR_V: usize = memory.data(40, 16);

/** Whether the X and Y of the request are a point of P-256: 1 or 0. */
export function isP256Point(): i32 {
  selectCurve(CURVE_P256);
  return i32(readPublicKey(INPUT));
}

/** r = x_R mod n without dividing by Z: x_R is r, or r + n where that is below p still. */
function matchesR(): bool {
  if (isCoordinateOfR1(SCALAR_R)) return true;
  if (!isLess(SCALAR_R, curve + P_MINUS_N)) return false;
  addOrder(SCALAR_R, SCALAR_R);
  return isCoordinateOfR1(SCALAR_R);
}

/** Verifies r and s at `signature` over the digest at OUTPUT, for the key in Q or its table. */
function verifySignature(signature: usize, isPrepared: bool): bool {
  // 1. r, s in [1, n - 1]
  fromBytes(SCALAR_R, signature);
  fromBytes(SCALAR_S, signature + 32);
  if (!isScalarInRange(SCALAR_R) || !isScalarInRange(SCALAR_S)) return false;
  // 3. e
  fromBytes(SCALAR_U, OUTPUT);
  // 4. s^-1 mod n
  invertScalar(SCALAR_S, SCALAR_S);
  // 5. u = e s^-1 mod n, v = r s^-1 mod n
  multiplyScalar(SCALAR_U, SCALAR_U, SCALAR_S);
  multiplyScalar(SCALAR_V, SCALAR_R, SCALAR_S);
  // 6. R1 = [u]G + [v]Q
  if (isPrepared) multiplyAndAddPrepared(SCALAR_U, SCALAR_V, KEY_TABLE);
  else multiplyAndAdd(SCALAR_U, SCALAR_V);
  if (isInfinity(R1)) return false;
  // 7. and 8. r = x_R mod n
  return matchesR();
}

/** Verifies the signature of the request over the digest H at OUTPUT: 1 valid, 0 invalid. */
export function verifyP256Digest(): i32 {
  selectCurve(CURVE_P256);
  if (!readPublicKey(INPUT)) return 0;
  return i32(verifySignature(INPUT + SIGNATURE_OFFSET, false));
}

/** Verifies the signature of the request over the first `byteCount` bytes of MESSAGE. */
export function verifyP256(byteCount: i32): i32 {
  sha256(byteCount); // 2. H = Hash(M)
  return verifyP256Digest();
}

/** As verifyP256Digest, for the key of KEY_TABLE and r, s at SM_INPUT + 64. Clears OUTPUT. */
export function verifyP256Prepared(): i32 {
  selectCurve(CURVE_P256);
  const valid = verifySignature(SM_INPUT + SIGNATURE_OFFSET, true);
  memory.fill(OUTPUT, 0, 32);
  return i32(valid);
}

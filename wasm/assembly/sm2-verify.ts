// Verification of SM2 signatures, GB/T 32918.2-2016 section 7.1:
//
//   B1  r' in [1, n - 1]
//   B2  s' in [1, n - 1]
//   B3  M~ = Z_A || M'
//   B4  e' = H(M~), an integer
//   B5  t = (r' + s') mod n; invalid if it is 0
//   B6  (x1, y1) = [s']G + [t]P_A
//   B7  valid if (e' + x1) mod n = r'
//
// Z_A = H(ENTL_A || ID_A || a || b || x_G || y_G || x_A || y_A), section 5.5; H is SM3. ENTL_A is the
// number of bits of ID_A in two bytes. The public key is validated first, or was when its table was
// prepared. Everything is public.

import { MESSAGE } from "./arena";
import { KEY_TABLE, SM_INPUT, SM_OUTPUT } from "./arena-sm";
import { CURVE_P256, CURVE_SM2, P_MINUS_N, curve, selectCurve } from "./curve";
import {
  Q,
  R1,
  isCoordinateOfR1,
  isScalarInRange,
  multiplyAndAdd,
  multiplyAndAddPrepared,
  readPublicKey,
} from "./double-scalar";
import { fromBytes, isLess, isNull } from "./limbs";
import { isInfinity } from "./point";
import { prepareKeyTable } from "./prepared-table";
import { addOrder, addScalars, reduceOnce, subtractScalars } from "./scalar";
import { sm3Absorb, sm3Digest, sm3Start, sm3Update, sm3Wipe } from "./sm3";
import { SM2_IDENTITY } from "./tables-curves";

const R_BYTES: usize = SM_INPUT + 64; // behind X and Y, 32 bytes each, big-endian
const S_BYTES: usize = SM_INPUT + 96;
const ENTL_BYTES: usize = 2;
const IDENTITY_BYTES: usize = 128; // a, b, x_G, y_G
const KEY_BYTES: usize = 64;
const DIGEST_BYTES: usize = 32;

const SCALAR_R: usize = memory.data(40, 16);
const SCALAR_S: usize = memory.data(40, 16);
const SCALAR_T: usize = memory.data(40, 16);
const SCALAR_E: usize = memory.data(40, 16);
const X1: usize = memory.data(40, 16);
const DIGEST: usize = memory.data(32, 16); // ENTL_A, Z_A and e

/** Whether X and Y at SM_INPUT are a point of the curve: 1 or 0. */
export function isSm2Point(): i32 {
  selectCurve(CURVE_SM2);
  return i32(readPublicKey(SM_INPUT));
}

/**
 * Begins the hash of M~ with Z_A, for the ID_A in the first `idBytes` bytes of MESSAGE and the key at
 * SM_INPUT. Then follow sm3Update for all of M' but the last part, and the call that ends it. Z_A
 * goes to SM_OUTPUT too.
 */
export function sm2StartMessage(idBytes: i32): void {
  store<u16>(DIGEST, bswap<u16>(u16(idBytes << 3))); // ENTL_A
  sm3Start();
  sm3Absorb(DIGEST, ENTL_BYTES);
  sm3Absorb(MESSAGE, usize(idBytes));
  sm3Absorb(SM2_IDENTITY, IDENTITY_BYTES);
  sm3Absorb(SM_INPUT, KEY_BYTES);
  sm3Digest(SM_OUTPUT);
  sm3Start();
  sm3Absorb(SM_OUTPUT, DIGEST_BYTES); // B3
}

/** Ends the hash with the first `byteCount` bytes of MESSAGE: e mod n as limbs to `out`. */
export function sm2FinishMessage(out: usize, byteCount: i32): void {
  sm3Update(byteCount);
  sm3Digest(DIGEST); // B4
  sm3Wipe();
  fromBytes(out, DIGEST);
  memory.fill(DIGEST, 0, DIGEST_BYTES);
  reduceOnce(out); // 2^256 is below 2n
}

/** B7: x1 is a number below p that is congruent to r' - e', so one of two. */
function matchesR(): bool {
  subtractScalars(X1, SCALAR_R, SCALAR_E);
  if (isCoordinateOfR1(X1)) return true;
  if (!isLess(X1, curve + P_MINUS_N)) return false;
  addOrder(X1, X1);
  return isCoordinateOfR1(X1);
}

/** B1, B2 and B5 to B7, for e in SCALAR_E and the key in Q or its table. */
function verifySignature(isPrepared: bool): bool {
  fromBytes(SCALAR_R, R_BYTES);
  fromBytes(SCALAR_S, S_BYTES);
  // B1, B2
  if (!isScalarInRange(SCALAR_R) || !isScalarInRange(SCALAR_S)) return false;
  // B5
  addScalars(SCALAR_T, SCALAR_R, SCALAR_S);
  if (isNull(SCALAR_T)) return false;
  // B6
  if (isPrepared) multiplyAndAddPrepared(SCALAR_S, SCALAR_T, KEY_TABLE);
  else multiplyAndAdd(SCALAR_S, SCALAR_T);
  if (isInfinity(R1)) return false;
  // B7
  return matchesR();
}

/** Ends M' with `byteCount` bytes of MESSAGE and verifies r, s for the key at SM_INPUT: 1 or 0. */
export function verifySm2(byteCount: i32): i32 {
  selectCurve(CURVE_SM2);
  sm2FinishMessage(SCALAR_E, byteCount);
  return i32(readPublicKey(SM_INPUT) && verifySignature(false));
}

/** As verifySm2, with the table of that key at KEY_TABLE. */
export function verifySm2Prepared(byteCount: i32): i32 {
  selectCurve(CURVE_SM2);
  sm2FinishMessage(SCALAR_E, byteCount);
  return i32(verifySignature(true));
}

/**
 * Writes the table of the key at SM_INPUT, prepared-table.ts, to KEY_TABLE, for SM2 or P-256. Returns
 * 0 and writes nothing if the key is no point of the curve.
 */
export function prepareKey(isSm2: i32): i32 {
  selectCurve(isSm2 !== 0 ? CURVE_SM2 : CURVE_P256);
  if (!readPublicKey(SM_INPUT)) return 0;
  prepareKeyTable(KEY_TABLE, Q);
  return 1;
}

// SM2 signatures in constant time, GB/T 32918.2-2016 section 6.1:
//
//   A1  M~ = Z_A || M
//   A2  e = H(M~), an integer
//   A3  k in [1, n - 1]
//   A4  (x1, y1) = [k]G
//   A5  r = (e + x1) mod n; back to A3 if r = 0 or r + k = n
//   A6  s = ((1 + d)^-1 (k - r d)) mod n; back to A3 if s = 0
//   A7  the signature is r, s
//
// k is derived as in RFC 6979 section 3.2 with HMAC-SM3, from d, e mod n and, if given, 32 bytes of
// entropy behind them (section 3.6). What A5 and A6 refuse occurs with a probability below 2^-250;
// only that it occurred can be seen in the time.

import { SM_INPUT, SM_OUTPUT } from "./arena-sm";
import { CURVE_SM2, G, R2_MOD_N, curve, selectCurve } from "./curve";
import { declarePublic } from "./declared";
import { fromBytes, isNull, toBytes } from "./limbs";
import { readPrivateKey, wipePrivateKey } from "./private-key";
import {
  addScalars,
  invertSecretScalar,
  isBelowOrder,
  multiplyScalar,
  reduceOnce,
  subtractScalars,
} from "./scalar";
import { multiplySecret } from "./secret-point";
import { hmacDigest, hmacStart, sm3Absorb, sm3Wipe } from "./sm3";
import { sm2FinishMessage } from "./sm2-verify";

const D_BYTES: usize = SM_INPUT + 128; // behind X, Y and what r and s take, 32 bytes each
const ENTROPY: usize = SM_INPUT + 160; // of the nonce, or the nonce itself
const NUMBER_BYTES: usize = 32;

// Everything secret, in one piece so that it is cleared as one.
const WORK_BYTES: usize = 480;
const WORK: usize = memory.data(480, 16);
const D: usize = WORK;
const NONCE: usize = WORK + 40;
const X1: usize = WORK + 80;
const Y1: usize = WORK + 120;
const E: usize = WORK + 160;
const R: usize = WORK + 200;
const S: usize = WORK + 240;
const INVERSE: usize = WORK + 280;
const DRBG_K: usize = WORK + 320; // K of RFC 6979, then V and the byte behind it
const DRBG_V: usize = WORK + 352;
const DRBG_BYTE: usize = WORK + 384;
const E_BYTES: usize = WORK + 392; // e mod n, big-endian

/** Reads d and computes 1 + d. False if d is out of range. */
function readSigner(): bool {
  const isKey = readPrivateKey(D, D_BYTES);
  memory.fill(S, 0, 40);
  store<i32>(S, 1);
  addScalars(INVERSE, D, S);
  return isKey;
}

/** Whether the nonce is in [1, n - 1]. */
function isNonceInRange(): bool {
  return declarePublic(i32(isBelowOrder(NONCE)) & i32(!isNull(NONCE)));
}

function wipe(): void {
  memory.fill(WORK, 0, WORK_BYTES);
  wipePrivateKey();
  sm3Wipe();
}

/** V = HMAC_K(V). */
function stepV(): void {
  hmacStart(DRBG_K, NUMBER_BYTES);
  sm3Absorb(DRBG_V, NUMBER_BYTES);
  hmacDigest(DRBG_V);
}

/** K = HMAC_K(V || byte || d || e || entropy), or HMAC_K(V || byte) alone; then V = HMAC_K(V). */
function stepK(byte: u8, withSeed: bool, entropyBytes: usize): void {
  store<u8>(DRBG_BYTE, byte);
  hmacStart(DRBG_K, NUMBER_BYTES);
  sm3Absorb(DRBG_V, NUMBER_BYTES + 1);
  if (withSeed) {
    sm3Absorb(D_BYTES, NUMBER_BYTES);
    sm3Absorb(E_BYTES, NUMBER_BYTES);
    sm3Absorb(ENTROPY, entropyBytes);
  }
  hmacDigest(DRBG_K);
  stepV();
}

/** RFC 6979 section 3.2 steps b to g. */
function seedNonce(entropyBytes: usize): void {
  toBytes(E_BYTES, E);
  memory.fill(DRBG_V, 1, NUMBER_BYTES);
  memory.fill(DRBG_K, 0, NUMBER_BYTES);
  stepK(0, true, entropyBytes);
  stepK(1, true, entropyBytes);
}

/** Step h: the next candidate in [1, n - 1] to NONCE. */
function nextNonce(): void {
  while (true) {
    stepV();
    fromBytes(NONCE, DRBG_V);
    if (isNonceInRange()) return;
    stepK(0, false, 0);
  }
}

/** A4 to A6 for d, e and the nonce; false where they send back to A3. Needs 1 + d in INVERSE. */
function trySign(): bool {
  multiplySecret(X1, Y1, NONCE, curve + G); // A4
  reduceOnce(X1);
  addScalars(R, E, X1); // A5
  addScalars(S, R, NONCE);
  if (!declarePublic(i32(!isNull(R)) & i32(!isNull(S)))) return false;
  // A6: INVERSE becomes R' / (1 + d) for Montgomery products, R' their radix
  invertSecretScalar(Y1, INVERSE);
  multiplyScalar(S, R, D);
  multiplyScalar(S, S, curve + R2_MOD_N); // r d
  subtractScalars(S, NONCE, S);
  multiplyScalar(S, S, Y1);
  return declarePublic(i32(!isNull(S)));
}

/** A7: r and s to SM_OUTPUT, 64 bytes. */
function writeSignature(): void {
  toBytes(SM_OUTPUT, R);
  toBytes(SM_OUTPUT + NUMBER_BYTES, S);
}

/**
 * Ends M with `byteCount` bytes of MESSAGE, after sm2StartMessage, and signs with d, SM_INPUT + 128,
 * and `entropyBytes` bytes at SM_INPUT + 160, 0 or 32. Returns 1 and the signature at SM_OUTPUT, or 0
 * if d is out of range.
 */
export function signSm2(byteCount: i32, entropyBytes: i32): i32 {
  selectCurve(CURVE_SM2);
  sm2FinishMessage(E, byteCount); // A2
  const isKey = readSigner();
  if (isKey) {
    seedNonce(usize(entropyBytes));
    do
      nextNonce(); // A3
    while (!trySign());
    writeSignature();
  }
  wipe();
  return i32(isKey);
}

/**
 * As signSm2, with the nonce itself at SM_INPUT + 160: for the examples of the standard, which give
 * it. Returns 0 also if A5 or A6 refuse it or it is out of range.
 */
export function signSm2WithNonce(byteCount: i32): i32 {
  selectCurve(CURVE_SM2);
  sm2FinishMessage(E, byteCount);
  const isKey = readSigner();
  fromBytes(NONCE, ENTROPY);
  const isSigned = isKey && isNonceInRange() && trySign();
  if (isSigned) writeSignature();
  wipe();
  return i32(isSigned);
}

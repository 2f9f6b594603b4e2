// A private key d of the selected curve: reading it and multiplying a point by it, in constant time.

import { CURVE_SM2, curve } from "./curve";
import { declarePublic } from "./declared";
import { wipeField } from "./field";
import { fromBytes, isNull, toBytes, wipeBytes } from "./limbs";
import { addScalars, isBelowOrder, wipeScalars } from "./scalar";
import { multiplySecret, wipeSecretPoint } from "./secret-point";

const NUMBER_BYTES: usize = 32;

// Everything secret, in one piece so that it is cleared as one.
const WORK_BYTES: usize = 160;
const WORK: usize = memory.data(160, 16);
const D: usize = WORK;
const X: usize = WORK + 40;
const Y: usize = WORK + 80;
const SUCCESSOR: usize = WORK + 120;

/**
 * Reads d, 32 bytes big-endian, to `out`. False unless it is in [1, n - 1] (SEC 1 section 3.2.1), on
 * the curve of SM2 in [1, n - 2] (GB/T 32918.1 section 6.1).
 */
export function readPrivateKey(out: usize, bytes: usize): bool {
  fromBytes(out, bytes);
  let isInRange = i32(isBelowOrder(out)) & i32(!isNull(out));
  if (curve === CURVE_SM2) {
    memory.fill(SUCCESSOR, 0, 40);
    store<i32>(SUCCESSOR, 1);
    addScalars(SUCCESSOR, out, SUCCESSOR); // 0 for d = n - 1
    isInRange &= i32(!isNull(SUCCESSOR));
  }
  return declarePublic(isInRange);
}

/** x and y of [d]Q for d at `bytes` and an affine Q to `out`, 64 bytes; 0 if d is out of range. */
export function multiplyByPrivateKey(out: usize, bytes: usize, point: usize): i32 {
  const isKey = readPrivateKey(D, bytes);
  if (isKey) {
    multiplySecret(X, Y, D, point);
    toBytes(out, X);
    toBytes(out + NUMBER_BYTES, Y);
  }
  wipePrivateKey();
  return i32(isKey);
}

/** Clears what came of a private key. */
export function wipePrivateKey(): void {
  memory.fill(WORK, 0, WORK_BYTES);
  wipeBytes();
  wipeField();
  wipeScalars();
  wipeSecretPoint();
}

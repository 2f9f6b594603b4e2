// Diffie-Hellman, SP 800-56A section 5.7.1.2, on P-256 and on the curve of SM2 (curveSM2 of RFC 8998
// section 3.4.1), in constant time:
//
//   1. P = h d Q for the other's public key Q; the cofactor h is 1
//   2. P is not O, as Q has order n and d is in range
//   3. z = x_P
//
// For Q = G, P is the public key of d (section 5.6.1.2).

import { SM_INPUT, SM_OUTPUT } from "./arena-sm";
import { CURVE_P256, CURVE_SM2, G, curve, selectCurve } from "./curve";
import { Q, readPublicKey } from "./double-scalar";
import { multiplyByPrivateKey } from "./private-key";

const D_BYTES: usize = SM_INPUT + 128;

/** x and y of [d]G to SM_OUTPUT, for d at SM_INPUT + 128; 0 if d is out of range. */
function publicKey(): i32 {
  return multiplyByPrivateKey(SM_OUTPUT, D_BYTES, curve + G);
}

/** x and y of [d]Q to SM_OUTPUT, for Q at SM_INPUT; 0 also if that is off the curve. */
function sharedPoint(): i32 {
  return readPublicKey(SM_INPUT) ? multiplyByPrivateKey(SM_OUTPUT, D_BYTES, Q) : 0;
}

/** The public key of d on P-256. */
export function p256PublicKey(): i32 {
  selectCurve(CURVE_P256);
  return publicKey();
}

/** The shared point of d and Q on P-256. */
export function p256SharedPoint(): i32 {
  selectCurve(CURVE_P256);
  return sharedPoint();
}

/** The public key of d on the curve of SM2. */
export function sm2PublicKey(): i32 {
  selectCurve(CURVE_SM2);
  return publicKey();
}

/** The shared point of d and Q on the curve of SM2. */
export function sm2SharedPoint(): i32 {
  selectCurve(CURVE_SM2);
  return sharedPoint();
}

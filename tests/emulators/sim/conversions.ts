/** From the values of a USIM to those of a SIM (TS 33.102 section 6.8.1.2, TS 55.205 section 4). */
import { xorBytes } from "./milenage.ts";

const SRES_BYTES = 4;
const KC_BYTES = 8;

/** c2: SRES, 4 bytes, is the exclusive or of the words of RES (4, 8 or 16 bytes, or more). */
export function convertRes(res: Uint8Array): Uint8Array {
  let sres: Uint8Array = new Uint8Array(SRES_BYTES);
  for (let offset = 0; offset < res.length; offset += SRES_BYTES) {
    sres = xorBytes(sres, res.subarray(offset));
  }
  return sres;
}

/** c3: Kc, 8 bytes, is the exclusive or of the halves of CK and IK, 16 bytes each. */
export function convertKeys(ck: Uint8Array, ik: Uint8Array): Uint8Array {
  const mixed = xorBytes(ck, ik);
  return xorBytes(mixed.slice(0, KC_BYTES), mixed.slice(KC_BYTES));
}

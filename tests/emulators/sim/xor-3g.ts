/**
 * The XOR test algorithm (TS 34.108 section 8.1.2). Whoever sees one challenge and its answer has
 * K: for test cards only.
 *
 *   X = K ^ RAND    RES = X    CK = X from byte 1 on, IK = X from byte 2 on (both rotated)
 *   AK = AK* = X[3..8]         MAC = X[0..7] ^ (SQN || AMF)
 */
import type { AkaFunctions } from "./aka-functions.ts";
import { xorBytes } from "./milenage.ts";

const AK_OFFSET = 3;
const AK_BYTES = 6;
const MAC_BYTES = 8;

/** `k` is 16 bytes. RES is 16 bytes, and MAC-S and AK* are MAC-A and AK. */
export function createXorFunctions(k: Uint8Array): AkaFunctions {
  const computeMac = (rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Uint8Array =>
    xorBytes(xorBytes(k, rand).slice(0, MAC_BYTES), new Uint8Array([...sqn, ...amf]));
  const computeAk = (rand: Uint8Array): Uint8Array =>
    xorBytes(k, rand).slice(AK_OFFSET, AK_OFFSET + AK_BYTES);
  return {
    f1: computeMac,
    f1Star: computeMac,
    f2: (rand) => xorBytes(k, rand),
    f3: (rand) => rotateLeft(xorBytes(k, rand), 1),
    f4: (rand) => rotateLeft(xorBytes(k, rand), 2),
    f5: computeAk,
    f5Star: computeAk,
  };
}

function rotateLeft(block: Uint8Array, bytes: number): Uint8Array {
  return new Uint8Array([...block.subarray(bytes), ...block.subarray(0, bytes)]);
}

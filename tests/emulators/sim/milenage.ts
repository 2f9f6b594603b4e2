/**
 * Milenage (TS 35.206 section 4.1) for the emulated USIM, on the AES of node:crypto.
 *
 * This is a second, independent implementation: it shares nothing with the platform under test.
 * All blocks are 16 bytes, big-endian. Timing is not protected, so never give it an operator's
 * keys.
 *
 *   TEMP = E(RAND ^ OPc)
 *   OUT1 = E(TEMP ^ rot(IN1 ^ OPc, r1) ^ c1) ^ OPc        IN1 = SQN || AMF || SQN || AMF
 *   OUTi = E(rot(TEMP ^ OPc, ri) ^ ci) ^ OPc              i = 2..5
 */
import { createCipheriv } from "node:crypto";

/**
 * TS 35.206 section 4.1, c2..c5 (16 bytes, only the last one is not zero) and r2..r5 (in bytes).
 */
const OUT_2 = { lastByteOfC: 1, rotationBytes: 0 } as const;
const OUT_3 = { lastByteOfC: 2, rotationBytes: 4 } as const;
const OUT_4 = { lastByteOfC: 4, rotationBytes: 8 } as const;
const OUT_5 = { lastByteOfC: 8, rotationBytes: 12 } as const;
/** r1 is 64 bits, c1 is zero. */
const R1_BYTES = 8;

/** The subscriber's secrets: `k` and `opc`, 16 bytes each. */
export type MilenageKeys = { readonly k: Uint8Array; readonly opc: Uint8Array };

/** OPc = E(OP) ^ OP; `k` and `op` are 16 bytes. */
export function computeOpc(k: Uint8Array, op: Uint8Array): Uint8Array {
  return xorBytes(encryptBlock(k, op), op);
}

/** MAC-A, 8 bytes. `rand` is 16 bytes, `sqn` 6, `amf` 2. */
export function f1(keys: MilenageKeys, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array) {
  return computeOut1(keys, rand, sqn, amf).slice(0, 8);
}

/** MAC-S, 8 bytes. For AUTS the caller passes AMF* = 0000 (TS 33.102 section 6.3.3). */
export function f1Star(keys: MilenageKeys, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array) {
  return computeOut1(keys, rand, sqn, amf).slice(8, 16);
}

/** RES, 8 bytes. */
export function f2(keys: MilenageKeys, rand: Uint8Array): Uint8Array {
  return computeOut(keys, rand, OUT_2).slice(8, 16);
}

/** CK, 16 bytes. */
export function f3(keys: MilenageKeys, rand: Uint8Array): Uint8Array {
  return computeOut(keys, rand, OUT_3);
}

/** IK, 16 bytes. */
export function f4(keys: MilenageKeys, rand: Uint8Array): Uint8Array {
  return computeOut(keys, rand, OUT_4);
}

/** AK, 6 bytes, conceals SQN in AUTN. */
export function f5(keys: MilenageKeys, rand: Uint8Array): Uint8Array {
  return computeOut(keys, rand, OUT_2).slice(0, 6);
}

/** AK for resynchronisation, 6 bytes, conceals SQN_MS in AUTS. */
export function f5Star(keys: MilenageKeys, rand: Uint8Array): Uint8Array {
  return computeOut(keys, rand, OUT_5).slice(0, 6);
}

/** Bytewise exclusive or; the result has the length of `a`, and `b` is at least as long. */
export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] ?? 0));
}

function computeOut1(
  keys: MilenageKeys,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): Uint8Array {
  const in1 = new Uint8Array([...sqn, ...amf, ...sqn, ...amf]);
  const rotated = rotateLeft(xorBytes(in1, keys.opc), R1_BYTES);
  const block = xorBytes(computeTemp(keys, rand), rotated);
  return xorBytes(encryptBlock(keys.k, block), keys.opc);
}

function computeOut(
  keys: MilenageKeys,
  rand: Uint8Array,
  constants: { readonly lastByteOfC: number; readonly rotationBytes: number },
): Uint8Array {
  const block = rotateLeft(xorBytes(computeTemp(keys, rand), keys.opc), constants.rotationBytes);
  block[15] = (block[15] ?? 0) ^ constants.lastByteOfC;
  return xorBytes(encryptBlock(keys.k, block), keys.opc);
}

function computeTemp(keys: MilenageKeys, rand: Uint8Array): Uint8Array {
  return encryptBlock(keys.k, xorBytes(rand, keys.opc));
}

function rotateLeft(block: Uint8Array, bytes: number): Uint8Array {
  return new Uint8Array([...block.subarray(bytes), ...block.subarray(0, bytes)]);
}

function encryptBlock(k: Uint8Array, block: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-128-ecb", k, null).setAutoPadding(false);
  return new Uint8Array([...cipher.update(block), ...cipher.final()]);
}

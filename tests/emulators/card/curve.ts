/**
 * What a card needs of an elliptic curve. Private keys are 32 bytes, public ones 65 (04 || X || Y),
 * signatures 64 (r || s), all big-endian. Signatures are deterministic (RFC 6979), so a card needs
 * no random number to sign, and worked examples can be repeated.
 */
import type { Bytes } from "./bytes.ts";

export type Random = (byteCount: number) => Uint8Array;

export type Curve = {
  readonly drawPrivateKey: (random: Random) => Bytes;
  readonly publicKeyOf: (privateKey: Uint8Array) => Bytes;
  /** x-coordinate of the common point, 32 bytes; undefined for a point that is not on the curve. */
  readonly agree: (privateKey: Uint8Array, publicKey: Uint8Array) => Bytes | undefined;
  /** ECDSA with SHA-256, or SM2 with SM3. */
  readonly sign: (privateKey: Uint8Array, message: Uint8Array) => Bytes;
  readonly isSigned: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
};

export const COORDINATE_BYTES = 32;

/** A number from 1 to order - 1, 32 bytes. */
export function drawScalar(random: Random, order: bigint): Bytes {
  for (;;) {
    const bytes = Uint8Array.from(random(COORDINATE_BYTES));
    const scalar = readNumber(bytes);
    if (scalar >= 1n && scalar < order) return bytes;
  }
}

export function readNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Uint8Array.from(bytes).toHex()}`);
}

/** 32 bytes. */
export function writeNumber(value: bigint): Bytes {
  return Uint8Array.fromHex(value.toString(16).padStart(2 * COORDINATE_BYTES, "0"));
}

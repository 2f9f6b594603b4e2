/** Hashes and key derivation of docs/protocol.md sections 3.2 and 3.3. */
import { createHash } from "node:crypto";
import { TAG } from "#protocol/assigned-numbers";
import { type BlockCipher, cmac } from "./block-modes.ts";
import { asciiBytes, type Bytes, joinBytes, xorBytes } from "./bytes.ts";
import { writeElement } from "./tlv.ts";

/** 32 bytes. */
export type Hash = (message: Uint8Array) => Bytes;

const HASH_BYTES = 32;
/** Of SHA-256 and of SM3. */
const HASH_BLOCK_BYTES = 64;
const IPAD = new Uint8Array(HASH_BLOCK_BYTES).fill(0x36);
const OPAD = new Uint8Array(HASH_BLOCK_BYTES).fill(0x5c);

export const sha256: Hash = (message) =>
  new Uint8Array(createHash("sha256").update(message).digest());

/** HMAC (RFC 2104), 32 bytes. */
export function hmac(hash: Hash, key: Uint8Array, ...data: readonly Uint8Array[]): Bytes {
  const block = new Uint8Array(HASH_BLOCK_BYTES);
  block.set(key.length > HASH_BLOCK_BYTES ? hash(key) : key);
  const inner = hash(joinBytes(xorBytes(block, IPAD), ...data));
  return hash(joinBytes(xorBytes(block, OPAD), inner));
}

/** HKDF (RFC 5869): the first block of the output for `label`, cut to `byteCount`. */
export function hkdf(
  hash: Hash,
  salt: Uint8Array,
  secret: Uint8Array,
  label: string,
  byteCount: number,
): Bytes {
  if (byteCount > HASH_BYTES) throw new RangeError("more than one block of HKDF");
  const prk = hmac(hash, salt, secret);
  const info = writeElement(TAG.label, asciiBytes(label));
  return hmac(hash, prk, info, Uint8Array.of(1)).slice(0, byteCount);
}

/** SP 800-108 in counter mode with CMAC; `context` is whole elements. */
export function kdf(
  cipher: BlockCipher,
  key: Uint8Array,
  label: string,
  context: readonly Uint8Array[],
  byteCount: number,
): Bytes {
  const bits = 8 * byteCount;
  const fixed = joinBytes(
    writeElement(TAG.label, asciiBytes(label)),
    Uint8Array.of(0),
    ...context,
    Uint8Array.of(bits >> 8, bits & 0xff),
  );
  const blocks: Bytes[] = [];
  for (let made = 0; made < byteCount; made += 16) {
    blocks.push(cmac(cipher, key, joinBytes(Uint8Array.of(blocks.length + 1), fixed)));
  }
  return joinBytes(...blocks).slice(0, byteCount);
}

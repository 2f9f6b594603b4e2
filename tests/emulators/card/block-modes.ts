/** CMAC and GCM over any block cipher of 16-byte blocks: how AES-128 and SM4 are used. */
import { createCipheriv } from "node:crypto";
import { LENGTH } from "#protocol/assigned-numbers";
import { areEqual, type Bytes, joinBytes, writeCounter, xorBytes } from "./bytes.ts";

const BLOCK_BYTES = 16;
/** x^128 + x^7 + x^2 + x + 1 with the bits in CMAC's order, and in GCM's. */
const CMAC_POLYNOMIAL = 0x87n;
const GCM_POLYNOMIAL = 0xe1n << 120n;
const TOP_BIT = 1n << 127n;
const BLOCK_MASK = (1n << 128n) - 1n;

/** Enciphers one block of 16 bytes. */
export type EncipherBlock = (block: Uint8Array) => Bytes;
/** Prepares a key of 16 bytes. */
export type BlockCipher = (key: Uint8Array) => EncipherBlock;

export const createAes128: BlockCipher = (key) => {
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  return (block) => new Uint8Array(cipher.update(block));
};

/** CMAC (SP 800-38B, 6.2), 16 bytes. */
export function cmac(cipher: BlockCipher, key: Uint8Array, message: Uint8Array): Bytes {
  const encipher = cipher(key);
  const k1 = double(toNumber(encipher(new Uint8Array(BLOCK_BYTES))));
  const tailBytes = message.length === 0 ? 0 : ((message.length - 1) % BLOCK_BYTES) + 1;
  const tail = new Uint8Array(BLOCK_BYTES);
  tail.set(message.subarray(message.length - tailBytes));
  if (tailBytes < BLOCK_BYTES) tail[tailBytes] = 0x80;
  const subkey = tailBytes === BLOCK_BYTES ? k1 : double(k1);
  let state: Bytes = new Uint8Array(BLOCK_BYTES);
  for (const block of blocksOf(message.subarray(0, message.length - tailBytes))) {
    state = encipher(xorBytes(state, block));
  }
  return encipher(xorBytes(xorBytes(state, tail), toBlock(subkey)));
}

function double(value: bigint): bigint {
  const shifted = (value << 1n) & BLOCK_MASK;
  return (value & TOP_BIT) === 0n ? shifted : shifted ^ CMAC_POLYNOMIAL;
}

/** GCM (SP 800-38D) with a 12-byte nonce: ciphertext, then the 16-byte tag. */
export function sealGcm(
  cipher: BlockCipher,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Bytes {
  const encipher = cipher(key);
  const ciphertext = applyCounter(encipher, nonce, plaintext);
  return joinBytes(ciphertext, gcmTag(encipher, nonce, aad, ciphertext));
}

/** The plaintext, or undefined when `sealed` is not authentic. */
export function openGcm(
  cipher: BlockCipher,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Bytes | undefined {
  if (sealed.length < LENGTH.aeadTag) return undefined;
  const encipher = cipher(key);
  const ciphertext = sealed.subarray(0, -LENGTH.aeadTag);
  const tag = gcmTag(encipher, nonce, aad, ciphertext);
  if (!areEqual(tag, sealed.subarray(-LENGTH.aeadTag))) return undefined;
  return applyCounter(encipher, nonce, ciphertext);
}

/** GCTR from the block after J0. */
function applyCounter(encipher: EncipherBlock, nonce: Uint8Array, data: Uint8Array): Bytes {
  const parts = blocksOf(data).map((block, index) =>
    xorBytes(block, encipher(joinBytes(nonce, writeCounter(index + 2)))),
  );
  return joinBytes(...parts);
}

function gcmTag(
  encipher: EncipherBlock,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Bytes {
  const h = toNumber(encipher(new Uint8Array(BLOCK_BYTES)));
  let hash = 0n;
  for (const block of [...blocksOf(aad), ...blocksOf(ciphertext)]) {
    hash = multiply(hash ^ toNumber(padded(block)), h);
  }
  const lengths = (BigInt(aad.length * 8) << 64n) | BigInt(ciphertext.length * 8);
  hash = multiply(hash ^ lengths, h);
  return xorBytes(toBlock(hash), encipher(joinBytes(nonce, writeCounter(1))));
}

/** The product of SP 800-38D, 6.3; its leftmost bit is the lowest power. */
function multiply(x: bigint, y: bigint): bigint {
  let z = 0n;
  let v = y;
  for (let bit = TOP_BIT; bit !== 0n; bit >>= 1n) {
    if ((x & bit) !== 0n) z ^= v;
    v = (v & 1n) === 0n ? v >> 1n : (v >> 1n) ^ GCM_POLYNOMIAL;
  }
  return z;
}

/** Pieces of 16 bytes; the last may be shorter. */
function blocksOf(data: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(data.length / BLOCK_BYTES) }, (_, index) =>
    data.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES),
  );
}

function padded(block: Uint8Array): Bytes {
  const whole = new Uint8Array(BLOCK_BYTES);
  whole.set(block);
  return whole;
}

function toNumber(block: Uint8Array): bigint {
  return BigInt(`0x${block.toHex()}`);
}

function toBlock(value: bigint): Bytes {
  return Uint8Array.fromHex(value.toString(16).padStart(2 * BLOCK_BYTES, "0"));
}

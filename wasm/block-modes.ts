// AES-128 (FIPS 197) and SM4 (GB/T 32907-2016) as block ciphers, and the modes CMAC (NIST SP 800-38B),
// GCM (SP 800-38D) and CCM (SP 800-38C) over either; the suites with SM4 are those of RFC 8998. All in
// constant time for given lengths.

import { CoreInputError } from "./index.ts";
import { MESSAGE_CHUNK_BYTES, messageChunk, requireBytes, requireBytesWithin } from "./core.ts";
import { clearArena, core, feed, input, output } from "./sm-arena.ts";

/** The block ciphers, and the number the core knows each by. */
const CIPHERS = { "aes-128": 0, sm4: 1 } as const;
export type BlockCipher = keyof typeof CIPHERS;

const KEY_BYTES = 16;
const BLOCK_BYTES = 16;
const TAG_BYTES = 16; // of CMAC and GCM
const GCM_IV_BYTES = 12; // of RFC 8998; another length costs a hash
const GCM_IV_BYTES_MAX = 1024; // no protocol needs more
const CCM_NONCE_BYTES_MIN = 7; // SP 800-38C appendix A.1
const CCM_NONCE_BYTES_MAX = 13;
const CCM_AAD_LONG = 0xff00; // from here on the length of the data takes six bytes, appendix A.2.2
const CCM_FLAG_AAD = 0x40; // flags of B0, appendix A.2.1
const INPUT_BLOCK = 16; // offsets in the arena
const INPUT_TAG = 32;
const DATA_BYTES_MAX = 2 ** 31; // keeps every count of the core in range

function requireCipher(cipher: BlockCipher): void {
  if (!Object.hasOwn(CIPHERS, cipher)) throw new CoreInputError("cipher", '"aes-128" or "sm4"');
}

function requireData(argument: string, data: Uint8Array): void {
  requireBytesWithin(argument, data, 0, DATA_BYTES_MAX);
}

/** Expands the key, runs `work`, and clears the key, what came of it, and the arena. */
function withKey<T>(cipher: BlockCipher, key: Uint8Array, dataBytes: number, work: () => T): T {
  try {
    input.set(key);
    core.cipherStart(CIPHERS[cipher]);
    return work();
  } finally {
    core.cipherWipe();
    core.gcmWipe();
    clearArena(dataBytes);
  }
}

/**
 * One block encrypted.
 * @param key, block 16 bytes each
 * @throws CoreInputError for another cipher or length
 */
export function encryptBlock(cipher: BlockCipher, key: Uint8Array, block: Uint8Array): Uint8Array {
  requireCipher(cipher);
  requireBytes("key", key, KEY_BYTES);
  requireBytes("block", block, BLOCK_BYTES);
  return withKey(cipher, key, 0, () => {
    input.set(block, INPUT_BLOCK);
    core.cipherBlock();
    return output.slice(0, BLOCK_BYTES);
  });
}

/**
 * One block of SM4 decrypted.
 * @param key, block 16 bytes each
 * @throws CoreInputError for another length
 */
export function sm4DecryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  requireBytes("key", key, KEY_BYTES);
  requireBytes("block", block, BLOCK_BYTES);
  try {
    input.set(key);
    input.set(block, INPUT_BLOCK);
    core.decryptBlockSm4();
    return output.slice(0, BLOCK_BYTES);
  } finally {
    clearArena();
  }
}

/**
 * CMAC, SP 800-38B section 6.2.
 * @param key 16 bytes
 * @param data any number of bytes
 * @returns the full 16 bytes; a caller that checks a MAC compares in constant time
 * @throws CoreInputError for another cipher or length
 */
export function cmac(cipher: BlockCipher, key: Uint8Array, data: Uint8Array): Uint8Array {
  requireCipher(cipher);
  requireBytes("key", key, KEY_BYTES);
  requireData("data", data);
  return withKey(cipher, key, data.length, () => {
    feed(data, core.cbcMac, core.cmacFinish);
    return output.slice(0, TAG_BYTES);
  });
}

/** CTR over data of any length; `see` looks at MESSAGE before or after, as the mode wants. */
function crypt(
  data: Uint8Array,
  before: (byteCount: number) => void,
  after: (byteCount: number) => void,
): Uint8Array {
  const result = new Uint8Array(data.length);
  for (let offset = 0; offset < data.length; offset += MESSAGE_CHUNK_BYTES) {
    const chunk = data.subarray(offset, offset + MESSAGE_CHUNK_BYTES);
    messageChunk.set(chunk);
    before(chunk.length); // pads MESSAGE at most behind the chunk
    core.ctrCrypt(chunk.length);
    result.set(messageChunk.subarray(0, chunk.length), offset);
    after(chunk.length);
  }
  return result;
}

function nothing(): void {}

/** The state of GCM before the data: H, J0, and the additional data absorbed. */
function startGcm(iv: Uint8Array, aad: Uint8Array): void {
  core.gcmStart();
  if (iv.length === GCM_IV_BYTES) {
    input.set(iv, INPUT_BLOCK);
    core.gcmCounterFromIv();
  } else {
    feed(iv, core.ghash, core.ghash);
    core.ghashLengths(0, iv.length);
    core.gcmCounterFromHash();
  }
  feed(aad, core.ghash, core.ghash);
}

/** Ciphertext and tag of an authenticated encryption. */
export interface Sealed {
  ciphertext: Uint8Array; // as long as the plaintext
  tag: Uint8Array;
}

function checkGcm(cipher: BlockCipher, key: Uint8Array, iv: Uint8Array, aad: Uint8Array): void {
  requireCipher(cipher);
  requireBytes("key", key, KEY_BYTES);
  requireBytesWithin("iv", iv, 1, GCM_IV_BYTES_MAX);
  requireData("aad", aad);
}

/**
 * GCM encryption, SP 800-38D section 7.1. An IV must never be used twice with one key.
 * @param key 16 bytes
 * @param iv 1 to 1024 bytes, 12 as a rule
 * @param aad, plaintext any number of bytes
 * @returns the ciphertext and a tag of 16 bytes
 * @throws CoreInputError for another cipher or length
 */
export function gcmSeal(
  cipher: BlockCipher,
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Sealed {
  checkGcm(cipher, key, iv, aad);
  requireData("plaintext", plaintext);
  return withKey(cipher, key, Math.max(iv.length, aad.length, plaintext.length), () => {
    startGcm(iv, aad);
    const ciphertext = crypt(plaintext, nothing, core.ghash);
    core.ghashLengths(aad.length, plaintext.length);
    core.gcmTag();
    return { ciphertext, tag: output.slice(0, TAG_BYTES) };
  });
}

/** The plaintext if the tag at SM_OUTPUT is the given one; otherwise it is cleared. */
function releaseIfTagged(plaintext: Uint8Array, tag: Uint8Array): Uint8Array | undefined {
  input.set(tag, INPUT_TAG);
  if (core.isTagEqual(tag.length) === 1) return plaintext;
  plaintext.fill(0);
  return undefined;
}

/**
 * GCM decryption, SP 800-38D section 7.2.
 * @param key, iv, aad as for gcmSeal
 * @param ciphertext any number of bytes
 * @param tag 16 bytes
 * @returns the plaintext, or undefined if the tag is wrong
 * @throws CoreInputError for another cipher or length
 */
export function gcmOpen(
  cipher: BlockCipher,
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Uint8Array | undefined {
  checkGcm(cipher, key, iv, aad);
  requireData("ciphertext", ciphertext);
  requireBytes("tag", tag, TAG_BYTES);
  return withKey(cipher, key, Math.max(iv.length, aad.length, ciphertext.length), () => {
    startGcm(iv, aad);
    const plaintext = crypt(ciphertext, core.ghash, nothing);
    core.ghashLengths(aad.length, ciphertext.length);
    core.gcmTag();
    return releaseIfTagged(plaintext, tag);
  });
}

/** The number in so many big-endian bytes. */
function bigEndian(value: number, byteCount: number): number[] {
  return Array.from(
    { length: byteCount },
    (_, index) => Math.floor(value / 256 ** (byteCount - 1 - index)) % 256,
  );
}

/** A0 and, absorbed by the CBC-MAC, B0 and the additional data: SP 800-38C appendix A.2, A.3. */
function startCcm(nonce: Uint8Array, aad: Uint8Array, dataBytes: number, tagBytes: number): void {
  const lengthBytes = BLOCK_BYTES - 1 - nonce.length; // q
  const flags = ((tagBytes - 2) / 2) * 8 + (lengthBytes - 1) + (aad.length > 0 ? CCM_FLAG_AAD : 0);
  const zeros = bigEndian(0, lengthBytes);
  input.set([lengthBytes - 1, ...nonce, ...zeros], INPUT_BLOCK); // A0
  core.ccmStart();
  messageChunk.set([flags, ...nonce, ...bigEndian(dataBytes, lengthBytes)]);
  core.cbcMac(BLOCK_BYTES);
  if (aad.length === 0) return;
  const isLong = aad.length >= CCM_AAD_LONG;
  const prefix = isLong ? [0xff, 0xfe, ...bigEndian(aad.length, 4)] : bigEndian(aad.length, 2);
  const encoded = new Uint8Array(prefix.length + aad.length);
  encoded.set(prefix);
  encoded.set(aad, prefix.length);
  feed(encoded, core.cbcMac, core.cbcMac);
}

function checkCcm(
  cipher: BlockCipher,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  tagBytes: number,
): void {
  requireCipher(cipher);
  requireBytes("key", key, KEY_BYTES);
  requireBytesWithin("nonce", nonce, CCM_NONCE_BYTES_MIN, CCM_NONCE_BYTES_MAX);
  requireData("aad", aad);
  if (tagBytes % 2 !== 0 || !(tagBytes >= 4 && tagBytes <= TAG_BYTES)) {
    throw new CoreInputError("tag", "an even number of bytes from 4 to 16");
  }
}

/** Data CCM can count with the given nonce: below 2^(8q). */
function requireCcmData(argument: string, data: Uint8Array, nonce: Uint8Array): void {
  const lengthBytes = BLOCK_BYTES - 1 - nonce.length;
  requireBytesWithin(argument, data, 0, Math.min(DATA_BYTES_MAX, 256 ** lengthBytes - 1));
}

/**
 * CCM encryption, SP 800-38C section 6.1. A nonce must never be used twice with one key.
 * @param key 16 bytes
 * @param nonce 7 to 13 bytes
 * @param aad, plaintext any number of bytes; the plaintext below 2^(8 (15 - bytes of the nonce))
 * @param tagBytes 4, 6 .. 16
 * @throws CoreInputError for another cipher or length
 */
export function ccmSeal(
  cipher: BlockCipher,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  tagBytes: number = TAG_BYTES,
): Sealed {
  checkCcm(cipher, key, nonce, aad, tagBytes);
  requireCcmData("plaintext", plaintext, nonce);
  return withKey(cipher, key, Math.max(aad.length + BLOCK_BYTES, plaintext.length), () => {
    startCcm(nonce, aad, plaintext.length, tagBytes);
    const ciphertext = crypt(plaintext, core.cbcMac, nothing);
    core.ccmTag();
    return { ciphertext, tag: output.slice(0, tagBytes) };
  });
}

/**
 * CCM decryption, SP 800-38C section 6.2.
 * @param key, nonce, aad as for ccmSeal
 * @param ciphertext as the plaintext of ccmSeal
 * @param tag 4, 6 .. 16 bytes
 * @returns the plaintext, or undefined if the tag is wrong
 * @throws CoreInputError for another cipher or length
 */
export function ccmOpen(
  cipher: BlockCipher,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Uint8Array | undefined {
  requireBytes("tag", tag);
  checkCcm(cipher, key, nonce, aad, tag.length);
  requireCcmData("ciphertext", ciphertext, nonce);
  return withKey(cipher, key, Math.max(aad.length + BLOCK_BYTES, ciphertext.length), () => {
    startCcm(nonce, aad, ciphertext.length, tag.length);
    const plaintext = crypt(ciphertext, nothing, core.cbcMac);
    core.ccmTag();
    return releaseIfTagged(plaintext, tag);
  });
}

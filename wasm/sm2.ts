// SM2 (GB/T 32918): verification of signatures with a public key, and signature, public key and shared
// secret with a private key in constant time. Keys are 04 || X || Y, 65 bytes; a signer is known by
// an ID that enters the hash with the key.

import { CoreInputError, ecdsaDerToRaw } from "./index.ts";
import { messageChunk, requireBytes, requireBytesWithin } from "./core.ts";
import { clearArena, core, feed, input, output } from "./sm-arena.ts";

const PUBLIC_KEY_BYTES = 65;
const UNCOMPRESSED_POINT = 0x04; // SEC 1 section 2.3.3
const PRIVATE_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64; // r || s
const NUMBER_BYTES = 32;
const ENTROPY_BYTES = 32;
const ID_BYTES_MAX = 8191; // ENTL counts its bits in two bytes
const OFFSET = { publicKey: 0, signature: 64, privateKey: 128, entropy: 160 };

const DER_SEQUENCE = 0x30; // X.690 section 8.9
const DER_INTEGER = 0x02; // X.690 section 8.3
const DER_SIGN_BIT = 0x80;

/** ID of a signer who has no other, GM/T 0009-2012 section 10: 1234567812345678. */
export const SM2_DEFAULT_ID: Uint8Array = new TextEncoder().encode("1234567812345678");

/** Writes X and Y; false if the key is not in the uncompressed form. */
export function writePublicKey(publicKey: Uint8Array): boolean {
  if (publicKey[0] !== UNCOMPRESSED_POINT) return false;
  input.set(publicKey.subarray(1), OFFSET.publicKey);
  return true;
}

/** Checks a signer's ID. OpenSSL before 3.x signs with an empty one unless told otherwise. */
export function requireId(id: Uint8Array): void {
  requireBytesWithin("id", id, 0, ID_BYTES_MAX);
}

/** Hashes Z_A and the message; `finish` gets the length of the last part of it, in MESSAGE. */
export function hashSigned(
  id: Uint8Array,
  message: Uint8Array,
  finish: (byteCount: number) => void,
): void {
  messageChunk.set(id);
  core.sm2StartMessage(id.length);
  feed(message, core.sm3Update, finish);
}

/**
 * Whether a public key is a point of the curve of SM2: uncompressed form, both coordinates below p,
 * on the curve (GB/T 32918.1 section 6.2.1). The cofactor is 1, so such a point has order n.
 * @param publicKey 65 bytes, 04 || X || Y
 * @throws CoreInputError for another length
 */
export function isSm2Point(publicKey: Uint8Array): boolean {
  requireBytes("publicKey", publicKey, PUBLIC_KEY_BYTES);
  try {
    return writePublicKey(publicKey) && core.isSm2Point() === 1;
  } finally {
    clearArena();
  }
}

/** verifySm2 after its checks. */
function verify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  id: Uint8Array,
): boolean {
  try {
    if (!writePublicKey(publicKey)) return false;
    input.set(signature, OFFSET.signature);
    let isValid = false;
    hashSigned(id, message, (byteCount) => {
      isValid = core.verifySm2(byteCount) === 1;
    });
    return isValid;
  } finally {
    clearArena(Math.max(id.length, message.length));
  }
}

/**
 * Verifies an SM2 signature with SM3, GB/T 32918.2-2016 section 7.1. Everything is taken as public;
 * the time varies.
 * @param publicKey 65 bytes, 04 || X || Y
 * @param message any number of bytes
 * @param signature 64 bytes, r || s
 * @param id of the signer, up to 8191 bytes
 * @returns false for a wrong signature, r or s outside [1, n - 1], or a key isSm2Point refuses
 * @throws CoreInputError for another length of key, signature or ID
 */
export function verifySm2(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  id: Uint8Array = SM2_DEFAULT_ID,
): boolean {
  requireBytes("publicKey", publicKey, PUBLIC_KEY_BYTES);
  requireBytes("message", message);
  requireBytes("signature", signature, SIGNATURE_BYTES);
  requireId(id);
  return verify(publicKey, message, signature, id);
}

/**
 * As verifySm2, for SM2Signature ::= SEQUENCE { R INTEGER, S INTEGER } (GM/T 0009-2012 section 7.3)
 * in strict DER; another form is invalid.
 * @throws CoreInputError for another length of key or ID
 */
export function verifySm2Der(
  publicKey: Uint8Array,
  message: Uint8Array,
  derSignature: Uint8Array,
  id: Uint8Array = SM2_DEFAULT_ID,
): boolean {
  requireBytes("publicKey", publicKey, PUBLIC_KEY_BYTES);
  requireBytes("message", message);
  requireBytes("derSignature", derSignature);
  requireId(id);
  const signature = ecdsaDerToRaw(derSignature);
  return signature !== undefined && verify(publicKey, message, signature, id);
}

/** DER of a number given by 32 bytes: leading zeros off, one before a set sign bit. */
function derInteger(bytes: Uint8Array): number[] {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? [0] : Array.from(bytes.subarray(start));
  const sign = (digits[0] ?? 0) >= DER_SIGN_BIT ? [0] : [];
  return [DER_INTEGER, sign.length + digits.length, ...sign, ...digits];
}

/**
 * Encodes r || s as a DER SEQUENCE of two INTEGERs, the inverse of ecdsaDerToRaw.
 * @param signature 64 bytes
 * @throws CoreInputError for another length
 */
export function signatureToDer(signature: Uint8Array): Uint8Array {
  requireBytes("signature", signature, SIGNATURE_BYTES);
  const r = derInteger(signature.subarray(0, NUMBER_BYTES));
  const s = derInteger(signature.subarray(NUMBER_BYTES));
  return Uint8Array.from([DER_SEQUENCE, r.length + s.length, ...r, ...s]);
}

/** What a call answers that fails only for a private key out of range. */
function requireKeyAccepted(isAccepted: number): void {
  if (isAccepted !== 1) throw new CoreInputError("privateKey", "in the range 1 to n - 2");
}

/**
 * Signs with SM2 and SM3, GB/T 32918.2-2016 section 6.1, in constant time. The nonce is derived from
 * key and message as in RFC 6979 with HMAC-SM3, and from the entropy, which protects against faults
 * in the derivation's computation.
 * @param privateKey 32 bytes, in [1, n - 2]
 * @param publicKey 65 bytes; it must be the one of the private key, or nobody can verify
 * @param message any number of bytes
 * @param id of the signer, up to 8191 bytes
 * @param entropy 32 random bytes, or none for a signature that repeats
 * @returns 64 bytes, r || s
 * @throws CoreInputError for another length, form of public key, or range of private key
 */
export function signSm2(
  privateKey: Uint8Array,
  publicKey: Uint8Array,
  message: Uint8Array,
  id: Uint8Array = SM2_DEFAULT_ID,
  entropy: Uint8Array = new Uint8Array(),
): Uint8Array {
  requireBytes("privateKey", privateKey, PRIVATE_KEY_BYTES);
  requireBytes("publicKey", publicKey, PUBLIC_KEY_BYTES);
  requireBytes("message", message);
  requireId(id);
  requireBytes("entropy", entropy);
  if (entropy.length > 0) requireBytes("entropy", entropy, ENTROPY_BYTES);
  if (!isSm2Point(publicKey)) throw new CoreInputError("publicKey", "a point of the curve");
  try {
    writePublicKey(publicKey);
    input.set(privateKey, OFFSET.privateKey);
    input.set(entropy, OFFSET.entropy);
    hashSigned(id, message, (byteCount) => {
      requireKeyAccepted(core.signSm2(byteCount, entropy.length));
    });
    return output.slice(0, SIGNATURE_BYTES);
  } finally {
    core.sm3Wipe();
    clearArena(Math.max(id.length, message.length));
  }
}

/**
 * The public key of a private key, in constant time.
 * @param privateKey 32 bytes, in [1, n - 2]
 * @returns 65 bytes, 04 || X || Y
 * @throws CoreInputError for another length or range
 */
export function sm2PublicKey(privateKey: Uint8Array): Uint8Array {
  requireBytes("privateKey", privateKey, PRIVATE_KEY_BYTES);
  try {
    input.set(privateKey, OFFSET.privateKey);
    requireKeyAccepted(core.sm2PublicKey());
    return Uint8Array.of(UNCOMPRESSED_POINT, ...output.subarray(0, SIGNATURE_BYTES));
  } finally {
    clearArena();
  }
}

/**
 * Diffie-Hellman on the curve of SM2 (curveSM2 of RFC 8998 section 3.4.1), in constant time: the
 * x-coordinate of [d]P.
 * @param privateKey 32 bytes, in [1, n - 2]
 * @param peerPublicKey 65 bytes, 04 || X || Y
 * @returns 32 bytes, to be hashed before use; undefined if the peer's key is no point of the curve
 * @throws CoreInputError for another length or range of the private key
 */
export function sm2SharedSecret(
  privateKey: Uint8Array,
  peerPublicKey: Uint8Array,
): Uint8Array | undefined {
  requireBytes("privateKey", privateKey, PRIVATE_KEY_BYTES);
  requireBytes("peerPublicKey", peerPublicKey, PUBLIC_KEY_BYTES);
  if (!isSm2Point(peerPublicKey)) return undefined;
  try {
    writePublicKey(peerPublicKey);
    input.set(privateKey, OFFSET.privateKey);
    requireKeyAccepted(core.sm2SharedPoint());
    return output.slice(0, NUMBER_BYTES);
  } finally {
    clearArena();
  }
}

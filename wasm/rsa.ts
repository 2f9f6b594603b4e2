// RSA-2048 signatures with SHA-256, RFC 8017: RSASSA-PSS with a salt of 32 bytes (section 8.1.2) and
// RSASSA-PKCS1-v1_5 (section 8.2.2). Every runtime has them natively and synchronously, so they are
// verified there, and this file only fixes what is accepted: moduli of exactly 2048 bits, the exponent
// 65537, signatures of exactly 256 bytes. Everything is public.
//
// workerd's one-shot `verify` takes a padding and does PKCS #1 v1.5 all the same, which would accept
// its signatures for PSS; createVerify heeds it. tests/core/rsa.test.ts runs in both runtimes.

import { type KeyObject, constants, createPublicKey, createVerify, verify } from "node:crypto";
import { takesKeyObjectInOptions } from "#wasm/module";
import { requireBytes } from "./core.ts";

const MODULUS_BYTES = 256;
const EXPONENT_BYTES = 3;
const SALT_BYTES = 32;
const EXPONENT = Uint8Array.of(0x01, 0x00, 0x01);

/** SubjectPublicKeyInfo in DER with rsaEncryption, RFC 8017 appendix A.1.1, around the modulus. */
const SPKI_HEAD = Uint8Array.fromHex(
  "30820122300d06092a864886f70d01010105000382010f003082010a0282010100",
);
const SPKI_TAIL = Uint8Array.fromHex("0203010001"); // the exponent
const SPKI_BYTES = SPKI_HEAD.length + MODULUS_BYTES + SPKI_TAIL.length;

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES };

/** A public key, and what the runtime takes for it. */
interface ImportedKey {
  readonly publicKey: Buffer;
  readonly key: KeyObject;
}

/** Keys in the runtime's form; bounds what strangers' certificates can fill. */
const KEYS_MAX = 64;
const keys = new Map<string, ImportedKey>();
/** A key is found by the lowest bytes of its modulus and then compared whole. */
const NAME_START = -13;
const NAME_END = -5;

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Whether a modulus has exactly 2048 bits and is odd. */
function isModulus(modulus: Uint8Array): boolean {
  return (modulus[0] ?? 0) >= 0x80 && ((modulus.at(-1) ?? 0) & 1) === 1;
}

/**
 * The public key of a modulus and an exponent as SubjectPublicKeyInfo.
 * @param modulus 256 bytes, big-endian
 * @param exponent 3 bytes, big-endian
 * @returns 294 bytes of DER; undefined for a modulus of fewer bits, an even one, or an exponent other
 *   than 65537
 * @throws CoreInputError for another length
 */
export function rsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): Uint8Array | undefined {
  requireBytes("modulus", modulus, MODULUS_BYTES);
  requireBytes("exponent", exponent, EXPONENT_BYTES);
  if (!isModulus(modulus) || !isEqual(exponent, EXPONENT)) return undefined;
  return Uint8Array.of(...SPKI_HEAD, ...modulus, ...SPKI_TAIL);
}

/** Reads a key; undefined for one that rsaPublicKey would not make. */
function importKey(publicKey: Buffer): ImportedKey | undefined {
  const modulusEnd = SPKI_HEAD.length + MODULUS_BYTES;
  if (!isEqual(publicKey.subarray(0, SPKI_HEAD.length), SPKI_HEAD)) return undefined;
  if (!isEqual(publicKey.subarray(modulusEnd), SPKI_TAIL)) return undefined;
  if (!isModulus(publicKey.subarray(SPKI_HEAD.length, modulusEnd))) return undefined;
  return { publicKey, key: createPublicKey({ key: publicKey, format: "der", type: "spki" }) };
}

/** The key in the runtime's form, made once while it stays among the last KEYS_MAX. */
function keyOf(publicKey: Uint8Array): ImportedKey | undefined {
  const name = publicKey.subarray(NAME_START, NAME_END).toHex();
  const known = keys.get(name);
  if (known !== undefined && isEqual(known.publicKey, publicKey)) return known;
  const imported = importKey(Buffer.from(publicKey));
  if (imported === undefined) return undefined;
  const [oldest] = keys.keys();
  if (keys.size >= KEYS_MAX && oldest !== undefined) keys.delete(oldest);
  keys.set(name, imported);
  return imported;
}

function requireSigned(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): void {
  requireBytes("publicKey", publicKey, SPKI_BYTES);
  requireBytes("message", message);
  requireBytes("signature", signature, MODULUS_BYTES);
}

/**
 * Verifies RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes, RFC 8017 section 8.1.2.
 * @param publicKey 294 bytes, as rsaPublicKey makes them
 * @param message any number of bytes
 * @param signature 256 bytes
 * @returns false for a wrong signature, or a key that rsaPublicKey would not make
 * @throws CoreInputError for another length of key or signature
 */
export function verifyRsaPss(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  requireSigned(publicKey, message, signature);
  const imported = keyOf(publicKey);
  if (imported === undefined) return false;
  const { key } = imported;
  if (takesKeyObjectInOptions) return verify("sha256", message, { key, ...PSS }, signature);
  const der = { key: imported.publicKey, format: "der", type: "spki" } as const;
  return createVerify("sha256")
    .update(message)
    .verify({ ...der, ...PSS }, signature);
}

/**
 * Verifies RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017 section 8.2.2.
 * @param publicKey, message, signature as for verifyRsaPss
 * @returns false for a wrong signature, or a key that rsaPublicKey would not make
 * @throws CoreInputError for another length of key or signature
 */
export function verifyRsaPkcs1(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  requireSigned(publicKey, message, signature);
  const imported = keyOf(publicKey);
  return imported !== undefined && verify("sha256", message, imported.key, signature);
}

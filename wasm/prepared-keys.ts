// Public keys with a table of their multiples, made once, with which verification takes a third of
// the time. wasm/assembly/prepared-table.ts states the format of the table: 8,192 bytes, four blocks
// of 32 affine points, coordinates little-endian in the Montgomery domain.
//
// A table says what a signature is compared with, so it is to be trusted and kept as the key itself:
// one that belongs to another key verifies that key's signatures.

import { CoreInputError, ecdsaDerToRaw } from "./index.ts";
import { requireBytes } from "./core.ts";
import { KEY_TABLE_BYTES, clearArena, core, feed, input, keyTable } from "./sm-arena.ts";
import { SM2_DEFAULT_ID, hashSigned, requireId, writePublicKey } from "./sm2.ts";

const PUBLIC_KEY_BYTES = 65;
const SIGNATURE_BYTES = 64; // r || s
const SIGNATURE_OFFSET = 64;

/** The curves a table can be of, and the number the core knows each by. */
const CURVES = { p256: 0, sm2: 1 } as const;

/** A public key and its table. The fields can be stored and put together again. */
export interface PreparedKey {
  readonly curve: keyof typeof CURVES;
  readonly publicKey: Uint8Array; // 65 bytes, 04 || X || Y
  readonly table: Uint8Array; // 8,192 bytes
}

/**
 * Makes the table of a public key.
 * @param publicKey 65 bytes, 04 || X || Y
 * @returns undefined if the key is no point of the curve
 * @throws CoreInputError for another curve or length
 */
export function prepareKey(
  curve: keyof typeof CURVES,
  publicKey: Uint8Array,
): PreparedKey | undefined {
  if (!Object.hasOwn(CURVES, curve)) throw new CoreInputError("curve", '"p256" or "sm2"');
  requireBytes("publicKey", publicKey, PUBLIC_KEY_BYTES);
  try {
    if (!writePublicKey(publicKey) || core.prepareKey(CURVES[curve]) !== 1) return undefined;
    return { curve, publicKey: publicKey.slice(), table: keyTable.slice() };
  } finally {
    clearArena();
  }
}

function checkPrepared(curve: keyof typeof CURVES, key: PreparedKey): void {
  if (key?.curve !== curve) throw new CoreInputError("key", `a prepared key of ${curve}`);
  requireBytes("key.publicKey", key.publicKey, PUBLIC_KEY_BYTES);
  requireBytes("key.table", key.table, KEY_TABLE_BYTES);
}

/** Runs a verification with the table and the signature in place. */
function verifyWith(
  key: PreparedKey,
  signature: Uint8Array,
  dataBytes: number,
  verify: () => boolean,
): boolean {
  try {
    keyTable.set(key.table);
    input.set(signature, SIGNATURE_OFFSET);
    return verify();
  } finally {
    clearArena(dataBytes);
  }
}

/**
 * As verifyP256, for a prepared key.
 * @param key of prepareKey("p256", ..)
 * @param message any number of bytes
 * @param signature 64 bytes, r || s
 * @throws CoreInputError for a key of another curve, or another length
 */
export function verifyP256Prepared(
  key: PreparedKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  checkPrepared("p256", key);
  requireBytes("message", message);
  requireBytes("signature", signature, SIGNATURE_BYTES);
  return verifyWith(key, signature, message.length, () => {
    core.sha256Start();
    feed(message, core.sha256Update, core.sha256Finish);
    return core.verifyP256Prepared() === 1;
  });
}

/**
 * As verifySm2, for a prepared key.
 * @param key of prepareKey("sm2", ..)
 * @param message, signature, id as for verifySm2
 * @throws CoreInputError for a key of another curve, or another length
 */
export function verifySm2Prepared(
  key: PreparedKey,
  message: Uint8Array,
  signature: Uint8Array,
  id: Uint8Array = SM2_DEFAULT_ID,
): boolean {
  checkPrepared("sm2", key);
  requireBytes("message", message);
  requireBytes("signature", signature, SIGNATURE_BYTES);
  requireId(id);
  return verifyWith(key, signature, Math.max(id.length, message.length), () => {
    let isValid = false;
    if (!writePublicKey(key.publicKey)) return false;
    hashSigned(id, message, (byteCount) => {
      isValid = core.verifySm2Prepared(byteCount) === 1;
    });
    return isValid;
  });
}

/**
 * As verifyP256Prepared or verifySm2Prepared with the default ID, by the curve of the key, for a
 * signature in strict DER; another form is invalid.
 * @throws CoreInputError for a key that is not whole
 */
export function verifyPreparedDer(
  key: PreparedKey,
  message: Uint8Array,
  derSignature: Uint8Array,
): boolean {
  const curve = key?.curve === "sm2" ? "sm2" : "p256";
  checkPrepared(curve, key);
  requireBytes("message", message);
  requireBytes("derSignature", derSignature);
  const signature = ecdsaDerToRaw(derSignature);
  const verify = curve === "sm2" ? verifySm2Prepared : verifyP256Prepared;
  return signature !== undefined && verify(key, message, signature);
}

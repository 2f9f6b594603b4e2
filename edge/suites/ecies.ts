/** ECIES of TS 33.501 C.3.4.2 (Profile B) on P-256, the home network's side. */
import { createDecipheriv, createHash, createHmac } from "node:crypto";
import { type Bytes, concatBytes, encodeCounter, equalBytes } from "#protocol/bytes";
import { generateP256KeyPair, p256SharedSecret } from "./p256.ts";
import type { KeyPair } from "./scheme.ts";

/** The ephemeral public key, compressed (SEC 1, 2.3.3). */
const EPHEMERAL_KEY_BYTES = 33;
const MAC_BYTES = 8;
const AES_KEY_BYTES = 16;
const COUNTER_BLOCK_BYTES = 16;
const HASH_BYTES = 32;

/** What conceals an identity to whoever holds the private key. */
export interface Ecies {
  generateKeyPair(): KeyPair;
  /**
   * `message` is ephemeral key (33 bytes), ciphertext, MAC (8); `sharedInfo` is covered by the MAC.
   * Undefined when the MAC or the point is wrong.
   */
  open(privateKey: Uint8Array, message: Uint8Array, sharedInfo: Uint8Array): Uint8Array | undefined;
}

export const eciesProfileB: Ecies = {
  generateKeyPair: generateP256KeyPair,
  open(privateKey, message, sharedInfo) {
    const end = message.length - MAC_BYTES;
    if (end < EPHEMERAL_KEY_BYTES) return undefined;
    const ephemeral = message.subarray(0, EPHEMERAL_KEY_BYTES);
    const ciphertext = message.subarray(EPHEMERAL_KEY_BYTES, end);
    const secret = p256SharedSecret(privateKey, ephemeral);
    if (secret === undefined) return undefined;
    const keys = deriveKeys(secret, ephemeral);
    secret.fill(0);
    try {
      return openWith(keys, { ciphertext, mac: message.subarray(end) }, sharedInfo);
    } finally {
      keys.fill(0);
    }
  },
};

function openWith(
  keys: Uint8Array,
  sealed: { readonly ciphertext: Uint8Array; readonly mac: Uint8Array },
  sharedInfo: Uint8Array,
): Uint8Array | undefined {
  const macKey = keys.subarray(AES_KEY_BYTES + COUNTER_BLOCK_BYTES);
  const mac = createHmac("sha256", macKey).update(sealed.ciphertext).update(sharedInfo).digest();
  if (!equalBytes(sealed.mac, mac.subarray(0, MAC_BYTES))) return undefined;
  const counter = keys.subarray(AES_KEY_BYTES, AES_KEY_BYTES + COUNTER_BLOCK_BYTES);
  const cipher = createDecipheriv("aes-128-ctr", keys.subarray(0, AES_KEY_BYTES), counter);
  return new Uint8Array(cipher.update(sealed.ciphertext));
}

/** ANSI X9.63 KDF with SHA-256 (SEC 1, 3.6.1): AES key, initial counter block, MAC key. */
function deriveKeys(secret: Uint8Array, sharedInfo: Uint8Array): Bytes {
  const length = AES_KEY_BYTES + COUNTER_BLOCK_BYTES + HASH_BYTES;
  const blocks: Uint8Array[] = [];
  for (let counter = 1; blocks.length * HASH_BYTES < length; counter++) {
    const input = concatBytes(secret, encodeCounter(counter), sharedInfo);
    blocks.push(createHash("sha256").update(input).digest());
  }
  return concatBytes(...blocks);
}

/**
 * Everything made from the master key: one derived key per purpose, for MACs and for wrapping
 * secrets at rest. Synchronous, so that a single writer can wrap inside its transaction.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import type { Random, Vault } from "#edge/dependencies";
import { type Bytes, concatBytes, encodeAscii } from "#protocol/bytes";

export const MASTER_KEY_BYTES = 32;

const WRAP_VERSION = 1;
const WRAP_SALT_BYTES = 24;
const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const WRAP_OVERHEAD_BYTES = 1 + WRAP_SALT_BYTES + GCM_NONCE_BYTES + GCM_TAG_BYTES;

/** Derived keys kept; purposes are few, but token purposes change by the day. */
const DERIVED_KEYS_MAX = 32;

/** `masterKey` is 32 bytes. */
export function createVault(masterKey: Uint8Array, random: Random): Vault {
  const derived = new Map<string, Uint8Array>();

  function deriveKey(purpose: string): Uint8Array {
    const known = derived.get(purpose);
    if (known !== undefined) return known;
    const info = encodeAscii(`simlatch/1 ${purpose}`);
    const key = new Uint8Array(hkdfSync("sha256", masterKey, new Uint8Array(0), info, 32));
    if (derived.size >= DERIVED_KEYS_MAX) derived.clear();
    derived.set(purpose, key);
    return key;
  }

  function mac(purpose: string, data: Uint8Array): Bytes {
    return new Uint8Array(
      createHmac("sha256", deriveKey(`mac ${purpose}`))
        .update(data)
        .digest(),
    );
  }

  /**
   * Each secret gets a key of its own, derived from a random salt, and a random nonce under it: 36
   * random bytes that would have to meet twice before AES-256-GCM saw a nonce again under one key,
   * and nothing counted that a retry or a restore could wind back (invariant I16).
   */
  function wrappingKey(purpose: string, salt: Uint8Array): Buffer {
    return createHmac("sha256", deriveKey(`wrap ${purpose}`))
      .update(salt)
      .digest();
  }

  function wrap(purpose: string, context: string, secret: Uint8Array): Bytes {
    const salt = random(WRAP_SALT_BYTES);
    const nonce = random(GCM_NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", wrappingKey(purpose, salt), nonce);
    cipher.setAAD(encodeAscii(context));
    const ciphertext = concatBytes(cipher.update(secret), cipher.final());
    return concatBytes(Uint8Array.of(WRAP_VERSION), salt, nonce, ciphertext, cipher.getAuthTag());
  }

  function unwrap(purpose: string, context: string, wrapped: Uint8Array): Bytes | undefined {
    if (wrapped.length < WRAP_OVERHEAD_BYTES || wrapped[0] !== WRAP_VERSION) return undefined;
    const salt = wrapped.subarray(1, 1 + WRAP_SALT_BYTES);
    const start = 1 + WRAP_SALT_BYTES + GCM_NONCE_BYTES;
    const end = wrapped.length - GCM_TAG_BYTES;
    const nonce = wrapped.subarray(1 + WRAP_SALT_BYTES, start);
    const decipher = createDecipheriv("aes-256-gcm", wrappingKey(purpose, salt), nonce);
    decipher.setAAD(encodeAscii(context));
    decipher.setAuthTag(wrapped.subarray(end));
    const plain = decipher.update(wrapped.subarray(start, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return new Uint8Array(plain);
  }

  return { mac, wrap, unwrap };
}

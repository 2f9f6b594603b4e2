/**
 * MACs under the master key, and secrets at rest under the wrapping keys: one derived key per
 * purpose. Synchronous, so that a single writer can wrap inside its transaction.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import type { Random, Vault } from "#edge/dependencies";
import { type Bytes, concatBytes, encodeAscii } from "#protocol/bytes";
import { checkValueOf, masterWrappingKey, type WrappingKeys } from "./wrapping-keys.ts";

/**
 * A wrapped secret: version (1), id of the wrapping key (2, big endian), salt (24), nonce (12),
 * ciphertext, tag (16).
 */
const WRAP_VERSION = 2;
const HEADER_BYTES = 3;
const WRAP_SALT_BYTES = 24;
const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const SALT_END = HEADER_BYTES + WRAP_SALT_BYTES;
const NONCE_END = SALT_END + GCM_NONCE_BYTES;
const WRAP_OVERHEAD_BYTES = NONCE_END + GCM_TAG_BYTES;

/** Derived keys kept of one root; purposes are few, but token purposes change by the day. */
const DERIVED_KEYS_MAX = 32;

/** A secret is wrapped with a key that is not configured here. The message names its id. */
export class WrappingKeyAbsentError extends Error {
  override readonly name = "WrappingKeyAbsentError";

  constructor(id: number) {
    super(`wrapping key ${id} is not configured`);
  }
}

/** The id that such an error names; one from a Durable Object is an Error with the same message. */
export function absentKeyIn({ message }: Error): number | undefined {
  const id = /wrapping key (?<id>[0-9]+) is not configured$/.exec(message)?.groups?.["id"];
  return id === undefined ? undefined : Number(id);
}

/** Undefined for bytes that no vault of this version wrapped. */
export function wrappingKeyIdOf(wrapped: Uint8Array): number | undefined {
  const isWrapped = wrapped.length >= WRAP_OVERHEAD_BYTES && wrapped[0] === WRAP_VERSION;
  return isWrapped ? (wrapped[1] ?? 0) * 0x1_00 + (wrapped[2] ?? 0) : undefined;
}

type Derive = (purpose: string) => Uint8Array;

function createDerivation(root: Uint8Array): Derive {
  const derived = new Map<string, Uint8Array>();
  return (purpose) => {
    const known = derived.get(purpose);
    if (known !== undefined) return known;
    const info = encodeAscii(`simlatch/1 ${purpose}`);
    const key = new Uint8Array(hkdfSync("sha256", root, new Uint8Array(0), info, 32));
    if (derived.size >= DERIVED_KEYS_MAX) derived.clear();
    derived.set(purpose, key);
    return key;
  };
}

/** `masterKey` is 32 bytes; without wrapping keys of their own, secrets are under key 0. */
export function createVault(
  masterKey: Uint8Array,
  random: Random,
  keys: WrappingKeys = [masterWrappingKey(masterKey)],
): Vault {
  const deriveMacKey = createDerivation(masterKey);
  const derivations = new Map(keys.map(({ id, key }) => [id, createDerivation(key)]));
  const [newest] = keys;

  function mac(purpose: string, data: Uint8Array): Bytes {
    return new Uint8Array(
      createHmac("sha256", deriveMacKey(`mac ${purpose}`))
        .update(data)
        .digest(),
    );
  }

  /**
   * Each secret gets a key of its own, derived from a random salt, and a random nonce under it: 36
   * random bytes that would have to meet twice before AES-256-GCM saw a nonce again under one key,
   * and nothing counted that a retry or a restore could wind back (invariant I16).
   */
  function keyFor(id: number, purpose: string, salt: Uint8Array): Buffer {
    const derive = derivations.get(id);
    if (derive === undefined) throw new WrappingKeyAbsentError(id);
    return createHmac("sha256", derive(`wrap ${purpose}`))
      .update(salt)
      .digest();
  }

  function wrap(purpose: string, context: string, secret: Uint8Array): Bytes {
    const { id } = newest;
    const header = Uint8Array.of(WRAP_VERSION, id >> 8, id & 0xff);
    const salt = random(WRAP_SALT_BYTES);
    const nonce = random(GCM_NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", keyFor(id, purpose, salt), nonce);
    cipher.setAAD(encodeAscii(context));
    const ciphertext = concatBytes(cipher.update(secret), cipher.final());
    return concatBytes(header, salt, nonce, ciphertext, cipher.getAuthTag());
  }

  function unwrap(purpose: string, context: string, wrapped: Uint8Array): Bytes | undefined {
    const id = wrappingKeyIdOf(wrapped);
    if (id === undefined) return undefined;
    const salt = wrapped.subarray(HEADER_BYTES, SALT_END);
    const nonce = wrapped.subarray(SALT_END, NONCE_END);
    const end = wrapped.length - GCM_TAG_BYTES;
    const decipher = createDecipheriv("aes-256-gcm", keyFor(id, purpose, salt), nonce);
    decipher.setAAD(encodeAscii(context));
    decipher.setAuthTag(wrapped.subarray(end));
    const plain = decipher.update(wrapped.subarray(NONCE_END, end));
    try {
      decipher.final();
    } catch {
      plain.fill(0);
      return undefined;
    }
    // No copy: whoever wipes what it gets wipes the only one there is.
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
  }

  function rewrap(purpose: string, context: string, wrapped: Uint8Array): Uint8Array | undefined {
    if (wrappingKeyIdOf(wrapped) === newest.id) return wrapped;
    const secret = unwrap(purpose, context, wrapped);
    if (secret === undefined) return undefined;
    const fresh = wrap(purpose, context, secret);
    secret.fill(0);
    return fresh;
  }

  const wrappingKeys = keys.map((key) => ({ id: key.id, checkValue: checkValueOf(key) }));
  return { mac, wrap, unwrap, rewrap, newestKeyId: newest.id, wrappingKeys };
}

/** What a TPM's partner computes beside the suites: a key from a seed, and AES-128 in CFB. */
import { createCipheriv, createECDH, createHash } from "node:crypto";
import { type Bytes, concatBytes } from "#protocol/bytes";
import type { KeyPair } from "./scheme.ts";

const BLOCK_BYTES = 16;
const SCALAR_BYTES = 32;

export interface TpmTools {
  /** The P-256 key pair that belongs to a secret of 32 bytes. */
  keyPairOf(seed: Uint8Array): KeyPair;
  /** AES-128 CFB with an IV of zeros (Part 1, 24.4). */
  encryptCfb(key: Uint8Array, plaintext: Uint8Array): Bytes;
}

/** The seed is the scalar, unless it is one of the 2^-32 that are not below the group's order. */
function keyPairOf(seed: Uint8Array): KeyPair {
  const ecdh = createECDH("prime256v1");
  let scalar = new Uint8Array(seed);
  for (;;) {
    try {
      ecdh.setPrivateKey(scalar);
      return { publicKey: new Uint8Array(ecdh.getPublicKey()), privateKey: scalar };
    } catch {
      scalar = new Uint8Array(createHash("sha256").update(scalar).digest()).slice(0, SCALAR_BYTES);
    }
  }
}

/** Block by block, the keystream being AES of the ciphertext before (SP 800-38A, 6.3). */
function encryptCfb(key: Uint8Array, plaintext: Uint8Array): Bytes {
  const out: Bytes[] = [];
  let previous: Uint8Array = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < plaintext.length; at += BLOCK_BYTES) {
    const part = plaintext.slice(at, at + BLOCK_BYTES);
    // workerd has no CFB; CTR from this very block gives the same keystream.
    const cipher = createCipheriv("aes-128-ctr", key, previous);
    previous = new Uint8Array(cipher.update(part));
    out.push(new Uint8Array(previous));
  }
  return concatBytes(...out);
}

export const tpmTools: TpmTools = { keyPairOf, encryptCfb };

/**
 * Test helper: encoding, hashing, signatures and seeded bytes by node:crypto, written apart from
 * the card so that a mistake of the card's encoder is not shared.
 */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { TAG } from "#protocol/assigned-numbers";

export type SigningKey = { readonly privateKey: KeyObject; readonly publicKey: Buffer };

/** Element with lengths up to two bytes. */
export function element(
  tag: number,
  ...parts: readonly (Uint8Array | readonly number[])[]
): Buffer {
  const value = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  const length =
    value.length < 0x80
      ? [value.length]
      : value.length < 0x100
        ? [0x81, value.length]
        : [0x82, value.length >> 8, value.length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...length), value]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function labelled(label: string, ...elements: readonly Uint8Array[]): Buffer {
  return Buffer.concat([element(TAG.label, Buffer.from(label)), ...elements]);
}

export function hash(label: string, ...elements: readonly Uint8Array[]): Buffer {
  return createHash("sha256")
    .update(labelled(label, ...elements))
    .digest();
}

/** Deterministic bytes for a seed (SHA-256 of seed and counter). */
export function seededRandom(seed: string): (byteCount: number) => Uint8Array {
  let counter = 0;
  return (byteCount) => {
    const blocks: Buffer[] = [];
    for (let made = 0; made < byteCount; made += 32) {
      blocks.push(createHash("sha256").update(`${seed}/${counter++}`).digest());
    }
    return new Uint8Array(Buffer.concat(blocks).subarray(0, byteCount));
  };
}

export function createSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ format: "der", type: "spki" });
  return { privateKey, publicKey: spki.subarray(-65) };
}

export function signRaw(key: SigningKey, message: Uint8Array): Buffer {
  return sign("sha256", message, { key: key.privateKey, dsaEncoding: "ieee-p1363" });
}

/** `publicKey` 65 bytes, `signature` 64 bytes. */
export function isSignature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const prefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
  const key = createPublicKey({
    key: Buffer.concat([prefix, publicKey]),
    format: "der",
    type: "spki",
  });
  return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** Values of the elements of `bytes`, which are all short. */
export function values(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let start = 0;
  while (start < bytes.length) {
    const length = bytes.readUInt8(start + 1);
    found.push(bytes.subarray(start + 2, start + 2 + length));
    start += 2 + length;
  }
  return found;
}

export function valueAt(list: readonly Buffer[], index: number): Buffer {
  const value = list[index];
  if (value === undefined) throw new Error(`the card's answer has no element ${index}`);
  return value;
}

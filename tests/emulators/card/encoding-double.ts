/**
 * Test helper: encoding and seeded bytes, written apart from the card so that a mistake of the
 * card's encoder is not shared.
 */
import { createHash } from "node:crypto";
import { TAG } from "#protocol/assigned-numbers";

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

export function labelled(label: string, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([element(TAG.label, Buffer.from(label)), ...parts]);
}

/** Deterministic bytes for a seed (SHA-256 of seed and counter). */
export function seededRandom(seed: string): (byteCount: number) => Uint8Array<ArrayBuffer> {
  let counter = 0;
  return (byteCount) => {
    const blocks: Buffer[] = [];
    for (let made = 0; made < byteCount; made += 32) {
      blocks.push(createHash("sha256").update(`${seed}/${counter++}`).digest());
    }
    return new Uint8Array(Buffer.concat(blocks).subarray(0, byteCount));
  };
}

/** Tags and values of the elements of `bytes`. */
export function elements(bytes: Buffer): { readonly tag: number; readonly value: Buffer }[] {
  const found: { tag: number; value: Buffer }[] = [];
  let start = 0;
  while (start < bytes.length) {
    const first = bytes.readUInt8(start + 1);
    const lengthBytes = first < 0x80 ? 1 : first - 0x7f;
    const length = first < 0x80 ? first : bytes.readUIntBE(start + 2, lengthBytes - 1);
    const valueStart = start + 1 + lengthBytes;
    found.push({
      tag: bytes.readUInt8(start),
      value: bytes.subarray(valueStart, valueStart + length),
    });
    start = valueStart + length;
  }
  return found;
}

/** The value of the first element `tag`; throws when there is none. */
export function valueOf(bytes: Buffer, tag: number): Buffer {
  const found = elements(bytes).find((each) => each.tag === tag);
  if (found === undefined) throw new Error(`there is no element ${tag.toString(16)}`);
  return found.value;
}

/** Byte helpers of the card. Integers are big-endian, as everywhere in the protocol. */

export type Bytes = Uint8Array<ArrayBuffer>;

export function joinBytes(...parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let end = 0;
  for (const part of parts) {
    joined.set(part, end);
    end += part.length;
  }
  return joined;
}

/** Time depends on the lengths only. */
export function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (const [index, byte] of left.entries()) difference |= byte ^ (right[index] ?? 0);
  return difference === 0;
}

/** As long as `left`; `right` is not shorter. */
export function xorBytes(left: Uint8Array, right: Uint8Array): Bytes {
  return Uint8Array.from(left, (byte, index) => byte ^ (right[index] ?? 0));
}

/** 4 bytes, big-endian, unsigned. */
export function writeCounter(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** 4 bytes, big-endian, unsigned, from `offset`. */
export function readCounter(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}

export function asciiBytes(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The 8 bytes that 16 upper-case hex digits stand for. */
export function cardIdBytes(cardId: string): Bytes {
  if (!/^[0-9A-F]{16}$/u.test(cardId)) throw new Error("card id must be 16 upper-case hex digits");
  return Uint8Array.from({ length: 8 }, (_, index) =>
    Number.parseInt(cardId.slice(2 * index, 2 * index + 2), 16),
  );
}

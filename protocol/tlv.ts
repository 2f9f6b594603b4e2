/**
 * Canonical BER-TLV (ISO 7816-4, 5.2.2): tags of one byte, definite lengths in the fewest bytes,
 * elements in a fixed order. Every message is described by a list of fields; anything else is
 * refused, so each value has exactly one encoding.
 */
import { type Bytes, concatBytes } from "./bytes.ts";

/** Longest value that any message may carry, in bytes. */
const VALUE_BYTES_MAX = 0xffff;

/** A tag with the least and the greatest length of its value in bytes. */
export type Field = readonly [tag: number, bytesMin: number, bytesMax: number];

interface Element {
  readonly tag: number;
  readonly value: Bytes;
  readonly end: number;
}

export function encodeTlv(tag: number, ...parts: readonly Uint8Array[]): Bytes {
  const value = concatBytes(...parts);
  if (value.length > VALUE_BYTES_MAX) throw new RangeError("TLV value is longer than 65535 bytes");
  return concatBytes(Uint8Array.of(tag), encodeLength(value.length), value);
}

function encodeLength(length: number): Bytes {
  if (length < 0x80) return Uint8Array.of(length);
  if (length <= 0xff) return Uint8Array.of(0x81, length);
  return Uint8Array.of(0x82, length >> 8, length & 0xff);
}

/**
 * The values of `fields`, in order, when `bytes` holds exactly these elements and nothing more;
 * undefined otherwise. Values are copies.
 */
export function decodeFields<const T extends readonly Field[]>(
  bytes: Uint8Array,
  fields: T,
): { readonly [K in keyof T]: Bytes } | undefined {
  const values: Bytes[] = [];
  let offset = 0;
  for (const [tag, bytesMin, bytesMax] of fields) {
    const element = readElement(bytes, offset);
    if (element === undefined || element.tag !== tag) return undefined;
    if (element.value.length < bytesMin || element.value.length > bytesMax) return undefined;
    values.push(element.value);
    offset = element.end;
  }
  if (offset !== bytes.length) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one value was pushed per field
  return values as unknown as { [K in keyof T]: Bytes };
}

/** All elements of `bytes`, each of which must be `field`; between `countMin` and `countMax`. */
export function decodeRepeated(
  bytes: Uint8Array,
  field: Field,
  countMin: number,
  countMax: number,
): Bytes[] | undefined {
  const values: Bytes[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const element = readElement(bytes, offset);
    if (element === undefined || element.tag !== field[0]) return undefined;
    if (element.value.length < field[1] || element.value.length > field[2]) return undefined;
    if (values.push(element.value) > countMax) return undefined;
    offset = element.end;
  }
  return values.length >= countMin ? values : undefined;
}

function readElement(bytes: Uint8Array, offset: number): Element | undefined {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  if (lengthBytes > 2 || first === 0x80) return undefined;
  let length = lengthBytes === 0 ? first : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (bytes[offset + 2 + i] ?? 0);
  if ((lengthBytes === 1 && length < 0x80) || (lengthBytes === 2 && length < 0x100))
    return undefined;
  const start = offset + 2 + lengthBytes;
  if (start + length > bytes.length) return undefined;
  return { tag, value: new Uint8Array(bytes.subarray(start, start + length)), end: start + length };
}

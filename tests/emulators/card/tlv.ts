/**
 * The card's own BER-TLV (ISO 7816-4, 5.2.2; docs/protocol.md section 2): one-byte tags, definite
 * lengths in the fewest bytes. A reader walks the elements in order and refuses every other form.
 */
import { type Bytes, joinBytes } from "./bytes.ts";

/** `82 xxxx` is the longest length form of the protocol. */
const LONGEST_VALUE_BYTES = 0xffff;

/** An element; `encoded` is tag, length and value as they were received. */
export type Element = {
  readonly tag: number;
  readonly value: Bytes;
  readonly encoded: Bytes;
};

export function writeElement(tag: number, ...value: readonly Uint8Array[]): Bytes {
  const content = joinBytes(...value);
  return joinBytes(Uint8Array.of(tag, ...lengthField(content.length)), content);
}

export function writeByteElement(tag: number, value: number): Bytes {
  return writeElement(tag, Uint8Array.of(value));
}

function lengthField(length: number): number[] {
  if (length > LONGEST_VALUE_BYTES) throw new RangeError("value is too long for the protocol");
  if (length > 0xff) return [0x82, length >> 8, length & 0xff];
  return length > 0x7f ? [0x81, length] : [length];
}

/** All elements of `bytes`; undefined when a length is not the shortest form or runs too far. */
export function readElements(bytes: Uint8Array): Element[] | undefined {
  const elements: Element[] = [];
  let start = 0;
  while (start < bytes.length) {
    const header = readHeader(bytes, start);
    if (header === undefined || header.end > bytes.length) return undefined;
    elements.push({
      tag: header.tag,
      value: bytes.slice(header.valueStart, header.end),
      encoded: bytes.slice(start, header.end),
    });
    start = header.end;
  }
  return elements;
}

/**
 * The elements of `bytes` when their tags are exactly `tags`, in this order; undefined otherwise.
 * Lengths of the values are the caller's to check.
 */
export function readSequence<const Tags extends readonly number[]>(
  bytes: Uint8Array,
  tags: Tags,
): { readonly [Index in keyof Tags]: Element } | undefined {
  const elements = readElements(bytes);
  if (elements === undefined || elements.length !== tags.length) return undefined;
  if (elements.some((element, index) => element.tag !== tags[index])) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as many elements as tags
  return elements as unknown as { readonly [Index in keyof Tags]: Element };
}

export function hasLength(element: Element, byteCount: number): boolean {
  return element.value.length === byteCount;
}

/** The value of an element of one byte; undefined for any other length. */
export function readByte(element: Element): number | undefined {
  return element.value.length === 1 ? element.value[0] : undefined;
}

type Header = { readonly tag: number; readonly valueStart: number; readonly end: number };

function readHeader(bytes: Uint8Array, start: number): Header | undefined {
  const [tag, first, second, third] = bytes.subarray(start, start + 4);
  if (tag === undefined || first === undefined) return undefined;
  if (first < 0x80) return headerAt(tag, start + 2, first);
  if (first === 0x81 && second !== undefined && second >= 0x80) {
    return headerAt(tag, start + 3, second);
  }
  if (first === 0x82 && second !== undefined && second > 0 && third !== undefined) {
    return headerAt(tag, start + 4, second * 0x100 + third);
  }
  return undefined;
}

function headerAt(tag: number, valueStart: number, length: number): Header {
  return { tag, valueStart, end: valueStart + length };
}

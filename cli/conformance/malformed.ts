/** Data fields that section 2 of docs/protocol.md refuses, made from good ones. */
import { type Bytes, concatBytes } from "#protocol/bytes";
import { encodeTlv } from "#protocol/tlv";

/** Not a tag of section 2. */
const UNKNOWN_TAG = 0x9f;

/** The elements of a good data field, whole. */
export function splitElements(data: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let start = 0; start < data.length;) {
    const first = data[start + 1] ?? 0;
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    let length = lengthBytes === 0 ? first : 0;
    for (let i = 0; i < lengthBytes; i++) length = length * 256 + (data[start + 2 + i] ?? 0);
    const end = start + 2 + lengthBytes + length;
    elements.push(data.slice(start, end));
    start = end;
  }
  return elements;
}

export function valueOf(element: Uint8Array): Uint8Array {
  const first = element[1] ?? 0;
  return element.subarray(first < 0x80 ? 2 : 2 + first - 0x80);
}

/** Every element left out, doubled, moved or preceded by an unknown one; a tail; long lengths. */
export function misshape(data: Uint8Array): [what: string, data: Bytes][] {
  const elements = splitElements(data);
  const unknown = encodeTlv(UNKNOWN_TAG, Uint8Array.of(1));
  const found: [string, Bytes][] = elements.flatMap((element, index) => {
    const before = elements.slice(0, index);
    const after = elements.slice(index + 1);
    const name = (element[0] ?? 0).toString(16).toUpperCase();
    return [
      [`without ${name}`, concatBytes(...before, ...after)] as [string, Bytes],
      [`${name} twice`, concatBytes(...before, element, element, ...after)] as [string, Bytes],
      [`unknown before ${name}`, concatBytes(...before, unknown, element, ...after)],
      [`long length of ${name}`, concatBytes(...before, lengthen(element), ...after)],
    ];
  });
  // A lone element left out leaves no data at all, which is a wrong length and not a wrong form.
  const kept = found.filter(([, bytes]) => bytes.length > 0);
  if (elements.length > 1) kept.push(["reversed", concatBytes(...elements.toReversed())]);
  kept.push(["a byte more", concatBytes(data, new Uint8Array(1))]);
  kept.push(["a byte less", new Uint8Array(data.subarray(0, -1))]);
  return kept;
}

/** The length in one byte more than it needs. */
function lengthen(element: Uint8Array): Bytes {
  const value = valueOf(element);
  const { length } = value;
  const bytes = length < 0x80 ? [0x81, length] : [0x83, 0, length >> 8, length & 0xff];
  const longer = length >= 0x80 && length < 0x100 ? [0x82, 0, length] : bytes;
  return concatBytes(element.subarray(0, 1), Uint8Array.from(longer), value);
}

/** The same element around other content. */
export function rewrap(element: Uint8Array, value: Uint8Array): Bytes {
  return encodeTlv(element[0] ?? 0, value);
}

/** `bytes` with one bit of the byte at `at` turned. */
export function flip(bytes: Uint8Array, at: number): Bytes {
  const out = new Uint8Array(bytes);
  const index = at < 0 ? out.length + at : at;
  out[index] = (out[index] ?? 0) ^ (1 << (index % 8));
  return out;
}

/** Byte string helpers that the runtimes do not agree on. All pure. */

export type Bytes = Uint8Array<ArrayBuffer>;

export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Constant-time for equal lengths; the length itself is public. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

const HEX_DIGITS = encodeAscii("0123456789abcdef");
const ascii = new TextDecoder();

/** Ten times faster than a string that grows, which is built as a tree and flattened later. */
export function encodeHex(bytes: Uint8Array): string {
  const out = new Uint8Array(bytes.length * 2);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    out[2 * i] = HEX_DIGITS[byte >> 4] ?? 0;
    out[2 * i + 1] = HEX_DIGITS[byte & 15] ?? 0;
  }
  return ascii.decode(out);
}

/** Undefined for odd lengths and for anything but 0-9, a-f, A-F. */
export function decodeHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0) return undefined;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) {
    const high = readDigit(text.charCodeAt(2 * i));
    const low = readDigit(text.charCodeAt(2 * i + 1));
    if (high === NO_DIGIT || low === NO_DIGIT) return undefined;
    out[i] = high * 16 + low;
  }
  return out;
}

const NO_DIGIT = 16;

function readDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : NO_DIGIT;
}

const BASE64URL_DIGITS = encodeAscii(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
);
const BASE64URL_VALUES = new Int8Array(128).fill(-1);
for (const [value, code] of BASE64URL_DIGITS.entries()) BASE64URL_VALUES[code] = value;

/** RFC 4648 section 5 without padding. */
export function encodeBase64Url(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const group =
      ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    // What lies behind the end of `out` is not written.
    out[to] = BASE64URL_DIGITS[group >> 18] ?? 0;
    out[to + 1] = BASE64URL_DIGITS[(group >> 12) & 63] ?? 0;
    out[to + 2] = BASE64URL_DIGITS[(group >> 6) & 63] ?? 0;
    out[to + 3] = BASE64URL_DIGITS[group & 63] ?? 0;
  }
  return ascii.decode(out);
}

/**
 * RFC 4648 section 5 without padding; undefined for any other character, for a length that no bytes
 * have, and where the bits that the last byte leaves over are not 0.
 */
export function decodeBase64Url(text: string): Bytes | undefined {
  if (text.length % 4 === 1) return undefined;
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let pending = 0;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const value = BASE64URL_VALUES[text.charCodeAt(i)] ?? -1;
    if (value === -1) return undefined;
    pending = (pending << 6) | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[length++] = pending >> bits;
    pending &= (1 << bits) - 1;
  }
  return pending === 0 ? out : undefined;
}

/** Four bytes, big-endian. */
export function encodeCounter(value: number): Bytes {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

/** Exactly four bytes, big-endian. */
export function decodeCounter(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

export function encodeAscii(text: string): Bytes {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

export function decodeAscii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

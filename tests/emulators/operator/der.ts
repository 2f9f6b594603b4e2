/** As much of DER (X.690) as a certificate takes. Every function gives whole elements. */

export type Der = Uint8Array<ArrayBuffer>;

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  nothing: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;
/** RFC 5280, 4.1.2.5: later dates are GeneralizedTime. */
const LAST_UTC_YEAR = 2049;

/** An element with any tag. */
export function tagged(tag: number, ...parts: readonly Uint8Array[]): Der {
  const value = Buffer.concat(parts);
  const length =
    value.length < 0x80
      ? [value.length]
      : value.length < 0x100
        ? [0x81, value.length]
        : [0x82, value.length >> 8, value.length & 0xff];
  return Uint8Array.of(tag, ...length, ...value);
}

export function sequence(...parts: readonly Uint8Array[]): Der {
  return tagged(TAG.sequence, ...parts);
}

export function set(...parts: readonly Uint8Array[]): Der {
  return tagged(TAG.set, ...parts);
}

/** A number that is not negative, big-endian, of any length. */
export function integer(bytes: Uint8Array): Der {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Uint8Array.of(0) : bytes.subarray(start);
  const sign = (digits[0] ?? 0) > 0x7f ? Uint8Array.of(0) : new Uint8Array(0);
  return tagged(TAG.integer, sign, digits);
}

/** Whole bytes. */
export function bitString(bytes: Uint8Array): Der {
  return tagged(TAG.bitString, Uint8Array.of(0), bytes);
}

/** A bit string of named bits, the highest bit of the byte first, without zeros at the end. */
export function namedBits(byte: number): Der {
  const unusedBits = 31 - Math.clz32(byte & -byte);
  return tagged(TAG.bitString, Uint8Array.of(unusedBits, byte));
}

export function octetString(bytes: Uint8Array): Der {
  return tagged(TAG.octetString, bytes);
}

export const TRUE = tagged(TAG.boolean, Uint8Array.of(0xff));
export const NULL = tagged(TAG.nothing);

/** From dotted numbers. */
export function objectIdentifier(text: string): Der {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return tagged(TAG.objectIdentifier, Uint8Array.from(bytes));
}

export function utf8String(text: string): Der {
  return tagged(TAG.utf8String, Buffer.from(text, "utf8"));
}

export function printableString(text: string): Der {
  return tagged(TAG.printableString, Buffer.from(text, "ascii"));
}

/** UTCTime or GeneralizedTime, to the second, as RFC 5280 wants it. */
export function time(date: Date): Der {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-T:]/gu, "")}Z`;
  return date.getUTCFullYear() <= LAST_UTC_YEAR
    ? tagged(TAG.utcTime, Buffer.from(digits.slice(2), "ascii"))
    : tagged(TAG.generalizedTime, Buffer.from(digits, "ascii"));
}

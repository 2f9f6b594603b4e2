/**
 * DER (X.690, 8 and 10) as certificates use it: tags of one byte, definite lengths in the fewest
 * bytes. Readers give undefined for everything else and never throw.
 */

/** Tags of one byte, class and constructed bit included. */
export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context3: 0xa3,
} as const;

export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content as they were. */
  readonly encoded: Uint8Array;
}

/** The low five bits of a tag that continues in further bytes (X.690, 8.1.2.4). */
const LONG_TAG = 0x1f;
/** More than two length bytes are never needed below the limit of a certificate. */
const LENGTH_BYTES_MAX = 2;
/** The least length that needs this many further length bytes (X.690, 10.1). */
const LENGTHS_MIN = [0, 0x80, 0x100];

/** All elements that `bytes` consists of, without a byte left over. */
export function readElements(bytes: Uint8Array): DerElement[] | undefined {
  const elements: DerElement[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const element = readElement(bytes, offset);
    if (element === undefined) return undefined;
    elements.push(element);
    offset += element.encoded.length;
  }
  return elements;
}

function readElement(bytes: Uint8Array, offset: number): DerElement | undefined {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined || (tag & LONG_TAG) === LONG_TAG) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  if (first === 0x80 || lengthBytes > LENGTH_BYTES_MAX) return undefined;
  let length = lengthBytes === 0 ? first : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (bytes[offset + 2 + i] ?? 0);
  if (length < (LENGTHS_MIN[lengthBytes] ?? 0)) return undefined;
  const start = offset + 2 + lengthBytes;
  const end = start + length;
  if (end > bytes.length) return undefined;
  return { tag, content: bytes.subarray(start, end), encoded: bytes.subarray(offset, end) };
}

/** The only element of `bytes`, if it has this tag. */
export function readOnly(bytes: Uint8Array, tag: number): Uint8Array | undefined {
  const elements = readElements(bytes);
  const [element] = elements ?? [];
  return elements?.length === 1 && element?.tag === tag ? element.content : undefined;
}

/** The elements inside the only element of `bytes`, if it has this tag. */
export function readInside(bytes: Uint8Array, tag: number): DerElement[] | undefined {
  const content = readOnly(bytes, tag);
  return content && readElements(content);
}

/** A non-negative INTEGER of at most four bytes in the fewest bytes (X.690, 8.3.2). */
export function readSmallInteger(content: Uint8Array): number | undefined {
  const [first, second] = content;
  if (first === undefined || content.length > 4 || first >= 0x80) return undefined;
  if (first === 0 && second !== undefined && second < 0x80) return undefined;
  return content.reduce((value, byte) => value * 256 + byte, 0);
}

/**
 * A BIT STRING of named bits, at most two bytes, most significant bit first; without the zero
 * bits at its end, as X.690, 11.2.2 demands.
 */
export function readNamedBits(content: Uint8Array): number | undefined {
  const [unused, ...bytes] = content;
  const last = bytes.at(-1);
  if (unused === undefined || unused > 7 || bytes.length > 2) return undefined;
  if (last === undefined) return unused === 0 ? 0 : undefined;
  // The last bit in use is the lowest one set.
  if ((last & -last) !== 1 << unused) return undefined;
  return (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** Unix milliseconds of a Time (RFC 5280, 4.1.2.5): UTCTime up to 2049, GeneralizedTime after. */
export function readTime({ tag, content }: DerElement): number | undefined {
  const pattern = { [DER.utcTime]: UTC_TIME, [DER.generalizedTime]: GENERALIZED_TIME }[tag];
  const match = pattern?.exec(String.fromCharCode(...content));
  if (!match) return undefined;
  const [digits = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  const isUtcTime = tag === DER.utcTime;
  if (!isUtcTime && digits < 2050) return undefined;
  const year = isUtcTime ? digits + (digits < 50 ? 2000 : 1900) : digits;
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  // Date.UTC carries the 31st of February over; a certificate may not.
  const written = [year, month, day, hour, minute, second];
  const at = new Date(time);
  const meant = [
    at.getUTCFullYear(),
    at.getUTCMonth() + 1,
    at.getUTCDate(),
    at.getUTCHours(),
    at.getUTCMinutes(),
    at.getUTCSeconds(),
  ];
  return written.every((part, i) => part === meant[i]) ? time : undefined;
}

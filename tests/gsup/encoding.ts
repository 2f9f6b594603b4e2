/** IPA and GSUP as an HLR writes them, in an encoding of the tests' own. */

export const frame = (stream: number, payload: Uint8Array): Uint8Array =>
  Uint8Array.of(payload.length >> 8, payload.length & 0xff, stream, ...payload);
export const gsup = (payload: Uint8Array): Uint8Array =>
  frame(0xee, Uint8Array.of(0x05, ...payload));
export const ie = (tag: number, value: Uint8Array): Uint8Array =>
  Uint8Array.of(tag, value.length, ...value);
export const join = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.fromHex(parts.map((part) => part.toHex()).join(""));

export function imsiIe(imsi: string): Uint8Array {
  const digits = imsi.length % 2 === 0 ? imsi : `${imsi}f`;
  const swapped = (digits.match(/../g) ?? []).map((pair) => `${pair[1]}${pair[0]}`);
  return ie(0x01, Uint8Array.fromHex(swapped.join("")));
}

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export interface TupleLengths {
  readonly rand?: number;
  readonly sres?: number;
  readonly kc?: number;
  readonly autn?: number;
  readonly res?: number;
  readonly ck?: number;
  readonly ik?: number;
}

const QUINTET: Required<TupleLengths> = {
  rand: 16,
  sres: 4,
  kc: 8,
  ik: 16,
  ck: 16,
  autn: 16,
  res: 8,
};
const TAGS = { rand: 0x20, sres: 0x21, kc: 0x22, ik: 0x23, ck: 0x24, autn: 0x25, res: 0x27 };

/** A quintet of random values; a length of -1 leaves its element out. */
export function tuple(lengths: TupleLengths = {}): Uint8Array {
  const all = { ...QUINTET, ...lengths };
  const names = ["rand", "sres", "kc", "ik", "ck", "autn", "res"] as const;
  const parts = names
    .filter((name) => all[name] >= 0)
    .map((name) => ie(TAGS[name], random(all[name])));
  return ie(0x03, join(...parts));
}

export const result = (imsi: string, ...tuples: readonly Uint8Array[]): Uint8Array =>
  gsup(join(Uint8Array.of(0x0a), imsiIe(imsi), ...tuples));
export const error = (imsi: string, ...cause: readonly number[]): Uint8Array =>
  gsup(join(Uint8Array.of(0x09), imsiIe(imsi), ie(0x02, Uint8Array.from(cause))));

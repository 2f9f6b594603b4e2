/**
 * The two GSUP messages of authentication (OsmoHLR's Generic Subscriber Update Protocol): the
 * request for vectors, and its result or error. A message is a type, 1 byte, and information
 * elements of tag, 1 byte, length, 1 byte, and value; the IMSI comes first.
 */
import type { FetchedVector, VectorQuery } from "../../../dependencies.ts";
import { type Bytes, concatBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { VECTORS_PER_QUERY_MAX } from "../external.ts";

const TYPE = { request: 0x08, error: 0x09, result: 0x0a } as const;
const IE = {
  imsi: 0x01,
  cause: 0x02,
  authTuple: 0x03,
  rand: 0x20,
  sres: 0x21,
  kc: 0x22,
  ik: 0x23,
  ck: 0x24,
  autn: 0x25,
  auts: 0x26,
  res: 0x27,
  numVectors: 0x52,
} as const;

/** TS 24.008, 10.5.1.4: filler of the last half byte. */
const FILLER = 0xf;
const IMSI_DIGITS_MIN = 6;
const IMSI_DIGITS_MAX = 15;
const CAUSE_BYTES = 1;

/** Lengths of what an auth tuple holds, in bytes. */
const TUPLE_LENGTHS: ReadonlyMap<number, readonly [min: number, max: number]> = new Map([
  [IE.rand, [16, 16]],
  [IE.sres, [4, 4]],
  [IE.kc, [8, 8]],
  [IE.ik, [16, 16]],
  [IE.ck, [16, 16]],
  [IE.autn, [16, 16]],
  [IE.res, [4, 16]],
]);

export type GsupAnswer =
  | { readonly kind: "vectors"; readonly vectors: readonly FetchedVector[] }
  /** TS 24.008, 10.5.5.14. */
  | { readonly kind: "error"; readonly cause: number }
  /** A message that answers no request for vectors. */
  | { readonly kind: "other" };

export interface GsupMessage {
  readonly imsi: string;
  readonly answer: Result<GsupAnswer, GsupDefect>;
}

/** What is wrong with a message whose subscriber is known. */
export type GsupDefect =
  | "element_cut"
  | "cause_invalid"
  | "tuple_invalid"
  | "tuples_missing"
  | "tuples_too_many";

/** SendAuthInfo request; AUTS and its RAND go together. */
export function encodeVectorQuery({ imsi, count, resynchronisation }: VectorQuery): Bytes {
  return concatBytes(
    Uint8Array.of(TYPE.request),
    encodeElement(IE.imsi, encodeImsi(imsi)),
    encodeElement(IE.numVectors, Uint8Array.of(Math.min(count, VECTORS_PER_QUERY_MAX))),
    ...(resynchronisation === undefined
      ? []
      : [
          encodeElement(IE.auts, resynchronisation.auts),
          encodeElement(IE.rand, resynchronisation.rand),
        ]),
  );
}

/** Undefined when not even the subscriber can be read. Values are copies. */
export function decodeGsup(bytes: Uint8Array): GsupMessage | undefined {
  const [type] = bytes;
  const first = readElement(bytes, 1);
  if (type === undefined || first?.tag !== IE.imsi) return undefined;
  const imsi = decodeImsi(first.value);
  if (imsi === undefined) return undefined;
  return { imsi, answer: decodeAnswer(type, bytes.subarray(first.end)) };
}

function decodeAnswer(type: number, rest: Uint8Array): Result<GsupAnswer, GsupDefect> {
  if (type !== TYPE.result && type !== TYPE.error) return success({ kind: "other" });
  const elements = readElements(rest);
  if (elements === undefined) return failure("element_cut");
  if (type === TYPE.error) {
    const causes = elements.filter(({ tag }) => tag === IE.cause);
    const [cause] = causes[0]?.value ?? [];
    const isOne = causes.length === 1 && causes[0]?.value.length === CAUSE_BYTES;
    return isOne && cause !== undefined
      ? success({ kind: "error", cause })
      : failure("cause_invalid");
  }
  const tuples = elements.filter(({ tag }) => tag === IE.authTuple);
  if (tuples.length === 0) return failure("tuples_missing");
  if (tuples.length > VECTORS_PER_QUERY_MAX) return failure("tuples_too_many");
  const vectors = tuples.map(({ value }) => decodeTuple(value));
  const whole = vectors.filter((vector) => vector !== undefined);
  return whole.length === vectors.length
    ? success({ kind: "vectors", vectors: whole })
    : failure("tuple_invalid");
}

/**
 * A triplet, a quintet, or both of one RAND. Half of either is no vector. Kc keys a radio channel
 * and nothing here, so it is not even read.
 */
function decodeTuple(bytes: Uint8Array): FetchedVector | undefined {
  const elements = readElements(bytes);
  if (elements === undefined) return undefined;
  const values = new Map<number, Uint8Array>();
  for (const { tag, value } of elements) {
    const lengths = TUPLE_LENGTHS.get(tag);
    // An element that this program does not know may come with a newer release.
    if (lengths === undefined) continue;
    if (value.length < lengths[0] || value.length > lengths[1] || values.has(tag)) return undefined;
    values.set(tag, value);
  }
  const rand = values.get(IE.rand);
  const sres = values.get(IE.sres);
  if (rand === undefined || (sres === undefined) !== !values.has(IE.kc)) return undefined;
  const parts = [IE.autn, IE.res, IE.ck, IE.ik].map((tag) => values.get(tag));
  const [autn, res, ck, ik] = parts;
  const isTriplet = parts.every((part) => part === undefined);
  if (isTriplet) return sres && { rand: rand.slice(), sres: sres.slice() };
  if (!autn || !res || !ck || !ik) return undefined;
  return {
    rand: rand.slice(),
    sres: sres?.slice(),
    quintet: { autn: autn.slice(), xres: res.slice(), confirmationKey: concatBytes(ck, ik) },
  };
}

/** Two digits a byte, the first in the low half; no type nibble. */
function encodeImsi(imsi: string): Bytes {
  const digits = Array.from(imsi, Number);
  const bytes = new Uint8Array(Math.ceil(digits.length / 2));
  return bytes.map((_, i) => (digits[2 * i] ?? 0) | ((digits[2 * i + 1] ?? FILLER) << 4));
}

function decodeImsi(value: Uint8Array): string | undefined {
  const halves = Array.from(value).flatMap((byte) => [byte & 0xf, byte >> 4]);
  const digits = halves.at(-1) === FILLER ? halves.slice(0, -1) : halves;
  const isImsi =
    digits.length >= IMSI_DIGITS_MIN &&
    digits.length <= IMSI_DIGITS_MAX &&
    digits.every((digit) => digit <= 9);
  return isImsi ? digits.join("") : undefined;
}

interface Element {
  readonly tag: number;
  /** A view. */
  readonly value: Uint8Array;
  readonly end: number;
}

function readElements(bytes: Uint8Array): readonly Element[] | undefined {
  const elements: Element[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const element = readElement(bytes, offset);
    if (element === undefined) return undefined;
    elements.push(element);
    offset = element.end;
  }
  return elements;
}

function readElement(bytes: Uint8Array, offset: number): Element | undefined {
  const tag = bytes[offset];
  const length = bytes[offset + 1];
  if (tag === undefined || length === undefined) return undefined;
  const start = offset + 2;
  if (start + length > bytes.length) return undefined;
  return { tag, value: bytes.subarray(start, start + length), end: start + length };
}

function encodeElement(tag: number, value: Uint8Array): Bytes {
  return concatBytes(Uint8Array.of(tag, value.length), value);
}

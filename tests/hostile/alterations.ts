/** Neighbours of a message: a bit of each field flipped, elements lost, doubled, out of order. */
import { concatBytes, decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import { encodeTlv } from "#protocol/tlv";
import { flipBit } from "#tests/invariants/bench";
import type { Seeded } from "#tests/terminal/seeded";
import type { Body } from "./phone.ts";

export interface Altered<T> {
  /** The field, a colon, and what was done to it. */
  readonly name: string;
  readonly value: T;
}

interface Element {
  readonly tag: number;
  /** Where the whole element and where its value begin and end. */
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/** Constructed elements of ours; what is in them is altered, element by element. */
const CONSTRUCTED: ReadonlySet<number> = new Set([0xb1, 0xb5, 0xbb, 0xe2, 0xe5, 0xe6]);

function elementsOf(bytes: Uint8Array, from = 0, to = bytes.length): Element[] {
  const elements: Element[] = [];
  let start = from;
  while (start + 1 < to) {
    const first = bytes[start + 1] ?? 0;
    const wide = first < 0x80 ? 0 : first - 0x80;
    let length = wide === 0 ? first : 0;
    for (let i = 0; i < wide; i++) length = length * 256 + (bytes[start + 2 + i] ?? 0);
    const valueStart = start + 2 + wide;
    const end = valueStart + length;
    if (end > to) return elements;
    elements.push({ tag: bytes[start] ?? 0, start, valueStart, end });
    start = end;
  }
  return elements;
}

/** Of the last element at the top. */
export function lastValue(bytes: Uint8Array): Uint8Array {
  const last = elementsOf(bytes).at(-1);
  return last === undefined ? new Uint8Array(0) : bytes.subarray(last.valueStart, last.end);
}

function leavesOf(bytes: Uint8Array, from = 0, to = bytes.length): Element[] {
  return elementsOf(bytes, from, to).flatMap((element) =>
    CONSTRUCTED.has(element.tag) ? leavesOf(bytes, element.valueStart, element.end) : [element],
  );
}

const nameOf = (tag: number): string => tag.toString(16).toUpperCase().padStart(2, "0");

/** `perField` bits of the value of each element without elements in it. */
export function flipFields(
  bytes: Uint8Array,
  seeded: Seeded,
  perField: number,
): Altered<Uint8Array>[] {
  return leavesOf(bytes).flatMap(({ tag, valueStart, end }) => {
    const bits = (end - valueStart) * 8;
    const chosen = new Set(
      Array.from({ length: bits === 0 ? 0 : perField }, () => seeded.below(bits)),
    );
    return [...chosen].map((bit, index) => ({
      name: `${nameOf(tag)}: flipped #${index}`,
      value: flipBit(bytes, valueStart * 8 + bit),
    }));
  });
}

function join(parts: readonly { readonly whole: Uint8Array }[]): Uint8Array {
  return concatBytes(...parts.map(({ whole }) => whole));
}

/** Each element left out, doubled, swapped with the next, emptied; the ends cut and lengthened. */
export function misshape(bytes: Uint8Array): Altered<Uint8Array>[] {
  const parts = elementsOf(bytes).map(({ tag, start, valueStart, end }) => ({
    name: nameOf(tag),
    whole: bytes.subarray(start, end),
    value: bytes.subarray(valueStart, end),
    tag,
  }));
  const shapes = parts.flatMap((part, at): Altered<Uint8Array>[] => [
    { name: `${part.name}: left out`, value: join(parts.toSpliced(at, 1)) },
    { name: `${part.name}: doubled`, value: join(parts.toSpliced(at, 0, part)) },
    {
      name: `${part.name}: empty`,
      value: join(parts.toSpliced(at, 1, { ...part, whole: encodeTlv(part.tag) })),
    },
    {
      name: `${part.name}: longer`,
      value: join(
        parts.toSpliced(at, 1, {
          ...part,
          whole: encodeTlv(part.tag, part.value, Uint8Array.of(0)),
        }),
      ),
    },
  ]);
  return [
    ...shapes.filter(({ value }) => !Buffer.from(value).equals(bytes)),
    { name: "all: reversed elements", value: join(parts.toReversed()) },
    { name: "all: last byte cut", value: bytes.subarray(0, -1) },
    { name: "all: first byte cut", value: bytes.subarray(1) },
    { name: "all: a byte behind", value: concatBytes(bytes, Uint8Array.of(0)) },
    { name: "all: an unknown element behind", value: concatBytes(bytes, encodeTlv(0xd5)) },
  ].filter(({ value }) => value.length > 0 && !Buffer.from(value).equals(bytes));
}

/** `body` with the member `name`, base64url of elements, altered in each of these ways. */
export function alterMember(
  body: Body,
  name: string,
  alter: (bytes: Uint8Array) => readonly Altered<Uint8Array>[],
): Altered<Body>[] {
  const bytes = decodeBase64Url(body[name] ?? "");
  if (bytes === undefined) return [];
  return alter(bytes).map((altered) => ({
    name: `${name} ${altered.name}`,
    value: { ...body, [name]: encodeBase64Url(altered.value) },
  }));
}

/** All ways to take some, not all, of the members in which `theirs` differs into `ours`. */
export function spliceBodies(ours: Body, theirs: Body): Altered<Body>[] {
  const names = Object.keys(theirs).filter((name) => ours[name] !== theirs[name]);
  const splices: Altered<Body>[] = [];
  for (let set = 1; set < 2 ** names.length - 1; set++) {
    const taken = names.filter((_, index) => ((set >> index) & 1) === 1);
    const value = Object.fromEntries(
      Object.entries({ ...ours, ...theirs }).map(([name, text]) => [
        name,
        taken.includes(name) ? text : (ours[name] ?? text),
      ]),
    );
    splices.push({ name: `${taken.join("+")} of the other`, value });
  }
  return splices;
}

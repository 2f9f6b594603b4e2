/** Malformed encodings that know what TLV and JSON look like, repeatable by their seed. */
import { concatBytes } from "#protocol/bytes";
import { encodeTlv } from "#protocol/tlv";
import { damageBytes, damageText, type Seeded } from "#tests/terminal/seeded";

interface Node {
  readonly tag: number;
  readonly value: Uint8Array;
}

/** The elements of a valid encoding; undefined when these bytes are none. */
function parseNodes(bytes: Uint8Array): Node[] | undefined {
  const nodes: Node[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const first = bytes[offset + 1] ?? 0;
    const wide = first < 0x80 ? 0 : first - 0x80;
    let length = wide === 0 ? first : 0;
    for (let i = 0; i < wide; i++) length = length * 256 + (bytes[offset + 2 + i] ?? 0);
    const start = offset + 2 + wide;
    if (start + length > bytes.length) return undefined;
    nodes.push({ tag: bytes[offset] ?? 0, value: bytes.subarray(start, start + length) });
    offset = start + length;
  }
  return nodes;
}

/** Forms of a length that no encoder of ours writes, or that lie. */
const LENGTHS: readonly ((length: number) => number[])[] = [
  (length) => [0x81, length & 0xff],
  (length) => [0x82, length >> 8, length & 0xff],
  (length) => [0x83, 0, length >> 8, length & 0xff],
  (length) => [0x84, 0, 0, length >> 8, length & 0xff],
  () => [0x80],
  () => [0xff],
  (length) => [(length + 1) & 0x7f],
  (length) => [(length - 1) & 0x7f],
  () => [0x82, 0xff, 0xff],
  () => [0x84, 0xff, 0xff, 0xff, 0xff],
];

const TAGS = [0x80, 0x84, 0x8d, 0x8e, 0x90, 0xb1, 0x91, 0x95, 0x96, 0x97, 0x9f, 0x1f, 0, 0xff];

function write(nodes: readonly Node[]): Uint8Array {
  return concatBytes(...nodes.map(({ tag, value }) => encodeTlv(tag, value)));
}

/** `valid` with one defect of its structure, at any depth. */
function mutateTlv(seeded: Seeded, valid: Uint8Array): Uint8Array {
  const nodes = parseNodes(valid);
  if (nodes === undefined || nodes.length === 0) return damageBytes(seeded, valid);
  const at = seeded.below(nodes.length);
  const node = nodes[at] ?? { tag: 0, value: new Uint8Array(0) };
  const { tag, value } = node;
  const before = nodes.slice(0, at);
  const after = nodes.slice(at + 1);
  const wrap = (...between: Node[]): Uint8Array => write([...before, ...between, ...after]);
  switch (seeded.below(12)) {
    case 0:
      return wrap();
    case 1:
      return wrap(node, node);
    case 2:
      return write([...before, ...after, node]);
    case 3:
      return write(nodes.toReversed());
    case 4:
      return wrap({ tag: TAGS[seeded.below(TAGS.length)] ?? 0, value });
    case 5:
      return wrap({ tag, value: value.subarray(0, seeded.below(value.length + 1)) });
    case 6:
      return wrap({ tag, value: concatBytes(value, seeded.bytes(1 + seeded.below(20))) });
    case 7:
      return wrap({ tag, value: seeded.bytes(value.length) });
    case 8:
      return wrap({ tag, value: mutateTlv(seeded, value) });
    case 9:
      return wrap({ tag, value: encodeTlv(tag, value) });
    default: {
      const form = LENGTHS[seeded.below(LENGTHS.length)] ?? (() => []);
      const header = Uint8Array.from([tag, ...form(value.length)]);
      return concatBytes(write(before), header, value, write(after));
    }
  }
}

/** A malformed neighbour of `valid`, or bytes that never were anything. */
export function mutateBytes(seeded: Seeded, valid: Uint8Array): Uint8Array {
  const kind = seeded.below(16);
  if (kind === 0) return seeded.bytes(seeded.below(valid.length + 40));
  if (kind === 1) return valid.subarray(0, seeded.below(valid.length));
  if (kind === 2) return concatBytes(valid, seeded.bytes(1 + seeded.below(4)));
  if (kind < 6) return damageBytes(seeded, valid);
  if (kind < 8) {
    const flipped = new Uint8Array(valid);
    const at = seeded.below(valid.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << seeded.below(8));
    return flipped;
  }
  return mutateTlv(seeded, valid);
}

const CHARACTERS = [
  "=",
  "+",
  "/",
  "-",
  "_",
  " ",
  "\n",
  "\u0000",
  "é",
  "A",
  "0",
  ".",
  "\ud800",
] as const;

/** A malformed neighbour of a text in base64url or hex. */
export function mutateText(seeded: Seeded, valid: string): string {
  const kind = seeded.below(6);
  if (kind === 0) return damageText(seeded, valid);
  if (kind === 1) return valid.slice(0, seeded.below(valid.length + 1));
  if (kind === 2) return `${valid}${seeded.pick(CHARACTERS)}`;
  if (kind === 3) return String.fromCharCode(...seeded.bytes(seeded.below(40)));
  const at = seeded.below(valid.length + 1);
  const fresh = kind === 4 ? seeded.pick(CHARACTERS) : String.fromCharCode(33 + seeded.below(94));
  return `${valid.slice(0, at)}${fresh}${valid.slice(at + 1)}`;
}

const VALUES: readonly unknown[] = [
  null,
  0,
  -1,
  1.5,
  true,
  "",
  "A",
  "default",
  "USIM",
  "SIM",
  "FFFFFFFFFFFFFFFF",
  "460010123456789",
  [],
  ["P-256"],
  [""],
  [null],
  {},
  { length: 1 },
  [[]],
];
const NAMES = [
  "token",
  "tenant",
  "cardId",
  "suites",
  "sid",
  "__proto__",
  "constructor",
  "toString",
];

/** A malformed neighbour of an envelope, as JSON.parse would give it. */
export function mutateEnvelope(seeded: Seeded, valid: Readonly<Record<string, unknown>>): unknown {
  const entries = Object.entries(valid);
  const at = seeded.below(entries.length);
  const [name, value] = entries[at] ?? ["", undefined];
  const other = VALUES[seeded.below(VALUES.length)];
  const { [name]: _taken, ...without } = valid;
  switch (seeded.below(8)) {
    case 0:
      return without;
    case 1:
      return other;
    case 2:
      return { ...valid, [name]: other };
    case 3: {
      const extra = NAMES[seeded.below(NAMES.length)] ?? "";
      // As JSON.parse does, also for a member called __proto__.
      return Object.defineProperty({ ...valid }, extra, { value: other, enumerable: true });
    }
    case 4:
      return { ...without, [`${name}${seeded.pick(CHARACTERS)}`]: value };
    case 5:
      return [valid];
    default: {
      const text = typeof value === "string" ? mutateText(seeded, value) : other;
      return { ...valid, [name]: text };
    }
  }
}

/**
 * Command APDUs as bytes (ISO 7816-4, 5.1): header, short and extended bodies, class bytes. What
 * comes back is data, then SW1 SW2.
 */
import { CLA, SW } from "#protocol/assigned-numbers";
import { type Bytes, joinBytes } from "./bytes.ts";

const HEADER_BYTES = 4;
/** What Le of 00, and of 0000, stand for. */
const SHORT_LE_MAX = 0x100;
const EXTENDED_LE_MAX = 0x10000;
const CHANNEL_BITS = 0x03;
const SECURE_MESSAGING_BITS = 0x0c;
const FURTHER_INTERINDUSTRY = 0x40;
const CLASS_BITS = 0xe0;

export type Header = {
  readonly cla: number;
  readonly ins: number;
  /** P1 in the high byte. */
  readonly p1p2: number;
};

export type Body = {
  readonly data: Bytes;
  /** 1 to 256, of an extended APDU to 65,536; undefined when absent. */
  readonly le: number | undefined;
};

/** Status word and, with 9000 only, data. */
export type Reply = { readonly sw: number; readonly data?: Bytes };

export const NO_BYTES: Bytes = new Uint8Array(0);

/** Response APDU. */
export function respond(sw: number, data: Bytes = NO_BYTES): Bytes {
  return joinBytes(data, Uint8Array.of(sw >> 8, sw & 0xff));
}

/** Undefined when there are not even four bytes. */
export function readHeader(apdu: Uint8Array): Header | undefined {
  const [cla, ins, p1, p2] = apdu;
  if (cla === undefined || ins === undefined) return undefined;
  if (p1 === undefined || p2 === undefined) return undefined;
  return { cla, ins, p1p2: p1 * 0x100 + p2 };
}

/** Cases 1 to 4 of a short APDU; undefined for every other length (6700). */
export function readShortBody(apdu: Uint8Array): Body | undefined {
  const [lc, ...rest] = apdu.subarray(HEADER_BYTES);
  if (lc === undefined) return { data: NO_BYTES, le: undefined };
  if (rest.length === 0) return { data: NO_BYTES, le: lc === 0 ? SHORT_LE_MAX : lc };
  if (lc === 0 || rest.length < lc || rest.length > lc + 1) return undefined;
  const le = rest[lc];
  return { data: Uint8Array.from(rest.slice(0, lc)), le: le === 0 ? SHORT_LE_MAX : le };
}

/** The same, and cases 2 to 4 of an extended APDU: 00, then Lc and Le of two bytes each. */
export function readBody(apdu: Uint8Array): Body | undefined {
  const [marker, ...rest] = apdu.subarray(HEADER_BYTES);
  if (marker !== 0 || rest.length < 2) return readShortBody(apdu);
  const first = readTwoBytes(rest, 0);
  if (rest.length === 2) return { data: NO_BYTES, le: first === 0 ? EXTENDED_LE_MAX : first };
  const end = 2 + first;
  if (first === 0 || (rest.length !== end && rest.length !== end + 2)) return undefined;
  const le = rest.length === end ? undefined : readTwoBytes(rest, end);
  return { data: Uint8Array.from(rest.slice(2, end)), le: le === 0 ? EXTENDED_LE_MAX : le };
}

function readTwoBytes(bytes: readonly number[], at: number): number {
  return (bytes[at] ?? 0) * 0x100 + (bytes[at + 1] ?? 0);
}

/** Status word for a class byte that this card does not serve; undefined for one that it does. */
export function refuseClass(cla: number): number | undefined {
  if ((cla & 0xc0) === FURTHER_INTERINDUSTRY) return SW.logicalChannelNotSupported;
  if (!isServedClass(cla)) return SW.classNotSupported;
  if ((cla & CHANNEL_BITS) !== 0) return SW.logicalChannelNotSupported;
  if ((cla & SECURE_MESSAGING_BITS) !== 0) return SW.secureMessagingNotSupported;
  return undefined;
}

function isServedClass(cla: number): boolean {
  const base = cla & CLASS_BITS;
  return base === CLA.interindustry || base === CLA.proprietary;
}

/** Whether the chaining bit is set in a class that has one. */
export function isChained({ cla }: Header): boolean {
  return isServedClass(cla) && (cla & CLA.chaining) !== 0;
}

export function withoutChaining(header: Header): Header {
  return { ...header, cla: header.cla & ~CLA.chaining };
}

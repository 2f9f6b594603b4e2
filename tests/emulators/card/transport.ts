/**
 * Short APDUs as they cross a T=0 interface (ISO 7816-4, 5.1; ISO 7816-3, 12.2), command chaining
 * (ISO 7816-4, 5.3.3) and answers that wait for GET RESPONSE. What is collected and what waits
 * lives in RAM.
 */
import { CLA, INS, SW } from "#protocol/assigned-numbers";
import { type Bytes, joinBytes } from "./bytes.ts";

/** Room for the data of one chain; the longest command, DECIPHER, takes 1,052 bytes. */
const CHAIN_BYTES_MAX = 2048;
const HEADER_BYTES = 4;
/** Le and one answer are at most this long. */
const ANSWER_BYTES_MAX = 256;
const CHANNEL_BITS = 0x03;
const SECURE_MESSAGING_BITS = 0x0c;
const FURTHER_INTERINDUSTRY = 0x40;

export type Header = {
  readonly cla: number;
  readonly ins: number;
  /** P1 in the high byte. */
  readonly p1p2: number;
};

export type Body = {
  readonly data: Bytes;
  /** 1 to 256; absent in the APDU is 256, as ISO 7816-3 maps case 1 to P3 = 00. */
  readonly le: number;
  readonly hasLe: boolean;
};

/** Status word and, with 9000 only, data. */
export type Reply = { readonly sw: number; readonly data?: Bytes };

/** Transport state: the open chain and the answer that waits. */
export type Buffers = {
  chain: { readonly header: Header; readonly data: Bytes } | undefined;
  waiting: Bytes;
};

export const NO_BYTES: Bytes = new Uint8Array(0);

/** Response APDU: data, then SW1 SW2. */
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
export function readBody(apdu: Uint8Array): Body | undefined {
  const length = apdu.length - HEADER_BYTES;
  const p3 = apdu[HEADER_BYTES] ?? 0;
  if (length <= 1) return { data: NO_BYTES, le: readLe(p3), hasLe: length === 1 };
  if (p3 === 0 || length < 1 + p3 || length > 2 + p3) return undefined;
  const data = apdu.slice(HEADER_BYTES + 1, HEADER_BYTES + 1 + p3);
  const hasLe = length === 2 + p3;
  return { data, le: hasLe ? readLe(apdu.at(-1) ?? 0) : ANSWER_BYTES_MAX, hasLe };
}

function readLe(byte: number): number {
  return byte === 0 ? ANSWER_BYTES_MAX : byte;
}

/** Status word for a class byte that this card does not serve; undefined for one that it does. */
export function refuseClass(cla: number): number | undefined {
  if ((cla & 0xc0) === FURTHER_INTERINDUSTRY) return SW.logicalChannelNotSupported;
  const base = cla & 0xe0;
  if (base !== CLA.interindustry && base !== CLA.proprietary) return SW.classNotSupported;
  if ((cla & CHANNEL_BITS) !== 0) return SW.logicalChannelNotSupported;
  if ((cla & SECURE_MESSAGING_BITS) !== 0) return SW.secureMessagingNotSupported;
  return undefined;
}

function isChained(header: Header): boolean {
  return (header.cla & CLA.chaining) !== 0;
}

export function withoutChaining(header: Header): Header {
  return { ...header, cla: header.cla & ~CLA.chaining };
}

/** Whether `header` goes on with the chain that is open, if one is. */
export function continuesChain(buffers: Buffers, header: Header): boolean {
  const open = buffers.chain?.header;
  if (open === undefined) return true;
  const { cla, ins, p1p2 } = withoutChaining(header);
  return cla === open.cla && ins === open.ins && p1p2 === open.p1p2;
}

/**
 * Adds one command to its chain. The status word of an unfinished or refused chain, or all data
 * once the last command came; a refused chain is forgotten.
 */
export function collectChain(buffers: Buffers, header: Header, body: Body): Bytes | number {
  const data = joinBytes(buffers.chain?.data ?? NO_BYTES, body.data);
  buffers.chain = undefined;
  if (data.length > CHAIN_BYTES_MAX) return SW.wrongLength;
  if (!isChained(header)) return data;
  if (body.hasLe || body.data.length === 0) return SW.wrongLength;
  buffers.chain = { header: withoutChaining(header), data };
  return SW.success;
}

export function isGetResponse(header: Header): boolean {
  return header.cla === CLA.interindustry && header.ins === INS.getResponse;
}

/** GET RESPONSE: at most what waits; less leaves the rest. */
export function answerGetResponse(buffers: Buffers, header: Header, apdu: Uint8Array): Bytes {
  if (header.p1p2 !== 0) return respond(SW.incorrectP1P2);
  const body = readBody(apdu);
  if (body === undefined || body.data.length > 0) return respond(SW.wrongLength);
  if (buffers.waiting.length === 0) return respond(SW.conditionsNotSatisfied);
  const ready = Math.min(buffers.waiting.length, ANSWER_BYTES_MAX);
  if (body.le > ready) return respond(SW.wrongLe | (ready & 0xff));
  return hand(buffers, body.le);
}

/** Answer of a command that took data: it waits for GET RESPONSE. */
export function answerLater(buffers: Buffers, data: Bytes): Bytes {
  buffers.waiting = data;
  return respond(data.length === 0 ? SW.success : announce(data.length));
}

/** Answer of a command that only asked: Le must be its length, or 256 of a longer one. */
export function answerNow(buffers: Buffers, data: Bytes, le: number): Bytes {
  const ready = Math.min(data.length, ANSWER_BYTES_MAX);
  if (le !== ready) return respond(SW.wrongLe | (ready & 0xff));
  buffers.waiting = data;
  return hand(buffers, le);
}

function hand(buffers: Buffers, byteCount: number): Bytes {
  const part = buffers.waiting.slice(0, byteCount);
  buffers.waiting = buffers.waiting.slice(byteCount);
  const left = buffers.waiting.length;
  return respond(left === 0 ? SW.success : announce(left), part);
}

/** 61xx; 00 stands for 256 or more. */
function announce(waiting: number): number {
  return SW.bytesRemaining | (waiting < ANSWER_BYTES_MAX ? waiting : 0);
}

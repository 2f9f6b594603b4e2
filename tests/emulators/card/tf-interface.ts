/**
 * The T=0 interface of a TF card (ISO 7816-3, 12.2): command chaining (ISO 7816-4, 5.3.3) and
 * answers that wait for GET RESPONSE. What is collected and what waits lives in RAM.
 */
import { CLA, INS, SW } from "#protocol/assigned-numbers";
import {
  type Body,
  type Header,
  isChained,
  NO_BYTES,
  readShortBody,
  respond,
  withoutChaining,
} from "./apdu.ts";
import { type Bytes, joinBytes } from "./bytes.ts";

/** Room for the data of one chain; the longest command, DECIPHER, takes 1,052 bytes. */
const CHAIN_BYTES_MAX = 2048;
/** Le and one answer are at most this long; Le that is absent is this, as ISO 7816-3 maps P3. */
const ANSWER_BYTES_MAX = 256;

/** Transport state: the open chain and the answer that waits. */
export type Buffers = {
  chain: { readonly header: Header; readonly data: Bytes } | undefined;
  waiting: Bytes;
};

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
  if (body.le !== undefined || body.data.length === 0) return SW.wrongLength;
  buffers.chain = { header: withoutChaining(header), data };
  return SW.success;
}

export function isGetResponse(header: Header): boolean {
  return header.cla === CLA.interindustry && header.ins === INS.getResponse;
}

/** GET RESPONSE: at most what waits; less leaves the rest. */
export function answerGetResponse(buffers: Buffers, header: Header, apdu: Uint8Array): Bytes {
  if (header.p1p2 !== 0) return respond(SW.incorrectP1P2);
  const body = readShortBody(apdu);
  if (body === undefined || body.data.length > 0) return respond(SW.wrongLength);
  if (buffers.waiting.length === 0) return respond(SW.conditionsNotSatisfied);
  const ready = Math.min(buffers.waiting.length, ANSWER_BYTES_MAX);
  const le = body.le ?? ANSWER_BYTES_MAX;
  if (le > ready) return respond(SW.wrongLe | (ready & 0xff));
  return hand(buffers, le);
}

/** Answer of a command that took data: it waits for GET RESPONSE. */
export function answerLater(buffers: Buffers, data: Bytes): Bytes {
  buffers.waiting = data;
  return respond(data.length === 0 ? SW.success : announce(data.length));
}

/** Answer of a command that only asked: Le must be its length, or 256 of a longer one. */
export function answerNow(buffers: Buffers, data: Bytes, { le = ANSWER_BYTES_MAX }: Body): Bytes {
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

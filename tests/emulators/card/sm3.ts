/**
 * SM3 (GB/T 32905-2016): a second implementation, written from the standard, so that the card
 * shares no mistake with the platform's. Words are 32 bits, big-endian.
 */
import { type Bytes, readCounter } from "./bytes.ts";

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
/** 4.1: initial value. */
const IV = [
  0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e,
] as const;

const rotate = (word: number, bits: number): number =>
  (word << (bits & 31)) | (word >>> ((32 - bits) & 31));
/** 4.4: permutations. */
const p0 = (x: number): number => x ^ rotate(x, 9) ^ rotate(x, 17);
const p1 = (x: number): number => x ^ rotate(x, 15) ^ rotate(x, 23);

/** 32 bytes. */
export function sm3(message: Uint8Array): Bytes {
  const padded = pad(message);
  const state = Uint32Array.from(IV);
  for (let start = 0; start < padded.length; start += BLOCK_BYTES) {
    compress(state, padded.subarray(start, start + BLOCK_BYTES));
  }
  const digest = new Uint8Array(32);
  const view = new DataView(digest.buffer);
  for (const [index, word] of state.entries()) view.setUint32(4 * index, word);
  return digest;
}

/** 5.2: a one bit, zeros, and the length in bits as 64 bits. */
function pad(message: Uint8Array): Bytes {
  const blocks = Math.ceil((message.length + 1 + LENGTH_BYTES) / BLOCK_BYTES);
  const padded = new Uint8Array(blocks * BLOCK_BYTES);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - LENGTH_BYTES, 8n * BigInt(message.length));
  return padded;
}

/** 5.3.2: message expansion into W0 to W67. */
function expand(block: Uint8Array): Uint32Array {
  const w = new Uint32Array(68);
  for (let j = 0; j < 16; j++) w[j] = readCounter(block, 4 * j);
  const at = (j: number): number => w[j] ?? 0;
  for (let j = 16; j < 68; j++) {
    const mixed = p1(at(j - 16) ^ at(j - 9) ^ rotate(at(j - 3), 15));
    w[j] = mixed ^ rotate(at(j - 13), 7) ^ at(j - 6);
  }
  return w;
}

/** 5.3.3: the compression function CF; `v` is replaced. */
function compress(v: Uint32Array, block: Uint8Array): void {
  const w = expand(block);
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = v;
  for (let j = 0; j < 64; j++) {
    const isEarly = j < 16;
    const t = isEarly ? 0x79cc4519 : 0x7a879d8a;
    const ss1 = rotate((rotate(a, 12) + e + rotate(t, j % 32)) | 0, 7);
    const ss2 = ss1 ^ rotate(a, 12);
    const ff = isEarly ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
    const gg = isEarly ? e ^ f ^ g : (e & f) | (~e & g);
    const wj = w[j] ?? 0;
    const tt1 = (ff + d + ss2 + (wj ^ (w[j + 4] ?? 0))) | 0;
    const tt2 = (gg + h + ss1 + wj) | 0;
    [d, c, b, a] = [c, rotate(b, 9), a, tt1];
    [h, g, f, e] = [g, rotate(f, 19), e, p0(tt2)];
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) {
    v[index] = (v[index] ?? 0) ^ word;
  }
}

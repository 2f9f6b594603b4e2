/**
 * SQN = SEQ || IND, 48 bits (TS 33.102, C.1.1.1). Numbers are exact: 48 bits fit a double's 53.
 */
import type { Bytes } from "#protocol/bytes";

const SQN_BITS = 48;
const SQN_BYTES = 6;

/** SQN has no room for this SEQ. */
export function isSeqSpent(seq: number, indBits: number): boolean {
  return seq >= 2 ** (SQN_BITS - indBits);
}

/** 6 bytes, big-endian; `seq` is not spent and `ind` fits its bits. */
export function encodeSqn(seq: number, ind: number, indBits: number): Bytes {
  if (isSeqSpent(seq, indBits) || ind >= 2 ** indBits) throw new RangeError("SQN out of range");
  let value = seq * 2 ** indBits + ind;
  const sqn = new Uint8Array(SQN_BYTES);
  for (let i = SQN_BYTES - 1; i >= 0; i--) {
    sqn[i] = value % 256;
    value = Math.floor(value / 256);
  }
  return sqn;
}

/** SEQ of a 6-byte SQN. */
export function decodeSeq(sqn: Uint8Array, indBits: number): number {
  let value = 0;
  for (const byte of sqn) value = value * 256 + byte;
  return decodeSeqOf(value, indBits);
}

/** SEQ of an SQN that is a number already. */
export function decodeSeqOf(sqn: number, indBits: number): number {
  return Math.floor(sqn / 2 ** indBits);
}

/**
 * Where SEQ goes on after a valid AUTS (TS 33.102, 6.3.5 and C.3.4): past SEQ_MS when the module
 * is ahead; nowhere when it is behind by less than delta, because its window explains that; and
 * down to it, as a new and audited generation, when the module lags so far that it would refuse
 * whatever comes next (invariant I4).
 */
export function resynchroniseSeq(
  highestIssued: number,
  seqMs: number,
  delta: number,
): { readonly next: number; readonly newGeneration: boolean } {
  if (seqMs > highestIssued) return { next: seqMs + 1, newGeneration: false };
  if (highestIssued - seqMs > delta) return { next: seqMs + 1, newGeneration: true };
  return { next: highestIssued + 1, newGeneration: false };
}

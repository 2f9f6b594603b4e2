/**
 * Sequence number management in the USIM, the array scheme of TS 33.102 Annex C.2.
 *
 * SQN (48 bits) = SEQ || IND. The card keeps one SEQ_MS for each IND and accepts an SQN when
 *   C.2.1  SEQ - SEQ_MS <= Delta, SEQ_MS being the highest in the array
 *   C.2.2  SEQ > SEQ_MS(IND)
 *   C.2.3  SEQ_MS - SEQ < L, when the age limit is used
 *
 * Every value fits a number: 48 bits are below 2^53.
 */

const SQN_BYTES = 6;
const SQN_BITS = 48;
/** Recommended by TS 33.102 Annex C.3.1. */
const IND_BITS_DEFAULT = 5;
/** 65,536 array elements; no card has more, and a typing error here would fill the memory. */
const IND_BITS_MAX = 16;
const DELTA_SEQ_DEFAULT = 2 ** 28;

/** `seqMs` holds 2^indBits elements and is the only part that changes. */
export type SqnArray = {
  readonly indBits: number;
  /** Delta of C.2.1, or null when the card does not check it. */
  readonly deltaSeq: number | null;
  /** L of C.2.3, or null when the card does not use it. */
  readonly ageLimitSeq: number | null;
  readonly seqMs: number[];
};

/** What the card's issuer chooses; all elements of a new card are zero (C.2.2). */
export type SqnArrayOptions = {
  readonly indBits?: number | undefined;
  readonly deltaSeq?: number | null | undefined;
  readonly ageLimitSeq?: number | null | undefined;
  readonly seqMs?: readonly number[] | undefined;
};

/** Throws on a configuration no card can have. */
export function createSqnArray(options: SqnArrayOptions): SqnArray {
  const indBits = options.indBits ?? IND_BITS_DEFAULT;
  if (!Number.isInteger(indBits) || indBits < 0 || indBits > IND_BITS_MAX) {
    throw new Error(`indBits must be 0 to ${IND_BITS_MAX}, got ${indBits}`);
  }
  const elements = 2 ** indBits;
  const seqMs = [...(options.seqMs ?? Array.from({ length: elements }, () => 0))];
  const seqEnd = 2 ** (SQN_BITS - indBits);
  if (seqMs.length !== elements || !seqMs.every((seq) => isSeq(seq, seqEnd))) {
    throw new Error(`seqMs must hold ${elements} whole numbers below ${seqEnd}`);
  }
  return {
    indBits,
    deltaSeq: options.deltaSeq === undefined ? DELTA_SEQ_DEFAULT : options.deltaSeq,
    ageLimitSeq: options.ageLimitSeq ?? null,
    seqMs,
  };
}

/**
 * Accepts `sqn` (6 bytes, big-endian) and raises SEQ_MS(IND), or returns false and changes nothing.
 * The caller has verified MAC-A before: only the home environment may move the array.
 */
export function acceptSqn(array: SqnArray, sqn: Uint8Array): boolean {
  const { seq, ind } = splitSqn(array, sqn);
  const seqMsHighest = array.seqMs.reduce((highest, each) => Math.max(highest, each), 0);
  if (array.deltaSeq !== null && seq - seqMsHighest > array.deltaSeq) return false;
  if (array.ageLimitSeq !== null && seqMsHighest - seq >= array.ageLimitSeq) return false;
  if (seq <= (array.seqMs[ind] ?? 0)) return false;
  array.seqMs[ind] = seq;
  return true;
}

/**
 * SQN_MS for AUTS: the highest accepted SQN anywhere in the array, 6 bytes, big-endian.
 * Zero while nothing was accepted, since an element of zero is no accepted sequence number.
 */
export function encodeSqnMs(array: SqnArray): Uint8Array {
  const indCount = 2 ** array.indBits;
  const accepted = array.seqMs.map((seq, ind) => (seq === 0 ? 0 : seq * indCount + ind));
  let rest = accepted.reduce((highest, each) => Math.max(highest, each), 0);
  const sqnMs = new Uint8Array(SQN_BYTES);
  for (let index = SQN_BYTES - 1; index >= 0; index -= 1) {
    sqnMs[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return sqnMs;
}

function splitSqn(array: SqnArray, sqn: Uint8Array): { seq: number; ind: number } {
  const value = sqn.reduce((accumulated, byte) => accumulated * 256 + byte, 0);
  const indCount = 2 ** array.indBits;
  return { seq: Math.floor(value / indCount), ind: value % indCount };
}

function isSeq(seq: number, seqEnd: number): boolean {
  return Number.isInteger(seq) && seq >= 0 && seq < seqEnd;
}

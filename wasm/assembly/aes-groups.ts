// AES-128 encryption (FIPS 197) of four blocks at a time, each under a key of its own, with the
// nibble tables and the bases of aes.ts and without a memory access or a branch that depends on a
// secret.
//
// Vector r of four holds row r of all blocks: byte 4b + c is s[r, c] of block b, FIPS 197 section
// 3.4. MIXCOLUMNS is then a sum of whole vectors, SHIFTROWS turns the columns of one vector, and the
// four last words that the key schedule substitutes fit in one vector.

import { Piece, roundConstant } from "./aes";
import {
  AFFINE_PLAIN,
  A_OVER,
  INVERSE,
  LAST_I,
  LAST_J,
  NETWORK,
  PLAIN_HIGH,
  PLAIN_LOW,
  TOWER_HIGH,
  TOWER_LOW,
} from "./tables-aes";

const ROUNDS: usize = 10; // Nr for AES-128, FIPS 197 section 5
const FOUR: usize = 64; // four blocks, or one row of four round keys each

const LOW_NIBBLES: v128 = i32x4(0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f);

// The mask of low nibbles, and indices for Piece.lookup: turns of the columns by 1, 2 and 3.
const MASKS: usize = memory.data<u8>(
  [
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10,
    11, 8, 13, 14, 15, 12, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 3, 0, 1, 2, 7, 4,
    5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
  ],
  16,
);

// ROTWORD: the last column of row r in row r - 1 of the word, all else 0.
const LAST_OF_0: v128 = i8x16(-1, -1, -1, 3, -1, -1, -1, 7, -1, -1, -1, 11, -1, -1, -1, 15);
const LAST_OF_1: v128 = i8x16(3, -1, -1, -1, 7, -1, -1, -1, 11, -1, -1, -1, 15, -1, -1, -1);
const LAST_OF_2: v128 = i8x16(-1, 3, -1, -1, -1, 7, -1, -1, -1, 11, -1, -1, -1, 15, -1, -1);
const LAST_OF_3: v128 = i8x16(-1, -1, 3, -1, -1, -1, 7, -1, -1, -1, 11, -1, -1, -1, 15, -1);

// Row r of the words in every column.
const SPREAD_0: v128 = i8x16(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
const SPREAD_1: v128 = i8x16(1, 1, 1, 1, 5, 5, 5, 5, 9, 9, 9, 9, 13, 13, 13, 13);
const SPREAD_2: v128 = i8x16(2, 2, 2, 2, 6, 6, 6, 6, 10, 10, 10, 10, 14, 14, 14, 14);
const SPREAD_3: v128 = i8x16(3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15);

// Rows and columns of one block exchanged.
const TRANSPOSED: v128 = i8x16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

// The rows of four times w[0..43] of FIPS 197 section 5.2, 64 bytes a round: rounds 0 to 9 in the
// tower basis, 10 in the plain one and with {63} of SubBytes.
export const KEYS_STRIDE: usize = 704;
export const ROUND_KEYS: usize = memory.data(704 * 4, 16);

/** The pieces for one row, inlined at each use. */
export class Row {
  /** Column c + n of each block in column c: SHIFTROWS of row n. */
  @inline static turn(x: v128, n: usize): v128 {
    return Piece.lookup(x, v128.load(MASKS + 16 * n));
  }

  @inline static toTower(x: v128): v128 {
    return Piece.linear(TOWER_LOW, TOWER_HIGH, x);
  }

  /** io of the S-box network; see Piece.invert. */
  @inline static io(x: v128, inverse: v128, aOver: v128, mask: v128): v128 {
    const i = v128.and(i32x4.shr_u(x, 4), mask);
    const k = v128.and(x, mask);
    const sum = v128.xor(Piece.lookup(inverse, i), Piece.lookup(aOver, k));
    return v128.xor(Piece.lookup(inverse, sum), v128.xor(i, k));
  }

  @inline static jo(x: v128, inverse: v128, aOver: v128, mask: v128): v128 {
    const i = v128.and(i32x4.shr_u(x, 4), mask);
    const k = v128.and(x, mask);
    const j = v128.xor(i, k);
    const sum = v128.xor(Piece.lookup(inverse, j), Piece.lookup(aOver, k));
    return v128.xor(Piece.lookup(inverse, sum), i);
  }

  /** SUBBYTES to the plain basis, without {63}. */
  @inline static last(x: v128): v128 {
    const io = Row.io(x, INVERSE, A_OVER, LOW_NIBBLES);
    return Piece.substitute(LAST_I, LAST_J, io, Row.jo(x, INVERSE, A_OVER, LOW_NIBBLES));
  }

  /** Column c becomes the sum of columns 0 to c: what w[i] = w[i-4] + w[i-1] unrolls to. */
  @inline static prefixSums(x: v128): v128 {
    const pairs = v128.xor(x, i32x4.shl(x, 8));
    return v128.xor(pairs, i32x4.shl(pairs, 16));
  }

  @inline static sum(a: v128, b: v128, c: v128, d: v128): v128 {
    return v128.xor(v128.xor(a, b), v128.xor(c, d));
  }

  /** Words 0 of a and b, then their words 1. */
  @inline static low(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  }

  /** Words 2 of a and b, then their words 3. */
  @inline static high(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  }
}

/** Rows of the four blocks a, b, c, d to `place`. */
export function putRows(place: usize, a: v128, b: v128, c: v128, d: v128): void {
  a = Piece.lookup(a, TRANSPOSED);
  b = Piece.lookup(b, TRANSPOSED);
  c = Piece.lookup(c, TRANSPOSED);
  d = Piece.lookup(d, TRANSPOSED);
  const ac = Row.low(a, c);
  const bd = Row.low(b, d);
  const acHigh = Row.high(a, c);
  const bdHigh = Row.high(b, d);
  v128.store(place, Row.low(ac, bd));
  v128.store(place, Row.high(ac, bd), 16);
  v128.store(place, Row.low(acHigh, bdHigh), 32);
  v128.store(place, Row.high(acHigh, bdHigh), 48);
}

/** Makes rows of the four blocks at `place`, in their place. */
export function toRows(place: usize): void {
  const a = v128.load(place);
  const b = v128.load(place, 16);
  putRows(place, a, b, v128.load(place, 32), v128.load(place, 48));
}

/** Makes the four blocks of the rows at `place`, in their place. */
export function toBlocks(place: usize): void {
  const a = v128.load(place);
  const b = v128.load(place, 16);
  const c = v128.load(place, 32);
  const d = v128.load(place, 48);
  const ac = Row.low(a, c);
  const bd = Row.low(b, d);
  const acHigh = Row.high(a, c);
  const bdHigh = Row.high(b, d);
  v128.store(place, Piece.lookup(Row.low(ac, bd), TRANSPOSED));
  v128.store(place, Piece.lookup(Row.high(ac, bd), TRANSPOSED), 16);
  v128.store(place, Piece.lookup(Row.low(acHigh, bdHigh), TRANSPOSED), 32);
  v128.store(place, Piece.lookup(Row.high(acHigh, bdHigh), TRANSPOSED), 48);
}

/** One step of KEYEXPANSION(), FIPS 197 Algorithm 2: the round keys at `key` from those before. */
function nextRoundKeys(key: usize, constant: v128): void {
  const x0 = v128.load(key - FOUR);
  const x1 = v128.load(key - FOUR, 16);
  const x2 = v128.load(key - FOUR, 32);
  const x3 = v128.load(key - FOUR, 48);
  const last0 = Piece.lookup(x0, LAST_OF_0);
  const last1 = Piece.lookup(x1, LAST_OF_1);
  const last2 = Piece.lookup(x2, LAST_OF_2);
  const words = Row.sum(last0, last1, last2, Piece.lookup(x3, LAST_OF_3)); // ROTWORD
  const t = v128.xor(Piece.subWord(words), constant); // SUBWORD, Rcon
  v128.store(key, v128.xor(Row.prefixSums(x0), Piece.lookup(t, SPREAD_0)));
  v128.store(key, v128.xor(Row.prefixSums(x1), Piece.lookup(t, SPREAD_1)), 16);
  v128.store(key, v128.xor(Row.prefixSums(x2), Piece.lookup(t, SPREAD_2)), 32);
  v128.store(key, v128.xor(Row.prefixSums(x3), Piece.lookup(t, SPREAD_3)), 48);
}

/** Brings round keys to the plain basis and adds {63}, which ends the last round. */
function finishLastKeys(key: usize): void {
  for (let row: usize = 0; row < FOUR; row += 16) {
    const plain = Piece.linear(PLAIN_LOW, PLAIN_HIGH, v128.load(key + row));
    v128.store(key + row, v128.xor(plain, AFFINE_PLAIN));
  }
}

/**
 * KEYEXPANSION() for AES-128 of `groups` times four keys, whose rows are at ROUND_KEYS, one group
 * KEYS_STRIDE behind the other.
 */
export function expandKeys(groups: usize): void {
  const end = ROUND_KEYS + KEYS_STRIDE * groups;
  for (let keys = ROUND_KEYS; keys < end; keys += KEYS_STRIDE) {
    for (let row: usize = 0; row < FOUR; row += 16) {
      v128.store(keys + row, Row.toTower(v128.load(keys + row)));
    }
  }
  for (let r: usize = 1; r <= ROUNDS; r++) {
    const constant = roundConstant(i32(r));
    for (let keys = ROUND_KEYS; keys < end; keys += KEYS_STRIDE) {
      nextRoundKeys(keys + FOUR * r, constant);
    }
  }
  for (let keys = ROUND_KEYS; keys < end; keys += KEYS_STRIDE) finishLastKeys(keys + FOUR * ROUNDS);
}

/** Line 3 of CIPHER(), FIPS 197 Algorithm 1, and the change to the tower basis. */
function firstKey(rows: usize, key: usize): void {
  for (let row: usize = 0; row < FOUR; row += 16) {
    v128.store(rows + row, v128.xor(Row.toTower(v128.load(rows + row)), v128.load(key + row)));
  }
}

/**
 * Rounds 1 to 9 of CIPHER(), FIPS 197 Algorithm 1 lines 5 to 8, for the groups from `rows` to `end`.
 * The groups take turns, so that one computes while another waits. The tables come from memory
 * because an engine may build a constant anew in each turn of a loop.
 */
function rounds(rows: usize, end: usize, keys: usize, stride: usize): void {
  const inverse = v128.load(NETWORK);
  const aOver = v128.load(NETWORK, 16);
  const subI = v128.load(NETWORK, 32);
  const subJ = v128.load(NETWORK, 48);
  const sub2I = v128.load(NETWORK, 64);
  const sub2J = v128.load(NETWORK, 80);
  const affine = v128.load(NETWORK, 96);
  const mask = v128.load(MASKS);
  const turn1 = v128.load(MASKS, 16);
  const turn2 = v128.load(MASKS, 32);
  const turn3 = v128.load(MASKS, 48);
  for (let r: usize = 1; r < ROUNDS; r++) {
    let key = keys + FOUR * r;
    for (let group = rows; group < end; group += FOUR) {
      // MIXCOLUMNS, section 5.1.3: {02} s[r] + {03} s[r+1] + s[r+2] + s[r+3], which is
      // {02} s[r] + {02} s[r+1] + s[r] + the sum of all four rows. A row is stored as soon as only
      // that sum is missing. {63} of SUBBYTES goes with the sum.
      let x = v128.load(group);
      let io = Row.io(x, inverse, aOver, mask);
      let jo = Row.jo(x, inverse, aOver, mask);
      let one = Piece.substitute(subI, subJ, io, jo); // SUBBYTES, section 5.1.1
      const two0 = Piece.substitute(sub2I, sub2J, io, jo); // {02} times it
      let all = v128.xor(one, affine);
      let y = v128.xor(v128.xor(one, two0), v128.load(key)); // ADDROUNDKEY, section 5.1.4

      x = Piece.lookup(v128.load(group, 16), turn1); // SHIFTROWS, section 5.1.2, before SUBBYTES
      io = Row.io(x, inverse, aOver, mask);
      jo = Row.jo(x, inverse, aOver, mask);
      one = Piece.substitute(subI, subJ, io, jo);
      let two = Piece.substitute(sub2I, sub2J, io, jo);
      all = v128.xor(all, one);
      v128.store(group, v128.xor(y, two));
      y = v128.xor(v128.xor(one, two), v128.load(key, 16));

      x = Piece.lookup(v128.load(group, 32), turn2);
      io = Row.io(x, inverse, aOver, mask);
      jo = Row.jo(x, inverse, aOver, mask);
      one = Piece.substitute(subI, subJ, io, jo);
      two = Piece.substitute(sub2I, sub2J, io, jo);
      all = v128.xor(all, one);
      v128.store(group, v128.xor(y, two), 16);
      y = v128.xor(v128.xor(one, two), v128.load(key, 32));

      x = Piece.lookup(v128.load(group, 48), turn3);
      io = Row.io(x, inverse, aOver, mask);
      jo = Row.jo(x, inverse, aOver, mask);
      one = Piece.substitute(subI, subJ, io, jo);
      two = Piece.substitute(sub2I, sub2J, io, jo);
      all = v128.xor(all, one);
      const y2 = v128.xor(y, two);
      const y3 = v128.xor(v128.xor(one, two), v128.xor(two0, v128.load(key, 48)));

      v128.store(group, v128.xor(v128.load(group), all));
      v128.store(group, v128.xor(v128.load(group, 16), all), 16);
      v128.store(group, v128.xor(y2, all), 32);
      v128.store(group, v128.xor(y3, all), 48);
      key += stride;
    }
  }
}

/** The last round of CIPHER(), lines 10 to 12, which has no MIXCOLUMNS. */
function lastRound(rows: usize, key: usize): void {
  const x1 = Row.turn(v128.load(rows, 16), 1);
  const x2 = Row.turn(v128.load(rows, 32), 2);
  const x3 = Row.turn(v128.load(rows, 48), 3);
  v128.store(rows, v128.xor(Row.last(v128.load(rows)), v128.load(key)));
  v128.store(rows, v128.xor(Row.last(x1), v128.load(key, 16)), 16);
  v128.store(rows, v128.xor(Row.last(x2), v128.load(key, 32)), 32);
  v128.store(rows, v128.xor(Row.last(x3), v128.load(key, 48)), 48);
}

/**
 * CIPHER() of `groups` times four blocks, in place, whose rows are at `rows`, one group 64 bytes
 * behind the other. Each group has round keys of its own, KEYS_STRIDE apart from `keys` on, or all
 * have the same, which is `stride` 0.
 */
export function encryptGroups(rows: usize, groups: usize, keys: usize, stride: usize): void {
  const end = rows + FOUR * groups;
  let key = keys;
  for (let group = rows; group < end; group += FOUR) {
    firstKey(group, key);
    key += stride;
  }
  rounds(rows, end, keys, stride);
  key = keys + FOUR * ROUNDS;
  for (let group = rows; group < end; group += FOUR) {
    lastRound(group, key);
    key += stride;
  }
}

/** Clears the round keys of so many groups. Every exported function that expanded some ends with it. */
export function wipeGroupKeys(groups: usize): void {
  memory.fill(ROUND_KEYS, 0, KEYS_STRIDE * groups);
}

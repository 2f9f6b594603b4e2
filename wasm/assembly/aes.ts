// AES-128 encryption (FIPS 197) without a memory access or a branch that depends on a secret.
//
// SubBytes is computed by byte-permute instructions on nibbles; wasm/tables.ts derives the tables
// and states the formulas. Between the first and the last round the state stands in the tower basis,
// where one byte holds i << 4 | k. Changing the basis is linear, so AddRoundKey, ShiftRows and
// MixColumns keep their meaning there; the tables of the last round change back for free.
//
// The constant {63} of SubBytes is added with the round key: MixColumns maps a column of four equal
// bytes to itself, as {02} + {03} + {01} + {01} = {01}.
//
// A v128 holds one block, byte 0 in lane 0; byte r + 4c is s[r, c] of FIPS 197 section 3.4.

import { INPUT, OUTPUT } from "./arena";
import {
  AFFINE_PLAIN,
  AFFINE_TOWER,
  A_OVER,
  INVERSE,
  LAST_I,
  LAST_J,
  PLAIN_HIGH,
  PLAIN_LOW,
  RCON,
  SUB2_I,
  SUB2_J,
  SUB_I,
  SUB_J,
  TOWER_HIGH,
  TOWER_LOW,
} from "./tables-aes";

const LOW_NIBBLES: v128 = i32x4(0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f);
const BLOCK_BYTES: usize = 16;

// Moves of bytes, as indices for Piece.lookup: byte n of the result is byte [n] of the operand, or 0
// for 0x80.
const SHIFT_ROWS: v128 = i8x16(0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
const NEXT_ROW: v128 = i8x16(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
const PREVIOUS_ROW: v128 = i8x16(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
const ROT_LAST_WORD: v128 = i8x16(13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12);
const ONE_WORD_ON: v128 = i8x16(-128, -128, -128, -128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
const TWO_WORDS_ON: v128 = i8x16(
  -128,
  -128,
  -128,
  -128,
  -128,
  -128,
  -128,
  -128,
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
);
const ROUNDS: i32 = 10; // Nr for AES-128, FIPS 197 section 5

// w[0..43] of FIPS 197 section 5.2 as eleven blocks: 0 to 9 in the tower basis, 10 in the plain one;
// 1 to 10 include {63}.
const ROUND_KEYS: usize = memory.data(176, 16);

/** The pieces of a round, inlined at each use. */
export class Piece {
  /**
   * Entry of a 16-byte table for each byte of index: 0 to 15, or top bit set, which gives 0. No other
   * index occurs, and for these the relaxed instruction is defined alike on every processor.
   */
  @inline static lookup(table: v128, index: v128): v128 {
    return i8x16.relaxed_swizzle(table, index);
  }

  @inline static low(x: v128): v128 {
    return v128.and(x, LOW_NIBBLES);
  }

  @inline static high(x: v128): v128 {
    return v128.and(i32x4.shr_u(x, 4), LOW_NIBBLES);
  }

  /** 1/(1/i + a/k) + j: io, and with i and j exchanged jo; see wasm/tables.ts. */
  @inline static invert(i: v128, j: v128, aOverK: v128): v128 {
    const sum = v128.xor(Piece.lookup(INVERSE, i), aOverK);
    return v128.xor(Piece.lookup(INVERSE, sum), j);
  }

  /** One byte map that is linear: the sum of the maps of the two nibbles. */
  @inline static linear(tableLow: v128, tableHigh: v128, x: v128): v128 {
    const low = Piece.lookup(tableLow, Piece.low(x));
    return v128.xor(low, Piece.lookup(tableHigh, Piece.high(x)));
  }

  @inline static substitute(tableI: v128, tableJ: v128, io: v128, jo: v128): v128 {
    return v128.xor(Piece.lookup(tableI, io), Piece.lookup(tableJ, jo));
  }

  /** SHIFTROWS(), FIPS 197 section 5.1.2: s'[r, c] = s[r, (c + r) mod 4]. */
  @inline static shiftRows(x: v128): v128 {
    return Piece.lookup(x, SHIFT_ROWS);
  }

  /** Row r + 1 of each column in row r. */
  @inline static nextRow(x: v128): v128 {
    return Piece.lookup(x, NEXT_ROW);
  }

  /** Row r + 3 of each column in row r. */
  @inline static previousRow(x: v128): v128 {
    return Piece.lookup(x, PREVIOUS_ROW);
  }

  /** Rounds 1 to 9 of CIPHER(), FIPS 197 Algorithm 1: lines 5 to 8. */
  @inline static round(state: v128, roundKey: v128): v128 {
    return Piece.mix(Piece.shiftRows(state), roundKey); // SHIFTROWS commutes with SUBBYTES
  }

  /** A round after SHIFTROWS. */
  @inline static mix(x: v128, roundKey: v128): v128 {
    const k = Piece.low(x);
    const i = Piece.high(x);
    const j = v128.xor(i, k);
    const aOverK = Piece.lookup(A_OVER, k);
    const io = Piece.invert(i, j, aOverK);
    const jo = Piece.invert(j, i, aOverK);
    const one = Piece.substitute(SUB_I, SUB_J, io, jo); // SUBBYTES, section 5.1.1
    const two = Piece.substitute(SUB2_I, SUB2_J, io, jo); // {02} times it
    // MIXCOLUMNS, section 5.1.3: {02} s[r] + {03} s[r+1] + s[r+2] + s[r+3]. With
    // c[r] = {02} s[r] + s[r+1] this is c[r] + c[r+1] + s[r+3].
    const c = v128.xor(two, Piece.nextRow(one));
    const mixed = v128.xor(v128.xor(c, Piece.nextRow(c)), Piece.previousRow(one));
    return v128.xor(mixed, roundKey); // ADDROUNDKEY, section 5.1.4
  }

  /** The last round of CIPHER(), lines 10 to 12, which has no MIXCOLUMNS. */
  @inline static lastRound(state: v128, roundKey: v128): v128 {
    return Piece.last(Piece.shiftRows(state), roundKey);
  }

  /** The last round after SHIFTROWS. */
  @inline static last(x: v128, roundKey: v128): v128 {
    const k = Piece.low(x);
    const i = Piece.high(x);
    const j = v128.xor(i, k);
    const aOverK = Piece.lookup(A_OVER, k);
    const io = Piece.invert(i, j, aOverK);
    const jo = Piece.invert(j, i, aOverK);
    return v128.xor(Piece.substitute(LAST_I, LAST_J, io, jo), roundKey);
  }

  /** SUBWORD(ROTWORD(w[4r + 3])) without {63} in all four words, FIPS 197 section 5.2. */
  @inline static subRotWord(keys: v128): v128 {
    return Piece.subWord(Piece.lookup(keys, ROT_LAST_WORD));
  }

  /** SUBWORD() without {63} of all four words. */
  @inline static subWord(x: v128): v128 {
    const k = Piece.low(x);
    const i = Piece.high(x);
    const j = v128.xor(i, k);
    const aOverK = Piece.lookup(A_OVER, k);
    const io = Piece.invert(i, j, aOverK);
    const jo = Piece.invert(j, i, aOverK);
    return Piece.substitute(SUB_I, SUB_J, io, jo);
  }

  /** SUBWORD(w[4r + 3]) without {63} in all four words: the extra step for keys of 256 bits. */
  @inline static subLastWord(keys: v128): v128 {
    return Piece.subWord(i32x4.splat(i32x4.extract_lane(keys, 3)));
  }

  /** w[4r..4r+3] from w[4r-4..4r-1], FIPS 197 Algorithm 2, in the tower basis. */
  @inline static nextKeys(keys: v128, constant: v128): v128 {
    return Piece.nextKeysFrom(keys, Piece.subRotWord(keys), constant);
  }

  /** The same with the substituted word given. */
  @inline static nextKeysFrom(keys: v128, word: v128, constant: v128): v128 {
    return v128.xor(Piece.prefixSums(keys), v128.xor(word, constant));
  }

  /** Word n becomes the sum of words 0 to n: what the chain w[i] = w[i-4] + w[i-1] unrolls to. */
  @inline static prefixSums(x: v128): v128 {
    const pairs = v128.xor(x, Piece.lookup(x, ONE_WORD_ON));
    const two = Piece.lookup(pairs, TWO_WORDS_ON);
    return v128.xor(pairs, two);
  }
}

/** Rcon[r] of FIPS 197 section 5.2 in the first byte of each word, with {63} of SubBytes. */
export function roundConstant(r: i32): v128 {
  return v128.xor(AFFINE_TOWER, i32x4.splat(i32(load<u8>(RCON + usize(r - 1))))); // r is public
}

/**
 * KEYEXPANSION() for AES-128, FIPS 197 Algorithm 2, of the 16 bytes at `key`, and at the same time
 * CIPHER() of `block` with it: the two chains of ten rounds run side by side. The round keys stay
 * in memory for encryptWithRoundKeys until wipeRoundKeys.
 */
export function expandKeyAndEncrypt(key: usize, block: v128): v128 {
  let keys = Piece.linear(TOWER_LOW, TOWER_HIGH, v128.load(key)); // w[0..3]
  v128.store(ROUND_KEYS, keys);
  let state = v128.xor(Piece.linear(TOWER_LOW, TOWER_HIGH, block), keys);
  for (let r = 1; r <= ROUNDS; r++) {
    keys = Piece.nextKeys(keys, roundConstant(r));
    if (r < ROUNDS) {
      const roundKey = v128.xor(keys, AFFINE_TOWER);
      v128.store(ROUND_KEYS + BLOCK_BYTES * usize(r), roundKey);
      state = Piece.round(state, roundKey);
    }
  }
  const lastKey = v128.xor(Piece.linear(PLAIN_LOW, PLAIN_HIGH, keys), AFFINE_PLAIN);
  v128.store(ROUND_KEYS + BLOCK_BYTES * usize(ROUNDS), lastKey);
  return Piece.lastRound(state, lastKey);
}

/** CIPHER() of one block with the round keys of the last expandKeyAndEncrypt. */
export function encryptWithRoundKeys(block: v128): v128 {
  let state = v128.xor(Piece.linear(TOWER_LOW, TOWER_HIGH, block), v128.load(ROUND_KEYS));
  for (let r = 1; r < ROUNDS; r++) {
    state = Piece.round(state, v128.load(ROUND_KEYS + BLOCK_BYTES * usize(r)));
  }
  return Piece.lastRound(state, v128.load(ROUND_KEYS + BLOCK_BYTES * usize(ROUNDS)));
}

/**
 * CIPHER() of the four blocks at `blocks`, in place, with the round keys of the last
 * expandKeyAndEncrypt. The four are independent, so the processor overlaps their rounds.
 */
export function encryptFourWithRoundKeys(blocks: usize): void {
  let key = v128.load(ROUND_KEYS);
  let x1 = v128.xor(Piece.linear(TOWER_LOW, TOWER_HIGH, v128.load(blocks)), key);
  let x2 = v128.xor(Piece.linear(TOWER_LOW, TOWER_HIGH, v128.load(blocks, 16)), key);
  let x3 = v128.xor(Piece.linear(TOWER_LOW, TOWER_HIGH, v128.load(blocks, 32)), key);
  let x4 = v128.xor(Piece.linear(TOWER_LOW, TOWER_HIGH, v128.load(blocks, 48)), key);
  for (let r = 1; r < ROUNDS; r++) {
    key = v128.load(ROUND_KEYS + BLOCK_BYTES * usize(r));
    x1 = Piece.round(x1, key);
    x2 = Piece.round(x2, key);
    x3 = Piece.round(x3, key);
    x4 = Piece.round(x4, key);
  }
  key = v128.load(ROUND_KEYS + BLOCK_BYTES * usize(ROUNDS));
  v128.store(blocks, Piece.lastRound(x1, key));
  v128.store(blocks, Piece.lastRound(x2, key), 16);
  v128.store(blocks, Piece.lastRound(x3, key), 32);
  v128.store(blocks, Piece.lastRound(x4, key), 48);
}

/** Clears the round keys. Every exported function that expanded a key ends with it. */
export function wipeRoundKeys(): void {
  memory.fill(ROUND_KEYS, 0, BLOCK_BYTES * usize(ROUNDS + 1));
}

/** CIPHER() of the block at INPUT + 16 under the key at INPUT, to OUTPUT. */
export function encryptBlock(): void {
  v128.store(OUTPUT, expandKeyAndEncrypt(INPUT, v128.load(INPUT, 16)));
  wipeRoundKeys();
}

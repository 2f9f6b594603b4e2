// Tables of multiples of a known point P, for [k]P with few doublings (a comb of several tables: Lim
// and Lee, "More flexible exponentiation with precomputation", 1994, with signed digits).
//
// An odd k below 2^positions is a sum of as many terms s(i) 2^i with s(i) = 1 or -1. Position i is
// written as (tooth * blocks + block) * rows + row, and entry e of a block is
//
//   T[block][e] = sum over teeth t of s(t) 2^((t * blocks + block) * rows) P,
//
// where bit t of e tells the sign of tooth t, 1 for plus, and the highest tooth has plus. A row takes
// one addition a block, a whole product rows - 1 doublings.
//
//   public key   6 teeth, 4 blocks of 32 entries, 11 rows   264 positions, 8,192 bytes, handed out
//   base point   10 teeth, 3 blocks of 512 entries, 9 rows  270 positions, 98,304 bytes, made at the
//                                                           first use
//
// An entry is 64 bytes: x, then y, each 32 bytes little-endian, in [0, p), in the Montgomery domain of
// field.ts (times 2^261). No entry is O: none of the factors of P is a multiple of n.
//
// Everything here is public.

import { CURVE_SM2, G, ONE, curve } from "./curve";
import { combine, copy, freeze, invertField, multiply, square } from "./field";
import { bitsAt } from "./limbs";
import { AFFINE_BYTES, POINT_BYTES, add, addAffine, copyPoint, double, negate } from "./point";
import { addOrder } from "./scalar";

export const KEY_ROWS: i32 = 11;
const KEY_TEETH: i32 = 6;
export const KEY_BLOCKS: i32 = 4;
export const BASE_ROWS: i32 = 9;
const BASE_TEETH: i32 = 10;
export const BASE_BLOCKS: i32 = 3;
const BASE_TABLE_BYTES: usize = 98304;

const ENTRY_BYTES: usize = 64;
const Y: usize = 36; // offsets in a point
const Z: usize = 72;
const LIMB_BITS: i32 = 29;
const MASK: u64 = 0x1fff_ffff; // 29 bits

const BASE_TABLE_P256: usize = memory.data(98304, 16);
const BASE_TABLE_SM2: usize = memory.data(98304, 16);

const POWERS: usize = memory.data(3240, 16); // 2^(rows j) P for j = 0..29, points
const POINTS: usize = memory.data(55296, 16); // up to 512 points of a block
const PREFIXES: usize = memory.data(18432, 16); // products of their Z
const RUNNING: usize = memory.data(108, 16);
const INVERSE: usize = memory.data(40, 16);
const FACTOR: usize = memory.data(40, 16);
const COORDINATE: usize = memory.data(40, 16);

const BASE_ROW: usize = memory.data(216, 16); // BASE_BLOCKS affine points
const ODD: usize = memory.data(40, 16);
/** The signs of the last two recodings, one byte each, 1 for plus. */
const KEY_SIGNS: usize = memory.data(264, 16);
const BASE_SIGNS: usize = memory.data(270, 16);

/** 32 little-endian bytes at `out` from limbs in [0, 2^29). */
function pack(out: usize, a: usize): void {
  memory.fill(out, 0, 32);
  for (let i = 0; i < 8; i++) {
    const bit = i * LIMB_BITS;
    const at = out + usize(bit >> 3);
    store<u64>(at, load<u64>(at) | (u64(load<u32>(a + usize(i << 2))) << u64(bit & 7)));
  }
  // The eight limbs end at bit 232. The last store reaches byte 32, which it leaves as it was.
  store<u8>(out, u8(load<u32>(a, 32)), 29);
  store<u16>(out, u16(load<u32>(a, 32) >> 8), 30);
}

/** Limbs at `out` from 32 little-endian bytes. */
function unpack(out: usize, bytes: usize): void {
  for (let i = 0; i < 8; i++) {
    const bit = i * LIMB_BITS;
    const word = load<u64>(bytes + usize(bit >> 3)) >> u64(bit & 7);
    store<i32>(out + usize(i << 2), i32(word & MASK));
  }
  store<i32>(out, i32(load<u32>(bytes, 28) >> 8), 32);
}

/** `count` POWERS of the affine point at `point`, `rows` doublings from one to the next. */
function computePowers(point: usize, count: i32, rows: i32): void {
  copy(RUNNING, point);
  copy(RUNNING + Y, point + Y);
  copy(RUNNING + Z, curve + ONE);
  for (let index = 0; index < count; index++) {
    copyPoint(POWERS + usize(index) * POINT_BYTES, RUNNING);
    for (let row = 0; row < rows; row++) double(RUNNING);
  }
}

/** The entries of one block to POINTS, from POWERS, of which those of the lower teeth are doubled. */
function computeBlock(block: i32, teeth: i32, blocks: i32): void {
  const powerOf = POWERS + usize(block) * POINT_BYTES;
  const step = usize(blocks) * POINT_BYTES; // from tooth to tooth
  // Entry 0: the highest tooth less all others.
  copyPoint(POINTS, powerOf + usize(teeth - 1) * step);
  for (let tooth = 0; tooth < teeth - 1; tooth++) {
    const power = powerOf + usize(tooth) * step;
    negate(RUNNING, power);
    add(POINTS, RUNNING);
    double(power);
  }
  for (let tooth = 0; tooth < teeth - 1; tooth++) {
    const count = usize(1) << usize(tooth);
    for (let e: usize = 0; e < count; e++) {
      const target = POINTS + (count + e) * POINT_BYTES;
      copyPoint(target, POINTS + e * POINT_BYTES);
      add(target, powerOf + usize(tooth) * step);
    }
  }
}

/** Writes the `count` POINTS as entries at `out`, with one inversion (P. Montgomery's trick). */
function normalize(out: usize, count: usize): void {
  copy(PREFIXES, POINTS + Z);
  for (let e: usize = 1; e < count; e++) {
    multiply(PREFIXES + e * Y, PREFIXES + (e - 1) * Y, POINTS + e * POINT_BYTES + Z);
  }
  invertField(INVERSE, PREFIXES + (count - 1) * Y);
  for (let e = count; e > 0;) {
    e -= 1;
    const point = POINTS + e * POINT_BYTES;
    const entry = out + e * ENTRY_BYTES;
    if (e > 0) {
      multiply(FACTOR, INVERSE, PREFIXES + (e - 1) * Y); // 1/Z
      multiply(INVERSE, INVERSE, point + Z);
    } else copy(FACTOR, INVERSE);
    square(RUNNING, FACTOR);
    multiply(point, point, RUNNING); // x = X / Z^2
    multiply(RUNNING, RUNNING, FACTOR);
    multiply(point + Y, point + Y, RUNNING); // y = Y / Z^3
    freeze(COORDINATE, point);
    pack(entry, COORDINATE);
    freeze(COORDINATE, point + Y);
    pack(entry + 32, COORDINATE);
  }
}

/** Writes the table of the affine point at `point`. */
function prepare(out: usize, point: usize, teeth: i32, blocks: i32, rows: i32): void {
  const entries = usize(1) << usize(teeth - 1);
  computePowers(point, teeth * blocks, rows);
  for (let block = 0; block < blocks; block++) {
    computeBlock(block, teeth, blocks);
    normalize(out + usize(block) * entries * ENTRY_BYTES, entries);
  }
}

/** Writes the table of a public key, affine and valid, to `out`: 8,192 bytes. */
export function prepareKeyTable(out: usize, point: usize): void {
  prepare(out, point, KEY_TEETH, KEY_BLOCKS, KEY_ROWS);
}

/** The table of G, made if this is the first use of the curve. */
export function baseTable(): usize {
  const table = curve === CURVE_SM2 ? BASE_TABLE_SM2 : BASE_TABLE_P256;
  if (load<u64>(table + BASE_TABLE_BYTES - 8) === 0) {
    prepare(table, curve + G, BASE_TEETH, BASE_BLOCKS, BASE_ROWS);
  }
  return table;
}

/** The signs of k, or of k + n if k is even, to `signs`; k below 2^257 - n. */
function recodeSigns(signs: usize, k: usize, positions: i32): void {
  memory.copy(ODD, k, 36);
  if (bitsAt(k, 0, 1) === 0) addOrder(ODD, k);
  // k = sum of (2 k(i+1) - 1) 2^i below the top, + 2^(positions - 1): the bits of k, one down.
  memory.fill(signs, 0, usize(positions));
  let word = load<u32>(ODD) >> 1;
  let left = LIMB_BITS - 1;
  let at = signs;
  for (let limb: usize = 0; limb < 36; limb += 4) {
    for (; left > 0; left--) {
      store<u8>(at, u8(word & 1));
      word >>= 1;
      at += 1;
    }
    word = load<u32>(ODD + limb, 4);
    left = LIMB_BITS;
  }
  store<u8>(signs + usize(positions - 1), 1);
}

/** Takes v for loadKeyRow. */
export function recodeForKey(v: usize): void {
  recodeSigns(KEY_SIGNS, v, KEY_TEETH * KEY_BLOCKS * KEY_ROWS);
}

/** Takes u for loadBaseRow and addBaseRow. */
export function recodeForBase(u: usize): void {
  recodeSigns(BASE_SIGNS, u, BASE_TEETH * BASE_BLOCKS * BASE_ROWS);
}

/** The affine point of entry e of the entries at `table`, or its negative, to `out`. */
function loadEntry(out: usize, table: usize, e: usize, isNegative: bool): void {
  const at = table + e * ENTRY_BYTES;
  unpack(out, at);
  unpack(out + Y, at + 32);
  if (isNegative) combine(out + Y, -1, out + Y, 0, out + Y);
}

/** One entry of a block to `out`: `signs` of its lowest tooth, `step` signs from tooth to tooth. */
function loadColumn(out: usize, block: usize, signs: usize, teeth: i32, step: i32): void {
  const entries = usize(1) << usize(teeth - 1);
  let e: usize = 0;
  for (let tooth = teeth - 1; tooth >= 0; tooth--) {
    e = (e << 1) | usize(load<u8>(signs + usize(tooth * step)));
  }
  // The entry of -e has the other sign at each tooth.
  const isNegative = (e & entries) === 0;
  e = (isNegative ? ~e : e) & (entries - 1);
  loadEntry(out, block, e, isNegative);
}

/** The entries of all blocks of a public key's table for one row to `out`: KEY_BLOCKS points. */
export function loadKeyRow(out: usize, table: usize, row: i32): void {
  for (let block = 0; block < KEY_BLOCKS; block++) {
    const entries = table + (usize(block) << usize(KEY_TEETH - 1)) * ENTRY_BYTES;
    const signs = KEY_SIGNS + usize(block * KEY_ROWS + row);
    const target = out + usize(block) * AFFINE_BYTES;
    loadColumn(target, entries, signs, KEY_TEETH, KEY_BLOCKS * KEY_ROWS);
  }
}

/** The same of the base point's table: BASE_BLOCKS points. */
export function loadBaseRow(out: usize, table: usize, row: i32): void {
  for (let block = 0; block < BASE_BLOCKS; block++) {
    const entries = table + (usize(block) << usize(BASE_TEETH - 1)) * ENTRY_BYTES;
    const signs = BASE_SIGNS + usize(block * BASE_ROWS + row);
    const target = out + usize(block) * AFFINE_BYTES;
    loadColumn(target, entries, signs, BASE_TEETH, BASE_BLOCKS * BASE_ROWS);
  }
}

/** point += the entries of all blocks of the base point's table for one row. */
export function addBaseRow(point: usize, table: usize, row: i32): void {
  loadBaseRow(BASE_ROW, table, row);
  for (let block = 0; block < BASE_BLOCKS; block++) {
    addAffine(point, BASE_ROW + usize(block) * AFFINE_BYTES);
  }
}

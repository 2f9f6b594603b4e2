// CAVE, the authentication algorithm of CDMA and TDMA cards (TR45.AHAG Common Cryptographic Algorithms),
// without a branch or an address that depends on a secret: every table lookup scans the whole table,
// and the search for a differing nibble always takes all its steps.
//
//   LFSR  32 bits, bytes A B C D from the most significant; a step shifts in b22 + b2 + b1 + b0
//   R     sixteen registers of 8 bits; o1, o2 two offsets into the table
//
// REQUEST  A-key or SSD_A 8 | SSD_B 8 | RANDSSD 7 or RAND 4, zeros after it to 8 | AUTH_DATA 3 |
//          AAV 1 | ESN 4

import { ANSWER, REQUEST } from "./arena-vectors";
import { scan } from "./table-scan";
import { CAVE_TABLE } from "./tables-cave";

const SECRET: usize = REQUEST; // A-key or SSD_A
const SSD_B: usize = REQUEST + 8;
const RANDOM: usize = REQUEST + 16;
const AUTH_DATA: usize = REQUEST + 24;
const AAV: usize = REQUEST + 27; // authentication algorithm version
const ESN: usize = REQUEST + 28;

const REGISTERS: i32 = 16;
const ROUNDS_LONG: i32 = 8;
const ROUNDS_SHORT: i32 = 4;
const SEARCH_STEPS: i32 = 32; // after so many equal nibbles the search ends
const FIRST_OFFSET: u32 = 128;
const VPM_BYTES: usize = 65;

const R: usize = memory.data(16, 16);
const SHUFFLED: usize = memory.data(16, 16);
const LFSR: usize = memory.data(16, 16); // LFSR, o1, o2, u32 each
const OFFSET1: usize = LFSR + 4;
const OFFSET2: usize = LFSR + 8;

function wipe(): void {
  memory.fill(R, 0, 16);
  memory.fill(SHUFFLED, 0, 16);
  memory.fill(LFSR, 0, 16);
}

/** All ones if x, at most 255, is 0; else 0. */
function isZero(x: u32): u32 {
  return u32((i32(x) - 1) >> 31);
}

function step(lfsr: u32): u32 {
  const bit = (lfsr >> 22) ^ (lfsr >> 2) ^ (lfsr >> 1) ^ lfsr;
  return (lfsr >> 1) | (bit << 31);
}

/**
 * Moves an offset by a byte of the LFSR and a register until the nibble it finds differs from the
 * register's, stepping the LFSR for each that does not; returns the last nibble found.
 */
function seek(register: u32, lfsrShift: u32, offsetAt: usize, nibbleMask: u32): u32 {
  let lfsr = load<u32>(LFSR);
  let offset = load<u32>(offsetAt);
  let nibble: u32 = 0;
  let active: u32 = 0xffff_ffff; // all ones while the search goes on
  for (let turn = 0; turn < SEARCH_STEPS; turn++) {
    const moved = (offset + ((lfsr >> lfsrShift) ^ register)) & 255;
    offset ^= (offset ^ moved) & active;
    const found = scan(CAVE_TABLE, 256, i8x16.splat(i8(moved)));
    const value = u32(i8x16.extract_lane_u(found, 0)) & nibbleMask;
    nibble ^= (nibble ^ value) & active;
    active &= isZero(value ^ (register & nibbleMask));
    lfsr ^= (lfsr ^ step(lfsr)) & active;
  }
  const d = (lfsr + (active & 1)) & 255; // D + 1 if every nibble was equal
  store<u32>(LFSR, (lfsr & 0xffff_ff00) | d);
  store<u32>(offsetAt, offset);
  return nibble;
}

/** R as 128 bits, R[0] first, rotated right by one; then R[i] goes where the table's nibble says. */
function rotateAndShuffle(round: i32): void {
  const first = bswap<u64>(load<u64>(R));
  const second = bswap<u64>(load<u64>(R, 8));
  store<u64>(R, bswap<u64>((first >> 1) | (second << 63)));
  store<u64>(R, bswap<u64>((second >> 1) | (first << 63)), 8);
  for (let i = 0; i < REGISTERS; i++) {
    const place = load<u8>(CAVE_TABLE + usize(REGISTERS * round + i)) & 15; // round and i are public
    store<u8>(SHUFFLED + usize(place), load<u8>(R + usize(i)));
  }
  v128.store(R, v128.load(SHUFFLED));
}

/** The rounds numbered count - 1 down to 0. */
function cave(count: i32): void {
  for (let round = count - 1; round >= 0; round--) {
    const saved = load<u8>(R);
    for (let i = 0; i < REGISTERS; i++) {
      const at = R + usize(i);
      const register = u32(load<u8>(at));
      const low = seek(register, 24, OFFSET1, 0x0f); // byte A
      const high = seek(register, 16, OFFSET2, 0xf0); // byte B
      const next = i === REGISTERS - 1 ? saved : load<u8>(at, 1); // i is public
      store<u8>(at, next ^ u8(low | high));
      store<u32>(LFSR, step(load<u32>(LFSR)));
    }
    rotateAndShuffle(round);
  }
}

/** Loads the LFSR, or `fallback` if the value is zero, and the first offsets. */
function start(lfsr: u32, fallback: u32): void {
  const isNull = u32(i64(u64(lfsr) - 1) >> 63); // all ones if lfsr is 0
  store<u32>(LFSR, lfsr ^ (fallback & isNull));
  store<u32>(OFFSET1, FIRST_OFFSET);
  store<u32>(OFFSET2, FIRST_OFFSET);
}

/** R = eight bytes || AAV || three bytes || ESN. */
function loadRegisters(eight: usize, three: usize): void {
  store<u64>(R, load<u64>(eight));
  store<u8>(R, load<u8>(AAV), 8);
  memory.copy(R + 9, three, 3);
  store<u32>(R, load<u32>(ESN), 12);
}

/** The two 32-bit halves of the eight bytes at `source`, added. */
function halves(source: usize): u32 {
  return bswap<u32>(load<u32>(source) ^ load<u32>(source, 4));
}

/** (R0 + R13, R1 + R14, R2 + R15), 18 bits right-aligned in three bytes, to ANSWER. */
function putSignature(): void {
  store<u8>(ANSWER, (load<u8>(R) ^ load<u8>(R, 13)) & 3);
  store<u8>(ANSWER, load<u8>(R, 1) ^ load<u8>(R, 14), 1);
  store<u8>(ANSWER, load<u8>(R, 2) ^ load<u8>(R, 15), 2);
}

/** The checksum of an A-key, 18 bits in three bytes. */
export function caveAkeyCheck(): void {
  start(bswap<u32>(load<u32>(SECRET)), 0);
  loadRegisters(SECRET, SECRET + 5);
  cave(ROUNDS_LONG);
  putSignature();
  wipe();
}

/** Shared secret data from A-key, RANDSSD and ESN: SSD_A 8 | SSD_B 8. */
export function caveSsd(): void {
  const random = bswap<u32>(load<u32>(RANDOM, 3)); // the last 32 bits of RANDSSD
  start(random ^ halves(SECRET), random);
  loadRegisters(SECRET, RANDOM);
  cave(ROUNDS_LONG);
  v128.store(ANSWER, v128.load(R));
  wipe();
}

function sign(): void {
  const random = bswap<u32>(load<u32>(RANDOM));
  start(random ^ halves(SECRET), random);
  loadRegisters(SECRET, AUTH_DATA);
  cave(ROUNDS_LONG);
  putSignature();
}

/** AUTHR, AUTHU or AUTHBS from SSD_A, RAND, AUTH_DATA and ESN: 18 bits in three bytes. */
export function caveSignature(): void {
  sign();
  wipe();
}

/** R0, R1, R14, R15 become the LFSR, and four more rounds follow. */
function roll(): void {
  const lfsr = u32(load<u16>(R)) | (u32(load<u16>(R, 14)) << 16);
  store<u32>(LFSR, bswap<u32>(lfsr));
  cave(ROUNDS_SHORT);
}

/** Signature 3, CMEA key 8 and VPM 65 bytes, to ANSWER at 0, 8 and 16. */
export function caveKeys(): void {
  sign();
  // The LFSR and the offsets go on from where the signature left them.
  store<u32>(LFSR, load<u32>(LFSR) ^ halves(SSD_B));
  loadRegisters(SSD_B, AUTH_DATA);
  cave(ROUNDS_LONG);
  for (let part: usize = 0; part < 8; part += 4) {
    roll();
    store<u32>(ANSWER + part, load<u32>(R, 4) ^ load<u32>(R, 8), 8);
  }
  for (let part: usize = 0; part < VPM_BYTES; part += 6) {
    roll();
    store<u32>(ANSWER + part, load<u32>(R, 2) ^ load<u32>(R, 8), 16);
    store<u16>(ANSWER + part, load<u16>(R, 6) ^ load<u16>(R, 12), 20);
  }
  wipe();
}

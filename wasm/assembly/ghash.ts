// GHASH and the parts of GCM around it, NIST SP 800-38D sections 6.4 and 7, in constant time.
//
// A block read as a big-endian number X has the coefficient of x^i at bit 127 - i. The carry-less
// product of two such numbers therefore has x^k at bit 254 - k; shifted left by one, its upper half
// holds x^0..x^127, and the lower half returns to it by x^128 = 1 + x + x^2 + x^7.
//
// Carry-less multiplication uses integer multiplication of numbers with one bit in four, so that no
// sum of products reaches the next bit in use (at most sixteen meet, and that only at bit 60, whose
// carry leaves the word).

import { MESSAGE } from "./arena";
import { SM_INPUT, SM_OUTPUT } from "./arena-sm";
import { encrypt, encryptFirst, padMessage, setCounter } from "./cipher";

const BLOCK_BYTES: usize = 16;
const EVERY_FOURTH: u64 = (u64(0x11111111) << 32) | 0x11111111; // the bits 0, 4, 8 and so on

const H: usize = memory.data(16, 16); // the hash subkey as two u64, upper half first
const Y: usize = memory.data(16, 16); // the hash so far, likewise

class Bits {
  /** The lower 64 bits of the carry-less product. */
  @inline static product(x: u64, y: u64): u64 {
    const x0 = x & EVERY_FOURTH;
    const x1 = x & (EVERY_FOURTH << 1);
    const x2 = x & (EVERY_FOURTH << 2);
    const x3 = x & (EVERY_FOURTH << 3);
    const y0 = y & EVERY_FOURTH;
    const y1 = y & (EVERY_FOURTH << 1);
    const y2 = y & (EVERY_FOURTH << 2);
    const y3 = y & (EVERY_FOURTH << 3);
    const z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
    const z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
    const z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
    const z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
    const z02 = (z0 & EVERY_FOURTH) | (z2 & (EVERY_FOURTH << 2));
    return z02 | (z1 & (EVERY_FOURTH << 1)) | (z3 & (EVERY_FOURTH << 3));
  }

  /** Exchanges neighbouring groups of `count` bits; half of the mask is given. */
  @inline static exchange(x: u64, halfMask: u64, count: u64): u64 {
    const mask = (halfMask << 32) | halfMask;
    return ((x & mask) << count) | ((x >> count) & mask);
  }

  /** The bits of x in the other order. */
  @inline static reverse(x: u64): u64 {
    x = Bits.exchange(x, 0x55555555, 1);
    x = Bits.exchange(x, 0x33333333, 2);
    return bswap<u64>(Bits.exchange(x, 0x0f0f0f0f, 4));
  }
}

/** Y = (Y + the block at `at`) H in GF(2^128), SP 800-38D section 6.3. */
function absorb(at: usize): void {
  const y1 = load<u64>(Y) ^ bswap<u64>(load<u64>(at));
  const y0 = load<u64>(Y, 8) ^ bswap<u64>(load<u64>(at, 8));
  const h1 = load<u64>(H);
  const h0 = load<u64>(H, 8);
  // Karatsuba: three products, the upper half of each from the reversed factors.
  const y1r = Bits.reverse(y1);
  const y0r = Bits.reverse(y0);
  const h1r = Bits.reverse(h1);
  const h0r = Bits.reverse(h0);
  const low = Bits.product(y0, h0);
  const high = Bits.product(y1, h1);
  const middle = Bits.product(y0 ^ y1, h0 ^ h1) ^ low ^ high;
  const lowUpper = Bits.reverse(Bits.product(y0r, h0r)) >> 1;
  const highUpper = Bits.reverse(Bits.product(y1r, h1r)) >> 1;
  const bothUpper = Bits.reverse(Bits.product(y0r ^ y1r, h0r ^ h1r)) >> 1;
  const middleUpper = bothUpper ^ lowUpper ^ highUpper;
  // v3..v0: the product shifted left by one
  const w1 = lowUpper ^ middle;
  const w2 = high ^ middleUpper;
  const v0 = low << 1;
  let v1 = (w1 << 1) | (low >> 63);
  let v2 = (w2 << 1) | (w1 >> 63);
  let v3 = (highUpper << 1) | (w2 >> 63);
  // x^128 = 1 + x + x^2 + x^7
  v2 ^= v0 ^ (v0 >> 1) ^ (v0 >> 2) ^ (v0 >> 7);
  v1 ^= (v0 << 63) ^ (v0 << 62) ^ (v0 << 57);
  v3 ^= v1 ^ (v1 >> 1) ^ (v1 >> 2) ^ (v1 >> 7);
  v2 ^= (v1 << 63) ^ (v1 << 62) ^ (v1 << 57);
  store<u64>(Y, v3);
  store<u64>(Y, v2, 8);
}

/** Begins GCM under the key of the last cipherStart: H = E(0), section 7.1 step 1. */
export function gcmStart(): void {
  v128.store(Y, encrypt(i32x4.splat(0)));
  store<u64>(H, bswap<u64>(load<u64>(Y)));
  store<u64>(H, bswap<u64>(load<u64>(Y, 8)), 8);
  v128.store(Y, i32x4.splat(0));
}

/** Absorbs the first `byteCount` bytes of MESSAGE, padded with zeros. */
export function ghash(byteCount: i32): void {
  padMessage(usize(byteCount));
  for (let at = MESSAGE; at < MESSAGE + usize(byteCount); at += BLOCK_BYTES) absorb(at);
}

/** Absorbs two lengths in bytes as 64-bit numbers of bits. Overwrites SM_OUTPUT. */
export function ghashLengths(first: u32, second: u32): void {
  store<u64>(SM_OUTPUT, bswap<u64>(u64(first) << 3));
  store<u64>(SM_OUTPUT, bswap<u64>(u64(second) << 3), 8);
  absorb(SM_OUTPUT);
}

/** J0 = IV || 0^31 1 for the IV of 12 bytes at SM_INPUT + 16, section 7.1 step 2. */
export function gcmCounterFromIv(): void {
  store<u32>(SM_INPUT, 0x01000000, 28);
  setCounter(v128.load(SM_INPUT, 16));
}

/** J0 = the hash of an IV of another length, which begins anew. */
export function gcmCounterFromHash(): void {
  writeHash();
  setCounter(v128.load(SM_OUTPUT));
  v128.store(Y, i32x4.splat(0));
}

/** The hash as 16 bytes to SM_OUTPUT. */
function writeHash(): void {
  store<u64>(SM_OUTPUT, bswap<u64>(load<u64>(Y)));
  store<u64>(SM_OUTPUT, bswap<u64>(load<u64>(Y, 8)), 8);
}

/** The tag before it is shortened, 16 bytes, to SM_OUTPUT: section 7.1 step 6. */
export function gcmTag(): void {
  writeHash();
  v128.store(SM_OUTPUT, v128.xor(v128.load(SM_OUTPUT), encryptFirst()));
}

/** Clears H and the hash. */
export function gcmWipe(): void {
  memory.fill(H, 0, BLOCK_BYTES);
  memory.fill(Y, 0, BLOCK_BYTES);
}

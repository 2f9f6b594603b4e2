// SM4, GB/T 32907-2016 section 7, four blocks at a time, without a memory access or a branch that
// depends on a secret. SubBytes is inversion in GF(2^8) between two affine maps; it is computed by
// byte-permute instructions on nibbles as in aes.ts, with tables wasm/tables-sm.ts derives.
//
// X(i) of four blocks stand in one v128, a block a lane, each word in the byte order of the machine.

import { SM_INPUT, SM_OUTPUT } from "./arena-sm";
import { A_OVER, INVERSE } from "./tables-aes";
import {
  SM4_CK,
  SM4_FK,
  SM4_IN_CONSTANT,
  SM4_IN_HIGH,
  SM4_IN_LOW,
  SM4_OUT_CONSTANT,
  SM4_OUT_I,
  SM4_OUT_J,
} from "./tables-sm";

const LOW_NIBBLES: v128 = i32x4(0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f);
const ROUND_KEY_BYTES: usize = 128; // rk(0)..rk(31)
const ROUND_KEYS: usize = memory.data(128, 16);
const BLOCKS: usize = memory.data(64, 16); // four blocks, of which a caller may need fewer

/** The pieces of a round, inlined at each use. */
class Piece {
  /** S-box on sixteen bytes, section 6.2. */
  @inline static substitute(x: v128): v128 {
    const low = i8x16.swizzle(SM4_IN_LOW, v128.and(x, LOW_NIBBLES));
    const high = i8x16.swizzle(SM4_IN_HIGH, v128.and(i32x4.shr_u(x, 4), LOW_NIBBLES));
    const tower = v128.xor(v128.xor(low, high), SM4_IN_CONSTANT);
    const k = v128.and(tower, LOW_NIBBLES);
    const i = v128.and(i32x4.shr_u(tower, 4), LOW_NIBBLES);
    const j = v128.xor(i, k);
    const aOverK = i8x16.swizzle(A_OVER, k);
    const sumI = v128.xor(i8x16.swizzle(INVERSE, i), aOverK);
    const sumJ = v128.xor(i8x16.swizzle(INVERSE, j), aOverK);
    const io = v128.xor(i8x16.swizzle(INVERSE, sumI), j);
    const jo = v128.xor(i8x16.swizzle(INVERSE, sumJ), i);
    const out = v128.xor(i8x16.swizzle(SM4_OUT_I, io), i8x16.swizzle(SM4_OUT_J, jo));
    return v128.xor(out, SM4_OUT_CONSTANT);
  }

  @inline static rotate(x: v128, bits: i32): v128 {
    return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
  }

  /** T of section 6.2.1: L(B) = B + B<<<2 + B<<<10 + B<<<18 + B<<<24 of the substituted word. */
  @inline static transform(x: v128): v128 {
    const b = Piece.substitute(x);
    const b2 = Piece.rotate(b, 2);
    const turned = v128.xor(Piece.rotate(b2, 8), Piece.rotate(b2, 16));
    return v128.xor(v128.xor(b, b2), v128.xor(turned, Piece.rotate(b, 24)));
  }

  /** T' of section 7.3.1: L'(B) = B + B<<<13 + B<<<23. */
  @inline static transformKey(x: v128): v128 {
    const b = Piece.substitute(x);
    return v128.xor(b, v128.xor(Piece.rotate(b, 13), Piece.rotate(b, 23)));
  }

  @inline static sum(a: v128, b: v128, c: v128, constant: usize): v128 {
    return v128.xor(v128.xor(a, b), v128.xor(c, i32x4.splat(load<i32>(constant))));
  }

  /** Bytes of each word the other way round: standard order to machine order and back. */
  @inline static swapBytes(x: v128): v128 {
    return i8x16.shuffle(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
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

/** Exchanges rows and columns of the four times four words at `at`, and swaps the bytes of each. */
function transpose(at: usize): void {
  const a = Piece.swapBytes(v128.load(at));
  const b = Piece.swapBytes(v128.load(at, 16));
  const c = Piece.swapBytes(v128.load(at, 32));
  const d = Piece.swapBytes(v128.load(at, 48));
  const ac = Piece.low(a, c);
  const bd = Piece.low(b, d);
  const acHigh = Piece.high(a, c);
  const bdHigh = Piece.high(b, d);
  v128.store(at, Piece.low(ac, bd));
  v128.store(at, Piece.high(ac, bd), 16);
  v128.store(at, Piece.low(acHigh, bdHigh), 32);
  v128.store(at, Piece.high(acHigh, bdHigh), 48);
}

/** Key expansion, section 7.3, of the 16 bytes at `key`. */
export function expandSm4Key(key: usize): void {
  // K(i) = MK(i) + FK(i), in every lane
  let k0 = i32x4.splat(bswap<i32>(load<i32>(key)) ^ load<i32>(SM4_FK));
  let k1 = i32x4.splat(bswap<i32>(load<i32>(key, 4)) ^ load<i32>(SM4_FK, 4));
  let k2 = i32x4.splat(bswap<i32>(load<i32>(key, 8)) ^ load<i32>(SM4_FK, 8));
  let k3 = i32x4.splat(bswap<i32>(load<i32>(key, 12)) ^ load<i32>(SM4_FK, 12));
  for (let i: usize = 0; i < ROUND_KEY_BYTES; i += 4) {
    // rk(i) = K(i+4) = K(i) + T'(K(i+1) + K(i+2) + K(i+3) + CK(i))
    const next = v128.xor(k0, Piece.transformKey(Piece.sum(k1, k2, k3, SM4_CK + i)));
    store<i32>(ROUND_KEYS + i, i32x4.extract_lane(next, 0));
    k0 = k1;
    k1 = k2;
    k2 = k3;
    k3 = next;
  }
}

/** The thirty-two rounds, section 7.1, on the four blocks at `at`; decryption turns the keys round. */
function crypt(at: usize, decrypt: bool): void {
  transpose(at);
  let x0 = v128.load(at);
  let x1 = v128.load(at, 16);
  let x2 = v128.load(at, 32);
  let x3 = v128.load(at, 48);
  let key = decrypt ? ROUND_KEYS + ROUND_KEY_BYTES - 4 : ROUND_KEYS;
  const step: isize = decrypt ? -4 : 4;
  for (let i: usize = 0; i < ROUND_KEY_BYTES; i += 4) {
    // X(i+4) = X(i) + T(X(i+1) + X(i+2) + X(i+3) + rk(i))
    const next = v128.xor(x0, Piece.transform(Piece.sum(x1, x2, x3, key)));
    x0 = x1;
    x1 = x2;
    x2 = x3;
    x3 = next;
    key += step;
  }
  // Y = R(X(32), .., X(35)): the order of the words reversed
  v128.store(at, x3);
  v128.store(at, x2, 16);
  v128.store(at, x1, 32);
  v128.store(at, x0, 48);
  transpose(at);
}

/** Encrypts the four blocks at `at` in place with the round keys of the last expandSm4Key. */
export function encryptFourSm4(at: usize): void {
  crypt(at, false);
}

/** Clears the round keys. */
export function wipeSm4(): void {
  memory.fill(ROUND_KEYS, 0, ROUND_KEY_BYTES);
  memory.fill(BLOCKS, 0, 64);
}

/** Decrypts the block at SM_INPUT + 16 under the key at SM_INPUT, to SM_OUTPUT. */
export function decryptBlockSm4(): void {
  expandSm4Key(SM_INPUT);
  v128.store(BLOCKS, v128.load(SM_INPUT, 16));
  crypt(BLOCKS, true);
  v128.store(SM_OUTPUT, v128.load(BLOCKS));
  wipeSm4();
}

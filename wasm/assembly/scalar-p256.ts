// Integers modulo n, the order of the base point of P-256 (SP 800-186 section 3.2.1.3).
//
// A scalar is a pointer to nine i32 limbs of 29 bits, least significant first, all in [0, 2^29).
// Products use Montgomery's method with R = 2^261. Public values only; the time may vary.

import { isLess } from "./limbs";
import { N_LIMBS, N_MINUS_2, N_PRIME, R2_MOD_N } from "./tables-p256";
import { bitsAt } from "./limbs";

const SCALAR_BYTES: usize = 36;
const LIMB_BITS: u64 = 29;
const MASK: u64 = 0x1fff_ffff; // 29 bits

const COLUMNS: usize = memory.data(144, 16); // eighteen u64, weight 2^(29i)
const WINDOW_BITS: i32 = 4;
const POWERS: usize = memory.data(576, 16); // a^0..a^15
const POWER: usize = memory.data(36, 16);

/** out = a * b / R mod n in [0, n), for a * b < n * 2^260. out may be a or b. */
export function multiplyScalar(out: usize, a: usize, b: usize): void {
  memory.fill(COLUMNS, 0, 144);
  for (let i: usize = 0; i < SCALAR_BYTES; i += 4) {
    const column = COLUMNS + (i << 1);
    addMultiple(column, u64(load<i32>(a + i)), b);
    // The multiple q of n that clears this column.
    const q = (load<u64>(column) * N_PRIME) & MASK;
    addMultiple(column, q, N_LIMBS);
    store<u64>(column, load<u64>(column, 8) + (load<u64>(column) >> LIMB_BITS), 8);
  }
  let carry: u64 = 0;
  for (let i: usize = 0; i < SCALAR_BYTES; i += 4) {
    carry += load<u64>(COLUMNS + (i << 1), 72);
    store<i32>(out + i, i32(carry & MASK));
    carry >>= LIMB_BITS;
  }
  if (!isLess(out, N_LIMBS)) subtractOrder(out);
}

/** Adds x * b to the nine columns from `column` on; a column takes 18 products below 2^58. */
function addMultiple(column: usize, x: u64, b: usize): void {
  for (let j: usize = 0; j < SCALAR_BYTES; j += 4) {
    const target = column + (j << 1);
    store<u64>(target, load<u64>(target) + x * u64(load<i32>(b + j)));
  }
}

/** a = a - n for a >= n. */
function subtractOrder(a: usize): void {
  let carry: i64 = 0;
  for (let i: usize = 0; i < SCALAR_BYTES; i += 4) {
    carry += i64(load<i32>(a + i)) - i64(load<i32>(N_LIMBS + i));
    store<i32>(a + i, i32(carry & i64(MASK)));
    carry >>= i64(LIMB_BITS);
  }
}

/**
 * out = R / a mod n for a in [1, n): the factor that makes multiplyScalar(out, out, x) = x / a.
 * a^(n-2) by Fermat's little theorem (FIPS 186-5 appendix B.1), four bits of the exponent at a time.
 */
export function invertScalar(out: usize, a: usize): void {
  const base = POWERS + SCALAR_BYTES;
  multiplyScalar(base, a, R2_MOD_N); // a * R
  for (let i: usize = 2; i < 16; i++) {
    multiplyScalar(POWERS + i * SCALAR_BYTES, POWERS + (i - 1) * SCALAR_BYTES, base);
  }
  const top = bitsAt(N_MINUS_2, 256 - WINDOW_BITS, WINDOW_BITS);
  memory.copy(POWER, POWERS + usize(top) * SCALAR_BYTES, SCALAR_BYTES);
  for (let bit = 256 - 2 * WINDOW_BITS; bit >= 0; bit -= WINDOW_BITS) {
    for (let i = 0; i < WINDOW_BITS; i++) multiplyScalar(POWER, POWER, POWER);
    const digit = bitsAt(N_MINUS_2, bit, WINDOW_BITS);
    if (digit !== 0) multiplyScalar(POWER, POWER, POWERS + usize(digit) * SCALAR_BYTES);
  }
  memory.copy(out, POWER, SCALAR_BYTES);
}

/**
 * Signed digits of the scalar at `a`, one i8 for each bit position 0 to 256, to `digits`: each is 0
 * or odd and below 2^(width-1) in size, and of `width` neighbours at most one is not 0.
 */
export function recodeSigned(digits: usize, a: usize, width: i32): void {
  memory.fill(digits, 0, DIGITS);
  let carry = 0;
  let bit = 0;
  while (bit < i32(DIGITS)) {
    if (bitsAt(a, bit, 1) === carry) {
      bit += 1;
      continue;
    }
    let digit = bitsAt(a, bit, width) + carry;
    carry = digit >> (width - 1);
    digit -= carry << width;
    store<i8>(digits + usize(bit), i8(digit));
    bit += width;
  }
}

/** Digits recodeSigned writes: a carry can leave one at position 256. */
export const DIGITS: usize = 257;

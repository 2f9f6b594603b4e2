// Integers modulo n, the order of the base point of P-256 (SP 800-186 section 3.2.1.3).
//
// A scalar is a pointer to nine i32 limbs of 29 bits, least significant first, all in [0, 2^29).
// Products use Montgomery's method with R = 2^261. Public values only; the time may vary.

import { invert } from "./inverse";
import { bitsAt, isLess } from "./limbs";
import { N_LIMBS, N_PRIME, R2_MOD_N } from "./tables-p256";

const SCALAR_BYTES: usize = 36;
const LIMB_BITS: u64 = 29;
const MASK: u64 = 0x1fff_ffff; // 29 bits

const COLUMNS: usize = memory.data(144, 16); // eighteen u64, weight 2^(29i)

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

/** out = R / a mod n for a in [1, n): the factor that makes multiplyScalar(out, x, out) = x / a. */
export function invertScalar(out: usize, a: usize): void {
  invert(out, a, N_LIMBS, N_PRIME);
  multiplyScalar(out, out, R2_MOD_N);
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

// Integers modulo n, the order of the base point of the selected curve.
//
// A scalar is a pointer to nine i32 limbs of 29 bits, least significant first, all in [0, 2^29).
// Products use Montgomery's method with R = 2^261. Secret scalars may go to multiplyScalar,
// addScalars, subtractScalars and invertSecretScalar, which take the same steps for all values;
// invertScalar and recodeSigned are for public ones.

import { N, N_PRIME, R2_MOD_N, curve } from "./curve";
import { invert } from "./inverse";
import { bitsAt } from "./limbs";

const SCALAR_BYTES: usize = 36;
const TOP: usize = 32; // offset of the highest limb
const LIMB_BITS: u64 = 29;
const MASK: u64 = 0x1fff_ffff; // 29 bits
const N_BITS: i32 = 256;

const COLUMNS: usize = memory.data(144, 16); // eighteen u64, weight 2^(29i)
const DIFFERENCE: usize = memory.data(40, 16);
const EXPONENT: usize = memory.data(40, 16); // n - 2, public
const POWER: usize = memory.data(40, 16);

/** out = a * b / R mod n in [0, n), for a * b < n * 2^260. out may be a or b. */
export function multiplyScalar(out: usize, a: usize, b: usize): void {
  const nPrime = u64(load<u32>(curve + N_PRIME));
  memory.fill(COLUMNS, 0, 144);
  for (let i: usize = 0; i < SCALAR_BYTES; i += 4) {
    const column = COLUMNS + (i << 1);
    addMultiple(column, u64(load<i32>(a + i)), b);
    // The multiple q of n that clears this column.
    const q = (load<u64>(column) * nPrime) & MASK;
    addMultiple(column, q, curve + N);
    store<u64>(column, load<u64>(column, 8) + (load<u64>(column) >> LIMB_BITS), 8);
  }
  let carry: u64 = 0;
  for (let i: usize = 0; i < SCALAR_BYTES; i += 4) {
    carry += load<u64>(COLUMNS + (i << 1), 72);
    store<i32>(out + i, i32(carry & MASK));
    carry >>= LIMB_BITS;
  }
  reduceOnce(out);
}

/** Adds x * b to the nine columns from `column` on; a column takes 18 products below 2^58. */
function addMultiple(column: usize, x: u64, b: usize): void {
  for (let j: usize = 0; j < SCALAR_BYTES; j += 4) {
    const target = column + (j << 1);
    store<u64>(target, load<u64>(target) + x * u64(load<i32>(b + j)));
  }
}

/** out = a + sign * b with carries; the highest limb takes the sign of the sum. */
function addSigned(out: usize, a: usize, sign: i64, b: usize): void {
  let carry: i64 = 0;
  for (let i: usize = 0; i < SCALAR_BYTES; i += 4) {
    carry += i64(load<i32>(a + i)) + sign * i64(load<i32>(b + i));
    store<i32>(out + i, i === TOP ? i32(carry) : i32(carry & i64(MASK)));
    carry >>= i64(LIMB_BITS);
  }
}

/** a = a - n if a >= n, for a below 2n. */
export function reduceOnce(a: usize): void {
  addSigned(DIFFERENCE, a, -1, curve + N);
  const keep = load<i32>(DIFFERENCE, TOP) >> 31; // -1 if a < n
  for (let i: usize = 0; i < SCALAR_BYTES; i += 4) {
    const d = load<i32>(DIFFERENCE + i);
    store<i32>(a + i, d ^ ((d ^ load<i32>(a + i)) & keep));
  }
}

/** Whether a < n, for a secret a. */
export function isBelowOrder(a: usize): bool {
  addSigned(DIFFERENCE, a, -1, curve + N);
  return load<i32>(DIFFERENCE, TOP) < 0;
}

/** out = a + n, not reduced. */
export function addOrder(out: usize, a: usize): void {
  addSigned(out, a, 1, curve + N);
}

/** out = a + b mod n for a, b in [0, n). */
export function addScalars(out: usize, a: usize, b: usize): void {
  addSigned(out, a, 1, b);
  reduceOnce(out);
}

/** out = a - b mod n for a, b in [0, n). */
export function subtractScalars(out: usize, a: usize, b: usize): void {
  addSigned(out, a, -1, b);
  addSigned(out, out, 1, curve + N);
  reduceOnce(out);
}

/** out = R / a mod n for a in [1, n): the factor that makes multiplyScalar(out, x, out) = x / a. */
export function invertScalar(out: usize, a: usize): void {
  invert(out, a, curve + N, u64(load<u32>(curve + N_PRIME)));
  multiplyScalar(out, out, curve + R2_MOD_N);
}

/** As invertScalar for a secret a: a^(n - 2) by Fermat; n is public, and so are its bits. */
export function invertSecretScalar(out: usize, a: usize): void {
  memory.copy(EXPONENT, curve + N, SCALAR_BYTES);
  store<i32>(EXPONENT, load<i32>(EXPONENT) - 2); // the lowest limb of both n is larger
  multiplyScalar(POWER, a, curve + R2_MOD_N); // a R
  memory.copy(out, POWER, SCALAR_BYTES); // the highest bit
  for (let bit = N_BITS - 2; bit >= 0; bit--) {
    multiplyScalar(out, out, out);
    if (bitsAt(EXPONENT, bit, 1)) multiplyScalar(out, out, POWER);
  }
  memory.fill(POWER, 0, SCALAR_BYTES);
}

/** Clears what products of secrets left. */
export function wipeScalars(): void {
  memory.fill(COLUMNS, 0, 144);
  memory.fill(DIFFERENCE, 0, SCALAR_BYTES);
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

// 256-bit integers as nine i32 limbs of 29 bits, least significant first: reading and comparing.
// All moduli share this form. isLess is for public values alone.

const LIMBS: i32 = 9;
const LIMB_BITS: i32 = 29;
const MASK: u64 = 0x1fff_ffff; // 29 bits

// 32 little-endian bytes, and zeros so that eight bytes can be read at the last limb.
const BYTES: usize = memory.data(40, 16);

/** The 32 big-endian bytes at `source` as limbs at `out`. */
export function fromBytes(out: usize, source: usize): void {
  for (let i: usize = 0; i < 32; i += 8) {
    store<u64>(BYTES + i, bswap<u64>(load<u64>(source + (24 - i))));
  }
  for (let i = 0; i < LIMBS; i++) {
    const bit = i * LIMB_BITS;
    const word = load<u64>(BYTES + usize(bit >> 3)) >> u64(bit & 7);
    store<i32>(out + usize(i << 2), i32(word & MASK));
  }
}

/** The 32 big-endian bytes of the number below 2^256 at `a`, limbs in [0, 2^29), to `out`. */
export function toBytes(out: usize, a: usize): void {
  for (let i = 0; i < 32; i++) {
    store<u8>(out + usize(31 - i), u8(bitsAt(a, i << 3, 8)));
  }
}

/** Clears what fromBytes left. */
export function wipeBytes(): void {
  memory.fill(BYTES, 0, 40);
}

/** Whether a < b, both with limbs in [0, 2^29). */
export function isLess(a: usize, b: usize): bool {
  for (let i = (LIMBS - 1) << 2; i >= 0; i -= 4) {
    const x = load<i32>(a + usize(i));
    const y = load<i32>(b + usize(i));
    if (x !== y) return x < y;
  }
  return false;
}

/** Whether a is 0, with limbs in [0, 2^29). */
export function isNull(a: usize): bool {
  let bits = 0;
  for (let i = 0; i < LIMBS; i++) bits |= load<i32>(a + usize(i << 2));
  return bits === 0;
}

/** Bits `bit` to `bit + count - 1` of a, for count up to 16; bits from 261 on are 0. */
export function bitsAt(a: usize, bit: i32, count: i32): i32 {
  const limb = bit / LIMB_BITS;
  const shift = bit % LIMB_BITS;
  if (limb >= LIMBS) return 0;
  let word = u64(load<i32>(a + usize(limb << 2)));
  if (limb + 1 < LIMBS) word |= u64(load<i32>(a + usize(limb << 2), 4)) << LIMB_BITS;
  return i32(word >> u64(shift)) & ((1 << count) - 1);
}

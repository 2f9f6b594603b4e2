// SHA-256, FIPS 180-4 section 6.2. The message arrives in chunks through MESSAGE:
//
//   sha256Start, sha256Update for each full chunk, sha256Finish for the rest; or sha256 for all.
//
// The digest, 32 bytes big-endian, goes to OUTPUT. State and schedule are cleared at the end.

import { MESSAGE, OUTPUT } from "./arena";
import { INITIAL_HASH, K256 } from "./tables-sha256";

const BLOCK_BYTES: i32 = 64; // 512 bits
const LENGTH_BYTES: i32 = 8; // the bit length at the end of the padding, section 5.1.1
const HASH_BYTES: usize = 32;

const HASH: usize = memory.data(40, 16); // H(i), eight u32, then the number of bytes hashed, u64
const TOTAL: usize = HASH + 32;
const SCHEDULE: usize = memory.data(256, 16); // W[0..63], u32 each
const TAIL: usize = memory.data(128, 16); // the padded last one or two blocks

/** Functions of section 4.1.2, inlined. */
class Fn {
  @inline static ch(x: u32, y: u32, z: u32): u32 {
    return z ^ (x & (y ^ z)); // (x and y) xor (not x and z)
  }

  @inline static maj(x: u32, y: u32, z: u32): u32 {
    return (x & y) | (z & (x | y)); // (x and y) xor (x and z) xor (y and z)
  }

  @inline static bigSigma0(x: u32): u32 {
    return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
  }

  @inline static bigSigma1(x: u32): u32 {
    return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
  }

  @inline static sigma0(x: u32): u32 {
    return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3);
  }

  @inline static sigma1(x: u32): u32 {
    return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10);
  }
}

/** Section 6.2.2 for the 64-byte block at `block`. */
function compress(block: usize): void {
  // 1. Message schedule.
  for (let t: usize = 0; t < 64; t += 4) {
    store<u32>(SCHEDULE + t, bswap<u32>(load<u32>(block + t)));
  }
  for (let t = SCHEDULE; t < SCHEDULE + 192; t += 4) {
    const w = Fn.sigma1(load<u32>(t, 56)) + load<u32>(t, 36);
    store<u32>(t, w + Fn.sigma0(load<u32>(t, 4)) + load<u32>(t), 64);
  }
  // 2. Working variables.
  let a = load<u32>(HASH);
  let b = load<u32>(HASH, 4);
  let c = load<u32>(HASH, 8);
  let d = load<u32>(HASH, 12);
  let e = load<u32>(HASH, 16);
  let f = load<u32>(HASH, 20);
  let g = load<u32>(HASH, 24);
  let h = load<u32>(HASH, 28);
  // 3. Rounds.
  for (let t: usize = 0; t < 256; t += 4) {
    const constant = load<u32>(K256 + t) + load<u32>(SCHEDULE + t);
    const t1 = h + Fn.bigSigma1(e) + Fn.ch(e, f, g) + constant;
    const t2 = Fn.bigSigma0(a) + Fn.maj(a, b, c);
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  // 4. Intermediate hash value.
  store<u32>(HASH, load<u32>(HASH) + a);
  store<u32>(HASH, load<u32>(HASH, 4) + b, 4);
  store<u32>(HASH, load<u32>(HASH, 8) + c, 8);
  store<u32>(HASH, load<u32>(HASH, 12) + d, 12);
  store<u32>(HASH, load<u32>(HASH, 16) + e, 16);
  store<u32>(HASH, load<u32>(HASH, 20) + f, 20);
  store<u32>(HASH, load<u32>(HASH, 24) + g, 24);
  store<u32>(HASH, load<u32>(HASH, 28) + h, 28);
}

/** Begins a message: H(0), section 5.3.3. */
export function sha256Start(): void {
  memory.copy(HASH, INITIAL_HASH, HASH_BYTES);
  store<u64>(TOTAL, 0);
}

/** Hashes the first `byteCount` bytes of MESSAGE, a multiple of 64. */
export function sha256Update(byteCount: i32): void {
  for (let offset = 0; offset < byteCount; offset += BLOCK_BYTES) {
    compress(MESSAGE + usize(offset));
  }
  store<u64>(TOTAL, load<u64>(TOTAL) + u64(byteCount));
}

/** Hashes the last `byteCount` bytes, pads (section 5.1.1) and puts the digest at OUTPUT. */
export function sha256Finish(byteCount: i32): void {
  const whole = byteCount & ~(BLOCK_BYTES - 1);
  sha256Update(whole);
  const rest = byteCount - whole;
  const bits = (load<u64>(TOTAL) + u64(rest)) << 3;
  memory.fill(TAIL, 0, 128);
  memory.copy(TAIL, MESSAGE + usize(whole), usize(rest));
  store<u8>(TAIL + usize(rest), 0x80);
  const tailBytes = rest < BLOCK_BYTES - LENGTH_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  store<u64>(TAIL + usize(tailBytes - LENGTH_BYTES), bswap<u64>(bits));
  for (let offset = 0; offset < tailBytes; offset += BLOCK_BYTES) compress(TAIL + usize(offset));
  for (let offset: usize = 0; offset < HASH_BYTES; offset += 4) {
    store<u32>(OUTPUT + offset, bswap<u32>(load<u32>(HASH + offset)));
  }
  memory.fill(HASH, 0, 40);
  memory.fill(SCHEDULE, 0, 256);
  memory.fill(TAIL, 0, 128);
}

/** The digest of the first `byteCount` bytes of MESSAGE, to OUTPUT. */
export function sha256(byteCount: i32): void {
  sha256Start();
  sha256Finish(byteCount);
}

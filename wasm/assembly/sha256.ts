// SHA-256, FIPS 180-4 section 6.2. The message arrives in chunks through MESSAGE:
//
//   sha256Start, sha256Update for each full chunk, sha256Finish for the rest; or sha256 for all.
//
// The digest, 32 bytes big-endian, goes to OUTPUT. State and schedule are cleared at the end.

import { MESSAGE, OUTPUT } from "./arena";

/** K{256} of section 4.2.2: the first 32 bits of the fractions of the cube roots of the primes. */
// prettier-ignore
const K256: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** H(0) of section 5.3.3. */
// prettier-ignore
const INITIAL_HASH: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

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

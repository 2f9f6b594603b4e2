// MD5, RFC 1321, for the responses of CHAP (RFC 1994 section 4.1) only. The message is the first
// `byteCount` bytes of MESSAGE; the digest, 16 bytes, goes to ANSWER.

import { MESSAGE } from "./arena";
import { ANSWER } from "./arena-vectors";
import { SINES } from "./tables-md5";

const BLOCK_BYTES: i32 = 64;
const LENGTH_BYTES: i32 = 8; // section 3.2
const SHIFTS: usize = memory.data<u8>([7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]);

const HASH: usize = memory.data(16, 16); // A, B, C, D of section 3.3
const TAIL: usize = memory.data(128, 16); // the padded last one or two blocks

/** F, G, H and I of section 3.4, for operations 0-15, 16-31, 32-47 and 48-63. */
function mix(round: i32, x: u32, y: u32, z: u32): u32 {
  if (round === 0) return (x & y) | (~x & z);
  if (round === 1) return (x & z) | (y & ~z);
  if (round === 2) return x ^ y ^ z;
  return y ^ (x | ~z);
}

/** Which word of the block operation `i` takes, section 3.4. */
function wordOf(round: i32, i: i32): i32 {
  if (round === 0) return i;
  if (round === 1) return (5 * i + 1) & 15;
  if (round === 2) return (3 * i + 5) & 15;
  return (7 * i) & 15;
}

/** Section 3.4 for the 64-byte block at `block`. */
function compress(block: usize): void {
  let a = load<u32>(HASH);
  let b = load<u32>(HASH, 4);
  let c = load<u32>(HASH, 8);
  let d = load<u32>(HASH, 12);
  for (let i = 0; i < 64; i++) {
    const round = i >> 4;
    const word = load<u32>(block + usize(wordOf(round, i) << 2));
    const sum = a + mix(round, b, c, d) + word + load<u32>(SINES + usize(i << 2));
    const shift = load<u8>(SHIFTS + usize((round << 2) | (i & 3)));
    a = d;
    d = c;
    c = b;
    b += rotl<u32>(sum, shift);
  }
  store<u32>(HASH, load<u32>(HASH) + a);
  store<u32>(HASH, load<u32>(HASH, 4) + b, 4);
  store<u32>(HASH, load<u32>(HASH, 8) + c, 8);
  store<u32>(HASH, load<u32>(HASH, 12) + d, 12);
}

/** The digest of the first `byteCount` bytes of MESSAGE. */
export function md5(byteCount: i32): void {
  store<u32>(HASH, 0x6745_2301); // section 3.3
  store<u32>(HASH, 0xefcd_ab89, 4);
  store<u32>(HASH, 0x98ba_dcfe, 8);
  store<u32>(HASH, 0x1032_5476, 12);
  const whole = byteCount & ~(BLOCK_BYTES - 1);
  for (let offset = 0; offset < whole; offset += BLOCK_BYTES) compress(MESSAGE + usize(offset));
  const rest = byteCount - whole;
  memory.copy(TAIL, MESSAGE + usize(whole), usize(rest));
  store<u8>(TAIL + usize(rest), 0x80); // section 3.1
  const tailBytes = rest < BLOCK_BYTES - LENGTH_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  store<u64>(TAIL + usize(tailBytes - LENGTH_BYTES), u64(byteCount) << 3);
  for (let offset = 0; offset < tailBytes; offset += BLOCK_BYTES) compress(TAIL + usize(offset));
  v128.store(ANSWER, v128.load(HASH)); // section 3.5
  memory.fill(HASH, 0, 16);
  memory.fill(TAIL, 0, 128);
}

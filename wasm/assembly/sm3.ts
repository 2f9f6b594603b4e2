// SM3, GB/T 32905-2016 section 5, and HMAC with it (FIPS 198-1 section 4). The message arrives in
// chunks of any length through MESSAGE: start, sm3Update for each, finish with the rest. The digest,
// 32 bytes big-endian, goes to SM_OUTPUT, and all state is cleared.

import { MESSAGE } from "./arena";
import { SM_INPUT, SM_OUTPUT } from "./arena-sm";
import { INITIAL_SM3 } from "./tables-sm";

export const SM3_BYTES: usize = 32;
const BLOCK_BYTES: usize = 64;
const LENGTH_OFFSET: usize = 56; // of the 64-bit length in the last block, section 5.2

const T_FIRST: u32 = 0x79cc4519; // T(j) for j = 0..15, section 4.2
const T_LAST: u32 = 0x7a879d8a; // for j = 16..63
const IPAD: u32 = 0x36363636; // FIPS 198-1 Table 1
const OPAD: u32 = 0x5c5c5c5c;

const V: usize = memory.data(32, 16); // eight u32
const BUFFER: usize = memory.data(64, 16); // the block that is not full yet
const W: usize = memory.data(272, 16); // W(0)..W(67), u32 each
const TOTAL: usize = memory.data(8, 16); // u64, bytes absorbed
const KEY: usize = memory.data(64, 16); // K0 of HMAC
const INNER: usize = memory.data(32, 16); // the inner digest of HMAC

/** Functions of sections 4.3 and 4.4, inlined. */
class Fn {
  @inline static p0(x: u32): u32 {
    return x ^ rotl<u32>(x, 9) ^ rotl<u32>(x, 17);
  }

  @inline static p1(x: u32): u32 {
    return x ^ rotl<u32>(x, 15) ^ rotl<u32>(x, 23);
  }

  @inline static majority(x: u32, y: u32, z: u32): u32 {
    return (x & y) | (z & (x | y)); // FF(j) for j >= 16
  }

  @inline static choose(x: u32, y: u32, z: u32): u32 {
    return z ^ (x & (y ^ z)); // GG(j) for j >= 16
  }
}

/** Message expansion, section 5.3.2: W(0)..W(67); W'(j) = W(j) ^ W(j + 4) is formed where used. */
function expand(block: usize): void {
  for (let j: usize = 0; j < 64; j += 4) store<u32>(W + j, bswap<u32>(load<u32>(block + j)));
  for (let w = W; w < W + 208; w += 4) {
    const x = load<u32>(w) ^ load<u32>(w, 28) ^ rotl<u32>(load<u32>(w, 52), 15);
    store<u32>(w, Fn.p1(x) ^ rotl<u32>(load<u32>(w, 12), 7) ^ load<u32>(w, 40), 64);
  }
}

/** Compression, section 5.3.3, of the 64 bytes at `block`. */
function compress(block: usize): void {
  expand(block);
  let a = load<u32>(V);
  let b = load<u32>(V, 4);
  let c = load<u32>(V, 8);
  let d = load<u32>(V, 12);
  let e = load<u32>(V, 16);
  let f = load<u32>(V, 20);
  let g = load<u32>(V, 24);
  let h = load<u32>(V, 28);
  for (let j: u32 = 0; j < 64; j++) {
    const early = j < 16;
    const w = load<u32>(W + usize(j << 2));
    const wPrime = w ^ load<u32>(W + usize(j << 2), 16);
    const a12 = rotl<u32>(a, 12);
    const ss1 = rotl<u32>(a12 + e + rotl<u32>(early ? T_FIRST : T_LAST, j), 7);
    const ff = early ? a ^ b ^ c : Fn.majority(a, b, c);
    const gg = early ? e ^ f ^ g : Fn.choose(e, f, g);
    const tt1 = ff + d + (ss1 ^ a12) + wPrime;
    const tt2 = gg + h + ss1 + w;
    d = c;
    c = rotl<u32>(b, 9);
    b = a;
    a = tt1;
    h = g;
    g = rotl<u32>(f, 19);
    f = e;
    e = Fn.p0(tt2);
  }
  store<u32>(V, load<u32>(V) ^ a);
  store<u32>(V, load<u32>(V, 4) ^ b, 4);
  store<u32>(V, load<u32>(V, 8) ^ c, 8);
  store<u32>(V, load<u32>(V, 12) ^ d, 12);
  store<u32>(V, load<u32>(V, 16) ^ e, 16);
  store<u32>(V, load<u32>(V, 20) ^ f, 20);
  store<u32>(V, load<u32>(V, 24) ^ g, 24);
  store<u32>(V, load<u32>(V, 28) ^ h, 28);
}

/** Begins a message: IV, section 4.1. */
export function sm3Start(): void {
  memory.copy(V, INITIAL_SM3, SM3_BYTES);
  store<u64>(TOTAL, 0);
}

/** Absorbs `byteCount` bytes at `source`. */
export function sm3Absorb(source: usize, byteCount: usize): void {
  let filled = usize(load<u64>(TOTAL)) & (BLOCK_BYTES - 1);
  store<u64>(TOTAL, load<u64>(TOTAL) + u64(byteCount));
  let left = byteCount;
  if (filled > 0) {
    const part = min<usize>(left, BLOCK_BYTES - filled);
    memory.copy(BUFFER + filled, source, part);
    if (filled + part < BLOCK_BYTES) return;
    compress(BUFFER);
    source += part;
    left -= part;
    filled = 0;
  }
  for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES) {
    compress(source);
    source += BLOCK_BYTES;
  }
  memory.copy(BUFFER, source, left);
}

/** Pads, section 5.2, and puts the digest at `out`. */
export function sm3Digest(out: usize): void {
  const total = load<u64>(TOTAL);
  const filled = usize(total) & (BLOCK_BYTES - 1);
  store<u8>(BUFFER + filled, 0x80);
  memory.fill(BUFFER + filled + 1, 0, BLOCK_BYTES - 1 - filled);
  if (filled >= LENGTH_OFFSET) {
    compress(BUFFER);
    memory.fill(BUFFER, 0, BLOCK_BYTES);
  }
  store<u64>(BUFFER, bswap<u64>(total << 3), LENGTH_OFFSET);
  compress(BUFFER);
  for (let i: usize = 0; i < SM3_BYTES; i += 4) {
    store<u32>(out + i, bswap<u32>(load<u32>(V + i)));
  }
}

/** Clears the state of the hash and of HMAC. */
export function sm3Wipe(): void {
  memory.fill(V, 0, SM3_BYTES);
  memory.fill(BUFFER, 0, BLOCK_BYTES);
  memory.fill(W, 0, 272);
  memory.fill(KEY, 0, BLOCK_BYTES);
  memory.fill(INNER, 0, SM3_BYTES);
  store<u64>(TOTAL, 0);
}

/** Absorbs the first `byteCount` bytes of MESSAGE. */
export function sm3Update(byteCount: i32): void {
  sm3Absorb(MESSAGE, usize(byteCount));
}

/** Absorbs the last `byteCount` bytes; the digest goes to SM_OUTPUT. */
export function sm3Finish(byteCount: i32): void {
  sm3Update(byteCount);
  sm3Digest(SM_OUTPUT);
  sm3Wipe();
}

/** Begins the hash of K0 ^ pad. */
function startPadded(pad: u32): void {
  for (let i: usize = 0; i < BLOCK_BYTES; i += 4) {
    store<u32>(BUFFER + i, load<u32>(KEY + i) ^ pad);
  }
  sm3Start();
  store<u64>(TOTAL, BLOCK_BYTES);
  compress(BUFFER);
}

/** Begins HMAC under the `keyBytes` bytes at `key`, 64 at most: steps 1 to 5 of FIPS 198-1. */
export function hmacStart(key: usize, keyBytes: usize): void {
  memory.fill(KEY, 0, BLOCK_BYTES);
  memory.copy(KEY, key, keyBytes);
  startPadded(IPAD);
}

/** Ends HMAC: steps 6 to 9; the MAC, 32 bytes, goes to `out`. The key stays for another start. */
export function hmacDigest(out: usize): void {
  sm3Digest(INNER);
  startPadded(OPAD);
  sm3Absorb(INNER, SM3_BYTES);
  sm3Digest(out);
}

/** Begins HMAC under the first `keyBytes` bytes of SM_INPUT. */
export function hmacSm3Start(keyBytes: i32): void {
  hmacStart(SM_INPUT, usize(keyBytes));
}

/** Absorbs the last `byteCount` bytes of MESSAGE; the MAC goes to SM_OUTPUT. */
export function hmacSm3Finish(byteCount: i32): void {
  sm3Update(byteCount);
  hmacDigest(SM_OUTPUT);
  sm3Wipe();
}

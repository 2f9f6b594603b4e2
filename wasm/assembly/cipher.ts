// One block cipher of 128 bits at a time, AES-128 or SM4, and what the modes need of it:
//
//   CTR      NIST SP 800-38A section 6.5, with the 32-bit counter of GCM and CCM
//   CBC-MAC  as CCM uses it, SP 800-38C section 6.1
//   CMAC     SP 800-38B section 6
//
// cipherStart expands a key, the calls after it use it, cipherWipe clears all of it. A caller passes
// data through MESSAGE in chunks, all but the last a multiple of 16 bytes. Constant time throughout:
// lengths and the kind of cipher are public.

import {
  encryptFourWithRoundKeys,
  encryptWithRoundKeys,
  expandKeyAndEncrypt,
  wipeRoundKeys,
} from "./aes";
import { MESSAGE } from "./arena";
import { SM_INPUT, SM_OUTPUT } from "./arena-sm";
import { encryptFourSm4, expandSm4Key, wipeSm4 } from "./sm4";

const BLOCK_BYTES: usize = 16;
const FOUR_BLOCKS: usize = 64;
const COUNTER_OFFSET: usize = 12; // of the 32-bit counter in its block
const REDUCTION: u64 = 0x87; // R128 of SP 800-38B section 5.3

const FOUR: usize = memory.data(64, 16); // four blocks under encryption
const FIRST: usize = memory.data(16, 16); // the counter block that masks the tag: J0 or A0
const COUNTER: usize = memory.data(16, 16); // the last counter block used
const MAC: usize = memory.data(16, 16);
const SUBKEYS: usize = memory.data(32, 16); // K1, K2 of CMAC

let isSm4: bool = false;

/** E of the block `x`. */
export function encrypt(x: v128): v128 {
  if (!isSm4) return encryptWithRoundKeys(x);
  v128.store(FOUR, x);
  encryptFourSm4(FOUR);
  return v128.load(FOUR);
}

/** E of the four blocks at FOUR, in place. */
function encryptFour(): void {
  if (isSm4) encryptFourSm4(FOUR);
  else encryptFourWithRoundKeys(FOUR);
}

/** Takes the key at SM_INPUT: 1 for SM4, 0 for AES-128. */
export function cipherStart(sm4: i32): void {
  isSm4 = sm4 !== 0;
  if (isSm4) expandSm4Key(SM_INPUT);
  else expandKeyAndEncrypt(SM_INPUT, i32x4.splat(0));
  v128.store(MAC, i32x4.splat(0));
}

/** Clears the round keys and everything made with them. */
export function cipherWipe(): void {
  isSm4 = false;
  wipeRoundKeys();
  wipeSm4();
  memory.fill(FOUR, 0, FOUR_BLOCKS);
  memory.fill(FIRST, 0, BLOCK_BYTES);
  memory.fill(COUNTER, 0, BLOCK_BYTES);
  memory.fill(MAC, 0, BLOCK_BYTES);
  memory.fill(SUBKEYS, 0, 32);
}

/** E of the block at SM_INPUT + 16, to SM_OUTPUT. */
export function cipherBlock(): void {
  v128.store(SM_OUTPUT, encrypt(v128.load(SM_INPUT, 16)));
}

/** Sets the counter block that comes before the first of the data. */
export function setCounter(block: v128): void {
  v128.store(FIRST, block);
  v128.store(COUNTER, block);
}

/** Sets the counter block A0 of CCM (SP 800-38C appendix A.3), at SM_INPUT + 16. */
export function ccmStart(): void {
  setCounter(v128.load(SM_INPUT, 16));
}

/** E(J0) or E(A0): what masks the tag. */
export function encryptFirst(): v128 {
  return encrypt(v128.load(FIRST));
}

/** The counter block after the last one: only its last 32 bits count, modulo 2^32. */
function nextCounter(): v128 {
  const count = bswap<u32>(load<u32>(COUNTER, COUNTER_OFFSET)) + 1;
  store<u32>(COUNTER, bswap<u32>(count), COUNTER_OFFSET);
  return v128.load(COUNTER);
}

/** CTR over the first `byteCount` bytes of MESSAGE, in place: encryption or decryption. */
export function ctrCrypt(byteCount: i32): void {
  const end = MESSAGE + usize(byteCount);
  for (let at = MESSAGE; at < end; at += FOUR_BLOCKS) {
    const blocks = min<usize>(FOUR_BLOCKS, end - at);
    for (let i: usize = 0; i < blocks; i += BLOCK_BYTES) v128.store(FOUR + i, nextCounter());
    encryptFour();
    const whole = blocks & ~(BLOCK_BYTES - 1);
    for (let i: usize = 0; i < whole; i += BLOCK_BYTES) {
      v128.store(at + i, v128.xor(v128.load(at + i), v128.load(FOUR + i)));
    }
    for (let i = whole; i < blocks; i++) {
      store<u8>(at + i, load<u8>(at + i) ^ load<u8>(FOUR + i));
    }
  }
}

/** Puts zeros after `byteCount` bytes of MESSAGE up to the end of the block. */
export function padMessage(byteCount: usize): void {
  memory.fill(MESSAGE + byteCount, 0, (0 - byteCount) & (BLOCK_BYTES - 1));
}

/** CBC-MAC over the first `byteCount` bytes of MESSAGE, padded with zeros. */
export function cbcMac(byteCount: i32): void {
  padMessage(usize(byteCount));
  for (let at = MESSAGE; at < MESSAGE + usize(byteCount); at += BLOCK_BYTES) {
    v128.store(MAC, encrypt(v128.xor(v128.load(MAC), v128.load(at))));
  }
}

/** The tag of CCM before it is shortened, 16 bytes, to SM_OUTPUT. */
export function ccmTag(): void {
  v128.store(SM_OUTPUT, v128.xor(v128.load(MAC), encryptFirst()));
}

/** out = in * x in GF(2^128), SP 800-38B section 6.1; bytes big-endian. */
function double(out: usize, from: usize): void {
  const high = bswap<u64>(load<u64>(from));
  const low = bswap<u64>(load<u64>(from, 8));
  const carry = (0 - (high >> 63)) & REDUCTION;
  store<u64>(out, bswap<u64>((high << 1) | (low >> 63)));
  store<u64>(out, bswap<u64>((low << 1) ^ carry), 8);
}

/** Ends CMAC with the last `byteCount` bytes of MESSAGE, none only if there was none before. */
export function cmacFinish(byteCount: i32): void {
  const rest = usize(byteCount) & (BLOCK_BYTES - 1);
  const complete = byteCount > 0 && rest === 0;
  const last = usize(byteCount) - (complete ? BLOCK_BYTES : rest);
  if (last > 0) cbcMac(i32(last));
  const block = MESSAGE + last;
  if (!complete) {
    store<u8>(block + rest, 0x80);
    memory.fill(block + rest + 1, 0, BLOCK_BYTES - 1 - rest);
  }
  v128.store(SUBKEYS, encrypt(i32x4.splat(0)));
  double(SUBKEYS, SUBKEYS); // K1
  double(SUBKEYS + BLOCK_BYTES, SUBKEYS); // K2
  const subkey = v128.load(complete ? SUBKEYS : SUBKEYS + BLOCK_BYTES);
  const sum = v128.xor(v128.xor(v128.load(MAC), v128.load(block)), subkey);
  v128.store(SM_OUTPUT, encrypt(sum));
}

/** Whether the first `byteCount` bytes at SM_OUTPUT and at SM_INPUT + 32 are equal: 1 or 0. */
export function isTagEqual(byteCount: i32): i32 {
  let difference: u32 = 0;
  for (let i: usize = 0; i < usize(byteCount); i++) {
    difference |= u32(load<u8>(SM_OUTPUT + i) ^ load<u8>(SM_INPUT + 32 + i));
  }
  return i32(difference === 0);
}

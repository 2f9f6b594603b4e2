// Milenage, TS 35.206 clause 4.1, with the default constants of clause 4.1:
//
//   TEMP = E[RAND + OPc]                              IN1 = SQN || AMF || SQN || AMF
//   OUT1 = E[TEMP + rot(IN1 + OPc, r1) + c1] + OPc
//   OUTi = E[rot(TEMP + OPc, ri) + ci] + OPc          i = 2..5
//
//   r1..r5 = 64, 0, 32, 64, 96 bits; c1 = 0, c2 = 1, c3 = 2, c4 = 4, c5 = 8 (128-bit numbers)
//
//   f1  = MAC-A = OUT1[0..63]     f1* = MAC-S = OUT1[64..127]
//   f2  = RES   = OUT2[64..127]   f5  = AK    = OUT2[0..47]
//   f3  = CK    = OUT3            f4  = IK    = OUT4            f5* = AK* = OUT5[0..47]
//
// TS 35.206 numbers bits from the most significant one, so bits 0..63 are bytes 0..7; + is exclusive
// or. Nothing below branches on a value, or reads memory at an address, that depends on a secret.

import {
  encryptFourWithRoundKeys,
  encryptWithRoundKeys,
  expandKeyAndEncrypt,
  wipeRoundKeys,
} from "./aes";
import { INPUT, OUTPUT } from "./arena";

const K: usize = INPUT; // 16 bytes
const OPC: usize = INPUT + 16; // 16 bytes
const RAND: usize = INPUT + 32; // 16 bytes
const SQN_AMF: usize = INPUT + 48; // SQN 6 bytes, big-endian || AMF 2 bytes
const AUTS: usize = INPUT + 48; // (SQN_MS + AK*) 6 bytes || MAC-S 8 bytes

// c2..c5 as 128-bit numbers: the last byte of the block.
const C2: v128 = i32x4(0, 0, 0, 0x01000000);
const C3: v128 = i32x4(0, 0, 0, 0x02000000);
const C4: v128 = i32x4(0, 0, 0, 0x04000000);
const C5: v128 = i32x4(0, 0, 0, 0x08000000);

/** Low 48 bits: a 6-byte value read as a little-endian u64, which keeps the byte order in memory. */
export const SIX_BYTES: u64 = 0x0000_ffff_ffff_ffff;

// OUT1..OUT4, 16 bytes each, before OPc is added. Cleared at the end of each call.
const OUT: usize = memory.data(64, 16);
const OUT_BYTES: usize = 64;

/** rot(x, r) rotates towards the most significant end: byte 0 of the result is byte r/8 of x. */
class Rot {
  @inline static by32(x: v128): v128 {
    return i8x16.shuffle(x, x, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3);
  }

  @inline static by64(x: v128): v128 {
    return i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  }

  @inline static by96(x: v128): v128 {
    return i8x16.shuffle(x, x, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  }
}

/** OPc = OP + E[OP] of the OP at INPUT + 16 to OUTPUT, 16 bytes (TS 35.206 clause 4.1). */
export function deriveOpc(): void {
  const op = v128.load(OPC);
  v128.store(OUTPUT, v128.xor(op, expandKeyAndEncrypt(K, op)));
  wipeRoundKeys();
}

/** What E takes for OUT1..OUT4, to four blocks at `out`; IN1 = SQN || AMF || SQN || AMF. */
export function spread(out: usize, temp: v128, opc: v128, in1: v128): void {
  const tempOpc = v128.xor(temp, opc);
  v128.store(out, v128.xor(temp, Rot.by64(v128.xor(in1, opc)))); // r1 = 64, c1 = 0
  v128.store(out, v128.xor(tempOpc, C2), 16); // r2 = 0
  v128.store(out, v128.xor(Rot.by32(tempOpc), C3), 32); // r3 = 32
  v128.store(out, v128.xor(Rot.by64(tempOpc), C4), 48); // r4 = 64
}

/** OUT5, with the round keys of the last expandKeyAndEncrypt. */
function out5(temp: v128, opc: v128): v128 {
  const in5 = v128.xor(Rot.by96(v128.xor(temp, opc)), C5); // r5 = 96
  return v128.xor(encryptWithRoundKeys(in5), opc);
}

/**
 * All seven functions. OUTPUT, 68 bytes: f1 MAC-A 8 | f1* MAC-S 8 | f2 RES 8 | f3 CK 16 | f4 IK 16 |
 * f5 AK 6 | f5* AK* 6.
 */
export function milenage(): void {
  const opc = v128.load(OPC);
  const temp = expandKeyAndEncrypt(K, v128.xor(v128.load(RAND), opc));
  spread(OUT, temp, opc, v128.load64_splat(SQN_AMF));
  encryptFourWithRoundKeys(OUT);
  const out2 = v128.xor(v128.load(OUT, 16), opc);
  const akStar = u64(i64x2.extract_lane(out5(temp, opc), 0));
  v128.store(OUTPUT, v128.xor(v128.load(OUT), opc)); // f1, f1*
  store<u64>(OUTPUT, u64(i64x2.extract_lane(out2, 1)), 16); // f2
  v128.store(OUTPUT, v128.xor(v128.load(OUT, 32), opc), 24); // f3
  v128.store(OUTPUT, v128.xor(v128.load(OUT, 48), opc), 40); // f4
  store<u64>(OUTPUT, u64(i64x2.extract_lane(out2, 0)), 56); // f5; f5* replaces its last two bytes
  store<u32>(OUTPUT, u32(akStar), 62); // f5*
  store<u16>(OUTPUT, u16(akStar >> 32), 66);
  memory.fill(OUT, 0, OUT_BYTES);
  wipeRoundKeys();
}

/**
 * Re-synchronisation, TS 33.102 clauses 6.3.3 and 6.3.5: recovers SQN_MS from AUTS and verifies
 * MAC-S = f1*(K, SQN_MS || RAND || AMF*) with AMF* = 0000. Returns 1 and puts SQN_MS, 6 bytes, at
 * OUTPUT if it is right; otherwise returns 0 and OUTPUT is all zero. MAC-S is compared as a whole.
 */
export function openAuts(): i32 {
  const opc = v128.load(OPC);
  const temp = expandKeyAndEncrypt(K, v128.xor(v128.load(RAND), opc));
  const akStar = out5(temp, opc); // f5*
  const sqnMs = (load<u64>(AUTS) ^ u64(i64x2.extract_lane(akStar, 0))) & SIX_BYTES;
  const in1 = i64x2.splat(i64(sqnMs)); // SQN_MS || AMF* || SQN_MS || AMF*
  const in1Rotated = Rot.by64(v128.xor(in1, opc));
  const out1 = v128.xor(encryptWithRoundKeys(v128.xor(temp, in1Rotated)), opc); // f1*
  const difference = u64(i64x2.extract_lane(out1, 1)) ^ load<u64>(AUTS, 6);
  const accepted = i32(difference === 0);
  store<u64>(OUTPUT, sqnMs & (0 - u64(accepted)));
  wipeRoundKeys();
  return accepted;
}

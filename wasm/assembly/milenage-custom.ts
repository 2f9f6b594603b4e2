// Milenage with constants of the operator's choice, TS 35.206 clause 5.3: r1..r5 rotate by 0 to 127 bits
// towards the most significant end, c1..c5 are any 128-bit numbers. They are public; clause 4.1
// and milenage.ts have the functions and the default constants.
//
// REQUEST  K 16 | OPc 16 | RAND 16 | SQN 6 | AMF 2 | c1..c5 16 each
//          for milenageCustomOpenAuts AUTS 14 in place of SQN | AMF, and c1..c5 from byte 64 as before

import { encryptWithRoundKeys, expandKeyAndEncrypt, wipeRoundKeys } from "./aes";
import { ANSWER, REQUEST } from "./arena-vectors";

const K: usize = REQUEST;
const OPC: usize = REQUEST + 16;
const RAND: usize = REQUEST + 32;
const SQN_AMF: usize = REQUEST + 48;
const AUTS: usize = REQUEST + 48;
const CONSTANTS: usize = REQUEST + 64;
const SIX_BYTES: u64 = 0xffff_ffff_ffff;

const OUT: usize = memory.data(80, 16);
const TEMP: usize = memory.data(16, 16);

/** rot(x, r): bit 0 of the result is bit r of x, counted from the most significant one. */
function rotate(x: v128, bits: i32): v128 {
  const first = bswap<u64>(u64(i64x2.extract_lane(x, 0)));
  const second = bswap<u64>(u64(i64x2.extract_lane(x, 1)));
  const high = bits < 64 ? first : second; // bits is public
  const low = bits < 64 ? second : first;
  const shift = u64(bits & 63);
  const back = (64 - shift) & 63;
  const mask = shift === 0 ? u64(0) : ~u64(0); // a shift by 64 would be one by 0
  const newHigh = (high << shift) | ((low >> back) & mask);
  const newLow = (low << shift) | ((high >> back) & mask);
  const result = i64x2.splat(i64(bswap<u64>(newHigh)));
  return i64x2.replace_lane(result, 1, i64(bswap<u64>(newLow)));
}

/** TEMP = E[RAND + OPc]. */
function putTemp(): void {
  v128.store(TEMP, expandKeyAndEncrypt(K, v128.xor(v128.load(RAND), v128.load(OPC))));
}

/** OUT1 = E[TEMP + rot(IN1 + OPc, r1) + c1] + OPc. */
function out1(in1: v128, r1: i32): v128 {
  const opc = v128.load(OPC);
  const turned = v128.xor(rotate(v128.xor(in1, opc), r1), v128.load(CONSTANTS));
  return v128.xor(encryptWithRoundKeys(v128.xor(v128.load(TEMP), turned)), opc);
}

/** OUTi = E[rot(TEMP + OPc, ri) + ci] + OPc for i = 2..5. */
function outI(i: usize, r: i32): v128 {
  const opc = v128.load(OPC);
  const turned = rotate(v128.xor(v128.load(TEMP), opc), r);
  const block = v128.xor(turned, v128.load(CONSTANTS + ((i - 1) << 4)));
  return v128.xor(encryptWithRoundKeys(block), opc);
}

function wipe(): void {
  memory.fill(OUT, 0, 80);
  memory.fill(TEMP, 0, 16);
  wipeRoundKeys();
}

/** All seven functions. ANSWER: as OUTPUT of milenage. */
export function milenageCustom(r1: i32, r2: i32, r3: i32, r4: i32, r5: i32): void {
  putTemp();
  const in1 = i64x2.splat(load<i64>(SQN_AMF)); // SQN || AMF || SQN || AMF
  v128.store(ANSWER, out1(in1, r1)); // f1, f1*
  v128.store(OUT, outI(2, r2));
  store<u64>(ANSWER, load<u64>(OUT, 8), 16); // f2
  v128.store(ANSWER, outI(3, r3), 24); // f3
  v128.store(ANSWER, outI(4, r4), 40); // f4
  store<u64>(ANSWER, load<u64>(OUT) & SIX_BYTES, 56); // f5
  v128.store(OUT, outI(5, r5));
  store<u32>(ANSWER, load<u32>(OUT), 62); // f5*
  store<u16>(ANSWER, load<u16>(OUT, 4), 66);
  wipe();
}

/**
 * Re-synchronisation as openAuts of milenage.ts. Returns 1 and puts SQN_MS, 6 bytes, at ANSWER if MAC-S is
 * right; otherwise returns 0 and ANSWER is zero.
 */
export function milenageCustomOpenAuts(r1: i32, r5: i32): i32 {
  putTemp();
  v128.store(OUT, outI(5, r5));
  const sqnMs = (load<u64>(AUTS) ^ load<u64>(OUT)) & SIX_BYTES;
  v128.store(OUT, out1(i64x2.splat(i64(sqnMs)), r1)); // AMF* = 0000
  const difference = load<u64>(OUT, 8) ^ load<u64>(AUTS, 6);
  const accepted = i32(difference === 0);
  store<u64>(ANSWER, sqnMs & (0 - u64(accepted)));
  wipe();
  return accepted;
}

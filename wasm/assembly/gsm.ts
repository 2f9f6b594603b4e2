// GSM answers: conversions between 2G and 3G values (TS 33.102 clause 6.8), GSM-Milenage (TS 55.205),
// and the XOR test algorithms (TS 34.108 clause 8.1.2, TS 51.010-1 clause A.4.1.2).
//
//   c2  SRES = RES1 + RES2 + RES3 + RES4, 32-bit words of RES padded with zeros to 128 bits
//   c3  Kc = CK1 + CK2 + IK1 + IK2, 64-bit halves
//   c4  CK = Kc || Kc
//   c5  IK = Kc1 + Kc2 || Kc || Kc1 + Kc2, 32-bit halves of Kc
//
// + is exclusive or; nothing branches or reads memory by a value.

import { INPUT, OUTPUT } from "./arena";
import { ANSWER, REQUEST } from "./arena-vectors";
import { milenage } from "./milenage";

const SIX_BYTES: u64 = 0xffff_ffff_ffff;
const MILENAGE_REQUEST_BYTES: usize = 56;
const MILENAGE_ANSWER_BYTES: usize = 68;

/** c2, its alternative (the first word of RES, TS 55.205 clause 4.1), and c3, to ANSWER. */
function fold(res: v128, ck: v128, ik: v128): void {
  const halves = i64x2.extract_lane(res, 0) ^ i64x2.extract_lane(res, 1);
  store<u32>(ANSWER, u32(halves) ^ u32(u64(halves) >> 32)); // c2
  store<u32>(ANSWER, i32x4.extract_lane(res, 0), 4);
  const keys = v128.xor(ck, ik);
  store<i64>(ANSWER, i64x2.extract_lane(keys, 0) ^ i64x2.extract_lane(keys, 1), 8); // c3
}

/** REQUEST: RES padded with zeros to 16 | CK 16 | IK 16. ANSWER: SRES 4 | SRES#2 4 | Kc 8. */
export function convert3gTo2g(): void {
  fold(v128.load(REQUEST), v128.load(REQUEST, 16), v128.load(REQUEST, 32));
}

/** REQUEST: Kc 8. ANSWER: CK 16 | IK 16. */
export function convert2gTo3g(): void {
  const kc = load<u64>(REQUEST);
  v128.store(ANSWER, i64x2.splat(i64(kc))); // c4
  const sum = u32(kc) ^ u32(kc >> 32);
  store<u32>(ANSWER, sum, 16); // c5
  store<u64>(ANSWER, kc, 20);
  store<u32>(ANSWER, sum, 28);
}

/**
 * GSM-Milenage, TS 55.205 clause 4: f2, f3 and f4 of Milenage, then c2 and c3. REQUEST: K 16 | OPc 16 |
 * RAND 16. ANSWER: SRES 4 | SRES#2 4 | Kc 8.
 */
export function gsmMilenage(): void {
  memory.copy(INPUT, REQUEST, 48);
  milenage();
  const res = v128.load64_zero(OUTPUT + 16);
  fold(res, v128.load(OUTPUT, 24), v128.load(OUTPUT, 40));
  memory.fill(INPUT, 0, MILENAGE_REQUEST_BYTES);
  memory.fill(OUTPUT, 0, MILENAGE_ANSWER_BYTES);
}

/**
 * XOR of TS 34.108 clause 8.1.2. REQUEST: K 16 | RAND 16 | SQN 6 | AMF 2. ANSWER: XMAC 8 | RES 16 | CK 16 |
 * IK 16 | AK 6.
 */
export function xor3g(): void {
  const x = v128.xor(v128.load(REQUEST), v128.load(REQUEST, 16)); // XDOUT
  store<u64>(ANSWER, u64(i64x2.extract_lane(x, 0)) ^ load<u64>(REQUEST, 32)); // + SQN || AMF
  v128.store(ANSWER, x, 8);
  const ck = i8x16.shuffle(x, x, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0);
  v128.store(ANSWER, ck, 24);
  const ik = i8x16.shuffle(x, x, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1);
  v128.store(ANSWER, ik, 40);
  const ak = i8x16.shuffle(x, x, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  store<u64>(ANSWER, u64(i64x2.extract_lane(ak, 0)) & SIX_BYTES, 56);
}

/**
 * The authentication vector of XOR-3G. ANSWER: AUTN 16 | RES 16 | CK 16 | IK 16, from the request of
 * xor3g.
 */
export function xor3gVector(): void {
  xor3g();
  const mac = load<u64>(ANSWER);
  const concealed = load<u64>(REQUEST, 32) ^ load<u64>(ANSWER, 56);
  for (let offset: usize = 48; offset > 0; offset -= 16) {
    v128.store(ANSWER + offset, v128.load(ANSWER + offset - 8));
  }
  store<u64>(ANSWER, concealed);
  store<u64>(ANSWER, mac, 8);
}

/**
 * Re-synchronisation with XOR-3G: AK* = AK, MAC-S over AMF* = 0000. REQUEST: K 16 | RAND 16 |
 * (SQN_MS + AK*) 6 | MAC-S 8. Returns 1 and puts SQN_MS, 6 bytes, at ANSWER if MAC-S is right, else 0.
 */
export function xor3gOpenAuts(): i32 {
  const concealed = load<u64>(REQUEST, 32) & SIX_BYTES;
  const macS = load<u64>(REQUEST, 38);
  xor3g();
  const sqnMs = concealed ^ load<u64>(ANSWER, 56);
  const expected = load<u64>(ANSWER, 8) ^ sqnMs;
  const accepted = i32((expected ^ macS) === 0);
  memory.fill(ANSWER, 0, 64);
  store<u64>(ANSWER, sqnMs & (0 - u64(accepted)));
  return accepted;
}

/** XOR of TS 51.010-1 clause A.4.1.2. REQUEST: Ki 16 | RAND 16. ANSWER: SRES 4 | Kc 8. */
export function xor2g(): void {
  const x = v128.xor(v128.load(REQUEST), v128.load(REQUEST, 16));
  v128.store(ANSWER, i8x16.shuffle(x, x, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 11, 11, 11));
}

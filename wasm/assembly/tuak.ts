// TUAK, TS 35.231 clauses 6.2 to 6.5, with K of 128 or 256 bits and every size of answer:
//
//   state = TOP or TOPc | INSTANCE | "TUAK1.0" | RAND | AMF | SQN | K | padding, 200 bytes
//   out   = Keccak-f[1600] of it, as often as the operator says
//
//   TOPc = out[0..31]             f1, f1* = out[0..]     f2 = out[0..]
//   f3 = CK = out[32..]           f4 = IK = out[64..]    f5, f5* = AK = out[96..101]
//
// Every field enters and leaves with its bytes reversed. RAND, AMF and SQN are zero where a function
// does not take them.
//
// REQUEST  K 32, a short one first and zeros after it | TOP or TOPc 32 | RAND 16 | SQN 6 | AMF 2
//          or, for tuakOpenAuts, from SQN on: (SQN_MS + AK*) 6 || MAC-S
// Sizes are in bytes, arguments of the calls, and public.

import { ANSWER, REQUEST } from "./arena-vectors";
import { permute, STATES, STATES_BYTES, wipeStates } from "./keccak";

const K: usize = REQUEST;
const TOPC: usize = REQUEST + 32;
const RAND: usize = REQUEST + 64;
const SQN_AMF: usize = REQUEST + 80;
const MAC_S: usize = REQUEST + 86;

const CK_START: usize = 32; // where each function's answer stands in the state
const IK_START: usize = 64;
const AK_START: usize = 96;
const AK_BYTES: i32 = 6;
const KEY_256_BYTES: i32 = 32;

const ALGONAME: u64 = 0x5455_414b_312e_30; // "TUAK1.0", TS 35.231 clause 6.2, reversed in memory
const PADDING_FIRST: u64 = 0x1f; // byte 96, TS 35.231 clause 6.2
const PADDING_LAST: u64 = 0x80 << 56; // byte 135
const FIRST: usize = 0; // offset of a state in each pair of lanes
const SECOND: usize = 8;
const SIX_BYTES: u64 = 0xffff_ffff_ffff;

// INSTANCE, TS 35.231 clause 6.2: what is computed, and the sizes.
const INSTANCE_TOPC: i32 = 0x00;
const INSTANCE_F1_STAR: i32 = 0x80; // added to the size of the MAC
const INSTANCE_F2345: i32 = 0x40; // added to the size of RES, CK and IK
const INSTANCE_F5_STAR: i32 = 0xc0;
const INSTANCE_KEY_256: i32 = 0x01;
const INSTANCE_IK_256: i32 = 0x02;
const INSTANCE_CK_256: i32 = 0x04;

/** Where lane `lane` of both states stands. */
function lanePlace(lane: usize): usize {
  return STATES + (lane << 4);
}

/** The field of `byteCount` bytes, a multiple of 8, at `source`, reversed, to both states. */
function putField(start: usize, source: usize, byteCount: i32): void {
  for (let done = 0; done < byteCount; done += 8) {
    const lane = bswap<u64>(load<u64>(source + usize(byteCount - 8 - done)));
    v128.store(lanePlace((start + usize(done)) >> 3), i64x2.splat(i64(lane)));
  }
}

/** Two lanes that differ, to byte `start`. */
function putPair(start: usize, first: u64, second: u64): void {
  const place = lanePlace(start >> 3);
  store<u64>(place, first);
  store<u64>(place, second, 8);
}

/**
 * Bytes `start` to `start + byteCount - 1` of state FIRST or SECOND, reversed, to `out`: whole lanes,
 * or the beginning of one, with zeros behind it up to eight bytes.
 */
function takeField(out: usize, state: usize, start: usize, byteCount: i32): void {
  const first = lanePlace(start >> 3) + state;
  if (byteCount < 8) {
    store<u64>(out, bswap<u64>(load<u64>(first)) >> u64(64 - 8 * byteCount));
    return;
  }
  for (let done = 0; done < byteCount; done += 8) {
    const lane = load<u64>(first + usize((byteCount - 8 - done) << 1));
    store<u64>(out + usize(done), bswap<u64>(lane));
  }
}

/**
 * Fills both states and permutes them: FIRST for a function that takes SQN || AMF, a number in which
 * AMF comes first once reversed; SECOND for one that does not. `hasRand` is 0 for TOPc alone.
 */
function compute(
  first: i32,
  second: i32,
  keyBytes: i32,
  sqnAmf: u64,
  hasRand: bool,
  iterations: i32,
): void {
  memory.fill(STATES, 0, STATES_BYTES);
  putField(0, TOPC, 32);
  const keySize = keyBytes === KEY_256_BYTES ? INSTANCE_KEY_256 : 0;
  const name = ALGONAME << 8;
  putPair(32, name | u64(first | keySize), name | u64(second | keySize));
  if (hasRand) putField(40, RAND, 16);
  putPair(56, sqnAmf, 0);
  putField(64, K, keyBytes);
  putPair(96, PADDING_FIRST, PADDING_FIRST);
  putPair(128, PADDING_LAST, PADDING_LAST);
  permute(iterations);
}

/** SQN || AMF of the request, as lane 7 wants it. */
function sqnAmfLane(): u64 {
  return bswap<u64>(load<u64>(SQN_AMF));
}

/** A size of MAC or RES as INSTANCE codes it: the bytes, but 0 for a RES of 4. */
function sizeCode(byteCount: i32): i32 {
  return byteCount === 4 ? 0 : byteCount;
}

function f2345Instance(resBytes: i32, ckBytes: i32, ikBytes: i32): i32 {
  const ck = ckBytes === KEY_256_BYTES ? INSTANCE_CK_256 : 0;
  const ik = ikBytes === KEY_256_BYTES ? INSTANCE_IK_256 : 0;
  return INSTANCE_F2345 | sizeCode(resBytes) | ck | ik;
}

/** TOPc of K and the TOP of the request, 32 bytes (TS 35.231 clause 6.2). */
export function tuakTopc(keyBytes: i32, iterations: i32): void {
  compute(INSTANCE_TOPC, INSTANCE_TOPC, keyBytes, 0, false, iterations);
  takeField(ANSWER, SECOND, 0, 32);
  wipeStates();
}

/**
 * All seven functions. ANSWER: f1 32 | f1* 32 | f2 RES 32 | f3 CK 32 | f4 IK 32 | f5 AK 6 | f5* AK* 6;
 * a shorter value stands at the beginning of its place.
 */
export function tuak(
  keyBytes: i32,
  macBytes: i32,
  resBytes: i32,
  ckBytes: i32,
  ikBytes: i32,
  iterations: i32,
): void {
  const f1 = sizeCode(macBytes);
  const f2345 = f2345Instance(resBytes, ckBytes, ikBytes);
  compute(f1, f2345, keyBytes, sqnAmfLane(), true, iterations);
  takeField(ANSWER, FIRST, 0, macBytes);
  takeField(ANSWER + 64, SECOND, 0, resBytes);
  takeField(ANSWER + 96, SECOND, CK_START, ckBytes);
  takeField(ANSWER + 128, SECOND, IK_START, ikBytes);
  takeField(ANSWER + 160, SECOND, AK_START, AK_BYTES);
  const f1Star = INSTANCE_F1_STAR | f1;
  compute(f1Star, INSTANCE_F5_STAR, keyBytes, sqnAmfLane(), true, iterations);
  takeField(ANSWER + 32, FIRST, 0, macBytes);
  takeField(ANSWER + 166, SECOND, AK_START, AK_BYTES);
  wipeStates();
}

/**
 * The authentication vector of TS 33.102 clause 6.3.2: f1 beside f2 to f5. ANSWER: SQN + AK 6 | AMF 2 |
 * MAC-A 32 | XRES 32 | CK 32 | IK 32.
 */
export function tuakVector(
  keyBytes: i32,
  macBytes: i32,
  resBytes: i32,
  ckBytes: i32,
  ikBytes: i32,
  iterations: i32,
): void {
  const f2345 = f2345Instance(resBytes, ckBytes, ikBytes);
  compute(sizeCode(macBytes), f2345, keyBytes, sqnAmfLane(), true, iterations);
  takeField(ANSWER + 8, FIRST, 0, macBytes);
  takeField(ANSWER, SECOND, AK_START, AK_BYTES);
  store<u64>(ANSWER, load<u64>(ANSWER) ^ load<u64>(SQN_AMF)); // AMF meets two bytes that are zero
  takeField(ANSWER + 40, SECOND, 0, resBytes);
  takeField(ANSWER + 72, SECOND, CK_START, ckBytes);
  takeField(ANSWER + 104, SECOND, IK_START, ikBytes);
  wipeStates();
}

/**
 * Re-synchronisation, TS 33.102 clauses 6.3.3 and 6.3.5, with AMF* = 0000. Returns 1 and puts SQN_MS, 6
 * bytes, at ANSWER if MAC-S is right; otherwise returns 0 and the first 8 bytes of ANSWER are zero.
 */
export function tuakOpenAuts(keyBytes: i32, macBytes: i32, iterations: i32): i32 {
  const f1Star = INSTANCE_F1_STAR | sizeCode(macBytes);
  compute(f1Star, INSTANCE_F5_STAR, keyBytes, 0, true, iterations); // for f5* alone
  takeField(ANSWER, SECOND, AK_START, AK_BYTES);
  const sqnMs = (load<u64>(ANSWER) ^ load<u64>(SQN_AMF)) & SIX_BYTES;
  compute(f1Star, INSTANCE_F5_STAR, keyBytes, bswap<u64>(sqnMs), true, iterations); // for f1* alone
  takeField(ANSWER + 8, FIRST, 0, macBytes);
  let difference: u64 = 0;
  for (let offset: usize = 0; offset < usize(macBytes); offset += 8) {
    difference |= load<u64>(ANSWER + 8 + offset) ^ load<u64>(MAC_S + offset);
  }
  const accepted = i32(difference === 0);
  store<u64>(ANSWER, sqnMs & (0 - u64(accepted)));
  wipeStates();
  return accepted;
}

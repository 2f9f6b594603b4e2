// Milenage for many challenges in one call: the vectors of up to 1,024 subscribers, or many of one. The
// functions are those of milenage.ts. Four challenges go side by side through the key schedule and
// the first encryption, then the five blocks of each: independent chains, which the processor
// overlaps.
//
// BATCH    records of 56 bytes, each K 16 | OPc 16 | RAND 16 | SQN 6 | AMF 2; the answer takes the place
//          of its request: AUTN 16 | XRES 8 | CK 16 | IK 16
// For a series REQUEST has K 16 | OPc 16, and the last 24 bytes a record stand together at the end of the
// records, RAND 16 | SQN 6 | AMF 2 each: answer i ends where challenge i + 1 begins, or before.

import { Piece, roundConstant } from "./aes";
import { BATCH, RECORD_BYTES, REQUEST } from "./arena-vectors";
import { addOpc, putVector, spread } from "./milenage";
import { AFFINE_PLAIN, AFFINE_TOWER } from "./tables-aes";
import { PLAIN_HIGH, PLAIN_LOW, TOWER_HIGH, TOWER_LOW } from "./tables-aes";

const LANES: i32 = 4; // challenges side by side
const ROUNDS: usize = 10; // Nr for AES-128
const OPC_OFFSET: usize = 16;
const RAND_OFFSET: usize = 32;
const SQN_AMF_OFFSET: usize = 48;
const RECORD: usize = 56;
const CHALLENGE: usize = 24; // RAND 16 | SQN 6 | AMF 2

// Round keys, four side by side: those of lane s and round r at 64r + 16s, in the bases of aes.ts.
const KEYS: usize = memory.data(704, 16);
const KEYS_STRIDE: usize = 64;
const TEMP: usize = memory.data(64, 16);
const OUT: usize = memory.data(80, 16);

class Lane {
  @inline static toTower(x: v128): v128 {
    return Piece.linear(TOWER_LOW, TOWER_HIGH, x);
  }

  /** The round key of aes.ts for round 10: plain basis, with {63}. */
  @inline static lastKey(keys: v128): v128 {
    return v128.xor(Piece.linear(PLAIN_LOW, PLAIN_HIGH, keys), AFFINE_PLAIN);
  }

  /** RAND + OPc in the tower basis, plus the first round key. */
  @inline static first(rand: usize, opc: usize, key: v128): v128 {
    const block = v128.xor(v128.load(rand), v128.load(opc));
    return v128.xor(Lane.toTower(block), key);
  }
}

/** KEYEXPANSION() of the four keys of the records at `record`, and TEMP = E[RAND + OPc] of each. */
function expandFour(record: usize): void {
  const record1 = record + RECORD;
  const record2 = record1 + RECORD;
  const record3 = record2 + RECORD;
  let k0 = Lane.toTower(v128.load(record));
  let k1 = Lane.toTower(v128.load(record1));
  let k2 = Lane.toTower(v128.load(record2));
  let k3 = Lane.toTower(v128.load(record3));
  putKeys(KEYS, k0, k1, k2, k3);
  let s0 = Lane.first(record + RAND_OFFSET, record + OPC_OFFSET, k0);
  let s1 = Lane.first(record1 + RAND_OFFSET, record1 + OPC_OFFSET, k1);
  let s2 = Lane.first(record2 + RAND_OFFSET, record2 + OPC_OFFSET, k2);
  let s3 = Lane.first(record3 + RAND_OFFSET, record3 + OPC_OFFSET, k3);
  for (let r: usize = 1; r < ROUNDS; r++) {
    const constant = roundConstant(i32(r));
    k0 = Piece.nextKeys(k0, constant);
    k1 = Piece.nextKeys(k1, constant);
    k2 = Piece.nextKeys(k2, constant);
    k3 = Piece.nextKeys(k3, constant);
    const key0 = v128.xor(k0, AFFINE_TOWER);
    const key1 = v128.xor(k1, AFFINE_TOWER);
    const key2 = v128.xor(k2, AFFINE_TOWER);
    const key3 = v128.xor(k3, AFFINE_TOWER);
    putKeys(KEYS + KEYS_STRIDE * r, key0, key1, key2, key3);
    s0 = Piece.round(s0, key0);
    s1 = Piece.round(s1, key1);
    s2 = Piece.round(s2, key2);
    s3 = Piece.round(s3, key3);
  }
  const constant = roundConstant(i32(ROUNDS));
  k0 = Lane.lastKey(Piece.nextKeys(k0, constant));
  k1 = Lane.lastKey(Piece.nextKeys(k1, constant));
  k2 = Lane.lastKey(Piece.nextKeys(k2, constant));
  k3 = Lane.lastKey(Piece.nextKeys(k3, constant));
  putKeys(KEYS + KEYS_STRIDE * ROUNDS, k0, k1, k2, k3);
  v128.store(TEMP, Piece.lastRound(s0, k0));
  v128.store(TEMP, Piece.lastRound(s1, k1), 16);
  v128.store(TEMP, Piece.lastRound(s2, k2), 32);
  v128.store(TEMP, Piece.lastRound(s3, k3), 48);
}

/** Four round keys, or blocks, to the 64 bytes at `place`. */
function putKeys(place: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(place, a);
  v128.store(place, b, 16);
  v128.store(place, c, 32);
  v128.store(place, d, 48);
}

/** TEMP of the four challenges at `rand` under the key of lane 0, with the OPc of the request. */
function encryptFour(rand: usize): void {
  const opc = REQUEST + OPC_OFFSET;
  let key = v128.load(KEYS);
  let s0 = Lane.first(rand, opc, key);
  let s1 = Lane.first(rand + CHALLENGE, opc, key);
  let s2 = Lane.first(rand + 2 * CHALLENGE, opc, key);
  let s3 = Lane.first(rand + 3 * CHALLENGE, opc, key);
  for (let r: usize = 1; r < ROUNDS; r++) {
    key = v128.load(KEYS + KEYS_STRIDE * r);
    s0 = Piece.round(s0, key);
    s1 = Piece.round(s1, key);
    s2 = Piece.round(s2, key);
    s3 = Piece.round(s3, key);
  }
  key = v128.load(KEYS + KEYS_STRIDE * ROUNDS);
  s0 = Piece.lastRound(s0, key);
  s1 = Piece.lastRound(s1, key);
  putKeys(TEMP, s0, s1, Piece.lastRound(s2, key), Piece.lastRound(s3, key));
}

/** CIPHER() of the five blocks of OUT with the round keys of the lane at `keys`. */
function encryptFive(keys: usize): void {
  let key = v128.load(keys);
  let x1 = v128.xor(Lane.toTower(v128.load(OUT)), key);
  let x2 = v128.xor(Lane.toTower(v128.load(OUT, 16)), key);
  let x3 = v128.xor(Lane.toTower(v128.load(OUT, 32)), key);
  let x4 = v128.xor(Lane.toTower(v128.load(OUT, 48)), key);
  let x5 = v128.xor(Lane.toTower(v128.load(OUT, 64)), key);
  for (let r: usize = 1; r < ROUNDS; r++) {
    key = v128.load(keys + KEYS_STRIDE * r);
    x1 = Piece.round(x1, key);
    x2 = Piece.round(x2, key);
    x3 = Piece.round(x3, key);
    x4 = Piece.round(x4, key);
    x5 = Piece.round(x5, key);
  }
  key = v128.load(keys + KEYS_STRIDE * ROUNDS);
  v128.store(OUT, Piece.lastRound(x1, key));
  v128.store(OUT, Piece.lastRound(x2, key), 16);
  v128.store(OUT, Piece.lastRound(x3, key), 32);
  v128.store(OUT, Piece.lastRound(x4, key), 48);
  v128.store(OUT, Piece.lastRound(x5, key), 64);
}

/** The vector of lane `lane`, to `record`. */
function answerRecord(record: usize, sqnAmf: u64, opc: v128, keys: usize, lane: i32): void {
  spread(OUT, v128.load(TEMP + usize(lane << 4)), opc, i64x2.splat(i64(sqnAmf)));
  encryptFive(keys);
  addOpc(OUT, opc);
  putVector(record, OUT, sqnAmf);
}

/** Clears the scratch, and the answers to the records past `count` that filled up the last four. */
function finish(count: i32): void {
  const rest = -count & (LANES - 1);
  memory.fill(BATCH + usize(count * RECORD_BYTES), 0, usize(rest * RECORD_BYTES));
  memory.fill(KEYS, 0, KEYS_STRIDE * (ROUNDS + 1));
  memory.fill(TEMP, 0, 64);
  memory.fill(OUT, 0, 80);
}

/** The vectors of the first `count` records, each with a key of its own. */
export function generateVectorBatch(count: i32): void {
  for (let first = 0; first < count; first += LANES) {
    const records = BATCH + usize(first * RECORD_BYTES);
    expandFour(records);
    for (let lane = 0; lane < LANES; lane++) {
      const record = records + usize(lane * RECORD_BYTES);
      const sqnAmf = load<u64>(record + SQN_AMF_OFFSET);
      const opc = v128.load(record + OPC_OFFSET);
      answerRecord(record, sqnAmf, opc, KEYS + usize(lane << 4), lane);
    }
  }
  finish(count);
}

/** The vectors of `count` challenges for the K and OPc of the request. */
export function generateVectorSeries(count: i32): void {
  let keys = Lane.toTower(v128.load(REQUEST));
  v128.store(KEYS, keys);
  for (let r: usize = 1; r <= ROUNDS; r++) {
    keys = Piece.nextKeys(keys, roundConstant(i32(r)));
    v128.store(KEYS + KEYS_STRIDE * r, v128.xor(keys, AFFINE_TOWER));
  }
  v128.store(KEYS + KEYS_STRIDE * ROUNDS, Lane.lastKey(keys));
  const opc = v128.load(REQUEST + OPC_OFFSET);
  let record = BATCH;
  let challenge = BATCH + usize(count) * (RECORD - CHALLENGE);
  for (let first = 0; first < count; first += LANES) {
    encryptFour(challenge);
    for (let lane = 0; lane < LANES; lane++) {
      answerRecord(record, load<u64>(challenge + 16), opc, KEYS, lane);
      record += RECORD;
      challenge += CHALLENGE;
    }
  }
  finish(count);
}

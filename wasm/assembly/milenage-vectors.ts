// Authentication vectors by Milenage, TS 35.206 clause 4.1 with the default constants: one, many of one
// subscriber, or those of up to 1,024 subscribers. The formulas are those of milenage.ts; the blocks
// are encrypted in groups of four (aes-groups.ts).
//
// For one subscriber a group holds TEMP of four challenges, and then OUT1 to OUT4 of one. For many it
// holds the same block of four subscribers: TEMP, and then OUT1, OUT2, OUT3 or OUT4, which are made on
// rows, where rot turns the columns. A vector takes no OUT5.
//
// BATCH    records of 56 bytes, each K 16 | OPc 16 | RAND 16 | SQN 6 | AMF 2; the answer takes the place
//          of its request: AUTN 16 | XRES 8 | CK 16 | IK 16
// For a series REQUEST has K 16 | OPc 16, and the last 24 bytes a record stand together at the end of the
// records, RAND 16 | SQN 6 | AMF 2 each: answer i ends where challenge i + 1 begins, or before.
// For one vector INPUT has a record, and OUTPUT takes the answer.

import { encryptFourWithRoundKeys, expandKeyAndEncrypt, wipeRoundKeys } from "./aes";
import {
  KEYS_STRIDE,
  ROUND_KEYS,
  Row,
  encryptGroups,
  expandKeys,
  putRows,
  toBlocks,
  toRows,
  wipeGroupKeys,
} from "./aes-groups";
import { INPUT, OUTPUT } from "./arena";
import { BATCH, REQUEST } from "./arena-vectors";
import { SIX_BYTES, spread } from "./milenage";

const OPC_OFFSET: usize = 16;
const RAND_OFFSET: usize = 32;
const SQN_AMF_OFFSET: usize = 48;
const RECORD: usize = 56;
const CHALLENGE: usize = 24; // RAND 16 | SQN 6 | AMF 2

const BLOCK: usize = 16;
const FOUR: usize = 64;
const LANES: i32 = 4; // blocks of a group
const CHUNK: i32 = 16; // challenges under way: four groups hide each other's latency
const TEMP: usize = memory.data(256, 16);
const OPC: usize = memory.data(64, 16);
const OUT: usize = memory.data(1024, 16); // OUT1 to OUT4 of a chunk

class Block {
  /** RAND + OPc. */
  @inline static whitened(rand: usize, opc: v128): v128 {
    return v128.xor(v128.load(rand), opc);
  }

  /** SQN || AMF || SQN || AMF. */
  @inline static in1(sqnAmf: usize): v128 {
    return v128.load64_splat(sqnAmf);
  }
}

/** Groups that hold so many blocks. */
function groupsOf(count: i32): usize {
  return usize((count + LANES - 1) / LANES);
}

/** The vector of OUT1 to OUT4 before OPc is added, which stand `stride` bytes apart from `out` on. */
function putVector(vector: usize, out: usize, stride: usize, opc: v128, sqnAmf: u64): void {
  const out1 = v128.xor(v128.load(out), opc);
  const out2 = v128.xor(v128.load(out + stride), opc);
  const ck = v128.xor(v128.load(out + 2 * stride), opc); // f3
  const ik = v128.xor(v128.load(out + 3 * stride), opc); // f4
  const ak = u64(i64x2.extract_lane(out2, 0)) & SIX_BYTES; // f5
  store<u64>(vector, sqnAmf ^ ak); // SQN + AK || AMF
  store<u64>(vector, u64(i64x2.extract_lane(out1, 0)), 8); // MAC-A = f1
  store<u64>(vector, u64(i64x2.extract_lane(out2, 1)), 16); // XRES = f2
  v128.store(vector, ck, 24);
  v128.store(vector, ik, 40);
}

/** Adds a number to the last bytes of four blocks, whose row 3 is at `row`. */
function addToLast(row: usize, number: i32): void {
  v128.store(row, v128.xor(v128.load(row), i32x4.splat(number << 24)));
}

/** What E takes for OUT1 to OUT4 of the four records at `record`, TEMP of which is at `temp`. */
function spreadFour(out: usize, temp: usize, record: usize): void {
  const b = record + RECORD;
  const c = b + RECORD;
  const d = c + RECORD;
  const opcB = v128.load(b, OPC_OFFSET);
  const opcC = v128.load(c, OPC_OFFSET);
  putRows(OPC, v128.load(record, OPC_OFFSET), opcB, opcC, v128.load(d, OPC_OFFSET));
  const in1B = Block.in1(b + SQN_AMF_OFFSET);
  const in1C = Block.in1(c + SQN_AMF_OFFSET);
  const in1D = Block.in1(d + SQN_AMF_OFFSET);
  putRows(out, Block.in1(record + SQN_AMF_OFFSET), in1B, in1C, in1D);
  for (let row: usize = 0; row < FOUR; row += BLOCK) {
    const opc = v128.load(OPC + row);
    const temps = v128.load(temp + row);
    const x = v128.xor(temps, opc);
    const in1 = Row.turn(v128.xor(v128.load(out + row), opc), 2); // r1 = 64, two columns
    v128.store(out + row, v128.xor(temps, in1)); // c1 = 0
    v128.store(out + row, x, FOUR); // r2 = 0
    v128.store(out + row, Row.turn(x, 1), 2 * FOUR); // r3 = 32
    v128.store(out + row, Row.turn(x, 2), 3 * FOUR); // r4 = 64
  }
  addToLast(out + 2 * FOUR - BLOCK, 1); // c2
  addToLast(out + 3 * FOUR - BLOCK, 2); // c3
  addToLast(out + 4 * FOUR - BLOCK, 4); // c4
}

/** K and RAND + OPc of the four records at `record`, as rows. */
function startFour(record: usize, keys: usize, temp: usize): void {
  const b = record + RECORD;
  const c = b + RECORD;
  const d = c + RECORD;
  putRows(keys, v128.load(record), v128.load(b), v128.load(c), v128.load(d));
  const tempA = Block.whitened(record + RAND_OFFSET, v128.load(record, OPC_OFFSET));
  const tempB = Block.whitened(b + RAND_OFFSET, v128.load(b, OPC_OFFSET));
  const tempC = Block.whitened(c + RAND_OFFSET, v128.load(c, OPC_OFFSET));
  const tempD = Block.whitened(d + RAND_OFFSET, v128.load(d, OPC_OFFSET));
  putRows(temp, tempA, tempB, tempC, tempD);
}

function encryptOut(group: usize, groups: usize, keys: usize): void {
  encryptGroups(group, groups, keys, 0);
  for (const end = group + FOUR * groups; group < end; group += FOUR) toBlocks(group);
}

/** The vectors of the `count` records at `record`, at most a chunk. */
function answerRecords(record: usize, count: i32): void {
  const groups = groupsOf(count); // behind the last record lanes compute what nobody reads
  for (let group: usize = 0; group < groups; group++) {
    const keys = ROUND_KEYS + KEYS_STRIDE * group;
    startFour(record + 4 * RECORD * group, keys, TEMP + FOUR * group);
  }
  expandKeys(groups);
  encryptGroups(TEMP, groups, ROUND_KEYS, KEYS_STRIDE);
  for (let group: usize = 0; group < groups; group++) {
    spreadFour(OUT, TEMP + FOUR * group, record);
    encryptOut(OUT, 4, ROUND_KEYS + KEYS_STRIDE * group);
    const lanes = usize(min(LANES, count));
    for (let lane: usize = 0; lane < lanes; lane++) {
      const opc = v128.load(record, OPC_OFFSET);
      putVector(record, OUT + BLOCK * lane, FOUR, opc, load<u64>(record, SQN_AMF_OFFSET));
      record += RECORD;
    }
    count -= LANES;
  }
}

/** Clears what a call used: so many groups of round keys, and the chunk of so many challenges. */
function wipe(keyGroups: usize, count: i32): void {
  const used = min(CHUNK, count);
  memory.fill(TEMP, 0, FOUR * groupsOf(used));
  memory.fill(OPC, 0, FOUR);
  memory.fill(OUT, 0, FOUR * max(4, usize(used)));
  wipeGroupKeys(keyGroups);
}

/** The vectors of the first `count` records, each with a key of its own. */
export function generateVectorBatch(count: i32): void {
  let record = BATCH;
  for (let rest = count; rest > 0; rest -= CHUNK) {
    answerRecords(record, min(CHUNK, rest));
    record += RECORD * CHUNK;
  }
  wipe(groupsOf(min(CHUNK, count)), count);
}

/** The vectors of `count` challenges at `challenge`, at most a chunk, to `vector`. */
function answerChallenges(vector: usize, challenge: usize, opc: v128, count: i32): void {
  const groups = groupsOf(count);
  for (let group: usize = 0; group < groups; group++) {
    const rand = challenge + 4 * CHALLENGE * group;
    const b = Block.whitened(rand + CHALLENGE, opc);
    const c = Block.whitened(rand + 2 * CHALLENGE, opc);
    const d = Block.whitened(rand + 3 * CHALLENGE, opc);
    putRows(TEMP + FOUR * group, Block.whitened(rand, opc), b, c, d);
  }
  encryptOut(TEMP, groups, ROUND_KEYS);
  for (let i: usize = 0; i < usize(count); i++) {
    const sqnAmf = challenge + CHALLENGE * i + BLOCK;
    spread(OUT + FOUR * i, v128.load(TEMP + BLOCK * i), opc, Block.in1(sqnAmf));
    toRows(OUT + FOUR * i);
  }
  encryptOut(OUT, usize(count), ROUND_KEYS);
  for (let i: usize = 0; i < usize(count); i++) {
    const sqnAmf = load<u64>(challenge + CHALLENGE * i + BLOCK);
    putVector(vector + RECORD * i, OUT + FOUR * i, BLOCK, opc, sqnAmf);
  }
}

/** The vectors of `count` challenges for the K and OPc of the request. */
export function generateVectorSeries(count: i32): void {
  const k = v128.load(REQUEST);
  putRows(ROUND_KEYS, k, k, k, k);
  expandKeys(1);
  const opc = v128.load(REQUEST, OPC_OFFSET);
  let vector = BATCH;
  let challenge = BATCH + usize(count) * (RECORD - CHALLENGE);
  for (let rest = count; rest > 0; rest -= CHUNK) {
    answerChallenges(vector, challenge, opc, min(CHUNK, rest));
    vector += RECORD * CHUNK;
    challenge += CHALLENGE * CHUNK;
  }
  wipe(1, count);
}

/**
 * The vector of the record at INPUT, TS 33.102 clause 6.3.2. OUTPUT, 56 bytes: AUTN 16 | XRES 8 |
 * CK 16 | IK 16 with AUTN = (SQN + AK) || AMF || MAC-A. One group alone would wait for itself; blocks
 * as in aes.ts overlap.
 */
export function generateVector(): void {
  const opc = v128.load(INPUT, OPC_OFFSET);
  const temp = expandKeyAndEncrypt(INPUT, Block.whitened(INPUT + RAND_OFFSET, opc));
  spread(OUT, temp, opc, Block.in1(INPUT + SQN_AMF_OFFSET));
  encryptFourWithRoundKeys(OUT);
  putVector(OUTPUT, OUT, BLOCK, opc, load<u64>(INPUT, SQN_AMF_OFFSET));
  memory.fill(OUT, 0, FOUR);
  wipeRoundKeys();
}

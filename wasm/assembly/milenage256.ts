// MILENAGE-256 (TS 35.234 family), on Rijndael with blocks and keys of 256 bits. Experimental: one set
// of published test data covers it.
//
//   OPc = E[E[OP] + V] + OP             V = (K bytes >> 5) || "MILENAGE2.0" || 0...
//   ST  = E[OPc + RAND || 0...]
//   out = E[ST + OPc + IN] + OPc        one function each, the answer its first bytes
//
//   IN  byte 0        function << 5 | (RAND bytes - 2) | (K bytes >> 5)
//       byte 1        sizes; f1, f1*: (SQN bytes - 5) << 5 | (MAC bytes - 1); f2, f3, f4: bytes - 1;
//                     f5, f5*: AK bytes - 5; f5**: (MAC-S bytes - 1) << 3 | (AK bytes - 5)
//       bytes 2..     AMF 2 | SQN for f1, f1*; as much of MAC-S as has room for f5**
//       bytes 16..31  c = 0 for function 0, else the bit function - 1
//
//   functions         0 f1*, 1 f1, 2 f2, 3 f3, 4 f4, 5 f5, 6 f5*, 7 f5**
//
// REQUEST  K 32, a short one first and zeros after it | OP or OPc 32 | RAND 32, likewise | SQN 8,
//          likewise | AMF 2 | MAC-S 32, likewise
//
// Rijndael as in aes.ts, whose notes on bases hold: columns 0 to 3 of the state are one vector,
// 4 to 7 another. + is exclusive or; nothing depends on a secret but the answers.

import { Piece, roundConstant } from "./aes";
import { ANSWER, REQUEST } from "./arena-vectors";
import { AFFINE_PLAIN, AFFINE_TOWER } from "./tables-aes";
import { PLAIN_HIGH, PLAIN_LOW, TOWER_HIGH, TOWER_LOW } from "./tables-aes";

const K: usize = REQUEST;
const OPC: usize = REQUEST + 32;
const RAND: usize = REQUEST + 64;
const SQN: usize = REQUEST + 96;
const AMF: usize = REQUEST + 104;
const MAC_S: usize = REQUEST + 106;

const MAC_S_BYTES_MAX: usize = 30; // bytes 2 to 31 of IN
const ROUNDS: usize = 14;
const PAIR: usize = 32; // bytes of a state or a round key

// Functions, as IN numbers them.
const F1_STAR: i32 = 0;
const F1: i32 = 1;
const F2: i32 = 2;
const F3: i32 = 3;
const F4: i32 = 4;
const F5: i32 = 5;
const F5_STAR: i32 = 6;
const F5_STAR_STAR: i32 = 7;

const NAME: usize = memory.data<u8>([77, 73, 76, 69, 78, 65, 71, 69, 50, 46, 48]); // "MILENAGE2.0"
const NAME_BYTES: usize = 11;

const KEYS: usize = memory.data(480, 16); // fifteen round keys, in the bases of aes.ts
const BLOCK: usize = memory.data(32, 16);
const ST: usize = memory.data(32, 16);
const IN: usize = memory.data(32, 16);

class Wide {
  /** ShiftRows with offsets 0, 1, 3, 4, columns 0 to 3. */
  @inline static shiftFirst(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 0, 5, 14, 19, 4, 9, 18, 23, 8, 13, 22, 27, 12, 17, 26, 31);
  }

  /** The same, columns 4 to 7. */
  @inline static shiftSecond(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 16, 21, 30, 3, 20, 25, 2, 7, 24, 29, 6, 11, 28, 1, 10, 15);
  }

  @inline static toTower(x: v128): v128 {
    return Piece.linear(TOWER_LOW, TOWER_HIGH, x);
  }

  @inline static lastKey(keys: v128): v128 {
    return v128.xor(Piece.linear(PLAIN_LOW, PLAIN_HIGH, keys), AFFINE_PLAIN);
  }

  @inline static put(place: usize, a: v128, b: v128): void {
    v128.store(place, a);
    v128.store(place, b, 16);
  }
}

/** The key schedule for keys of 256 bits: every step of eight words is one round key. */
function expandKey(): void {
  let a = Wide.toTower(v128.load(K));
  let b = Wide.toTower(v128.load(K, 16));
  Wide.put(KEYS, a, b);
  for (let r: usize = 1; r <= ROUNDS; r++) {
    a = Piece.nextKeysFrom(a, Piece.subRotWord(b), roundConstant(i32(r)));
    b = Piece.nextKeysFrom(b, Piece.subLastWord(a), AFFINE_TOWER);
    const place = KEYS + PAIR * r;
    Wide.put(place, v128.xor(a, AFFINE_TOWER), v128.xor(b, AFFINE_TOWER));
  }
  Wide.put(KEYS + PAIR * ROUNDS, Wide.lastKey(a), Wide.lastKey(b));
}

/** E of the block at BLOCK, in place. */
function encrypt(): void {
  let a = v128.xor(Wide.toTower(v128.load(BLOCK)), v128.load(KEYS));
  let b = v128.xor(Wide.toTower(v128.load(BLOCK, 16)), v128.load(KEYS, 16));
  for (let r: usize = 1; r < ROUNDS; r++) {
    const key = KEYS + PAIR * r;
    const first = Piece.mix(Wide.shiftFirst(a, b), v128.load(key));
    b = Piece.mix(Wide.shiftSecond(a, b), v128.load(key, 16));
    a = first;
  }
  const key = KEYS + PAIR * ROUNDS;
  const first = Piece.last(Wide.shiftFirst(a, b), v128.load(key));
  v128.store(BLOCK, Piece.last(Wide.shiftSecond(a, b), v128.load(key, 16)), 16);
  v128.store(BLOCK, first);
}

/** Adds the 32 bytes at `source` to BLOCK. */
function add(source: usize): void {
  const a = v128.xor(v128.load(BLOCK), v128.load(source));
  Wide.put(BLOCK, a, v128.xor(v128.load(BLOCK, 16), v128.load(source, 16)));
}

/** OPc of K and the OP of the request, 32 bytes. */
export function milenage256Opc(keyBytes: i32): void {
  expandKey();
  memory.copy(BLOCK, OPC, PAIR);
  encrypt();
  memory.fill(IN, 0, PAIR); // V
  store<u8>(IN, u8(keyBytes >> 5));
  memory.copy(IN + 1, NAME, NAME_BYTES);
  add(IN);
  encrypt();
  add(OPC);
  memory.copy(ANSWER, BLOCK, PAIR);
  wipe();
}

/** ST, after the key schedule. */
function begin(): void {
  expandKey();
  memory.copy(BLOCK, OPC, PAIR);
  add(RAND);
  encrypt();
  memory.copy(ST, BLOCK, PAIR);
}

/** The answer of one function to BLOCK; bytes 2 to 15 of IN are already there, as is MAC-S. */
function answer(fn: i32, sizes: i32, keyBytes: i32, randBytes: i32): void {
  store<u8>(IN, u8((fn << 5) | (randBytes - 2) | (keyBytes >> 5)));
  store<u8>(IN, u8(sizes), 1);
  const c = fn === 0 ? 0 : 1 << (fn - 1);
  store<u8>(IN, load<u8>(IN, 31) ^ u8(c), 31);
  memory.copy(BLOCK, ST, PAIR);
  add(OPC);
  add(IN);
  encrypt();
  add(OPC);
  memory.fill(IN, 0, PAIR);
}

/** f1 or f1*, which take AMF and SQN. */
function answerMac(fn: i32, sizes: i32, keyBytes: i32, randBytes: i32): void {
  store<u16>(IN, load<u16>(AMF), 2);
  store<u64>(IN, load<u64>(SQN), 4);
  answer(fn, sizes, keyBytes, randBytes);
}

function take(place: usize): void {
  memory.copy(ANSWER + place, BLOCK, PAIR);
}

function wipe(): void {
  memory.fill(KEYS, 0, PAIR * (ROUNDS + 1));
  memory.fill(BLOCK, 0, PAIR);
  memory.fill(ST, 0, PAIR);
  memory.fill(IN, 0, PAIR);
}

/**
 * f1 to f5 and f5*. ANSWER: f1 32 | f1* 32 | f2 RES 32 | f3 CK 32 | f4 IK 32 | f5 AK 32 | f5* AK* 32; an
 * answer is the beginning of its place.
 */
export function milenage256(
  keyBytes: i32,
  randBytes: i32,
  sqnBytes: i32,
  macBytes: i32,
  resBytes: i32,
  ckBytes: i32,
  ikBytes: i32,
): void {
  begin();
  memory.fill(IN, 0, PAIR);
  const macSizes = ((sqnBytes - 5) << 5) | (macBytes - 1);
  answerMac(F1, macSizes, keyBytes, randBytes);
  take(0);
  answerMac(F1_STAR, macSizes, keyBytes, randBytes);
  take(32);
  answer(F2, resBytes - 1, keyBytes, randBytes);
  take(64);
  answer(F3, ckBytes - 1, keyBytes, randBytes);
  take(96);
  answer(F4, ikBytes - 1, keyBytes, randBytes);
  take(128);
  answer(F5, sqnBytes - 5, keyBytes, randBytes); // AK is as long as SQN
  take(160);
  answer(F5_STAR, sqnBytes - 5, keyBytes, randBytes);
  take(192);
  wipe();
}

/** f5**: AK for a re-synchronisation, which takes MAC-S. ANSWER: AK**, the beginning of 32 bytes. */
export function milenage256AkStarStar(
  keyBytes: i32,
  randBytes: i32,
  akBytes: i32,
  macBytes: i32,
): void {
  begin();
  memory.fill(IN, 0, PAIR);
  memory.copy(IN + 2, MAC_S, MAC_S_BYTES_MAX);
  answer(F5_STAR_STAR, ((macBytes - 1) << 3) | (akBytes - 5), keyBytes, randBytes);
  take(0);
  wipe();
}

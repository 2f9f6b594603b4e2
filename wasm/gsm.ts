// 2G answers and the XOR test algorithms: GSM-Milenage (TS 55.205), COMP128, the conversions c2 to c5 (TS
// 33.102 clause 6.8), XOR-3G (TS 34.108 clause 8.1.2) and XOR-2G (TS 51.010-1 clause A.4.1.2).

import { ask, coreExports, requireBytes, requireBytesWithin } from "./core.ts";
import type { Field } from "./core.ts";
import type { AuthenticationVector } from "./index.ts";

const KEY_BYTES = 16; // Ki, K, OPc, CK, IK
const RAND_BYTES = 16;
const KC_BYTES = 8;
const RES_BYTES_MIN = 4;
const RES_BYTES_MAX = 16;
const SQN_BYTES = 6;
const AMF_BYTES = 2;
const AUTS_BYTES = 14; // (SQN_MS ^ AK*) 6 || MAC-S 8
const COMP128_2_ZERO_BITS = 10; // at the end of Kc

interface GsmExports {
  readonly gsmMilenage: () => void;
  readonly convert3gTo2g: () => void;
  readonly convert2gTo3g: () => void;
  readonly comp128v1: () => void;
  readonly comp128v23: (kcBitsMasked: number) => void;
  readonly xor2g: () => void;
  readonly xor3g: () => void;
  readonly xor3gVector: () => void;
  readonly xor3gOpenAuts: () => number;
}

const core = coreExports<GsmExports>(
  "gsmMilenage",
  "convert3gTo2g",
  "convert2gTo3g",
  "comp128v1",
  "comp128v23",
  "xor2g",
  "xor3g",
  "xor3gVector",
  "xor3gOpenAuts",
);

/** What a SIM answers to RUN GSM ALGORITHM. */
export interface GsmAnswer {
  sres: Uint8Array; // 4 bytes
  kc: Uint8Array; // 8 bytes
}

/** The same with both functions TS 55.205 offers for SRES. */
export interface ConvertedAnswer extends GsmAnswer {
  sresFirstWord: Uint8Array; // SRES#2: the first 4 bytes of RES
}

function takeConverted(answer: Uint8Array): ConvertedAnswer {
  return {
    sres: answer.slice(0, 4),
    sresFirstWord: answer.slice(4, 8),
    kc: answer.slice(8, 16),
  };
}

/**
 * GSM-Milenage, TS 55.205, in constant time.
 * @param ki, opc, rand 16 bytes each
 * @throws CoreInputError for another length
 */
export function gsmMilenage(ki: Uint8Array, opc: Uint8Array, rand: Uint8Array): ConvertedAnswer {
  requireBytes("ki", ki, KEY_BYTES);
  requireBytes("opc", opc, KEY_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
  const fields: Field[] = [
    [0, ki],
    [16, opc],
    [32, rand],
  ];
  return ask(fields, (answer) => {
    core.gsmMilenage();
    return takeConverted(answer);
  });
}

/**
 * c2 and c3 of TS 33.102 clause 6.8.1.2: the 2G answer of a 3G vector.
 * @param res 4 to 16 bytes
 * @param ck, ik 16 bytes each
 * @throws CoreInputError for another length
 */
export function convert3gTo2g(res: Uint8Array, ck: Uint8Array, ik: Uint8Array): ConvertedAnswer {
  requireBytesWithin("res", res, RES_BYTES_MIN, RES_BYTES_MAX);
  requireBytes("ck", ck, KEY_BYTES);
  requireBytes("ik", ik, KEY_BYTES);
  const fields: Field[] = [
    [0, res],
    [16, ck],
    [32, ik],
  ];
  return ask(fields, (answer) => {
    core.convert3gTo2g();
    return takeConverted(answer);
  });
}

/**
 * c4 and c5 of TS 33.102 clause 6.8.2.3: the 3G keys of a 2G answer.
 * @param kc 8 bytes
 * @returns CK and IK, 16 bytes each
 * @throws CoreInputError for another length
 */
export function convert2gTo3g(kc: Uint8Array): { ck: Uint8Array; ik: Uint8Array } {
  requireBytes("kc", kc, KC_BYTES);
  return ask([[0, kc]], (answer) => {
    core.convert2gTo3g();
    return { ck: answer.slice(0, 16), ik: answer.slice(16, 32) };
  });
}

/** Checks Ki and RAND, runs a call, and takes SRES 4 | Kc 8. */
function askGsm(ki: Uint8Array, rand: Uint8Array, call: () => void): GsmAnswer {
  requireBytes("ki", ki, KEY_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
  const fields: Field[] = [
    [0, ki],
    [16, rand],
  ];
  return ask(fields, (answer) => {
    call();
    return { sres: answer.slice(0, 4), kc: answer.slice(4, 12) };
  });
}

/**
 * COMP128-1, in constant time. The algorithm is broken: challenges of choice reveal Ki.
 * @param ki, rand 16 bytes each
 * @throws CoreInputError for another length
 */
export function comp128v1(ki: Uint8Array, rand: Uint8Array): GsmAnswer {
  return askGsm(ki, rand, core.comp128v1);
}

/**
 * COMP128-2, in constant time: COMP128-3 with the last ten bits of Kc zero.
 * @param ki, rand 16 bytes each
 * @throws CoreInputError for another length
 */
export function comp128v2(ki: Uint8Array, rand: Uint8Array): GsmAnswer {
  return askGsm(ki, rand, () => {
    core.comp128v23(COMP128_2_ZERO_BITS);
  });
}

/**
 * COMP128-3, in constant time.
 * @param ki, rand 16 bytes each
 * @throws CoreInputError for another length
 */
export function comp128v3(ki: Uint8Array, rand: Uint8Array): GsmAnswer {
  return askGsm(ki, rand, () => {
    core.comp128v23(0);
  });
}

/**
 * XOR of TS 51.010-1 clause A.4.1.2, for test SIMs only: the answer gives Ki away.
 * @param ki, rand 16 bytes each
 * @throws CoreInputError for another length
 */
export function xor2g(ki: Uint8Array, rand: Uint8Array): GsmAnswer {
  return askGsm(ki, rand, core.xor2g);
}

/** What XOR-3G computes. */
export interface XorOutput {
  mac: Uint8Array; // 8 bytes: MAC-A, and MAC-S where AMF is 0000
  res: Uint8Array; // 16 bytes; a shorter RES is its beginning
  ck: Uint8Array; // 16 bytes
  ik: Uint8Array; // 16 bytes
  ak: Uint8Array; // 6 bytes; AK* is the same
}

function xorFields(k: Uint8Array, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Field[] {
  requireBytes("k", k, KEY_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
  requireBytes("sqn", sqn, SQN_BYTES);
  requireBytes("amf", amf, AMF_BYTES);
  return [
    [0, k],
    [16, rand],
    [32, sqn],
    [38, amf],
  ];
}

/**
 * XOR of TS 34.108 clause 8.1.2, for test USIMs only: the answer gives K away.
 * @param k, rand 16 bytes each
 * @param sqn 6 bytes
 * @param amf 2 bytes
 * @throws CoreInputError for another length
 */
export function xor3g(
  k: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): XorOutput {
  return ask(xorFields(k, rand, sqn, amf), (answer) => {
    core.xor3g();
    return {
      mac: answer.slice(0, 8),
      res: answer.slice(8, 24),
      ck: answer.slice(24, 40),
      ik: answer.slice(40, 56),
      ak: answer.slice(56, 62),
    };
  });
}

/**
 * The authentication vector of XOR-3G; XRES has 16 bytes. Arguments as for xor3g.
 * @throws CoreInputError for another length
 */
export function generateXorVector(
  k: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): AuthenticationVector {
  return ask(xorFields(k, rand, sqn, amf), (answer) => {
    core.xor3gVector();
    return {
      rand: rand.slice(),
      autn: answer.slice(0, 16),
      xres: answer.slice(16, 32),
      ck: answer.slice(32, 48),
      ik: answer.slice(48, 64),
    };
  });
}

/**
 * Opens the AUTS of a re-synchronisation with XOR-3G, AMF* = 0000.
 * @param k, rand 16 bytes each
 * @param auts 14 bytes: (SQN_MS ^ AK*) 6 || MAC-S 8
 * @returns SQN_MS, 6 bytes; undefined if MAC-S is wrong
 * @throws CoreInputError for another length
 */
export function openXorAuts(
  k: Uint8Array,
  rand: Uint8Array,
  auts: Uint8Array,
): Uint8Array | undefined {
  requireBytes("k", k, KEY_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
  requireBytes("auts", auts, AUTS_BYTES);
  const fields: Field[] = [
    [0, k],
    [16, rand],
    [32, auts],
  ];
  return ask(fields, (answer) =>
    core.xor3gOpenAuts() === 1 ? answer.slice(0, SQN_BYTES) : undefined,
  );
}

// MILENAGE-256, the TS 35.234 family, in constant time. Experimental: one published set of test data,
// for keys of 256 bits and RAND of 16 bytes, covers it; other sizes rest on a reading of the coding.

import { ask, coreExports, requireBytes, requireBytesOf, requireBytesWithin } from "./core.ts";
import { requireNumber } from "./core.ts";
import type { Field } from "./core.ts";
import type { AuthenticationVector, MilenageOutput } from "./index.ts";

const KEY_BYTES = [16, 32];
const OPC_BYTES = 32;
const RAND_BYTES = [16, 32];
const SQN_BYTES = [6, 8]; // AK is as long
const AMF_BYTES = 2;
const AUTS_SQN_BYTES = 6; // TS 33.102 clause 6.3.3
const AMF_RESYNCHRONISATION = new Uint8Array(AMF_BYTES); // AMF* = 0000, the same clause
const MAC_BYTES_MIN = 4;
const MAC_S_BYTES_MAX = 32;
const ANSWER_BYTES = { min: 4, max: 32 };

/** Layout of a request, as wasm/assembly/milenage256.ts states it. */
const OFFSET = { k: 0, opc: 32, rand: 64, sqn: 96, amf: 104, macS: 106 };

interface Milenage256Exports {
  readonly milenage256Opc: (keyBytes: number) => void;
  readonly milenage256: (
    keyBytes: number,
    randBytes: number,
    sqnBytes: number,
    macBytes: number,
    resBytes: number,
    ckBytes: number,
    ikBytes: number,
  ) => void;
  readonly milenage256AkStarStar: (k: number, rand: number, ak: number, macS: number) => void;
}

const core = coreExports<Milenage256Exports>(
  "milenage256Opc",
  "milenage256",
  "milenage256AkStarStar",
);

/** Sizes of the answers in bytes; AK is as long as SQN. */
export interface Milenage256Sizes {
  macBytes: number; // 4 to 32
  resBytes: number; // 4 to 32
  ckBytes: number; // 16 or 32
  ikBytes: number; // 16 or 32
}

/** The sizes of Milenage. */
const MILENAGE_256_DEFAULT: Readonly<Milenage256Sizes> = {
  macBytes: 8,
  resBytes: 8,
  ckBytes: 16,
  ikBytes: 16,
};

/**
 * OPc of MILENAGE-256. Experimental.
 * @param k 16 or 32 bytes
 * @param op 32 bytes
 * @returns 32 bytes
 * @throws CoreInputError for another length
 */
export function deriveMilenage256Opc(k: Uint8Array, op: Uint8Array): Uint8Array {
  requireBytesOf("k", k, KEY_BYTES);
  requireBytes("op", op, OPC_BYTES);
  const fields: Field[] = [
    [OFFSET.k, k],
    [OFFSET.opc, op],
  ];
  return ask(fields, (answer) => {
    core.milenage256Opc(k.length);
    return answer.slice(0, OPC_BYTES);
  });
}

function checkKeys(k: Uint8Array, opc: Uint8Array, rand: Uint8Array): Field[] {
  requireBytesOf("k", k, KEY_BYTES);
  requireBytes("opc", opc, OPC_BYTES);
  requireBytesOf("rand", rand, RAND_BYTES);
  return [
    [OFFSET.k, k],
    [OFFSET.opc, opc],
    [OFFSET.rand, rand],
  ];
}

/**
 * f1, f1*, f2, f3, f4, f5 and f5* of MILENAGE-256. Experimental.
 * @param k 16 or 32 bytes
 * @param opc 32 bytes
 * @param rand 16 or 32 bytes
 * @param sqn 6 or 8 bytes
 * @param amf 2 bytes
 * @throws CoreInputError for another length or number
 */
export function milenage256(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
  sizes: Milenage256Sizes,
): MilenageOutput {
  const fields = checkKeys(k, opc, rand);
  requireBytesOf("sqn", sqn, SQN_BYTES);
  requireBytes("amf", amf, AMF_BYTES);
  const { macBytes, resBytes, ckBytes, ikBytes } = sizes;
  requireNumber("macBytes", macBytes, ANSWER_BYTES);
  requireNumber("resBytes", resBytes, ANSWER_BYTES);
  requireNumber("ckBytes", ckBytes, KEY_BYTES);
  requireNumber("ikBytes", ikBytes, KEY_BYTES);
  fields.push([OFFSET.sqn, sqn], [OFFSET.amf, amf]);
  return ask(fields, (answer) => {
    core.milenage256(k.length, rand.length, sqn.length, macBytes, resBytes, ckBytes, ikBytes);
    return {
      macA: answer.slice(0, macBytes),
      macS: answer.slice(32, 32 + macBytes),
      res: answer.slice(64, 64 + resBytes),
      ck: answer.slice(96, 96 + ckBytes),
      ik: answer.slice(128, 128 + ikBytes),
      ak: answer.slice(160, 160 + sqn.length),
      akStar: answer.slice(192, 192 + sqn.length),
    };
  });
}

/**
 * f5**: the AK that conceals SQN_MS in AUTS, from MAC-S. Experimental; no published value.
 * @param k 16 or 32 bytes
 * @param opc 32 bytes
 * @param rand 16 or 32 bytes
 * @param macS 4 to 32 bytes
 * @param akBytes 6 or 8, as SQN
 * @returns akBytes bytes
 * @throws CoreInputError for another length
 */
export function milenage256AkStarStar(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  macS: Uint8Array,
  akBytes = 6,
): Uint8Array {
  const fields = checkKeys(k, opc, rand);
  requireBytesWithin("macS", macS, MAC_BYTES_MIN, MAC_S_BYTES_MAX);
  requireNumber("akBytes", akBytes, SQN_BYTES);
  fields.push([OFFSET.macS, macS]);
  return ask(fields, (answer) => {
    core.milenage256AkStarStar(k.length, rand.length, akBytes, macS.length);
    return answer.slice(0, akBytes);
  });
}

/** a + b, of the same length. */
function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] ?? 0));
}

/**
 * The authentication vector of TS 33.102 clause 6.3.2; arguments as for milenage256. AUTN is
 * (SQN ^ AK) || AMF || MAC-A. Experimental.
 * @throws CoreInputError for another length or number
 */
export function generateMilenage256Vector(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
  sizes: Milenage256Sizes = MILENAGE_256_DEFAULT,
): AuthenticationVector {
  const { macA, res: xres, ck, ik, ak } = milenage256(k, opc, rand, sqn, amf, sizes);
  const autn = Uint8Array.of(...xor(sqn, ak), ...amf, ...macA);
  return { rand: rand.slice(), autn, xres, ck, ik };
}

/**
 * Opens the AUTS of a re-synchronisation, TS 33.102 clauses 6.3.3 and 6.3.5: SQN_MS of 6 bytes under
 * AK* = f5*, MAC-S over AMF* = 0000, compared as a whole. A card that conceals SQN_MS with f5** instead
 * (milenage256AkStarStar) is refused. Experimental.
 * @param k 16 or 32 bytes
 * @param opc 32 bytes
 * @param rand 16 or 32 bytes, of the challenge the card refused
 * @param auts (SQN_MS ^ AK*) 6 || MAC-S 4 to 32 bytes
 * @returns SQN_MS, 6 bytes; undefined if MAC-S is wrong
 * @throws CoreInputError for another length
 */
export function openMilenage256Auts(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  auts: Uint8Array,
): Uint8Array | undefined {
  requireBytesWithin(
    "auts",
    auts,
    AUTS_SQN_BYTES + MAC_BYTES_MIN,
    AUTS_SQN_BYTES + MAC_S_BYTES_MAX,
  );
  const macBytes = auts.length - AUTS_SQN_BYTES;
  const sizes = { ...MILENAGE_256_DEFAULT, macBytes };
  const concealed = auts.slice(0, AUTS_SQN_BYTES);
  const amf = AMF_RESYNCHRONISATION;
  const { akStar } = milenage256(k, opc, rand, concealed, amf, sizes); // takes no SQN but its length
  const sqnMs = xor(concealed, akStar);
  const { macS } = milenage256(k, opc, rand, sqnMs, amf, sizes);
  const difference = xor(macS, auts.subarray(AUTS_SQN_BYTES)).reduce((all, byte) => all | byte, 0);
  return difference === 0 ? sqnMs : undefined;
}

// TUAK, TS 35.231: bytes in, bytes out, in constant time. Keys of 128 or 256 bits.

import { answer, ask, clearRequest, coreExports, put, request, take } from "./core.ts";
import { requireBytes, requireBytesOf, requireNumber } from "./core.ts";
import type { Field } from "./core.ts";
import type { AuthenticationVector, MilenageOutput } from "./index.ts";

const KEY_BYTES = [16, 32];
const TOPC_BYTES = 32;
const RAND_BYTES = 16;
const SQN_BYTES = 6;
const AMF_BYTES = 2;
const MAC_BYTES = [8, 16, 32];
const RES_BYTES = [4, 8, 16, 32];
const ITERATIONS = { min: 1, max: 255 }; // the field of TS 35.231 clause 7.2 has eight bits

/** Layout of a request, as wasm/assembly/tuak.ts states it. */
const OFFSET = { k: 0, topc: 32, rand: 64, sqn: 80, amf: 86, auts: 80 };

interface TuakExports {
  readonly tuakTopc: (keyBytes: number, iterations: number) => void;
  readonly tuak: TuakCall;
  readonly tuakVector: TuakCall;
  readonly tuakOpenAuts: (keyBytes: number, macBytes: number, iterations: number) => number;
}

type TuakCall = (
  keyBytes: number,
  macBytes: number,
  resBytes: number,
  ckBytes: number,
  ikBytes: number,
  iterations: number,
) => void;

const core = coreExports<TuakExports>("tuakTopc", "tuak", "tuakVector", "tuakOpenAuts");

/** Sizes the operator chooses, in bytes, and how often Keccak-f runs; TS 35.231 clause 5. */
export interface TuakProfile {
  macBytes: number; // 8, 16 or 32
  resBytes: number; // 4, 8, 16 or 32
  ckBytes: number; // 16 or 32
  ikBytes: number; // 16 or 32
  iterations: number; // 1 to 255
}

/** What a USIM expects: MAC of 64 bits, CK and IK of 128 bits, one iteration. */
export const TUAK_DEFAULT: Readonly<TuakProfile> = {
  macBytes: 8,
  resBytes: 8,
  ckBytes: 16,
  ikBytes: 16,
  iterations: 1,
};

function checkKeys(k: Uint8Array, topc: Uint8Array, rand: Uint8Array): void {
  requireBytesOf("k", k, KEY_BYTES);
  requireBytes("topc", topc, TOPC_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
}

function checkProfile({ macBytes, resBytes, ckBytes, ikBytes, iterations }: TuakProfile): void {
  requireNumber("macBytes", macBytes, MAC_BYTES);
  requireNumber("resBytes", resBytes, RES_BYTES);
  requireNumber("ckBytes", ckBytes, KEY_BYTES);
  requireNumber("ikBytes", ikBytes, KEY_BYTES);
  requireNumber("iterations", iterations, ITERATIONS);
}

/**
 * TOPc of TS 35.231 clause 6.2.
 * @param k 16 or 32 bytes
 * @param top 32 bytes
 * @param iterations of Keccak-f, 1 to 255
 * @returns 32 bytes
 * @throws CoreInputError for another length or number
 */
export function deriveTopc(k: Uint8Array, top: Uint8Array, iterations = 1): Uint8Array {
  requireBytesOf("k", k, KEY_BYTES);
  requireBytes("top", top, TOPC_BYTES);
  requireNumber("iterations", iterations, ITERATIONS);
  const fields: Field[] = [
    [OFFSET.k, k],
    [OFFSET.topc, top],
  ];
  return ask(fields, () => {
    core.tuakTopc(k.length, iterations);
    return take(answer, 0, TOPC_BYTES);
  });
}

type TuakRequest = readonly [
  k: Uint8Array,
  topc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
];

/** Runs the core on a request that it checks first, and clears what that left behind. */
function compute<T>([k, topc, rand, sqn, amf]: TuakRequest, profile: TuakProfile, run: () => T): T {
  checkKeys(k, topc, rand);
  requireBytes("sqn", sqn, SQN_BYTES);
  requireBytes("amf", amf, AMF_BYTES);
  checkProfile(profile);
  try {
    put(request, k, OFFSET.k);
    put(request, topc, OFFSET.topc);
    put(request, rand, OFFSET.rand);
    put(request, sqn, OFFSET.sqn);
    put(request, amf, OFFSET.amf);
    return run();
  } finally {
    clearRequest();
  }
}

/**
 * f1, f1*, f2, f3, f4, f5 and f5* of TS 35.231 clause 6, with the lengths of the profile.
 * @param k 16 or 32 bytes
 * @param topc 32 bytes
 * @param rand 16 bytes
 * @param sqn 6 bytes
 * @param amf 2 bytes
 * @throws CoreInputError for another length or number
 */
export function tuak(
  k: Uint8Array,
  topc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
  profile: TuakProfile = TUAK_DEFAULT,
): MilenageOutput {
  const { macBytes, resBytes, ckBytes, ikBytes, iterations } = profile;
  return compute([k, topc, rand, sqn, amf], profile, () => {
    core.tuak(k.length, macBytes, resBytes, ckBytes, ikBytes, iterations);
    return {
      macA: take(answer, 0, macBytes),
      macS: take(answer, 32, 32 + macBytes),
      res: take(answer, 64, 64 + resBytes),
      ck: take(answer, 96, 96 + ckBytes),
      ik: take(answer, 128, 128 + ikBytes),
      ak: take(answer, 160, 166),
      akStar: take(answer, 166, 172),
    };
  });
}

/**
 * The authentication vector of TS 33.102 clause 6.3.2; arguments as for tuak. AUTN takes 8 bytes more
 * than the MAC: 16 for the usual MAC of 64 bits.
 * @throws CoreInputError for another length or number
 */
export function generateTuakVector(
  k: Uint8Array,
  topc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
  profile: TuakProfile = TUAK_DEFAULT,
): AuthenticationVector {
  const { macBytes, resBytes, ckBytes, ikBytes, iterations } = profile;
  return compute([k, topc, rand, sqn, amf], profile, () => {
    core.tuakVector(k.length, macBytes, resBytes, ckBytes, ikBytes, iterations);
    return {
      rand: take(rand, 0, RAND_BYTES),
      autn: take(answer, 0, 8 + macBytes),
      xres: take(answer, 40, 40 + resBytes),
      ck: take(answer, 72, 72 + ckBytes),
      ik: take(answer, 104, 104 + ikBytes),
    };
  });
}

/**
 * Opens the AUTS of a re-synchronisation, TS 33.102 clause 6.3.5, with AMF* = 0000.
 * @param k 16 or 32 bytes
 * @param topc 32 bytes
 * @param rand 16 bytes, of the challenge the card refused
 * @param auts (SQN_MS ^ AK*) 6 || MAC-S 8, 16 or 32 bytes
 * @returns SQN_MS, 6 bytes; undefined if MAC-S is wrong
 * @throws CoreInputError for another length or number
 */
export function openTuakAuts(
  k: Uint8Array,
  topc: Uint8Array,
  rand: Uint8Array,
  auts: Uint8Array,
  iterations = 1,
): Uint8Array | undefined {
  checkKeys(k, topc, rand);
  requireBytesOf(
    "auts",
    auts,
    MAC_BYTES.map((macBytes) => SQN_BYTES + macBytes),
  );
  requireNumber("iterations", iterations, ITERATIONS);
  const fields: Field[] = [
    [OFFSET.k, k],
    [OFFSET.topc, topc],
    [OFFSET.rand, rand],
    [OFFSET.auts, auts],
  ];
  return ask(fields, () => {
    const accepted = core.tuakOpenAuts(k.length, auts.length - SQN_BYTES, iterations);
    return accepted === 1 ? take(answer, 0, SQN_BYTES) : undefined;
  });
}

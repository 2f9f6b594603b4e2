/**
 * The authentication functions of a USIM (TS 33.102 section 6.3.2), whichever algorithm is behind
 * them, and what is personalised for each. All values are big-endian.
 */
import { f1, f1Star, f2, f3, f4, f5, f5Star } from "./milenage.ts";
import { tuakF1, tuakF1Star, tuakF2345, tuakF5Star } from "./tuak.ts";
import type { TuakKeys, TuakLengths } from "./tuak.ts";
import { createXorFunctions } from "./xor-3g.ts";

const MILENAGE_KEY_BYTES = 16;
const XOR_KEY_BYTES = 16;
const TOPC_BYTES = 32;
const TUAK_KEY_BYTES: readonly number[] = [16, 32];
const TUAK_RES_BYTES: ReadonlySet<number> = new Set([4, 8, 16, 32]);
const TUAK_RES_BYTES_DEFAULT = 8;
/** TS 35.231 section 6.1: one, unless the operator wants more. */
const KECCAK_ITERATIONS_DEFAULT = 1;
/** AUTN has room for 64 bits of MAC, and AUTHENTICATE returns 128 bits of CK and IK. */
const TUAK_LENGTHS = { macBytes: 8, ckBytes: 16, ikBytes: 16 } as const;

/** `rand` is 16 bytes, `sqn` 6, `amf` 2. */
export type AkaFunctions = {
  /** MAC-A, 8 bytes. */
  readonly f1: (rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array) => Uint8Array;
  /** MAC-S, 8 bytes. */
  readonly f1Star: (rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array) => Uint8Array;
  /** RES, 4 to 32 bytes. */
  readonly f2: (rand: Uint8Array) => Uint8Array;
  /** CK, 16 bytes. */
  readonly f3: (rand: Uint8Array) => Uint8Array;
  /** IK, 16 bytes. */
  readonly f4: (rand: Uint8Array) => Uint8Array;
  /** AK, 6 bytes. */
  readonly f5: (rand: Uint8Array) => Uint8Array;
  /** AK for AUTS, 6 bytes. */
  readonly f5Star: (rand: Uint8Array) => Uint8Array;
};

/** The secrets of a subscription, and the options of its algorithm. */
export type AkaProfile = {
  /** Milenage (TS 35.206) by default; TUAK (TS 35.231); XOR (TS 34.108), for test cards. */
  readonly algorithm?: "milenage" | "tuak" | "xor" | undefined;
  /** 16 bytes; with TUAK 16 or 32. */
  readonly k: Uint8Array;
  /** Milenage alone: OPc, 16 bytes. */
  readonly opc?: Uint8Array | undefined;
  /** TUAK alone: TOPc, 32 bytes. */
  readonly topc?: Uint8Array | undefined;
  /** TUAK alone: bytes of RES, 4, 8, 16 or 32; 8 by default. */
  readonly resBytes?: number | undefined;
  /** TUAK alone: how often Keccak runs, 1 by default. */
  readonly keccakIterations?: number | undefined;
};

/** Copies the keys; throws when they do not fit the algorithm. */
export function createAkaFunctions(profile: AkaProfile): AkaFunctions {
  switch (profile.algorithm ?? "milenage") {
    case "milenage":
      return createMilenageFunctions(profile);
    case "tuak":
      return createTuakFunctions(profile);
    case "xor":
      checkBytes("k", profile.k, [XOR_KEY_BYTES]);
      return createXorFunctions(profile.k.slice());
  }
}

function createMilenageFunctions(profile: AkaProfile): AkaFunctions {
  const keys = {
    k: checkBytes("k", profile.k, [MILENAGE_KEY_BYTES]).slice(),
    opc: checkBytes("opc", profile.opc, [MILENAGE_KEY_BYTES]).slice(),
  };
  return {
    f1: (rand, sqn, amf) => f1(keys, rand, sqn, amf),
    f1Star: (rand, sqn, amf) => f1Star(keys, rand, sqn, amf),
    f2: (rand) => f2(keys, rand),
    f3: (rand) => f3(keys, rand),
    f4: (rand) => f4(keys, rand),
    f5: (rand) => f5(keys, rand),
    f5Star: (rand) => f5Star(keys, rand),
  };
}

function createTuakFunctions(profile: AkaProfile): AkaFunctions {
  const resBytes = profile.resBytes ?? TUAK_RES_BYTES_DEFAULT;
  if (!TUAK_RES_BYTES.has(resBytes)) throw new Error("resBytes must be 4, 8, 16 or 32");
  const iterations = profile.keccakIterations ?? KECCAK_ITERATIONS_DEFAULT;
  if (!Number.isInteger(iterations) || iterations < 1) {
    throw new Error("keccakIterations must be 1 or more");
  }
  const keys: TuakKeys = {
    k: checkBytes("k", profile.k, TUAK_KEY_BYTES).slice(),
    topc: checkBytes("topc", profile.topc, [TOPC_BYTES]).slice(),
    iterations,
  };
  const lengths: TuakLengths = { ...TUAK_LENGTHS, resBytes };
  return {
    f1: (rand, sqn, amf) => tuakF1(keys, lengths, rand, sqn, amf),
    f1Star: (rand, sqn, amf) => tuakF1Star(keys, lengths, rand, sqn, amf),
    f2: (rand) => tuakF2345(keys, lengths, rand).res,
    f3: (rand) => tuakF2345(keys, lengths, rand).ck,
    f4: (rand) => tuakF2345(keys, lengths, rand).ik,
    f5: (rand) => tuakF2345(keys, lengths, rand).ak,
    f5Star: (rand) => tuakF5Star(keys, rand),
  };
}

function checkBytes(
  name: string,
  value: Uint8Array | undefined,
  lengths: readonly number[],
): Uint8Array {
  if (value === undefined || !lengths.includes(value.length)) {
    throw new Error(`${name} must be ${lengths.join(" or ")} bytes`);
  }
  return value;
}

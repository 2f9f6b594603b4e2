// TUAK and Keccak-f[1600] (TS 35.231): the test data of TS 35.232 and 35.233, and random cases
// against a plain Keccak written here from FIPS 202 with integers.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { deriveTopc, generateTuakVector, openTuakAuts, tuak, TUAK_DEFAULT } from "#wasm/tuak";
import type { TuakProfile } from "#wasm/tuak";
import vectors from "../vectors/tuak_ts35233.json";
import { loadProbedCore } from "./probe.ts";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x35231;
const CASES = 1000;
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

// --- Reference: FIPS 202 section 3, lanes as integers
// ------------------------------------------------

const LANE = (1n << 64n) - 1n;
const rotate = (lane: bigint, bits: number): bigint =>
  ((lane << BigInt(bits)) | (lane >> BigInt(64 - bits))) & LANE;
const at = (state: readonly bigint[], x: number, y: number): bigint =>
  state[(x % 5) + 5 * (y % 5)] ?? 0n;

/** Rotation of each lane, section 3.2.2: the walk (x, y) -> (y, 2x + 3y). */
function makeOffsets(): number[] {
  const offsets = Array.from({ length: 25 }, () => 0);
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t += 1) {
    offsets[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return offsets;
}

/** RC of section 3.2.5, as one run of the shift register over all rounds. */
function makeRoundConstants(): bigint[] {
  let register = 1;
  const nextBit = (): bigint => {
    const bit = BigInt(register & 1);
    register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
    return bit;
  };
  return Array.from({ length: 24 }, () => {
    let constant = 0n;
    for (let j = 0; j < 7; j += 1) constant |= nextBit() << BigInt(2 ** j - 1);
    return constant;
  });
}

const OFFSETS = makeOffsets();
const ROUND_CONSTANTS = makeRoundConstants();

function keccak(bytes: Uint8Array): Uint8Array {
  let state = Array.from({ length: 25 }, (_, index) =>
    BigInt(
      `0x${bytes
        .slice(8 * index, 8 * index + 8)
        .toReversed()
        .toHex()}`,
    ),
  );
  for (const constant of ROUND_CONSTANTS) {
    const parity = [0, 1, 2, 3, 4].map((x) =>
      [0, 1, 2, 3, 4].reduce((sum, y) => sum ^ at(state, x, y), 0n),
    );
    state = state.map(
      (lane, i) => lane ^ (parity[(i + 4) % 5] ?? 0n) ^ rotate(parity[((i % 5) + 1) % 5] ?? 0n, 1),
    );
    state = state.map((lane, i) => rotate(lane, OFFSETS[i] ?? 0));
    state = state.map((_, i) => at(state, (i % 5) + 3 * Math.floor(i / 5), i % 5));
    state = state.map((lane, i) => {
      const y = Math.floor(i / 5);
      return lane ^ ((at(state, (i % 5) + 1, y) ^ LANE) & at(state, (i % 5) + 2, y));
    });
    state[0] = (state[0] ?? 0n) ^ constant;
  }
  const out = new Uint8Array(200);
  const view = new DataView(out.buffer);
  for (const [index, lane] of state.entries()) view.setBigUint64(8 * index, lane, true);
  return out;
}

interface Inputs {
  k: Uint8Array;
  top: Uint8Array;
  rand: Uint8Array;
  sqn: Uint8Array;
  amf: Uint8Array;
}

/** The 200 bytes TS 35.231 clause 6.2 describes, permuted. */
function reference(
  instance: number,
  top: Uint8Array,
  fields: { k: Uint8Array; rand?: Uint8Array; sqn?: Uint8Array; amf?: Uint8Array },
  iterations: number,
): Uint8Array {
  const state = new Uint8Array(200);
  state.set(top.toReversed(), 0);
  state[32] = instance | (fields.k.length === 32 ? 1 : 0);
  state.set(new TextEncoder().encode("TUAK1.0").toReversed(), 33);
  if (fields.rand) state.set(fields.rand.toReversed(), 40);
  if (fields.amf) state.set(fields.amf.toReversed(), 56);
  if (fields.sqn) state.set(fields.sqn.toReversed(), 58);
  state.set(fields.k.toReversed(), 64);
  state[96] = 0x1f;
  state[135] = 0x80;
  let out: Uint8Array = state;
  for (let turn = 0; turn < iterations; turn += 1) out = keccak(out);
  return out;
}

const cut = (state: Uint8Array, start: number, length: number): string =>
  state
    .slice(start, start + length)
    .toReversed()
    .toHex();

function referenceTuak(inputs: Inputs, topc: Uint8Array, profile: TuakProfile): string[] {
  const { macBytes, resBytes, ckBytes, ikBytes, iterations } = profile;
  const mac = { 8: 0x08, 16: 0x10, 32: 0x20 }[macBytes] ?? -1;
  const res = { 4: 0x00, 8: 0x08, 16: 0x10, 32: 0x20 }[resBytes] ?? -1;
  const { k, rand } = inputs;
  const f1 = reference(mac, topc, inputs, iterations);
  const f1Star = reference(mac | 0x80, topc, inputs, iterations);
  const sizes = res | (ckBytes === 32 ? 4 : 0) | (ikBytes === 32 ? 2 : 0);
  const f2345 = reference(0x40 | sizes, topc, { k, rand }, iterations);
  const f5Star = reference(0xc0, topc, { k, rand }, iterations);
  return [
    cut(f1, 0, macBytes),
    cut(f1Star, 0, macBytes),
    cut(f2345, 0, resBytes),
    cut(f2345, 32, ckBytes),
    cut(f2345, 64, ikBytes),
    cut(f2345, 96, 6),
    cut(f5Star, 96, 6),
  ];
}

function ours(inputs: Inputs, topc: Uint8Array, profile: TuakProfile): string[] {
  const out = tuak(inputs.k, topc, inputs.rand, inputs.sqn, inputs.amf, profile);
  const { macA, macS, res, ck, ik, ak, akStar } = out;
  return [macA, macS, res, ck, ik, ak, akStar].map((value) => value.toHex());
}

interface Set {
  k: string;
  rand: string;
  sqn: string;
  amf: string;
  top: string;
  topc: string;
  f1: string;
  f1star: string;
  f2: string;
  f3: string;
  f4: string;
  f5: string;
  f5star: string;
  keccak_iterations?: number;
}

function checkSets(sets: readonly Set[]): number {
  for (const set of sets) {
    const inputs = {
      k: hex(set.k),
      top: hex(set.top),
      rand: hex(set.rand),
      sqn: hex(set.sqn),
      amf: hex(set.amf),
    };
    const profile: TuakProfile = {
      macBytes: set.f1.length / 2,
      resBytes: set.f2.length / 2,
      ckBytes: set.f3.length / 2,
      ikBytes: set.f4.length / 2,
      iterations: set.keccak_iterations ?? 1,
    };
    expect(deriveTopc(inputs.k, inputs.top, profile.iterations).toHex()).toBe(set.topc);
    const expected = [set.f1, set.f1star, set.f2, set.f3, set.f4, set.f5, set.f5star];
    expect(ours(inputs, hex(set.topc), profile)).toEqual(expected);
  }
  return sets.length;
}

describe("published data", () => {
  test("TS 35.233 clauses 6.3 to 6.8: six sets", () => {
    expect(checkSets(vectors.sets)).toBe(6);
  });

  test("24 sets computed with another implementation", () => {
    expect(checkSets(vectors.computed_extra.sets)).toBe(24);
  });

  test("TS 35.232: six Keccak-f[1600] vectors, by the reference here", () => {
    for (const { inp, out } of vectors.keccak_f1600) expect(keccak(hex(inp)).toHex()).toBe(out);
    expect(vectors.keccak_f1600.length).toBe(6);
  });
});

const PROFILE_CHOICES = {
  macBytes: [8, 16, 32],
  resBytes: [4, 8, 16, 32],
  keyBytes: [16, 32],
  iterations: [1, 1, 1, 2, 3],
};

function choose(random: SeededRandom, choices: readonly number[]): number {
  return choices[random.below(choices.length)] ?? 0;
}

function makeCase(random: SeededRandom): { inputs: Inputs; profile: TuakProfile } {
  const inputs = {
    k: random.bytes(choose(random, PROFILE_CHOICES.keyBytes)),
    top: random.bytes(32),
    rand: random.bytes(16),
    sqn: random.bytes(6),
    amf: random.bytes(2),
  };
  const profile = {
    macBytes: choose(random, PROFILE_CHOICES.macBytes),
    resBytes: choose(random, PROFILE_CHOICES.resBytes),
    ckBytes: choose(random, PROFILE_CHOICES.keyBytes),
    ikBytes: choose(random, PROFILE_CHOICES.keyBytes),
    iterations: choose(random, PROFILE_CHOICES.iterations),
  };
  return { inputs, profile };
}

describe("against a plain Keccak", () => {
  test("every function, size and key length on random cases", () => {
    const random = new SeededRandom(SEED);
    let passed = 0;
    for (let index = 0; index < CASES; index += 1) {
      const { inputs, profile } = makeCase(random);
      const topc = deriveTopc(inputs.k, inputs.top, profile.iterations);
      const wanted = reference(0, inputs.top, { k: inputs.k }, profile.iterations);
      expect(topc.toHex()).toBe(cut(wanted, 0, 32));
      expect(ours(inputs, topc, profile)).toEqual(referenceTuak(inputs, topc, profile));
      passed += 1;
    }
    expect(passed).toBe(CASES);
    process.stdout.write(`TUAK against plain Keccak: seed ${SEED}, ${passed} of ${CASES}\n`);
  });

  test("the vector and AUTS are put together as TS 33.102 says", () => {
    const random = new SeededRandom(SEED);
    for (let index = 0; index < CASES; index += 1) {
      const { inputs, profile } = makeCase(random);
      const { k, top: topc, rand, sqn, amf } = inputs;
      const out = tuak(k, topc, rand, sqn, amf, profile);
      const vector = generateTuakVector(k, topc, rand, sqn, amf, profile);
      const concealed = sqn.map((byte, i) => byte ^ (out.ak[i] ?? 0));
      expect(vector.autn.toHex()).toBe(concealed.toHex() + amf.toHex() + out.macA.toHex());
      expect([vector.xres, vector.ck, vector.ik]).toEqual([out.res, out.ck, out.ik]);

      const zero = tuak(k, topc, rand, sqn, new Uint8Array(2), profile);
      const hidden = sqn.map((byte, i) => byte ^ (zero.akStar[i] ?? 0));
      const auts = Uint8Array.from([...hidden, ...zero.macS]);
      const open = (): string | undefined =>
        openTuakAuts(k, topc, rand, auts, profile.iterations)?.toHex();
      expect(open()).toBe(sqn.toHex());
      const bit = random.below(8 * auts.length);
      auts[bit >> 3] = (auts[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(open()).toBeUndefined();
    }
  });
});

test("what the calls leave is wiped, also for a refused AUTS", async () => {
  const core = await loadProbedCore();
  const before = core.memory.slice();
  const { inputs } = makeCase(new SeededRandom(SEED));
  const { k, top, rand, sqn, amf } = inputs;
  core.tuak.tuak(k, top, rand, sqn, amf, { ...TUAK_DEFAULT, macBytes: 32, resBytes: 32 });
  core.tuak.openTuakAuts(k, top, rand, new Uint8Array(14));
  expect(Buffer.compare(core.memory, before)).toBe(0);
});

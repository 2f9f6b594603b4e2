// Milenage with constants of the operator's choice, against TS 35.206 written out on node:crypto,
// and vectors in batches against single ones.

import { createCipheriv } from "node:crypto";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { generateVector, milenage } from "#wasm";
import {
  CHALLENGE_RECORD_BYTES,
  generateVectorBatch,
  generateVectors,
  generateVectorSeries,
  milenageCustom,
  MILENAGE_CONSTANTS,
  openCustomAuts,
  VECTOR_BATCH_MAX,
  VECTOR_RECORD_BYTES,
} from "#wasm/milenage";
import type { MilenageConstants } from "#wasm/milenage";
import vectors from "../vectors/milenage_ts35208.json";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x35206;
const CASES = 1000;
const BATCH_SIZES = [1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 1021, 1022, 1023, 1024];
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);
const BLOCK = (1n << 128n) - 1n;

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${bytes.toHex()}`);
const toHex = (value: bigint): string => value.toString(16).padStart(32, "0");
const rotate = (x: bigint, bits: number): bigint =>
  ((x << BigInt(bits)) | (x >> BigInt(128 - bits))) & BLOCK;

type Inputs = readonly [
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
];

/** TS 35.206 clause 4.1, on 128-bit integers. */
function reference(inputs: Inputs, { c, r }: MilenageConstants): string[] {
  const [k, opcBytes, rand, sqn, amf] = inputs;
  const encrypt = (block: bigint): bigint => {
    const cipher = createCipheriv("aes-128-ecb", k, null).setAutoPadding(false);
    return BigInt(`0x${cipher.update(toHex(block), "hex", "hex")}`);
  };
  const opc = toNumber(opcBytes);
  const temp = encrypt(toNumber(rand) ^ opc);
  const in1 = BigInt(`0x${sqn.toHex()}${amf.toHex()}${sqn.toHex()}${amf.toHex()}`);
  const out = c.map((bytes, index) => {
    const turned = rotate(index === 0 ? in1 ^ opc : temp ^ opc, r[index] ?? 0) ^ toNumber(bytes);
    return toHex(encrypt(index === 0 ? temp ^ turned : turned) ^ opc);
  });
  const [out1 = "", out2 = "", out3 = "", out4 = "", out5 = ""] = out;
  const f1 = [out1.slice(0, 16), out1.slice(16)];
  return [...f1, out2.slice(16), out3, out4, out2.slice(0, 12), out5.slice(0, 12)];
}

function ours(inputs: Inputs, constants: MilenageConstants): string[] {
  const { macA, macS, res, ck, ik, ak, akStar } = milenageCustom(...inputs, constants);
  return [macA, macS, res, ck, ik, ak, akStar].map((value) => value.toHex());
}

function makeInputs(random: SeededRandom): Inputs {
  return [
    random.bytes(16),
    random.bytes(16),
    random.bytes(16),
    random.bytes(6),
    random.bytes(2),
  ] as const;
}

describe("constants of choice, TS 35.206 clause 5.3", () => {
  test("the default ones give the 21 sets of TS 35.207 and 35.208", () => {
    for (const set of vectors.sets) {
      const [k, opc, rand] = [hex(set.k), hex(set.opc), hex(set.rand)];
      const inputs: Inputs = [k, opc, rand, hex(set.sqn), hex(set.amf)];
      const expected = [set.f1, set.f1star, set.f2, set.f3, set.f4, set.f5, set.f5star];
      expect(ours(inputs, MILENAGE_CONSTANTS)).toEqual(expected);
    }
    expect(vectors.sets.length).toBe(21);
  });

  test("every rotation, random constants, and AUTS", () => {
    const random = new SeededRandom(SEED);
    for (let index = 0; index < CASES; index += 1) {
      const constants = {
        c: Array.from({ length: 5 }, () => random.bytes(16)),
        r: Array.from({ length: 5 }, (_, i) => (index + 29 * i) % 128),
      };
      const inputs = makeInputs(random);
      expect(ours(inputs, constants)).toEqual(reference(inputs, constants));

      const [k, opc, rand, sqn] = inputs;
      const zero = milenageCustom(k, opc, rand, sqn, new Uint8Array(2), constants);
      const concealed = sqn.map((byte, i) => byte ^ (zero.akStar[i] ?? 0));
      const auts = Uint8Array.from([...concealed, ...zero.macS]);
      expect(openCustomAuts(k, opc, rand, auts, constants)).toEqual(sqn);
      const bit = random.below(8 * auts.length);
      auts[bit >> 3] = (auts[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openCustomAuts(k, opc, rand, auts, constants)).toBeUndefined();
    }
  });
});

function single(inputs: Inputs): string {
  const { autn, xres, ck, ik } = generateVector(...inputs);
  return autn.toHex() + xres.toHex() + ck.toHex() + ik.toHex();
}

function records(bytes: Uint8Array): string[] {
  const count = bytes.length / VECTOR_RECORD_BYTES;
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * VECTOR_RECORD_BYTES, (index + 1) * VECTOR_RECORD_BYTES).toHex(),
  );
}

describe("batches", () => {
  test("the 21 published sets in one call", () => {
    const requests = vectors.sets.map(({ k, opc, rand, sqn, amf }) => k + opc + rand + sqn + amf);
    const expected = vectors.sets.map(({ autn, f2, f3, f4 }) => autn + f2 + f3 + f4);
    expect(records(generateVectorBatch(hex(requests.join(""))))).toEqual(expected);
    expect(expected.length).toBe(21);
  });

  test.each(BATCH_SIZES)("of %d subscribers give what single calls give", (count) => {
    const random = new SeededRandom(SEED + count);
    const cases = Array.from({ length: count }, () => makeInputs(random));
    const requests = Uint8Array.from(cases.flatMap((inputs) => inputs.flatMap((v) => [...v])));
    expect(records(generateVectorBatch(requests))).toEqual(cases.map(single));
  });

  test.each(BATCH_SIZES)("of %d challenges of one subscriber likewise", (count) => {
    const random = new SeededRandom(SEED + count);
    const [k, opc] = makeInputs(random);
    const challenges = random.bytes(count * CHALLENGE_RECORD_BYTES);
    const expected = Array.from({ length: count }, (_, index) => {
      const c = challenges.subarray(index * CHALLENGE_RECORD_BYTES);
      return single([k, opc, c.slice(0, 16), c.slice(16, 22), c.slice(22, 24)]);
    });
    expect(records(generateVectorSeries(k, opc, challenges))).toEqual(expected);
  });

  test("vectors of one subscriber come taken apart, as single calls give them", () => {
    const random = new SeededRandom(SEED);
    const [k, opc, , , amf] = makeInputs(random);
    const challenges = Array.from({ length: 5 }, () => ({
      rand: random.bytes(16),
      sqn: random.bytes(6),
    }));
    const expected = challenges.map(({ rand, sqn }) => generateVector(k, opc, rand, sqn, amf));
    expect(generateVectors(k, opc, challenges, amf)).toEqual(expected);
    const short = { rand: random.bytes(15), sqn: random.bytes(6) };
    const long = { rand: random.bytes(16), sqn: random.bytes(7) };
    expect(() => generateVectors(k, opc, [...challenges, short], amf)).toThrow("rand");
    expect(() => generateVectors(k, opc, [long], amf)).toThrow("sqn");
  });

  test("more than fit, none, or a broken record are refused", () => {
    const sizes = [0, 1, 55, 57, (VECTOR_BATCH_MAX + 1) * VECTOR_RECORD_BYTES];
    for (const size of sizes) {
      expect(() => generateVectorBatch(new Uint8Array(size))).toThrow("requests");
    }
    const key = new Uint8Array(16);
    for (const size of [0, 23, 25, (VECTOR_BATCH_MAX + 1) * CHALLENGE_RECORD_BYTES]) {
      expect(() => generateVectorSeries(key, key, new Uint8Array(size))).toThrow("challenges");
    }
  });

  test("the single functions agree with each other", () => {
    const inputs = makeInputs(new SeededRandom(SEED));
    expect(milenage(...inputs).ck).toEqual(generateVector(...inputs).ck);
  });
});

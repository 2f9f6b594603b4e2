/** TUAK against TS 35.233 sections 6.3 to 6.8, and Keccak-f[1600] against TS 35.232. */
import { describe, expect, test } from "bun:test";
import vectors from "../../vectors/tuak_ts35233.json";
import { computeTopc, permuteKeccak, tuakF1, tuakF1Star, tuakF2345, tuakF5Star } from "./tuak.ts";

type TestSet = (typeof vectors.computed_extra.sets)[number];

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

/** Lengths are those of the outputs in the set. */
function compute(set: TestSet, iterations: number) {
  const keys = { k: hex(set.k), topc: hex(set.topc), iterations };
  const [rand, sqn, amf] = [hex(set.rand), hex(set.sqn), hex(set.amf)];
  const lengths = {
    macBytes: set.f1.length / 2,
    resBytes: set.f2.length / 2,
    ckBytes: set.f3.length / 2,
    ikBytes: set.f4.length / 2,
  };
  const { res, ck, ik, ak } = tuakF2345(keys, lengths, rand);
  return {
    topc: computeTopc(keys.k, hex(set.top), iterations).toHex(),
    f1: tuakF1(keys, lengths, rand, sqn, amf).toHex(),
    f1star: tuakF1Star(keys, lengths, rand, sqn, amf).toHex(),
    f2: res.toHex(),
    f3: ck.toHex(),
    f4: ik.toHex(),
    f5: ak.toHex(),
    f5star: tuakF5Star(keys, rand).toHex(),
  };
}

test("the vector file holds the records this file claims to check", () => {
  expect(vectors.keccak_f1600).toHaveLength(6);
  expect(vectors.sets).toHaveLength(6);
  expect(vectors.computed_extra.sets).toHaveLength(24);
});

describe("TS 35.232", () => {
  test.each(vectors.keccak_f1600)("Keccak-f[1600], $n", ({ inp, out }) => {
    expect(permuteKeccak(hex(inp), 1).toHex()).toBe(out);
  });
});

describe("TS 35.233", () => {
  test.each(vectors.sets)("$name: TOPc and f1 to f5*", (set) => {
    expect(set).toMatchObject(compute(set, set.keccak_iterations));
  });
});

test("24 computed sets: every length of K, MAC, RES, CK and IK", () => {
  for (const set of vectors.computed_extra.sets) expect(set).toMatchObject(compute(set, 1));
});

test("an output length that TUAK does not have is an error", () => {
  const keys = { k: new Uint8Array(16), topc: new Uint8Array(32), iterations: 1 };
  const lengths = { macBytes: 8, resBytes: 5, ckBytes: 16, ikBytes: 16 };
  expect(() => tuakF2345(keys, lengths, new Uint8Array(16))).toThrow("5 bytes");
});

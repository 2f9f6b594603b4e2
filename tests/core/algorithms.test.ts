// The table of algorithms: each row answers, with the key lengths it states, as the functions do.

import { describe, expect, test } from "bun:test";
import { ALGORITHMS } from "#wasm/algorithms";
import type { Algorithm, KeyMaterial } from "#wasm/algorithms";
import { SeededRandom } from "./random.ts";

const SEED = 0xa19;
const MODULES = new Set(["SIM", "USIM", "ISIM", "RUIM", "CSIM"]);
const rows: Array<[string, Algorithm]> = Object.entries(ALGORITHMS);

function lengthsOf({ bytes }: KeyMaterial): number[] {
  return "min" in bytes ? [bytes.min, bytes.max] : [...bytes];
}

/** All ways to choose one length for each key. */
function combinations(keys: readonly KeyMaterial[]): number[][] {
  return keys.reduce<number[][]>(
    (all, key) => all.flatMap((chosen) => lengthsOf(key).map((length) => chosen.concat(length))),
    [[]],
  );
}

/** Calls what a row offers with keys of these lengths; the number of calls made. */
function exercise(algorithm: Algorithm, lengths: readonly number[], random: SeededRandom): number {
  const [first = 0, second = 0] = lengths;
  const [key, operator] = [random.bytes(first), random.bytes(second)];
  const [rand, sqn, amf] = [random.bytes(16), random.bytes(6), random.bytes(2)];
  let calls = 0;
  switch (algorithm.family) {
    case "aka": {
      const vector = algorithm.generateVector?.(key, operator, rand, sqn, amf);
      if (vector !== undefined) {
        expect(vector.autn.slice(6, 8)).toEqual(amf);
        expect(vector.rand).toEqual(rand);
        expect(algorithm.openAuts?.(key, operator, rand, new Uint8Array(14))).toBeUndefined();
        calls += 2;
      }
      if (algorithm.deriveOperator !== undefined) {
        expect(algorithm.deriveOperator(key, operator).length).toBe(second);
        calls += 1;
      }
      return calls;
    }
    case "gsm": {
      const { sres, kc } = algorithm.answer(key, operator, rand);
      expect([sres.length, kc.length]).toEqual([4, 8]);
      return 1;
    }
    case "cdma": {
      const esn = random.bytes(4);
      const ssd = algorithm.sharedSecretData?.(key, random.bytes(7), esn);
      if (ssd !== undefined) {
        const signature = algorithm.sign?.(ssd.ssdA, random.bytes(4), random.bytes(3), esn);
        expect(signature?.length).toBe(3);
        calls += 2;
      }
      if (algorithm.chapResponse !== undefined) {
        expect(algorithm.chapResponse(random.bytes(1), key, rand).length).toBe(16);
        calls += 1;
      }
      return calls;
    }
  }
}

describe.each(rows)("%s", (_name, algorithm) => {
  test("answers for every key length it states", () => {
    const random = new SeededRandom(SEED);
    for (const lengths of combinations(algorithm.keys)) {
      expect(exercise(algorithm, lengths, random)).toBeGreaterThan(0);
    }
  });

  test("names known modules, a standard and keys", () => {
    expect(algorithm.modules.length).toBeGreaterThan(0);
    expect(algorithm.modules.filter((kind) => !MODULES.has(kind))).toEqual([]);
    expect(algorithm.standard).not.toBe("");
    expect(algorithm.keys.length).toBeGreaterThan(0);
  });
});

test("eleven algorithms, and which are not for use", () => {
  const byStatus = Object.groupBy(rows, ([, { status }]) => status);
  const names = (status: string): string[] =>
    (Reflect.get(byStatus, status) ?? []).map(([name]: [string]) => name);
  expect(rows.length).toBe(11);
  expect(names("experimental")).toEqual(["milenage-256"]);
  expect(names("test")).toEqual(["xor-3g", "xor-2g"]);
  expect(names("broken")).toEqual(["comp128-1", "comp128-2"]);
});

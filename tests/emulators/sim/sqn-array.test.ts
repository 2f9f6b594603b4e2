/** TS 33.102 Annex C.2: freshness, Delta, age limit, SQN_MS. */
import { describe, expect, test } from "bun:test";
import { acceptSqn, createSqnArray, encodeSqnMs } from "./sqn-array.ts";
import type { SqnArray } from "./sqn-array.ts";

const DELTA = 2 ** 28;

function sqnOf(array: SqnArray, seq: number, ind: number): Uint8Array {
  const value = seq * 2 ** array.indBits + ind;
  return Uint8Array.fromHex(value.toString(16).padStart(12, "0"));
}

function accept(array: SqnArray, seq: number, ind: number): boolean {
  return acceptSqn(array, sqnOf(array, seq, ind));
}

describe("freshness (C.2.2)", () => {
  test("SEQ must be greater than SEQ_MS(IND), equal is a replay", () => {
    const array = createSqnArray({});
    expect(accept(array, 0, 7)).toBe(false);
    expect(accept(array, 5, 7)).toBe(true);
    expect(accept(array, 5, 7)).toBe(false);
    expect(accept(array, 4, 7)).toBe(false);
    expect(accept(array, 6, 7)).toBe(true);
  });

  test("each IND has its own SEQ_MS and only that one moves", () => {
    const array = createSqnArray({});
    accept(array, 9, 31);
    accept(array, 3, 0);
    expect(array.seqMs).toHaveLength(32);
    expect(array.seqMs[31]).toBe(9);
    expect(array.seqMs[0]).toBe(3);
    expect(array.seqMs.filter((seq) => seq === 0)).toHaveLength(30);
  });

  test("a refused SQN changes nothing", () => {
    const array = createSqnArray({});
    accept(array, 9, 1);
    const before = [...array.seqMs];
    expect(accept(array, 9, 1)).toBe(false);
    expect(accept(array, 10 + DELTA, 2)).toBe(false);
    expect(array.seqMs).toEqual(before);
  });
});

describe("Delta (C.2.1)", () => {
  test("is measured from the highest SEQ_MS, the limit itself is accepted", () => {
    const array = createSqnArray({});
    expect(accept(array, DELTA + 1, 0)).toBe(false);
    expect(accept(array, 40, 3)).toBe(true);
    expect(accept(array, 41 + DELTA, 4)).toBe(false);
    expect(accept(array, 40 + DELTA, 4)).toBe(true);
    expect(accept(array, 40 + 2 * DELTA, 5)).toBe(true);
  });

  test("null switches it off, up to the largest SEQ", () => {
    const array = createSqnArray({ deltaSeq: null });
    expect(accept(array, 2 ** 43 - 1, 31)).toBe(true);
    expect(encodeSqnMs(array).toHex()).toBe("ffffffffffff");
  });
});

describe("age limit L (C.2.3)", () => {
  test("off by default", () => {
    const array = createSqnArray({});
    accept(array, 1_000_000, 0);
    expect(accept(array, 1, 1)).toBe(true);
  });

  test("SEQ_MS - SEQ must be below L", () => {
    const array = createSqnArray({ ageLimitSeq: 10 });
    accept(array, 100, 0);
    expect(accept(array, 90, 1)).toBe(false);
    expect(accept(array, 91, 1)).toBe(true);
  });
});

describe("SQN_MS", () => {
  test("is zero before anything was accepted", () => {
    expect(encodeSqnMs(createSqnArray({})).toHex()).toBe("000000000000");
  });

  test("is the highest SQN in the array, not the last one accepted", () => {
    const array = createSqnArray({});
    accept(array, 40, 3);
    accept(array, 5, 0);
    expect(encodeSqnMs(array).toHex()).toBe("000000000503");
    accept(array, 40, 9);
    expect(encodeSqnMs(array).toHex()).toBe("000000000509");
  });
});

describe("configuration", () => {
  test.each([0, 1, 4, 8])("%i bits of IND", (indBits) => {
    const array = createSqnArray({ indBits });
    const ind = 2 ** indBits - 1;
    expect(array.seqMs).toHaveLength(ind + 1);
    expect(accept(array, 3, ind)).toBe(true);
    expect(array.seqMs[ind]).toBe(3);
    expect(encodeSqnMs(array)).toEqual(sqnOf(array, 3, ind));
  });

  test("continues from a given array, which it copies", () => {
    const seqMs = [7, 0];
    const array = createSqnArray({ indBits: 1, seqMs });
    expect(accept(array, 7, 0)).toBe(false);
    expect(accept(array, 8, 0)).toBe(true);
    expect(seqMs).toEqual([7, 0]);
  });

  test.each([
    { indBits: -1 },
    { indBits: 17 },
    { indBits: 1.5 },
    { seqMs: [1] },
    { indBits: 0, seqMs: [-1] },
    { indBits: 0, seqMs: [0.5] },
    { indBits: 1, seqMs: [2 ** 47, 0] },
  ])("refuses %j", (options) => {
    expect(() => createSqnArray(options)).toThrow();
  });
});

// 2G: GSM-Milenage (TS 55.205), the conversions of TS 33.102 clause 6.8, COMP128 and the XOR test
// algorithms, on recorded vectors and against osmo-auc-gen.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { milenage } from "#wasm";
import {
  comp128v1,
  comp128v2,
  comp128v3,
  convert2gTo3g,
  convert3gTo2g,
  generateXorVector,
  gsmMilenage,
  openXorAuts,
  xor2g,
  xor3g,
} from "#wasm/gsm";
import type { GsmAnswer } from "#wasm/gsm";
import comp128Sets from "../vectors/comp128_osmo_auc_gen.json";
import gsmSets from "../vectors/gsm_milenage_ts55205.json";
import milenageSets from "../vectors/milenage_ts35208.json";
import xorSets from "../vectors/xor_test_algorithm.json";
import { askOracle, countPassed, isOracleAbsent } from "./oracle.ts";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x55205;
const CASES = 1000;
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);
const ZERO_AMF = new Uint8Array(2);

interface GsmSet {
  ki: string;
  rand: string;
  sres: string;
  kc: string;
}

function checkGsm(
  sets: readonly GsmSet[],
  answer: (ki: Uint8Array, rand: Uint8Array) => GsmAnswer,
): number {
  for (const set of sets) {
    const { sres, kc } = answer(hex(set.ki), hex(set.rand));
    expect(sres.toHex()).toBe(set.sres);
    expect(kc.toHex()).toBe(set.kc);
  }
  return sets.length;
}

function checkGsmMilenage(): number {
  for (const set of gsmSets.sets) {
    const { sres, sresFirstWord, kc } = gsmMilenage(hex(set.ki), hex(set.opc), hex(set.rand));
    expect([sres, sresFirstWord, kc].map((value) => value.toHex())).toEqual([
      set.sres1,
      set.sres2,
      set.kc,
    ]);
  }
  return gsmSets.sets.length;
}

function checkConversions(): number {
  for (const set of milenageSets.sets) {
    const { sres, sresFirstWord, kc } = convert3gTo2g(hex(set.f2), hex(set.f3), hex(set.f4));
    expect(sres.toHex()).toBe(set.res_c2_sres);
    expect(sresFirstWord.toHex()).toBe(set.f2.slice(0, 8));
    expect(kc.toHex()).toBe(set.kc_c3);
  }
  return milenageSets.sets.length;
}

function checkXor3g(): number {
  for (const set of xorSets.xor_3g) {
    const [k, rand, sqn, amf] = [hex(set.k), hex(set.rand), hex(set.sqn), hex(set.amf)];
    const { mac, res, ck, ik, ak } = xor3g(k, rand, sqn, amf);
    const values = [mac, res, ck, ik, ak].map((value) => value.toHex());
    expect(values).toEqual([set.xmac, set.res, set.ck, set.ik, set.ak]);
    const vector = generateXorVector(k, rand, sqn, amf);
    expect(vector.autn.toHex()).toBe(set.autn);
    expect([vector.xres, vector.ck, vector.ik]).toEqual([res, ck, ik]);
    expect(openXorAuts(k, rand, hex(set.auts_amf0000))?.toHex()).toBe(set.sqn);
    const converted = convert3gTo2g(res, ck, ik);
    expect(converted.sres.toHex()).toBe(set.sres);
    expect(converted.kc.toHex()).toBe(set.kc);
  }
  return xorSets.xor_3g.length;
}

const VECTOR_COUNTS: Array<[name: string, count: number, check: () => number]> = [
  ["TS 55.205 GSM-Milenage", 19, checkGsmMilenage],
  ["TS 33.102 c2 and c3 on TS 35.208", 21, checkConversions],
  ["COMP128-1", 50, () => checkGsm(comp128Sets.COMP128v1, comp128v1)],
  ["COMP128-2", 50, () => checkGsm(comp128Sets.COMP128v2, comp128v2)],
  ["COMP128-3", 50, () => checkGsm(comp128Sets.COMP128v3, comp128v3)],
  ["TS 34.108 XOR-3G", 50, checkXor3g],
  ["TS 51.010-1 XOR-2G", 50, () => checkGsm(xorSets.xor_2g, xor2g)],
  ["TS 51.010-1 XOR-2G of libosmocore", 2, () => checkGsm(xorSets.xor_2g_libosmocore, xor2g)],
];

describe("recorded vectors", () => {
  test.each(VECTOR_COUNTS)("%s, %d vectors", (_name, count, check) => {
    expect(check()).toBe(count);
  });
});

/** Words of 32 bits, big-endian. */
function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index));
}

describe("TS 33.102 clause 6.8", () => {
  test("c2 for every length of RES: padded with zeros, four words added", () => {
    const random = new SeededRandom(SEED);
    for (let length = 4; length <= 16; length += 1) {
      const res = random.bytes(length);
      const padded = new Uint8Array(16);
      padded.set(res);
      const { sres } = convert3gTo2g(res, random.bytes(16), random.bytes(16));
      const sum = words(padded).reduce((total, word) => total ^ word, 0);
      expect(words(sres)).toEqual([sum >>> 0]);
    }
  });

  test("c4 and c5, from which c3 leads back to Kc", () => {
    const random = new SeededRandom(SEED);
    for (let index = 0; index < 100; index += 1) {
      const kc = random.bytes(8);
      const { ck, ik } = convert2gTo3g(kc);
      const [kc1 = 0, kc2 = 0] = words(kc);
      const sum = (kc1 ^ kc2) >>> 0;
      expect(words(ck)).toEqual([kc1, kc2, kc1, kc2]);
      expect(words(ik)).toEqual([sum, kc1, kc2, sum]);
      expect(convert3gTo2g(new Uint8Array(8), ck, ik).kc).toEqual(kc);
    }
  });

  test("GSM-Milenage is Milenage, then c2 and c3", () => {
    const random = new SeededRandom(SEED);
    for (let index = 0; index < 200; index += 1) {
      const [ki, opc, rand] = [random.bytes(16), random.bytes(16), random.bytes(16)];
      const { res, ck, ik } = milenage(ki, opc, rand, random.bytes(6), random.bytes(2));
      expect(gsmMilenage(ki, opc, rand)).toEqual(convert3gTo2g(res, ck, ik));
    }
  });
});

const COMP128 = [
  ["COMP128v1", comp128v1],
  ["COMP128v2", comp128v2],
  ["COMP128v3", comp128v3],
] as const;

describe.skipIf(isOracleAbsent("COMP128 and XOR-3G"))("osmo-auc-gen", () => {
  const random = new SeededRandom(SEED);
  const cases = Array.from({ length: CASES }, () => ({
    k: random.bytes(16),
    rand: random.bytes(16),
    sqn: random.bytes(6),
    amf: random.bytes(2),
  }));

  test.each(COMP128)("%s: the same SRES and Kc", async (name, answer) => {
    const passed = await countPassed(cases, async ({ k, rand }) => {
      const keys = ["-k", k.toHex(), "-r", rand.toHex()];
      const theirs = await askOracle(["-2", "-a", name, ...keys]);
      const { sres, kc } = answer(k, rand);
      expect(theirs?.get("SRES")).toBe(sres.toHex());
      expect(theirs?.get("Kc")).toBe(kc.toHex());
    });
    expect(passed).toBe(CASES);
    process.stdout.write(`osmo-auc-gen ${name}: seed ${SEED}, ${passed} of ${CASES}\n`);
  });

  test("XOR-3G: the same vector, and the AUTS opens to the same SQN_MS", async () => {
    const passed = await countPassed(cases, async ({ k, rand, sqn, amf }) => {
      const common = ["-3", "-a", "XOR", "-l", "0", "-k", k.toHex(), "-r", rand.toHex()];
      const theirSqn = BigInt(`0x${sqn.toHex()}`) + 1n; // it prints the vector of one less
      const theirs = await askOracle([...common, "-f", amf.toHex(), "-s", `${theirSqn}`]);
      const { autn, xres, ck, ik } = generateXorVector(k, rand, sqn, amf);
      expect(theirs?.get("AUTN")).toBe(autn.toHex());
      expect(theirs?.get("RES")).toBe(xres.toHex());
      expect(theirs?.get("CK")).toBe(ck.toHex());
      expect(theirs?.get("IK")).toBe(ik.toHex());

      const { mac, ak } = xor3g(k, rand, sqn, ZERO_AMF);
      const concealed = sqn.map((byte, index) => byte ^ (ak[index] ?? 0));
      const auts = Uint8Array.from([...concealed, ...mac]);
      const opened = await askOracle([...common, "-f", amf.toHex(), "-A", auts.toHex()]);
      expect(opened?.get("SQN.MS")).toBe(BigInt(`0x${sqn.toHex()}`).toString());
      expect(openXorAuts(k, rand, auts)).toEqual(sqn);
    });
    expect(passed).toBe(CASES);
    process.stdout.write(`osmo-auc-gen XOR-3G: seed ${SEED}, ${passed} of ${CASES}\n`);
  });

  test("XOR-3G: an AUTS with one bit changed is refused", () => {
    for (const [index, { k, rand, sqn }] of cases.entries()) {
      const { mac, ak } = xor3g(k, rand, sqn, ZERO_AMF);
      const auts = Uint8Array.from([...sqn.map((byte, i) => byte ^ (ak[i] ?? 0)), ...mac]);
      const bit = index % (8 * auts.length);
      auts[bit >> 3] = (auts[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openXorAuts(k, rand, auts)).toBeUndefined();
    }
  });
});

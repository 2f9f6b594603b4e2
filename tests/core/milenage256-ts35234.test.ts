// MILENAGE-256, experimental: the one published set, and sets computed with another implementation.

import { expect, test } from "bun:test";
import {
  deriveMilenage256Opc,
  generateMilenage256Vector,
  milenage256,
  milenage256AkStarStar,
  openMilenage256Auts,
} from "#wasm/milenage256";
import vectors from "../vectors/milenage256.json";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

interface Set {
  k: string;
  op: string;
  opc: string;
  rand: string;
  sqn: string;
  amf: string;
  mac_a: string;
  mac_s: string;
  res: string;
  ck: string;
  ik: string;
  ak: string;
  ak_s: string;
}

function check(set: Set, akStarStar: string): void {
  const [k, opc, rand] = [hex(set.k), hex(set.opc), hex(set.rand)];
  expect(deriveMilenage256Opc(k, hex(set.op)).toHex()).toBe(set.opc);
  const sizes = {
    macBytes: set.mac_a.length / 2,
    resBytes: set.res.length / 2,
    ckBytes: set.ck.length / 2,
    ikBytes: set.ik.length / 2,
  };
  const out = milenage256(k, opc, rand, hex(set.sqn), hex(set.amf), sizes);
  const { macA, macS, res, ck, ik, ak, akStar } = out;
  const values = [macA, macS, res, ck, ik, ak, akStar].map((value) => value.toHex());
  expect(values).toEqual([set.mac_a, set.mac_s, set.res, set.ck, set.ik, set.ak, set.ak_s]);
  const akBytes = akStarStar.length / 2;
  expect(milenage256AkStarStar(k, opc, rand, macS, akBytes).toHex()).toBe(akStarStar);
}

test("test case 4d, the published set", () => {
  for (const set of vectors.published) check(set, set.ak_ss_computed);
  expect(vectors.published.length).toBe(1);
});

const sum = (a: string, b: string): string =>
  hex(a)
    .map((byte, index) => byte ^ (hex(b)[index] ?? 0))
    .toHex();

test("the vector and AUTS of TS 33.102 put together from test case 4d", () => {
  for (const set of vectors.published) {
    const keys = [hex(set.k), hex(set.opc), hex(set.rand)] as const;
    const sizes = { macBytes: 8, resBytes: 8, ckBytes: 32, ikBytes: 32 };
    const vector = generateMilenage256Vector(...keys, hex(set.sqn), hex(set.amf), sizes);
    expect(vector.autn.toHex()).toBe(sum(set.sqn, set.ak) + set.amf + set.mac_a);
    const answers = [vector.rand, vector.xres, vector.ck, vector.ik].map((value) => value.toHex());
    expect(answers).toEqual([set.rand, set.res, set.ck, set.ik]);

    const { macS } = milenage256(...keys, hex(set.sqn), new Uint8Array(2), sizes); // AMF* = 0000
    const auts = hex(sum(set.sqn, set.ak_s) + macS.toHex());
    expect(openMilenage256Auts(...keys, auts)?.toHex()).toBe(set.sqn);
    for (const [index, byte] of auts.entries())
      expect(openMilenage256Auts(...keys, auts.with(index, byte ^ 0x10))).toBeUndefined();
    // MAC-S over the AMF of the set is not one for AUTS.
    expect(openMilenage256Auts(...keys, hex(sum(set.sqn, set.ak_s) + set.mac_s))).toBeUndefined();
  }
});

test("24 computed sets: other sizes of K, RAND, SQN and answers", () => {
  for (const set of vectors.computed_extra.sets) check(set, set.ak_ss);
  expect(vectors.computed_extra.sets.length).toBe(24);
});

// MILENAGE-256, experimental: the one published set, and sets computed with another implementation.

import { expect, test } from "bun:test";
import { deriveMilenage256Opc, milenage256, milenage256AkStarStar } from "#wasm/milenage256";
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

test("24 computed sets: other sizes of K, RAND, SQN and answers", () => {
  for (const set of vectors.computed_extra.sets) check(set, set.ak_ss);
  expect(vectors.computed_extra.sets.length).toBe(24);
});

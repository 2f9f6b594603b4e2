/** RES* by published values, and what becomes of RES, CK and IK on the way. */
import { expect, test } from "bun:test";
import type { ModuleResponse } from "#terminal/module";
import { createResStarModule } from "#terminal/res-star";
import { wipeKeys } from "#terminal/confirmation";
import kdf from "../vectors/kdf_5g_eap.json";
import { rejectionOf } from "./rejection.ts";

const NETWORK = "5G:mnc001.mcc001.3gppnetwork.org";
const bytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(hex);
const RAND = new Uint8Array(16).fill(3);
const CHALLENGE = { rands: [RAND], autn: new Uint8Array(16) };
const RES = { kind: "res", values: [new Uint8Array(8).fill(9)] } as const;
const keysOf = (): NonNullable<ModuleResponse["keys"]> => ({
  ck: new Uint8Array(16).fill(1),
  ik: new Uint8Array(16).fill(2),
});

function wrap(response: ModuleResponse, network = NETWORK) {
  return createResStarModule(
    { kind: "USIM", readImsi: async () => "001010123456789", authenticate: async () => response },
    network,
  );
}

const published = kdf.vectors.filter(({ category }) => category === "5G-RES*");

test("RES* of every published vector", async () => {
  expect(published.length).toBeGreaterThan(0);
  for (const { inputs, expected } of published) {
    const [ck, ik, snn, rand, res] = ["ck", "ik", "snn", "rand", "res"].map((name) =>
      String(Object(inputs)[name]),
    );
    if (!ck || !ik || !snn || !rand || !res) throw new Error("a vector lacks an input");
    const response: ModuleResponse = {
      answer: { kind: "res", values: [bytes(res)] },
      keys: { ck: bytes(ck), ik: bytes(ik) },
    };
    const challenge = { rands: [bytes(rand)], autn: new Uint8Array(16) };
    const { answer, keys } = await wrap(response, snn).authenticate(challenge);
    expect(answer.kind === "res" ? answer.values.map((value) => value.toHex()) : []).toEqual([
      Object.values(expected)[0] ?? "",
    ]);
    expect(keys).toBeUndefined();
  }
});

test("another network's name makes another RES*", async () => {
  const other = "5G:mnc002.mcc001.3gppnetwork.org";
  const [one, two] = await Promise.all(
    [NETWORK, other].map((network) =>
      wrap({ answer: RES, keys: keysOf() }, network).authenticate(CHALLENGE),
    ),
  );
  expect(one).not.toEqual(two ?? {});
});

test("AUTS and refusals pass as they are, and keys are wiped whatever comes", async () => {
  const auts = { kind: "auts", auts: new Uint8Array(14).fill(5) } as const;
  const refusal = { kind: "refusal", statusWord: 0x9862 } as const;
  expect(await wrap({ answer: auts }).authenticate(CHALLENGE)).toEqual({ answer: auts });
  expect(await wrap({ answer: refusal }).authenticate(CHALLENGE)).toEqual({ answer: refusal });
  for (const answer of [RES, auts]) {
    const keys = keysOf();
    await wrap({ answer, keys }).authenticate(CHALLENGE);
    const wiped = keysOf();
    wipeKeys({ answer, keys: wiped });
    expect(keys).toEqual(wiped);
  }
});

test("a module that keeps CK and IK to itself cannot serve: the plain RES does not leave", async () => {
  const error = await rejectionOf(wrap({ answer: RES }).authenticate(CHALLENGE));
  expect(error).toMatchObject({ name: "ModuleError", code: "unsuitable_challenge" });
});

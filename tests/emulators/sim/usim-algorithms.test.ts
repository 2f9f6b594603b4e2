/** AUTHENTICATE of a USIM whose algorithm is TUAK (TS 35.231) or XOR (TS 34.108). */
import { describe, expect, test } from "bun:test";
import tuak from "../../vectors/tuak_ts35233.json";
import xor from "../../vectors/xor_test_algorithm.json";
import { createAkaFunctions } from "./aka-functions.ts";
import { xorBytes } from "./milenage.ts";
import {
  SELECT_USIM,
  TEST_KEYS,
  TEST_PROFILE,
  createUsimInAdf,
  exchange,
  flipLastBit,
  frameAuthenticate,
  send,
} from "./test-card.ts";
import { createUsim } from "./usim.ts";
import type { UsimProfile } from "./usim.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

/** Sets with CK and IK of 128 bits, which AUTHENTICATE returns. */
const TUAK_SETS = tuak.sets.filter((set) => set.f3.length === 32 && set.f4.length === 32);

type TuakSet = (typeof TUAK_SETS)[number];

function tuakProfile(set: TuakSet): UsimProfile {
  return {
    imsi: TEST_PROFILE.imsi,
    iccid: TEST_PROFILE.iccid,
    mncLength: 2,
    algorithm: "tuak",
    k: hex(set.k),
    topc: hex(set.topc),
    resBytes: set.f2.length / 2,
    keccakIterations: set.keccak_iterations,
    deltaSeq: null,
  };
}

/** With the set's own MAC where it has 64 bits, as AUTN wants it. */
function tuakFrame(set: TuakSet): string {
  const aka = createAkaFunctions(tuakProfile(set));
  const ownMac = aka.f1(hex(set.rand), hex(set.sqn), hex(set.amf)).toHex();
  const mac = set.mac_len_bits === 64 ? set.f1 : ownMac;
  const concealed = xorBytes(hex(set.sqn), hex(set.f5)).toHex();
  return frameAuthenticate(set.rand, `${concealed}${set.amf}${mac}`);
}

function withAlgorithm(profile: UsimProfile) {
  const usim = createUsim(profile);
  send(usim, SELECT_USIM);
  return usim;
}

test("the vector files hold the records this file claims to check", () => {
  expect(TUAK_SETS).toHaveLength(3);
  expect(TUAK_SETS.map((set) => set.f2.length * 4)).toEqual([32, 64, 128]);
  expect(xor.xor_3g).toHaveLength(50);
});

describe.each(TUAK_SETS)("TUAK, $name", (set) => {
  const frame = tuakFrame(set);

  test("RES, CK and IK; a wrong MAC is 9862 and leaves SEQ_MS alone", () => {
    const usim = withAlgorithm(tuakProfile(set));
    const before = usim.snapshot();
    expect(exchange(usim, flipLastBit(frame))).toBe("9862");
    expect(usim.snapshot()).toEqual(before);
    const length = (set.f2.length / 2).toString(16).padStart(2, "0");
    expect(exchange(usim, frame)).toBe(`db${length}${set.f2}10${set.f3}10${set.f4}9000`);
  });

  test("a replay is answered AUTS under f5* and f1* with AMF* 0000", () => {
    const usim = withAlgorithm(tuakProfile(set));
    exchange(usim, frame);
    const response = exchange(usim, frame);
    const aka = createAkaFunctions(tuakProfile(set));
    const macS = aka.f1Star(hex(set.rand), hex(set.sqn), new Uint8Array(2)).toHex();
    const concealed = xorBytes(hex(set.sqn), hex(set.f5star)).toHex();
    expect(response).toBe(`dc0e${concealed}${macS}9000`);
  });
});

test("TUAK: RES has 8 bytes unless the profile says 4, 16 or 32", () => {
  const k = new Uint8Array(32).fill(1);
  const topc = new Uint8Array(32).fill(2);
  const rand = "00".repeat(16);
  for (const resBytes of [undefined, 4, 16, 32]) {
    const profile = { ...TEST_PROFILE, algorithm: "tuak", k, topc, resBytes } as const;
    const aka = createAkaFunctions(profile);
    const sqn = hex("000000000020");
    const mac = aka.f1(hex(rand), sqn, hex("8000")).toHex();
    const autn = `${xorBytes(sqn, aka.f5(hex(rand))).toHex()}8000${mac}`;
    const response = exchange(withAlgorithm(profile), frameAuthenticate(rand, autn));
    expect(response.slice(0, 4)).toBe(`db${(resBytes ?? 8).toString(16).padStart(2, "0")}`);
    expect(response).toHaveLength(2 * (1 + 1 + (resBytes ?? 8) + 34 + 2));
  }
});

describe("XOR, 50 vectors of osmo-auc-gen", () => {
  test.each(xor.xor_3g)("K $k", (vector) => {
    const { rand, autn, res, ck, ik, kc, sres } = vector;
    const usim = createUsimInAdf({
      algorithm: "xor",
      k: hex(vector.k),
      deltaSeq: null,
      gsmAccess: true,
      gsmSecurityContext: true,
    });
    const frame = frameAuthenticate(rand, autn);
    expect(exchange(usim, frame)).toBe(`db10${res}10${ck}10${ik}08${kc}9000`);
    expect(exchange(usim, frame)).toBe(`dc0e${vector.auts_amf0000}9000`);
    expect(exchange(usim, flipLastBit(frame))).toBe("9862");
    expect(exchange(usim, `008800801110${rand}`)).toBe(`04${sres}08${kc}9000`);
  });
});

describe("keys that do not fit their algorithm", () => {
  const { k } = TEST_KEYS;
  const topc = new Uint8Array(32);
  const wrong: [string, Partial<UsimProfile>][] = [
    ["k must be 16 bytes", { k: new Uint8Array(15) }],
    ["opc must be 16 bytes", { opc: undefined }],
    ["opc must be 16 bytes", { opc: topc }],
    ["topc must be 32 bytes", { algorithm: "tuak" }],
    ["topc must be 32 bytes", { algorithm: "tuak", topc: k }],
    ["k must be 16 or 32 bytes", { algorithm: "tuak", topc, k: new Uint8Array(24) }],
    ["resBytes must be", { algorithm: "tuak", topc, resBytes: 12 }],
    ["keccakIterations must be", { algorithm: "tuak", topc, keccakIterations: 0 }],
    ["k must be 16 bytes", { algorithm: "xor", k: topc }],
  ];
  test.each(wrong)("%s", (message, profile) => {
    expect(() => createUsim({ ...TEST_PROFILE, ...profile })).toThrow(message);
  });
});

// Wrong arguments of vector generation: a typed error that names the argument, does not hold its
// value, and comes before anything is written to the core's memory.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { loadProbedCore } from "./probe.ts";

/** Bytes with the lengths they may have; or another value: a right one, and wrong ones. */
type Parameter =
  | [name: string, lengths: readonly number[] | "any"]
  | [name: string, right: { value: unknown; wrong: readonly unknown[] }];

const NAME = "5G:mnc001.mcc001.3gppnetwork.org";
const TUAK_PROFILE = { macBytes: 8, resBytes: 8, ckBytes: 16, ikBytes: 16, iterations: 1 };
const SIZES_256 = { macBytes: 8, resBytes: 8, ckBytes: 32, ikBytes: 32 };
const CONSTANTS = {
  c: Array.from({ length: 5 }, () => new Uint8Array(16)),
  r: [64, 0, 32, 64, 96],
};

const K: Parameter = ["k", [16]];
const K_256: Parameter = ["k", [16, 32]];
const KI: Parameter = ["ki", [16]];
const RAND: Parameter = ["rand", [16]];
const OPC: Parameter = ["opc", [16]];
const TOPC: Parameter = ["topc", [32]];
const SQN: Parameter = ["sqn", [6]];
const AMF: Parameter = ["amf", [2]];
const AUTS: Parameter = ["auts", [14]];
const CK: Parameter = ["ck", [16]];
const IK: Parameter = ["ik", [16]];
const ESN: Parameter = ["esn", [4]];
const SQN_XOR_AK: Parameter = ["sqnXorAk", [6]];
const SIGNED: Parameter[] = [["rand", [4]], ["authData", [3]], ESN];
const WRONG_TEXTS = ["", "x".repeat(257), "é".repeat(129), 7, undefined, null];
const textParameter = (name: string, value = NAME): Parameter => [
  name,
  { value, wrong: WRONG_TEXTS },
];
/** An object whose fields are tested one by one below. */
const CHALLENGE = { rand: new Uint8Array(16), sqn: new Uint8Array(6) };
const objectParameter = (name: string, value: object): Parameter => [name, { value, wrong: [] }];
const range = (min: number, max: number): number[] =>
  Array.from({ length: max - min + 1 }, (_, index) => min + index);

const FUNCTIONS: Record<string, Record<string, Parameter[]>> = {
  tuak: {
    deriveTopc: [K_256, ["top", [32]]],
    tuak: [K_256, TOPC, RAND, SQN, AMF, objectParameter("profile", TUAK_PROFILE)],
    generateTuakVector: [K_256, TOPC, RAND, SQN, AMF, objectParameter("profile", TUAK_PROFILE)],
    openTuakAuts: [K_256, TOPC, RAND, ["auts", [14, 22, 38]]],
  },
  gsm: {
    gsmMilenage: [KI, OPC, RAND],
    convert3gTo2g: [["res", range(4, 16)], CK, IK],
    convert2gTo3g: [["kc", [8]]],
    comp128v1: [KI, RAND],
    comp128v2: [KI, RAND],
    comp128v3: [KI, RAND],
    xor2g: [KI, RAND],
    xor3g: [K, RAND, SQN, AMF],
    generateXorVector: [K, RAND, SQN, AMF],
    openXorAuts: [K, RAND, AUTS],
  },
  cdma: {
    caveAkeyChecksum: [["akey", [8]], ESN],
    caveSharedSecretData: [["akey", [8]], ["randssd", [7]], ESN],
    caveSignature: [["ssdA", [8]], ...SIGNED],
    caveKeys: [["ssdA", [8]], ["ssdB", [8]], ...SIGNED],
    chapResponse: [
      ["identifier", [1]],
      ["secret", range(1, 255)],
      ["challenge", range(1, 255)],
    ],
  },
  derivations: {
    hmacSha256: [
      ["key", "any"],
      ["data", range(0, 16_320)],
    ],
    deriveResStar: [CK, IK, textParameter("servingNetworkName"), RAND, ["res", range(4, 16)]],
    deriveHxresStar: [RAND, ["xresStar", [16]]],
    deriveKausf: [CK, IK, textParameter("servingNetworkName"), SQN_XOR_AK],
    deriveKseaf: [["kausf", [32]], textParameter("servingNetworkName")],
    deriveKamf: [
      ["kseaf", [32]],
      textParameter("supi", "001010000000001"),
      ["abba", range(2, 256)],
    ],
    deriveKgnb: [
      ["kamf", [32]],
      ["uplinkNasCount", [4]],
      ["accessType", { value: 1, wrong: [0, 3, 1.5, "1", undefined] }],
    ],
    deriveKasme: [CK, IK, ["plmn", [3]], SQN_XOR_AK],
    deriveCkIkPrime: [CK, IK, textParameter("networkName", "WLAN"), SQN_XOR_AK],
    deriveEapAkaPrimeKeys: [
      ["ckPrime", [16]],
      ["ikPrime", [16]],
      textParameter("identity", "0001"),
    ],
  },
  milenage: {
    generateVectorBatch: [["requests", range(1, 1024).map((count) => 56 * count)]],
    generateVectorSeries: [K, OPC, ["challenges", range(1, 1024).map((count) => 24 * count)]],
    generateVectors: [
      K,
      OPC,
      [
        "challenges",
        {
          value: [CHALLENGE],
          wrong: [[], undefined, Array.from({ length: 1025 }, () => CHALLENGE)],
        },
      ],
      AMF,
    ],
    milenageCustom: [K, OPC, RAND, SQN, AMF, objectParameter("constants", CONSTANTS)],
    openCustomAuts: [K, OPC, RAND, AUTS, objectParameter("constants", CONSTANTS)],
  },
  milenage256: {
    deriveMilenage256Opc: [K_256, ["op", [32]]],
    milenage256: [
      K_256,
      ["opc", [32]],
      ["rand", [16, 32]],
      ["sqn", [6, 8]],
      AMF,
      objectParameter("sizes", SIZES_256),
    ],
    milenage256AkStarStar: [K_256, ["opc", [32]], ["rand", [16, 32]], ["macS", range(4, 32)]],
    generateMilenage256Vector: [
      K_256,
      ["opc", [32]],
      ["rand", [16, 32]],
      ["sqn", [6, 8]],
      AMF,
      objectParameter("sizes", SIZES_256),
    ],
    openMilenage256Auts: [K_256, ["opc", [32]], ["rand", [16, 32]], ["auts", range(10, 38)]],
  },
};

const core = await loadProbedCore();
const { facade, ...parts } = core;
const before = core.memory.slice();
const modules = new Map<string, Map<string, unknown>>(
  Object.keys(FUNCTIONS).map((name) => {
    const part: object = Reflect.get(parts, name);
    return [name, new Map<string, unknown>(Object.entries(part))];
  }),
);

function callUnchecked(module: string, name: string, values: readonly unknown[]): unknown {
  const target = modules.get(module)?.get(name);
  if (typeof target !== "function") throw new TypeError(name);
  return Reflect.apply(target, undefined, values);
}

/** The error of a refused call, after a look at the memory. */
function refusal(call: () => unknown): { argument: string; message: string } {
  try {
    call();
  } catch (error) {
    if (!(error instanceof facade.CoreInputError)) throw error;
    expect(error.code).toBe("core_input");
    expect(error.message).not.toMatch(/a5|165/u);
    expect(Buffer.compare(core.memory, before)).toBe(0);
    return error;
  }
  throw new Error("the call was not refused");
}

const filled = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(0xa5);

function rightValues(allowed: Parameter[1]): unknown[] {
  if (allowed === "any") return [0, 1, 300].map(filled);
  if ("value" in allowed) return [allowed.value];
  return [allowed[0], allowed[1], allowed.at(-1)].flatMap((n) =>
    n === undefined ? [] : filled(n),
  );
}

function wrongValues(allowed: Parameter[1]): readonly unknown[] {
  if (allowed !== "any" && "value" in allowed) return allowed.wrong;
  const others = [undefined, null, 7, {}, "a5a5a5a5a5a5a5a5", [0xa5]];
  if (allowed === "any") return others;
  const edges = allowed.flatMap((n) => [n - 1, n + 1, 2 * n]).concat(0, 1, 57, 100_000);
  const lengths = new Set(edges.filter((n) => n >= 0 && !allowed.includes(n)));
  return [...others, ...[...lengths].map(filled)];
}

describe.each(Object.entries(FUNCTIONS))("#wasm/%s", (module, functions) => {
  test("every function is listed here", () => {
    const exported = [...(modules.get(module) ?? [])].filter(
      ([, value]) => typeof value === "function",
    );
    expect(exported.map(([name]) => name).toSorted()).toEqual(Object.keys(functions).toSorted());
  });

  test.each(Object.entries(functions))("%s refuses every wrong value", (name, parameters) => {
    const right = parameters.map(([, allowed]) => rightValues(allowed)[0]);
    for (const [index, [argument, allowed]] of parameters.entries()) {
      for (const value of rightValues(allowed)) {
        callUnchecked(module, name, right.with(index, value));
      }
      for (const value of wrongValues(allowed)) {
        const values = right.with(index, value);
        expect(refusal(() => callUnchecked(module, name, values)).argument).toBe(argument);
      }
    }
    expect(Buffer.compare(core.memory, before)).toBe(0);
  });
});

describe("sizes, counts and names", () => {
  const tuakKeys = [16, 32, 16, 6, 2].map(filled);
  const wrongProfiles: Array<[argument: string, value: number]> = [
    ["macBytes", 4],
    ["resBytes", 12],
    ["ckBytes", 24],
    ["ikBytes", 8],
    ["iterations", 0],
    ["iterations", 256],
    ["iterations", 1.5],
  ];
  test.each(wrongProfiles)("TUAK refuses %s of %p", (argument, value) => {
    for (const name of ["tuak", "generateTuakVector"]) {
      const values = [...tuakKeys, { ...TUAK_PROFILE, [argument]: value }];
      expect(refusal(() => callUnchecked("tuak", name, values)).argument).toBe(argument);
    }
  });

  const wrongSizes: typeof wrongProfiles = [
    ...wrongProfiles.slice(2, 4),
    ["macBytes", 3],
    ["resBytes", 33],
  ];
  test.each(wrongSizes)("MILENAGE-256 refuses %s of %p", (argument, value) => {
    const values = [32, 32, 16, 6, 2].map(filled);
    const sizes = { ...SIZES_256, [argument]: value };
    const call = (): unknown => callUnchecked("milenage256", "milenage256", [...values, sizes]);
    expect(refusal(call).argument).toBe(argument);
  });

  test("operator's constants: five of each, c of 16 bytes, r from 0 to 127", () => {
    const keys = [16, 16, 16, 6, 2].map(filled);
    const call = (constants: unknown) => (): unknown =>
      callUnchecked("milenage", "milenageCustom", [...keys, constants]);
    const { c, r } = CONSTANTS;
    expect(refusal(call({ c: c.slice(1), r })).argument).toBe("c");
    expect(refusal(call({ c, r: [...r, 1] })).argument).toBe("r");
    expect(refusal(call({ c: c.with(2, filled(15)), r })).argument).toBe("c3");
    expect(refusal(call({ c, r: r.with(4, 128) })).argument).toBe("r5");
    expect(refusal(call({ c, r: r.with(0, -1) })).argument).toBe("r1");
  });
});

test("only files of wasm/ reach the plumbing of the core", () => {
  const root = resolve(import.meta.dir, "../..");
  const folders = ["edge", "cli", "db", "protocol", "terminal"];
  const users = folders.flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => `${folder}/${file}`)
      .filter((file) => /#wasm\/(core|module)"/u.test(readFileSync(`${root}/${file}`, "utf8"))),
  );
  expect(users).toEqual([]);
});

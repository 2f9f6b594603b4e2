// No secret of vector generation stays in the core's memory: after each call it must be byte for
// byte what it was before the first. A core called without the facade shows what would be found.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { loadProbedCore } from "./probe.ts";
import type { ProbedCore } from "./probe.ts";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x3e4;
const CALLS = 20;
const SNN = "5G:mnc001.mcc001.3gppnetwork.org";

type Call = (core: ProbedCore, bytes: (length: number) => Uint8Array) => unknown;

const TUAK_LARGE = { macBytes: 32, resBytes: 32, ckBytes: 32, ikBytes: 32, iterations: 2 };
const SIZES_256 = { macBytes: 32, resBytes: 32, ckBytes: 32, ikBytes: 32 };

/** Each function that sees a secret, with the longest answers. */
const CALLS_BY_NAME: Record<string, Call> = {
  deriveTopc: ({ tuak }, b) => tuak.deriveTopc(b(32), b(32)),
  tuak: ({ tuak }, b) => tuak.tuak(b(32), b(32), b(16), b(6), b(2), TUAK_LARGE),
  generateTuakVector: ({ tuak }, b) =>
    tuak.generateTuakVector(b(32), b(32), b(16), b(6), b(2), TUAK_LARGE),
  openTuakAuts: ({ tuak }, b) => tuak.openTuakAuts(b(32), b(32), b(16), b(38)),
  gsmMilenage: ({ gsm }, b) => gsm.gsmMilenage(b(16), b(16), b(16)),
  convert3gTo2g: ({ gsm }, b) => gsm.convert3gTo2g(b(16), b(16), b(16)),
  convert2gTo3g: ({ gsm }, b) => gsm.convert2gTo3g(b(8)),
  comp128v1: ({ gsm }, b) => gsm.comp128v1(b(16), b(16)),
  comp128v2: ({ gsm }, b) => gsm.comp128v2(b(16), b(16)),
  comp128v3: ({ gsm }, b) => gsm.comp128v3(b(16), b(16)),
  xor2g: ({ gsm }, b) => gsm.xor2g(b(16), b(16)),
  xor3g: ({ gsm }, b) => gsm.xor3g(b(16), b(16), b(6), b(2)),
  generateXorVector: ({ gsm }, b) => gsm.generateXorVector(b(16), b(16), b(6), b(2)),
  openXorAuts: ({ gsm }, b) => gsm.openXorAuts(b(16), b(16), b(14)),
  caveAkeyChecksum: ({ cdma }, b) => cdma.caveAkeyChecksum(b(8), b(4)),
  caveSharedSecretData: ({ cdma }, b) => cdma.caveSharedSecretData(b(8), b(7), b(4)),
  caveSignature: ({ cdma }, b) => cdma.caveSignature(b(8), b(4), b(3), b(4)),
  caveKeys: ({ cdma }, b) => cdma.caveKeys(b(8), b(8), b(4), b(3), b(4)),
  chapResponse: ({ cdma }, b) => cdma.chapResponse(b(1), b(200), b(255)),
  hmacSha256: ({ derivations }, b) => derivations.hmacSha256(b(100), b(16_320)),
  hmacSha256OfNothing: ({ derivations }, b) => derivations.hmacSha256(b(64), b(0)),
  deriveResStar: ({ derivations }, b) => derivations.deriveResStar(b(16), b(16), SNN, b(16), b(16)),
  deriveHxresStar: ({ derivations }, b) => derivations.deriveHxresStar(b(16), b(16)),
  deriveKausf: ({ derivations }, b) => derivations.deriveKausf(b(16), b(16), SNN, b(6)),
  deriveKseaf: ({ derivations }, b) => derivations.deriveKseaf(b(32), SNN),
  deriveKamf: ({ derivations }, b) => derivations.deriveKamf(b(32), "001010000000001", b(2)),
  deriveKgnb: ({ derivations }, b) => derivations.deriveKgnb(b(32), b(4), 1),
  deriveKasme: ({ derivations }, b) => derivations.deriveKasme(b(16), b(16), b(3), b(6)),
  deriveCkIkPrime: ({ derivations }, b) => derivations.deriveCkIkPrime(b(16), b(16), "WLAN", b(6)),
  deriveEapAkaPrimeKeys: ({ derivations }, b) =>
    derivations.deriveEapAkaPrimeKeys(b(16), b(16), "0555444333222111"),
  generateVectorBatch: ({ milenage }, b) => milenage.generateVectorBatch(b(56 * 1024)),
  generateVectorBatchOfFive: ({ milenage }, b) => milenage.generateVectorBatch(b(56 * 5)),
  generateVectorSeries: ({ milenage }, b) =>
    milenage.generateVectorSeries(b(16), b(16), b(24 * 1022)),
  generateVectors: ({ milenage }, b) =>
    milenage.generateVectors(b(16), b(16), [{ rand: b(16), sqn: b(6) }], b(2)),
  milenageCustom: ({ milenage }, b) =>
    milenage.milenageCustom(b(16), b(16), b(16), b(6), b(2), milenage.MILENAGE_CONSTANTS),
  openCustomAuts: ({ milenage }, b) =>
    milenage.openCustomAuts(b(16), b(16), b(16), b(14), milenage.MILENAGE_CONSTANTS),
  deriveMilenage256Opc: ({ milenage256 }, b) => milenage256.deriveMilenage256Opc(b(32), b(32)),
  milenage256: ({ milenage256 }, b) =>
    milenage256.milenage256(b(32), b(32), b(32), b(8), b(2), SIZES_256),
  milenage256AkStarStar: ({ milenage256 }, b) =>
    milenage256.milenage256AkStarStar(b(32), b(32), b(32), b(32), 8),
  generateMilenage256Vector: ({ milenage256 }, b) =>
    milenage256.generateMilenage256Vector(b(32), b(32), b(32), b(8), b(2), SIZES_256),
  openMilenage256Auts: ({ milenage256 }, b) =>
    milenage256.openMilenage256Auts(b(32), b(32), b(32), b(38)),
};

const core = await loadProbedCore();
const before = core.memory.slice();
const random = new SeededRandom(SEED);
const bytes = (length: number): Uint8Array => random.bytes(length);

describe("linear memory is as before after", () => {
  test.each(Object.keys(CALLS_BY_NAME))("%s", (name) => {
    const call = CALLS_BY_NAME[name];
    for (let turn = 0; turn < CALLS; turn += 1) {
      call?.(core, bytes);
      expect(Buffer.compare(core.memory, before)).toBe(0);
    }
  });
});

test("every function of vector generation is called above", () => {
  const { tuak, gsm, cdma, derivations, milenage, milenage256 } = core;
  const names = [tuak, gsm, cdma, derivations, milenage, milenage256].flatMap((part) =>
    Object.entries(part).flatMap(([name, value]) => (typeof value === "function" ? [name] : [])),
  );
  expect(names.filter((name) => CALLS_BY_NAME[name] === undefined)).toEqual([]);
});

/** Calls an export without the facade, on an arena full of random bytes. */
function callBare(probed: ProbedCore, name: string, ...arguments_: number[]): void {
  for (const [area, length] of [["REQUEST", 256] as const, ["BATCH", 57_344] as const]) {
    const start = probed.exports[area];
    if (!(start instanceof WebAssembly.Global)) throw new Error(`no ${area}`);
    probed.memory.set(random.bytes(length), Number(start.value));
  }
  const target = probed.exports[name];
  if (typeof target !== "function") throw new Error(`no ${name}`);
  target(...arguments_);
}

/** Bytes outside the arena that differ from the start. */
function leftOutside(probed: ProbedCore, start: Uint8Array): number {
  const areas = ["REQUEST", "ANSWER", "BATCH", "INPUT", "OUTPUT", "MESSAGE"].map((area) => {
    const global = probed.exports[area];
    if (!(global instanceof WebAssembly.Global)) throw new Error(`no ${area}`);
    const lengths = { BATCH: 57_344, INPUT: 128, OUTPUT: 80, MESSAGE: 16_384 };
    const length = area in lengths ? Reflect.get(lengths, area) : 256;
    return { from: Number(global.value), to: Number(global.value) + Number(length) };
  });
  const inArena = (at: number): boolean => areas.some(({ from, to }) => at >= from && at < to);
  return probed.memory.reduce(
    (count, byte, at) => count + (byte !== start[at] && !inArena(at) ? 1 : 0),
    0,
  );
}

const BARE_CALLS: Array<[name: string, arguments_: number[]]> = [
  ["tuak", [32, 32, 32, 32, 32, 1]],
  ["tuakOpenAuts", [32, 32, 1]],
  ["comp128v1", []],
  ["comp128v23", [10]],
  ["caveKeys", []],
  ["caveAkeyCheck", []],
  ["md5", [300]],
  ["hmacSha256", [300]],
  ["generateVectorBatch", [1021]],
  ["generateVectorSeries", [1023]],
  ["milenageCustom", [64, 1, 32, 64, 96]],
  ["milenageCustomOpenAuts", [64, 96]],
  ["milenage256", [32, 32, 6, 32, 32, 32, 32]],
  ["gsmMilenage", []],
];

describe("the core alone", () => {
  test.each(BARE_CALLS)("%s leaves nothing outside the arena", async (name, arguments_) => {
    const probed = await loadProbedCore();
    const start = probed.memory.slice();
    callBare(probed, name, ...arguments_);
    expect(Buffer.compare(probed.memory, start)).not.toBe(0); // the request and answer are found
    expect(leftOutside(probed, start)).toBe(0);
  });
});

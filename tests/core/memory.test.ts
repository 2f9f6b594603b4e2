// No secret stays in the core's memory after a call. The facade is loaded afresh so that its memory
// can be read; it must then be byte for byte what it was before the first call.

import { createCipheriv } from "node:crypto";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { loadProbedCore } from "./probe.ts";
import type { ProbedCore } from "./probe.ts";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x3e3;
const CALLS = 50;
const FRAGMENT_BYTES = 4; // a word of a key schedule; shorter ones occur by chance

function encryptReference(key: Uint8Array, block: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  return new Uint8Array(cipher.update(block));
}

/** S-box of FIPS 197 from its definition: inversion in GF(2^8), then the affine map. */
function makeSbox(): Uint8Array {
  const sbox = new Uint8Array(256);
  let p = 1;
  let q = 1;
  do {
    p = (p ^ (p << 1) ^ (p & 0x80 ? 0x11b : 0)) & 0xff; // times 3
    q ^= q << 1; // divided by 3
    q ^= q << 2;
    q = (q ^ (q << 4)) & 0xff;
    if (q & 0x80) q ^= 0x09;
    const turned = [1, 2, 3, 4].map((n) => (q << n) | (q >> (8 - n)));
    sbox[p] = turned.reduce((sum, value) => sum ^ value, q ^ 0x63);
  } while (p !== 1);
  sbox[0] = 0x63;
  return sbox;
}

/** KEYEXPANSION of FIPS 197 section 5.2 for AES-128: 176 bytes. */
function expandKey(key: Uint8Array): Uint8Array {
  const sbox = makeSbox();
  const w = new Uint8Array(176);
  w.set(key);
  let rcon = 1;
  for (let i = 16; i < 176; i += 4) {
    let word = Array.from(w.subarray(i - 4, i));
    if (i % 16 === 0) {
      word = [...word.slice(1), ...word.slice(0, 1)].map((byte) => sbox[byte] ?? 0);
      word[0] = (word[0] ?? 0) ^ rcon;
      rcon = (rcon << 1) ^ (rcon & 0x80 ? 0x11b : 0);
    }
    word.forEach((byte, offset) => (w[i + offset] = byte ^ (w[i + offset - 16] ?? 0)));
  }
  return w;
}

/** Names of the secrets of which any four neighbouring bytes stand in memory. */
function findSecrets(memory: Uint8Array, secrets: Record<string, Uint8Array>): string[] {
  const haystack = Buffer.from(memory);
  return Object.entries(secrets).flatMap(([name, secret]) => {
    for (let start = 0; start + FRAGMENT_BYTES <= secret.length; start += 1) {
      const fragment = secret.subarray(start, start + FRAGMENT_BYTES);
      if (fragment.some((byte) => byte !== 0) && haystack.includes(fragment)) return [name];
    }
    return [];
  });
}

interface Request {
  k: Uint8Array;
  opc: Uint8Array;
  rand: Uint8Array;
  sqn: Uint8Array;
  amf: Uint8Array;
}

function makeRequest(random: SeededRandom): Request {
  return {
    k: random.bytes(16),
    opc: random.bytes(16),
    rand: random.bytes(16),
    sqn: random.bytes(6),
    amf: random.bytes(2),
  };
}

/** Everything that must not be found after the calls of exercise. */
function secretsOf(core: ProbedCore, request: Request): Record<string, Uint8Array> {
  const { k, opc, rand, sqn, amf } = request;
  const { ck, ik, res, ak, akStar, macA, macS } = core.facade.milenage(k, opc, rand, sqn, amf);
  const opcRand = rand.map((byte, index) => byte ^ (opc[index] ?? 0));
  const temp = encryptReference(k, opcRand);
  const roundKeys = expandKey(k);
  return { k, opc, ck, ik, res, ak, akStar, macA, macS, temp, roundKeys };
}

/** Each function that sees a secret. */
function exercise(core: ProbedCore, request: Request): void {
  const { k, opc, rand, sqn, amf } = request;
  const { facade } = core;
  facade.milenage(k, opc, rand, sqn, amf);
  facade.generateVector(k, opc, rand, sqn, amf);
  facade.deriveOpc(k, opc);
  facade.aes128EncryptBlock(k, rand);
  const { akStar, macS } = facade.milenage(k, opc, rand, sqn, new Uint8Array(2));
  const auts = [...sqn.map((byte, index) => byte ^ (akStar[index] ?? 0)), ...macS];
  expect(facade.openAuts(k, opc, rand, Uint8Array.from(auts))).toEqual(sqn);
  expect(facade.openAuts(k, opc, rand, new Uint8Array(14))).toBeUndefined();
}

describe("linear memory", () => {
  test("the reference key expansion is right", () => {
    const key = Uint8Array.fromHex("2b7e151628aed2a6abf7158809cf4f3c");
    // w[40..43] of FIPS 197 appendix A.1
    expect(expandKey(key).subarray(160).toHex()).toBe("d014f9a8c9ee2589e13f0cc8b6630ca6");
  });

  test("the search finds a marker and an answer that was not cleared", async () => {
    const core = await loadProbedCore();
    const random = new SeededRandom(SEED);
    const marker = random.bytes(16);
    expect(findSecrets(core.memory, { marker })).toEqual([]);
    core.memory.set(marker.subarray(5, 9), core.memory.length - 4);
    expect(findSecrets(core.memory, { marker })).toEqual(["marker"]);

    // The core called without the facade leaves its request and its answer.
    const { k, opc, rand, sqn, amf } = makeRequest(random);
    const { ck } = core.facade.milenage(k, opc, rand, sqn, amf);
    const { INPUT: inputStart, milenage } = core.exports;
    if (!(inputStart instanceof WebAssembly.Global)) throw new Error("INPUT is no global");
    if (typeof milenage !== "function") throw new Error("milenage is no function");
    expect(findSecrets(core.memory, { k, ck })).toEqual([]);
    core.memory.set([...k, ...opc, ...rand, ...sqn, ...amf], Number(inputStart.value));
    milenage();
    expect(findSecrets(core.memory, { k, ck })).toEqual(["k", "ck"]);
  });

  test("holds no secret after any Milenage or AES call, and is as before", async () => {
    const core = await loadProbedCore();
    const before = core.memory.slice();
    const random = new SeededRandom(SEED);
    for (let call = 0; call < CALLS; call += 1) {
      const request = makeRequest(random);
      const secrets = secretsOf(core, request);
      exercise(core, request);
      expect(findSecrets(core.memory, secrets)).toEqual([]);
      expect(Buffer.compare(core.memory, before)).toBe(0);
    }
    process.stdout.write(`memory: ${core.memory.length} bytes read, ${CALLS} times, 0 secrets\n`);
  });

  test("is as before after SHA-256 of any length", async () => {
    const core = await loadProbedCore();
    const before = core.memory.slice();
    const random = new SeededRandom(SEED);
    for (const length of [0, 1, 55, 56, 64, 1000, 16_384, 16_385, 40_000]) {
      core.facade.sha256(random.bytes(length));
      expect(Buffer.compare(core.memory, before)).toBe(0);
    }
  });

  test("is not written when an argument is refused", async () => {
    const core = await loadProbedCore();
    const before = core.memory.slice();
    const { k, opc, rand, sqn } = makeRequest(new SeededRandom(SEED));
    expect(() => core.facade.milenage(k, opc, rand, sqn, new Uint8Array(3))).toThrow("amf");
    expect(() => core.facade.deriveOpc(k, new Uint8Array(15))).toThrow("op");
    expect(Buffer.compare(core.memory, before)).toBe(0);
  });
});

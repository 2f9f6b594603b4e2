// No secret stays in the memory of SM2, SM3, SM4 and the modes: after a call it is byte for byte
// what it was before. Tables of public keys and of the base point are the exception: they are made
// first.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  ccmOpen,
  ccmSeal,
  cmac,
  encryptBlock,
  gcmOpen,
  gcmSeal,
  sm4DecryptBlock,
} from "#wasm/block-modes";
import { p256KeyPair, p256SharedSecret } from "#wasm/ecdh";
import { core, input } from "#wasm/sm-arena";
import { hmacSm3, sm3 } from "#wasm/sm3";
import { signSm2, sm2PublicKey, sm2SharedSecret } from "#wasm/sm2";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x3e4;
const CALLS = 20;
const LENGTHS = [0, 1, 31, 64, 1000, 16_384, 16_385, 40_000];

const memory = new Uint8Array(core.memory.buffer);

/** Where the memory differs from before, as offsets; at most a few. */
function differences(before: Uint8Array): number[] {
  if (Buffer.compare(memory, before) === 0) return [];
  const found: number[] = [];
  for (let offset = 0; offset < memory.length && found.length < 8; offset += 1) {
    if (memory[offset] !== before[offset]) found.push(offset);
  }
  return found;
}

type Call = [name: string, call: (random: SeededRandom, length: number) => void];

const SECRET_CALLS: Call[] = [
  ["hmacSm3", (random, length) => hmacSm3(random.bytes(length % 100), random.bytes(length))],
  ["sm3", (random, length) => sm3(random.bytes(length))],
  ["encryptBlock sm4", (random) => encryptBlock("sm4", random.bytes(16), random.bytes(16))],
  ["encryptBlock aes", (random) => encryptBlock("aes-128", random.bytes(16), random.bytes(16))],
  ["sm4DecryptBlock", (random) => sm4DecryptBlock(random.bytes(16), random.bytes(16))],
  ["cmac sm4", (random, length) => cmac("sm4", random.bytes(16), random.bytes(length))],
  ["cmac aes", (random, length) => cmac("aes-128", random.bytes(16), random.bytes(length))],
  [
    "gcm",
    (random, length) => {
      const [key, iv, aad] = [random.bytes(16), random.bytes(12), random.bytes(length % 77)];
      const { ciphertext, tag } = gcmSeal("sm4", key, iv, aad, random.bytes(length));
      expect(gcmOpen("sm4", key, iv, aad, ciphertext, tag)).toBeDefined();
      expect(gcmOpen("sm4", key, random.bytes(20), aad, ciphertext, tag)).toBeUndefined();
    },
  ],
  [
    "ccm",
    (random, length) => {
      const [key, nonce, aad] = [random.bytes(16), random.bytes(12), random.bytes(length % 77)];
      const { ciphertext, tag } = ccmSeal("aes-128", key, nonce, aad, random.bytes(length));
      expect(ccmOpen("aes-128", key, nonce, aad, ciphertext, tag)).toBeDefined();
      expect(ccmOpen("aes-128", key, random.bytes(12), aad, ciphertext, tag)).toBeUndefined();
    },
  ],
];

describe("linear memory", () => {
  test("the comparison finds one byte", () => {
    const before = memory.slice();
    input[5] = 1;
    expect(differences(before).length).toBe(1);
    input[5] = 0;
    expect(differences(before)).toEqual([]);
  });

  test("the core called without the facade leaves the key", () => {
    const before = memory.slice();
    input.set(new SeededRandom(SEED).bytes(16));
    core.cipherStart(1);
    expect(differences(before).length).toBeGreaterThan(0);
    core.cipherWipe();
    input.fill(0);
    expect(differences(before)).toEqual([]);
  });

  test.each(SECRET_CALLS)("is as before after %s", (_name, call) => {
    const random = new SeededRandom(SEED);
    const before = memory.slice();
    for (const length of LENGTHS) {
      call(random, length);
      expect(differences(before)).toEqual([]);
    }
  });

  test("is as before after signature, public key and shared secret", () => {
    const random = new SeededRandom(SEED);
    const peer = sm2PublicKey(random.bytes(32));
    // The public key of the request and its checks leave public values; the same key leaves the
    // same.
    const d = random.bytes(32);
    const publicKey = sm2PublicKey(d);
    sm2SharedSecret(d, peer);
    const beforeSecret = memory.slice();
    for (let call = 0; call < CALLS; call += 1) {
      sm2SharedSecret(random.bytes(32), peer);
      expect(differences(beforeSecret)).toEqual([]);
      sm2PublicKey(random.bytes(32));
      expect(differences(beforeSecret)).toEqual([]);
    }
    signSm2(d, publicKey, new Uint8Array());
    const beforeSignature = memory.slice();
    for (let call = 0; call < CALLS; call += 1) {
      const message = random.bytes(LENGTHS[call % LENGTHS.length] ?? 0);
      // Any key signs: that the public key is another's does not matter here.
      signSm2(random.bytes(32), publicKey, message, random.bytes(call), random.bytes(32));
      expect(differences(beforeSignature)).toEqual([]);
    }
    expect(() => sm2PublicKey(new Uint8Array(32).fill(0xff))).toThrow("privateKey");
    expect(differences(beforeSignature)).toEqual([]);
    process.stdout.write(`memory: ${memory.length} bytes compared, ${CALLS} keys\n`);
  });

  test("is as before after a key pair and a shared secret of P-256", () => {
    const random = new SeededRandom(SEED);
    const peer = p256KeyPair(random.bytes(32))?.publicKey ?? new Uint8Array();
    expect(p256SharedSecret(random.bytes(32), peer)).toBeDefined();
    const before = memory.slice();
    for (let call = 0; call < CALLS; call += 1) {
      p256SharedSecret(random.bytes(32), peer);
      expect(differences(before)).toEqual([]);
      p256KeyPair(random.bytes(32));
      expect(differences(before)).toEqual([]);
    }
    expect(p256KeyPair(new Uint8Array(32).fill(0xff))).toBeUndefined();
    expect(differences(before)).toEqual([]);
  });
});

// Diffie-Hellman on P-256, SP 800-56A section 5.7.1.2, against node:crypto, @noble/curves and
// Wycheproof.

import { p256 } from "@noble/curves/nist.js";
import { createECDH } from "node:crypto";
import { expect, setDefaultTimeout, test } from "bun:test";
import { p256KeyPair, p256SharedSecret } from "#wasm/ecdh";
import type { P256KeyPair } from "#wasm/ecdh";
import { SeededRandom } from "./random.ts";
import { isAbsent, readEcdhCases } from "./wycheproof.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0xecd4;
const CASES = 1000;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function toBytes(value: bigint): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(value.toString(16).padStart(64, "0"));
}

function keyPair(random: Uint8Array): P256KeyPair {
  const pair = p256KeyPair(random);
  if (pair === undefined) throw new Error("a private key in range was refused");
  return pair;
}

test(`node:crypto: ${CASES} public keys and shared secrets, both ways`, () => {
  const random = new SeededRandom(SEED);
  let equal = 0;
  for (let index = 0; index < CASES; index += 1) {
    const { privateKey, publicKey } = keyPair(random.bytes(32));
    const other = createECDH("prime256v1");
    const otherKey = new Uint8Array(other.generateKeys());
    const theirs = other.computeSecret(publicKey).toString("hex");
    equal += Number(p256SharedSecret(privateKey, otherKey)?.toHex() === theirs);
    const same = createECDH("prime256v1");
    same.setPrivateKey(privateKey);
    expect(publicKey.toHex()).toBe(same.getPublicKey("hex"));
  }
  expect(equal).toBe(CASES);
  process.stdout.write(`node:crypto ECDH: seed ${SEED}, ${equal} of ${CASES}\n`);
});

test("@noble/curves: scalars small, large and with long runs of equal bits", () => {
  const scalars = [1n, 2n, 3n, 15n, 16n, 17n, N - 1n, N - 2n, N - 16n, N >> 1n];
  for (let bits = 8n; bits < 256n; bits += 8n) scalars.push(1n << bits, (1n << bits) - 1n);
  const peer = keyPair(new SeededRandom(SEED).bytes(32)).publicKey;
  for (const scalar of scalars) {
    const d = toBytes(scalar);
    expect(keyPair(d).publicKey.toHex()).toBe(p256.getPublicKey(d, false).toHex());
    const shared = p256.getSharedSecret(d, peer, false).subarray(1, 33).toHex();
    expect(p256SharedSecret(d, peer)?.toHex()).toBe(shared);
  }
});

test("0, n and above make no pair, and no secret", () => {
  const { publicKey } = keyPair(toBytes(7n));
  for (const d of [0n, N, N + 1n, 2n ** 256n - 1n]) {
    expect(p256KeyPair(toBytes(d))).toBeUndefined();
    expect(() => p256SharedSecret(toBytes(d), publicKey)).toThrow("privateKey");
  }
});

test("no secret with a key off the curve or in another form", () => {
  const { privateKey, publicKey } = keyPair(toBytes(7n));
  for (const index of [0, 1, 32, 33, 64]) {
    const wrong = publicKey.slice();
    wrong[index] = (wrong[index] ?? 0) ^ 1;
    expect(p256SharedSecret(privateKey, wrong)).toBeUndefined();
  }
  expect(p256SharedSecret(privateKey, Uint8Array.of(4, ...new Uint8Array(64)))).toBeUndefined();
});

const file = "ecdh_secp256r1_test.json";
test.skipIf(isAbsent(file))(`Wycheproof ${file}: the keys in our form`, async () => {
  const counts = { total: 0, valid: 0, refused: 0, otherForm: 0 };
  for (const { tcId, result, point, privateKey, shared } of await readEcdhCases(file)) {
    counts.total += 1;
    if (point === undefined) {
      // A compressed point, other DER or another curve: what reads certificates refuses it.
      expect([tcId, result === "valid"]).toEqual([tcId, false]);
      counts.otherForm += 1;
      continue;
    }
    const secret = p256SharedSecret(privateKey, point)?.toHex();
    expect([tcId, secret]).toEqual([tcId, result === "valid" ? shared : undefined]);
    counts[result === "valid" ? "valid" : "refused"] += 1;
  }
  process.stdout.write(`Wycheproof ${file}: ${JSON.stringify(counts)}\n`);
  expect(counts).toEqual({ total: 612, valid: 330, refused: 19, otherForm: 263 });
});

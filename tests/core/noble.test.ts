// The core against @noble/curves, an independent implementation: SM2 keys and shared points on a
// curve built from its parameters, and P-256 signatures, plain and with a prepared table.

import { p256 } from "@noble/curves/nist.js";
import { weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { expect, setDefaultTimeout, test } from "bun:test";
import { verifyP256 } from "#wasm";
import { prepareKey, verifyP256Prepared } from "#wasm/prepared-keys";
import { isSm2Point, sm2PublicKey, sm2SharedSecret, verifySm2 } from "#wasm/sm2";
import { sm3 } from "#wasm/sm3";
import vectors from "../vectors/sm2_signatures.json";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x0b1e;
const CASES = 1000;
const SHARED_CASES = 100;

const number = (text: string): bigint => BigInt(`0x${text}`);
const n = number(vectors.curve.n);
const Point = weierstrass({
  p: number(vectors.curve.p),
  n,
  h: 1n,
  a: number(vectors.curve.a),
  b: number(vectors.curve.b),
  Gx: number(vectors.curve.gx),
  Gy: number(vectors.curve.gy),
});

/** GB/T 32918.2 section 6.1 over the points of @noble/curves. */
function signByNoble(d: bigint, k: bigint, z: Uint8Array, message: Uint8Array): string {
  const e = number(sm3(Buffer.concat([z, message])).toHex());
  const r = (e + Point.BASE.multiply(k).toAffine().x) % n;
  let inverse = 1n;
  for (let bit = 255n; bit >= 0n; bit -= 1n) {
    inverse = (inverse * inverse) % n;
    if (((n - 2n) >> bit) & 1n) inverse = (inverse * (1n + d)) % n;
  }
  const s = (((inverse * (k - r * d)) % n) + n) % n;
  return [r, s].map((value) => value.toString(16).padStart(64, "0")).join("");
}

test(`SM2 public keys and signatures: ${CASES}`, () => {
  const random = new SeededRandom(SEED);
  const { a, b, gx, gy } = vectors.curve;
  let equal = 0;
  for (let index = 0; index < CASES; index += 1) {
    const d = random.bytes(32);
    const scalar = number(d.toHex());
    const publicKey = sm2PublicKey(d);
    equal += Number(Point.BASE.multiply(scalar).toHex(false) === publicKey.toHex());
    const id = random.bytes(index % 32);
    const length = Uint8Array.of(0, 8 * id.length);
    const z = sm3(
      Buffer.concat([length, id, Uint8Array.fromHex(a + b + gx + gy), publicKey.subarray(1)]),
    );
    const message = random.bytes(index % 150);
    const signature = Uint8Array.fromHex(
      signByNoble(scalar, number(random.bytes(32).toHex()), z, message),
    );
    expect(verifySm2(publicKey, message, signature, id)).toBe(true);
    signature[index % 64] = (signature[index % 64] ?? 0) ^ (1 << (index % 8));
    expect(verifySm2(publicKey, message, signature, id)).toBe(false);
  }
  expect(equal).toBe(CASES);
});

test(`SM2 shared secrets: ${SHARED_CASES}`, () => {
  const random = new SeededRandom(SEED);
  for (let index = 0; index < SHARED_CASES; index += 1) {
    const d = random.bytes(32);
    const peer = Point.BASE.multiply(number(random.bytes(32).toHex()));
    const peerKey = Uint8Array.fromHex(peer.toHex(false));
    expect(isSm2Point(peerKey)).toBe(true);
    const shared = peer.multiply(number(d.toHex())).toHex(false);
    expect(sm2SharedSecret(d, peerKey)?.toHex()).toBe(shared.slice(2, 66));
  }
});

test(`P-256 verdicts: ${CASES}, half of them altered`, () => {
  const random = new SeededRandom(SEED);
  let valid = 0;
  for (let index = 0; index < CASES; index += 1) {
    const { secretKey } = p256.keygen(random.bytes(48));
    const publicKey = p256.getPublicKey(secretKey, false);
    const message = random.bytes(index % 150);
    const signature = p256.sign(message, secretKey, { lowS: false });
    if (index % 2 === 0) signature[index % 64] = (signature[index % 64] ?? 0) ^ 1;
    const verdict = p256.verify(signature, message, publicKey, { lowS: false });
    expect(verifyP256(publicKey, message, signature)).toBe(verdict);
    const key = prepareKey("p256", publicKey);
    if (key === undefined) throw new Error("refused");
    expect(verifyP256Prepared(key, message, signature)).toBe(verdict);
    valid += Number(verdict);
  }
  expect(valid).toBe(CASES / 2);
});

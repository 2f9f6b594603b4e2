// SM2, GB/T 32918: the examples of the standard, signatures made by OpenSSL, faults of fourteen
// kinds, and keys and signatures of the core checked by arithmetic with BigInt.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { ecdsaDerToRaw } from "#wasm";
import { messageChunk } from "#wasm/core";
import { core, input, output } from "#wasm/sm-arena";
import { GENERATED_CURVE_FILES } from "#wasm/tables-curves";
import { prepareKey, verifySm2Prepared } from "#wasm/prepared-keys";
import { hmacSm3, sm3 } from "#wasm/sm3";
import {
  SM2_DEFAULT_ID,
  isSm2Point,
  signSm2,
  signatureToDer,
  sm2PublicKey,
  sm2SharedSecret,
  verifySm2,
  verifySm2Der,
} from "#wasm/sm2";
import vectors from "../vectors/sm2_signatures.json";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x52;
const SIGNATURES = 200;
const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(text);
const P = BigInt(`0x${vectors.curve.p}`);
const N = BigInt(`0x${vectors.curve.n}`);
const G = { x: BigInt(`0x${vectors.curve.gx}`), y: BigInt(`0x${vectors.curve.gy}`) };

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytes.toHex()}`);
}

function toBytes(value: bigint): Uint8Array<ArrayBuffer> {
  return hex(value.toString(16).padStart(64, "0"));
}

function modulo(value: bigint, modulus: bigint): bigint {
  return ((value % modulus) + modulus) % modulus;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = modulo(base, modulus);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

type Point = { x: bigint; y: bigint } | undefined; // undefined is O

/** Affine addition as GB/T 32918.1 section 4.2 states it. */
function add(a: Point, b: Point): Point {
  if (a === undefined) return b;
  if (b === undefined) return a;
  if (a.x === b.x && a.y !== b.y) return undefined;
  const slope =
    a.x === b.x
      ? (3n * a.x * a.x - 3n) * power(2n * a.y, P - 2n, P)
      : (b.y - a.y) * power(b.x - a.x, P - 2n, P);
  const x = modulo(slope * slope - a.x - b.x, P);
  return { x, y: modulo(slope * (a.x - x) - a.y, P) };
}

function multiply(k: bigint, point: Point): Point {
  let result: Point;
  let term = point;
  for (let rest = k; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, term);
    term = add(term, term);
  }
  return result;
}

function encode(point: Point): Uint8Array {
  if (point === undefined) throw new Error("O has no encoding");
  return Uint8Array.from([4, ...toBytes(point.x), ...toBytes(point.y)]);
}

/** The signature with a given nonce, as the standard's examples need it; not in the facade. */
function signWithNonce(
  d: Uint8Array,
  publicKey: Uint8Array,
  message: Uint8Array,
  id: Uint8Array,
  k: Uint8Array,
): { za: string; signature: Uint8Array | undefined } {
  input.set(publicKey.subarray(1));
  input.set(d, 128);
  input.set(k, 160);
  messageChunk.set(id);
  core.sm2StartMessage(id.length);
  const za = output.slice(0, 32).toHex();
  messageChunk.set(message);
  const isSigned = core.signSm2WithNonce(message.length) === 1;
  const signature = isSigned ? output.slice(0, 64) : undefined;
  input.fill(0);
  output.fill(0);
  return { za, signature };
}

describe("sm2_signatures.json", () => {
  test("examples of the standards: Z_A, e, public key, signature with their k: 2", () => {
    for (const { d, pub, id, za, msg, e, k, r, s } of vectors.standard) {
      const found = signWithNonce(hex(d), hex(pub), hex(msg), hex(id), hex(k));
      expect(found.za).toBe(za);
      expect(sm3(hex(za + msg)).toHex()).toBe(e);
      expect(found.signature?.toHex()).toBe(r + s);
      expect(sm2PublicKey(hex(d)).toHex()).toBe(pub);
      expect(verifySm2(hex(pub), hex(msg), hex(r + s), hex(id))).toBe(true);
    }
    expect(vectors.standard.length).toBe(2);
  });

  test("signatures of OpenSSL, raw, DER and prepared: 50", () => {
    for (const { d, pub, id, msg, sig_der: der, sig_rs: signature } of vectors.generated) {
      expect(verifySm2(hex(pub), hex(msg), hex(signature), hex(id))).toBe(true);
      expect(verifySm2Der(hex(pub), hex(msg), hex(der), hex(id))).toBe(true);
      expect(signatureToDer(hex(signature)).toHex()).toBe(der);
      expect(sm2PublicKey(hex(d)).toHex()).toBe(pub);
      const key = prepareKey("sm2", hex(pub));
      if (key === undefined) throw new Error("no table");
      expect(verifySm2Prepared(key, hex(msg), hex(signature), hex(id))).toBe(true);
    }
    expect(vectors.generated.length).toBe(50);
  });

  test("negatives: 101 in 14 kinds", () => {
    const kinds = new Set<string>();
    for (const { mutation, pub, id, msg, r, s, sig_der: der } of vectors.negative) {
      kinds.add(mutation);
      expect(verifySm2Der(hex(pub), hex(msg), hex(der), hex(id))).toBe(false);
      if (r.length + s.length !== 128) continue; // r + n takes 33 bytes and has only the DER form
      expect(verifySm2(hex(pub), hex(msg), hex(r + s), hex(id))).toBe(false);
      const key = prepareKey("sm2", hex(pub));
      expect(key === undefined).toBe(mutation === "pubkey_off_curve");
      if (key !== undefined) {
        expect(verifySm2Prepared(key, hex(msg), hex(r + s), hex(id))).toBe(false);
      }
    }
    expect([vectors.negative.length, kinds.size]).toEqual([101, 14]);
  });
});

/** k of RFC 6979 section 3.2 with HMAC-SM3; nothing is refused for n this close to 2^256. */
function deriveNonce(d: Uint8Array, e: bigint, entropy: Uint8Array): bigint {
  const seed = Buffer.concat([d, toBytes(e % N), entropy]);
  let k: Uint8Array = new Uint8Array(32);
  let v: Uint8Array = new Uint8Array(32).fill(1);
  for (const byte of [0, 1]) {
    k = hmacSm3(k, Buffer.concat([v, Uint8Array.of(byte), seed]));
    v = hmacSm3(k, v);
  }
  return toNumber(hmacSm3(k, v));
}

describe("SM2 with a private key", () => {
  const random = new SeededRandom(SEED);

  test("public keys of small, large and random d equal [d]G by BigInt", () => {
    const scalars = [1n, 2n, 3n, 15n, 16n, 17n, 2n ** 128n, N - 3n, N - 2n];
    for (let index = 0; index < 20; index += 1) scalars.push(toNumber(random.bytes(32)) % (N - 1n));
    for (const d of scalars) {
      expect(sm2PublicKey(toBytes(d)).toHex()).toBe(encode(multiply(d, G)).toHex());
    }
  });

  test("d = 0, n - 1, n and 2^256 - 1 are refused", () => {
    const publicKey = encode(G);
    for (const d of [0n, N - 1n, N, N + 1n, 2n ** 256n - 1n]) {
      expect(() => sm2PublicKey(toBytes(d))).toThrow("privateKey");
      expect(() => sm2SharedSecret(toBytes(d), publicKey)).toThrow("privateKey");
      expect(() => signSm2(toBytes(d), publicKey, new Uint8Array())).toThrow("privateKey");
    }
  });

  test("both sides get the same secret, the x of [ab]G by BigInt", () => {
    for (let index = 0; index < 20; index += 1) {
      const a = random.bytes(32);
      const b = random.bytes(32);
      const secret = sm2SharedSecret(a, sm2PublicKey(b));
      expect(secret?.toHex()).toBe(sm2SharedSecret(b, sm2PublicKey(a))?.toHex() ?? "");
      const point = multiply((toNumber(a) * toNumber(b)) % N, G);
      expect(secret?.toHex()).toBe(encode(point).subarray(1, 33).toHex());
    }
  });

  test("no secret with a key off the curve or in another form", () => {
    const d = random.bytes(32);
    const peer = sm2PublicKey(random.bytes(32));
    for (const index of [0, 1, 33, 64]) {
      const wrong = peer.slice();
      wrong[index] = (wrong[index] ?? 0) ^ 1;
      expect(isSm2Point(wrong)).toBe(false);
      expect(sm2SharedSecret(d, wrong)).toBeUndefined();
    }
  });

  test(`signatures verify, and k is the one derived: ${SIGNATURES}`, () => {
    for (let index = 0; index < SIGNATURES; index += 1) {
      const d = random.bytes(32);
      const publicKey = sm2PublicKey(d);
      const message = random.bytes([0, 1, 55, 100, 16_384, 20_000][index % 6] ?? 0);
      const id = index % 3 === 0 ? SM2_DEFAULT_ID : random.bytes(index % 64);
      const entropy = index % 2 === 0 ? new Uint8Array() : random.bytes(32);
      const signature = signSm2(d, publicKey, message, id, entropy);
      expect(verifySm2(publicKey, message, signature, id)).toBe(true);
      expect(verifySm2(publicKey, message, signature, random.bytes(5))).toBe(false);
      expect(ecdsaDerToRaw(signatureToDer(signature))).toEqual(signature);
      // s = (k - r d) / (1 + d), so k = s (1 + d) + r d.
      const r = toNumber(signature.subarray(0, 32));
      const s = toNumber(signature.subarray(32));
      const k = modulo(s * (1n + toNumber(d)) + r * toNumber(d), N);
      const { curve } = vectors;
      const z = Buffer.concat([
        Uint8Array.of((id.length * 8) >> 8, (id.length * 8) & 0xff),
        id,
        hex(curve.a + curve.b + curve.gx + curve.gy),
        publicKey.subarray(1),
      ]);
      const e = toNumber(sm3(Buffer.concat([sm3(z), message])));
      expect(k).toBe(deriveNonce(d, e, entropy));
    }
  });
});

test.each([...GENERATED_CURVE_FILES])("$name is what the generator makes", async (generated) => {
  const file = Bun.file(`${import.meta.dir}/../../wasm/assembly/${generated.name}`);
  expect(generated.generate()).toBe(await file.text());
});

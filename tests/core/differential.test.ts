// The core against node:crypto, an independent implementation, on seeded random cases.

import type { KeyObject } from "node:crypto";
import {
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
} from "node:crypto";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  aes128EncryptBlock,
  ecdsaDerToRaw,
  isP256Point,
  sha256,
  verifyP256,
  verifyP256Der,
} from "#wasm";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0xf1b5;
const AES_CASES = 2000;
const SHA_LENGTH_MAX = 300;
const ARENA_CHUNK_BYTES = 16_384;
const KEYS = 40;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const SMALL_PRIVATE_KEYS = [1n, 2n, 3n, 4n, 5n, 8n, 16n, 256n, N - 1n, N - 2n, N - 3n, N - 16n];
const SIGNATURES_PER_SMALL_KEY = 100;
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;

test("AES-128 equals aes-128-ecb of node:crypto", () => {
  const random = new SeededRandom(SEED);
  for (let index = 0; index < AES_CASES; index += 1) {
    const key = random.bytes(16);
    const block = random.bytes(16);
    const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    expect(aes128EncryptBlock(key, block).toHex()).toBe(cipher.update(block).toString("hex"));
  }
});

test("SHA-256 equals node:crypto for every short length and around the arena's chunk", () => {
  const random = new SeededRandom(SEED);
  const lengths = Array.from({ length: SHA_LENGTH_MAX + 1 }, (_, length) => length);
  for (const chunks of [1, 2, 5]) {
    for (const rest of [-65, -64, -1, 0, 1, 55, 56, 64]) {
      lengths.push(chunks * ARENA_CHUNK_BYTES + rest);
    }
  }
  lengths.push(1_000_003);
  for (const length of lengths) {
    const data = random.bytes(length);
    expect(sha256(data).toHex()).toBe(createHash("sha256").update(data).digest("hex"));
  }
});

function toBytes(value: bigint): Uint8Array {
  return Uint8Array.fromHex(value.toString(16).padStart(64, "0"));
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytes.toHex()}`);
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** What node:crypto says; a key it refuses to import counts as invalid. */
function reference(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const x = base64url(publicKey.subarray(1, 33));
  const y = base64url(publicKey.subarray(33));
  try {
    const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
    return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}

function decode(text: string): Uint8Array {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = ((base % P) + P) % P;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

/** A square root mod p, if there is one: p = 3 mod 4. */
function squareRoot(value: bigint): bigint | undefined {
  const root = power(value, (P + 1n) / 4n);
  return (root * root - value) % P === 0n ? root : undefined;
}

/** The pair of private key d, which node:crypto completes from the PKCS #8 form without Q. */
function privateKeyOf(d: bigint): { privateKey: KeyObject; publicKey: Uint8Array } {
  const prefix = "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420";
  const der = Buffer.from(prefix + toBytes(d).toHex(), "hex");
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const { x = "", y = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return { privateKey, publicKey: Uint8Array.from([4, ...decode(x), ...decode(y)]) };
}

interface Signed {
  publicKey: Uint8Array;
  message: Uint8Array;
  signature: Uint8Array;
  der: Uint8Array;
}

function makeSigned(random: SeededRandom, messageLength: number): Signed {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = pair.publicKey.export({ format: "jwk" });
  const message = random.bytes(messageLength);
  const der = new Uint8Array(sign("sha256", message, pair.privateKey));
  const signature = ecdsaDerToRaw(der);
  if (signature === undefined) throw new Error("node:crypto made a signature that is not DER");
  return { publicKey: Uint8Array.from([4, ...decode(x), ...decode(y)]), message, signature, der };
}

function flipBit(bytes: Uint8Array, random: SeededRandom, from = 0): Uint8Array {
  const result = bytes.slice();
  const bit = from * 8 + random.below((bytes.length - from) * 8);
  result[bit >> 3] = (result[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return result;
}

type Mutation = (signed: Signed, random: SeededRandom, other: Signed) => Partial<Signed>;

function withScalars(change: (r: bigint, s: bigint) => [bigint, bigint]): Mutation {
  return ({ signature }) => {
    const [r, s] = change(toNumber(signature.subarray(0, 32)), toNumber(signature.subarray(32)));
    return { signature: Uint8Array.from([...toBytes(r), ...toBytes(s)]) };
  };
}

function withKey(change: (x: bigint, y: bigint) => [bigint, bigint]): Mutation {
  return ({ publicKey }) => {
    const [x, y] = change(toNumber(publicKey.subarray(1, 33)), toNumber(publicKey.subarray(33)));
    return { publicKey: Uint8Array.from([4, ...toBytes(x), ...toBytes(y)]) };
  };
}

/** Each with the verdict it must have, so that both implementations cannot err alike. */
const MUTATIONS: Array<[name: string, valid: boolean, mutation: Mutation]> = [
  ["unchanged", true, () => ({})],
  ["(r, n - s)", true, withScalars((r, s) => [r, N - s])],
  [
    "bit of the signature",
    false,
    ({ signature }, random) => ({ signature: flipBit(signature, random) }),
  ],
  ["bit of the message", false, ({ message }, random) => ({ message: flipBit(message, random) })],
  ["message shortened", false, ({ message }) => ({ message: message.subarray(1) })],
  [
    "bit of the key",
    false,
    ({ publicKey }, random) => ({ publicKey: flipBit(publicKey, random, 1) }),
  ],
  ["key of another", false, (_signed, _random, other) => ({ publicKey: other.publicKey })],
  ["signature of another", false, (_signed, _random, other) => ({ signature: other.signature })],
  ["-Q", false, withKey((x, y) => [x, P - y])],
  ["x and y exchanged", false, withKey((x, y) => [y, x])],
  ["(0, 0)", false, withKey(() => [0n, 0n])],
  ["x = p", false, withKey((_x, y) => [P, y])],
  ["y = 2^256 - 1", false, withKey((x) => [x, 2n ** 256n - 1n])],
  ["r and s exchanged", false, withScalars((r, s) => [s, r])],
  ["r = 0", false, withScalars((_r, s) => [0n, s])],
  ["s = 0", false, withScalars((r) => [r, 0n])],
  ["r = n", false, withScalars((_r, s) => [N, s])],
  ["s = n", false, withScalars((r) => [r, N])],
  ["r = s = 2^256 - 1", false, withScalars(() => [2n ** 256n - 1n, 2n ** 256n - 1n])],
  ["n - r", false, withScalars((r, s) => [N - r, s])],
  ["r = 1, s = 1", false, withScalars(() => [1n, 1n])],
];

describe("ECDSA P-256", () => {
  const random = new SeededRandom(SEED);
  const signed = Array.from({ length: KEYS }, (_, index) => makeSigned(random, 1 + 37 * index));

  test.each(MUTATIONS)("%s: valid is %p here and in node:crypto", (_name, valid, mutation) => {
    for (const [index, original] of signed.entries()) {
      const other = signed[(index + 1) % KEYS] ?? original;
      const mutated = { ...original, ...mutation(original, random, other) };
      const { publicKey, message, signature } = mutated;
      expect(verifyP256(publicKey, message, signature)).toBe(valid);
      expect(reference(publicKey, message, signature)).toBe(valid);
    }
  });

  test("the number of cases", () => {
    const cases = KEYS * MUTATIONS.length;
    expect(cases).toBeGreaterThanOrEqual(300);
    process.stdout.write(`ECDSA against node:crypto: seed ${SEED}, ${cases} cases\n`);
  });

  test("DER signatures, and messages longer than the arena's chunk", () => {
    for (const { publicKey, message, der } of signed) {
      expect(verifyP256Der(publicKey, message, der)).toBe(true);
      expect(verifyP256Der(publicKey, message, Uint8Array.from([...der, 0]))).toBe(false);
    }
    for (const length of [
      ARENA_CHUNK_BYTES - 1,
      ARENA_CHUNK_BYTES,
      ARENA_CHUNK_BYTES + 1,
      50_000,
    ]) {
      const { publicKey, message, signature } = makeSigned(random, length);
      expect(verifyP256(publicKey, message, signature)).toBe(true);
      expect(verifyP256(publicKey, flipBit(message, random), signature)).toBe(false);
    }
  });

  test("keys that are small multiples of G, where sums of the two terms coincide", () => {
    for (const d of SMALL_PRIVATE_KEYS) {
      const key = privateKeyOf(d);
      for (let index = 0; index < SIGNATURES_PER_SMALL_KEY; index += 1) {
        const message = random.bytes(32);
        const der = new Uint8Array(sign("sha256", message, key.privateKey));
        expect(verifyP256Der(key.publicKey, message, der)).toBe(true);
      }
    }
  });

  test("a coordinate not below p is refused, though congruent to one that is right", () => {
    let pairs = 0;
    for (let x = 0n; x < 40n; x += 1n) {
      const y = squareRoot(x ** 3n - 3n * x + B);
      if (y === undefined) continue;
      expect(isP256Point(Uint8Array.from([4, ...toBytes(x), ...toBytes(y)]))).toBe(true);
      expect(isP256Point(Uint8Array.from([4, ...toBytes(x + P), ...toBytes(y)]))).toBe(false);
      pairs += 1;
    }
    expect(pairs).toBeGreaterThan(10);
  });

  test("isP256Point: points of node:crypto, and none off the curve", () => {
    for (const { publicKey } of signed) {
      expect(isP256Point(publicKey)).toBe(true);
      expect(isP256Point(flipBit(publicKey, random))).toBe(false);
    }
  });
});

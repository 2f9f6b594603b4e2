// Verification with a prepared table answers as without: right and wrong signatures of both curves.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { verifyP256, verifyP256Der } from "#wasm";
import {
  prepareKey,
  verifyP256Prepared,
  verifyPreparedDer,
  verifySm2Prepared,
} from "#wasm/prepared-keys";
import type { PreparedKey } from "#wasm/prepared-keys";
import { signSm2, signatureToDer, sm2PublicKey, verifySm2 } from "#wasm/sm2";
import { SeededRandom } from "./random.ts";
import { isAbsent, readCases } from "./wycheproof.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x9e7;
const KEYS = 50;
const CASES_PER_KEY = 20;
const CASES = KEYS * CASES_PER_KEY;
const TABLE_BYTES = 8192;

function prepare(curve: "p256" | "sm2", publicKey: Uint8Array): PreparedKey {
  const key = prepareKey(curve, publicKey);
  if (key === undefined) throw new Error("a valid key was refused");
  expect(key.table.length).toBe(TABLE_BYTES);
  return key;
}

/** Every third case is altered: a bit of the signature or of the message. */
function alter(random: SeededRandom, index: number, parts: Uint8Array[]): void {
  const part = parts[index % 2];
  if (index % 3 !== 0 || part === undefined || part.length === 0) return;
  const bit = random.below(8 * part.length);
  part[bit >> 3] = (part[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}

interface Pair {
  publicKey: Uint8Array;
  sign: (message: Uint8Array) => Uint8Array;
}

function p256Pair(): Pair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const point = Buffer.concat([
    Uint8Array.of(4),
    Buffer.from(x, "base64url"),
    Buffer.from(y, "base64url"),
  ]);
  const options = { key: privateKey, dsaEncoding: "ieee-p1363" } as const;
  return {
    publicKey: new Uint8Array(point),
    sign: (message) => new Uint8Array(sign("sha256", message, options)),
  };
}

function sm2Pair(random: SeededRandom): Pair {
  const d = random.bytes(32);
  const publicKey = sm2PublicKey(d);
  return { publicKey, sign: (message) => signSm2(d, publicKey, message) };
}

describe("a prepared key", () => {
  for (const curve of ["p256", "sm2"] as const) {
    const verifyPlain = curve === "p256" ? verifyP256 : verifySm2;
    const verifyPrepared = curve === "p256" ? verifyP256Prepared : verifySm2Prepared;

    test(`${curve}: ${CASES} random cases, one in three altered, agree`, () => {
      const random = new SeededRandom(SEED);
      const counts = { agreed: 0, valid: 0 };
      for (let index = 0; index < CASES; index += CASES_PER_KEY) {
        const pair = curve === "p256" ? p256Pair() : sm2Pair(random);
        const key = prepare(curve, pair.publicKey);
        for (let number = index; number < index + CASES_PER_KEY; number += 1) {
          const message = random.bytes(1 + (number % 300));
          const signature = pair.sign(message);
          alter(random, number, [signature, message]);
          const plain = verifyPlain(pair.publicKey, message, signature);
          expect(plain).toBe(number % 3 !== 0);
          expect(verifyPrepared(key, message, signature)).toBe(plain);
          expect(verifyPreparedDer(key, message, signatureToDer(signature))).toBe(plain);
          counts.agreed += 1;
          counts.valid += Number(plain);
        }
      }
      expect(counts).toEqual({ agreed: 1000, valid: 666 });
    });

    test(`${curve}: messages longer than the arena's chunk, and the key of another`, () => {
      const random = new SeededRandom(SEED);
      const pair = curve === "p256" ? p256Pair() : sm2Pair(random);
      const other = curve === "p256" ? p256Pair() : sm2Pair(random);
      const key = prepare(curve, pair.publicKey);
      for (const length of [0, 16_383, 16_384, 16_385, 50_000]) {
        const message = random.bytes(length);
        expect(verifyPrepared(key, message, pair.sign(message))).toBe(true);
        expect(verifyPrepared(key, message, other.sign(message))).toBe(false);
      }
    });

    test(`${curve}: the table alone decides, and one byte wrong in it matters`, () => {
      const pair = curve === "p256" ? p256Pair() : sm2Pair(new SeededRandom(SEED));
      const key = prepare(curve, pair.publicKey);
      const message = new Uint8Array(20);
      const signature = pair.sign(message);
      expect(prepare(curve, pair.publicKey)).toEqual(key);
      // All entries altered, as a single signature uses about a third of them.
      const table = key.table.map((byte, index) => (index % 64 === 7 ? byte ^ 1 : byte));
      expect(verifyPrepared({ ...key, table }, message, signature)).toBe(false);
    });

    test(`${curve}: no table for a key off the curve or in another form`, () => {
      const { publicKey } = curve === "p256" ? p256Pair() : sm2Pair(new SeededRandom(SEED));
      for (const index of [0, 1, 32, 33, 64]) {
        const wrong = publicKey.slice();
        wrong[index] = (wrong[index] ?? 0) ^ 1;
        expect(prepareKey(curve, wrong)).toBeUndefined();
      }
    });
  }

  test("sm2: another ID, and none, are told apart", () => {
    const random = new SeededRandom(SEED);
    const d = random.bytes(32);
    const key = prepare("sm2", sm2PublicKey(d));
    const message = random.bytes(30);
    for (const id of [new Uint8Array(), random.bytes(1), random.bytes(8191)]) {
      const signature = signSm2(d, key.publicKey, message, id);
      expect(verifySm2Prepared(key, message, signature, id)).toBe(true);
      expect(verifySm2Prepared(key, message, signature)).toBe(false);
    }
  });

  const file = "ecdsa_secp256r1_sha256_test.json";
  test.skipIf(isAbsent(file))(`Wycheproof ${file}: 484 as without a table`, async () => {
    const tables = new Map<string, PreparedKey>();
    const cases = await readCases(file);
    for (const { bytes, isValid, publicKey } of cases) {
      const name = publicKey.toHex();
      const key = tables.get(name) ?? prepare("p256", publicKey);
      tables.set(name, key);
      expect(verifyPreparedDer(key, bytes("msg"), bytes("sig"))).toBe(isValid);
      expect(verifyP256Der(publicKey, bytes("msg"), bytes("sig"))).toBe(isValid);
    }
    expect(cases.length).toBe(484);
    process.stdout.write(`Wycheproof ${file}: 484 prepared, ${tables.size} tables\n`);
  });
});

// RSA-2048 signatures, RFC 8017, on Bun and in workerd: the runtime verifies, and what is accepted
// is the same everywhere.

import { mkdtemp, rm } from "node:fs/promises";
import { generateKeyPairSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { startEdge } from "#cli/edge-host";
import { CoreInputError } from "#wasm";
import { rsaPublicKey, verifyRsaPkcs1, verifyRsaPss } from "#wasm/rsa";
import { type RsaCase, makeRsaCases, rsaVectors as vectors } from "./rsa-cases.ts";
import { isAbsent, readRsaCases } from "./wycheproof.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(text);
const EXPONENT = Uint8Array.of(1, 0, 1);

/** What OpenSSL signed, right and mistaken. */
function opensslCases(): RsaCase[] {
  const { public_key: publicKey, message, pkcs1_sha256: pkcs1, pss_sha256_salt32: pss } = vectors;
  const made = { publicKey, message };
  return [
    { ...made, scheme: "pkcs1", signature: pkcs1, isValid: true },
    { ...made, scheme: "pss", signature: pss, isValid: true },
    { ...made, scheme: "pkcs1", signature: pss, isValid: false },
    { ...made, scheme: "pss", signature: pkcs1, isValid: false },
    { ...made, scheme: "pss", signature: pss, isValid: false, publicKey: vectors.other_public_key },
  ];
}

const CASES = [...opensslCases(), ...makeRsaCases()];

function verdictOf({ scheme, publicKey, message, signature }: RsaCase): boolean {
  const verify = scheme === "pss" ? verifyRsaPss : verifyRsaPkcs1;
  return verify(hex(publicKey), hex(message), hex(signature));
}

describe("verdicts", () => {
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "simlatch-rsa-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test("on Bun", () => {
    expect(CASES.map(verdictOf)).toEqual(CASES.map(({ isValid }) => isValid));
    expect([CASES.length, CASES.filter(({ isValid }) => isValid).length]).toEqual([69, 10]);
  });

  test("in workerd", async () => {
    const entry = join(import.meta.dir, "rsa-worker.ts");
    const host = await startEdge({ environment: {}, entry, migrationsFolder: directory });
    try {
      const response = await fetch(host.url, { method: "POST", body: JSON.stringify(CASES) });
      expect(await response.json()).toEqual(CASES.map(({ isValid }) => isValid));
    } finally {
      await host.stop();
    }
  });
});

const file = "rsa_signature_2048_sha256_test.json";
test.skipIf(isAbsent(file))(`Wycheproof ${file}: 259`, async () => {
  const counts = { total: 0, valid: 0, invalid: 0, otherKey: 0, otherLength: 0 };
  for (const { tcId, result, modulus, exponent, message, signature } of await readRsaCases(file)) {
    counts.total += 1;
    const publicKey =
      exponent.length === EXPONENT.length ? rsaPublicKey(modulus, exponent) : undefined;
    if (publicKey === undefined) {
      counts.otherKey += 1; // the exponent is 3
    } else if (signature.length !== modulus.length) {
      expect(() => verifyRsaPkcs1(publicKey, message, signature)).toThrow("signature");
      expect(result).toBe("invalid");
      counts.otherLength += 1;
    } else {
      // The one "acceptable" case leaves out NULL in DigestInfo: refused.
      const isValid = verifyRsaPkcs1(publicKey, message, signature);
      expect([tcId, isValid]).toEqual([tcId, result === "valid"]);
      if (isValid) expect(verifyRsaPss(publicKey, message, signature)).toBe(false);
      counts[isValid ? "valid" : "invalid"] += 1;
    }
  }
  process.stdout.write(`Wycheproof ${file}: ${JSON.stringify(counts)}\n`);
  expect(counts.total).toBe(259);
  expect(counts.valid).toBeGreaterThan(0);
});

describe("keys", () => {
  const modulus = hex(vectors.modulus);
  const [good = CASES[0]] = CASES;

  test("modulus and exponent make the SubjectPublicKeyInfo of OpenSSL", () => {
    expect(rsaPublicKey(modulus, EXPONENT)?.toHex()).toBe(vectors.public_key);
  });

  test("2047 bits, an even modulus and another exponent are refused", () => {
    const short = modulus.with(0, 0x7f);
    const even = modulus.with(255, 0xfe);
    for (const wrong of [short, even]) expect(rsaPublicKey(wrong, EXPONENT)).toBeUndefined();
    for (const exponent of [Uint8Array.of(0, 0, 3), Uint8Array.of(1, 0, 0)])
      expect(rsaPublicKey(modulus, exponent)).toBeUndefined();
  });

  test("every byte of the key that is not the modulus is fixed", () => {
    if (good === undefined) throw new Error("no case");
    const key = hex(good.publicKey);
    for (const [index, byte] of key.entries()) {
      if (index > 33 && index < 288) continue; // the modulus without its ends
      const altered = { ...good, publicKey: key.with(index, byte ^ 0x81).toHex() };
      expect(verdictOf(altered)).toBe(false);
    }
    expect(verdictOf(good)).toBe(true);
  });

  test("more keys than are kept verify all the same, and again", () => {
    if (good === undefined) throw new Error("no case");
    const key = hex(good.publicKey);
    for (let index = 0; index < 200; index += 1) {
      // Every other one shares the lowest bytes of the modulus, by which a key is found.
      const place = index % 2 === 0 ? 100 : 284;
      const other = { ...good, publicKey: key.with(place, index).with(101, 1).toHex() };
      expect(verdictOf(other)).toBe(false);
      expect(verdictOf(good)).toBe(true);
    }
  });

  test("a key of 1024 or 3072 bits has another length", () => {
    for (const modulusLength of [1024, 3072]) {
      const pair = generateKeyPairSync("rsa", { modulusLength });
      const key = new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" }));
      const empty = new Uint8Array();
      expect(() => verifyRsaPss(key, empty, new Uint8Array(256))).toThrow("publicKey");
    }
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

function expectNamed(action: () => unknown, argument: string): void {
  const error = thrownBy(action);
  expect(error).toBeInstanceOf(CoreInputError);
  expect(error).toBeInstanceOf(RangeError);
  expect(error).toHaveProperty("argument", argument);
}

describe("wrong arguments throw a typed error", () => {
  const key = hex(CASES[0]?.publicKey ?? "");
  const message = new Uint8Array(3);
  test.each([0, 1, 255, 257, 512])("signature of %d bytes", (length) => {
    expectNamed(() => verifyRsaPss(key, message, new Uint8Array(length)), "signature");
    expectNamed(() => verifyRsaPkcs1(key, message, new Uint8Array(length)), "signature");
  });

  test.each([0, 293, 295])("key of %d bytes", (length) => {
    const signature = new Uint8Array(256);
    expectNamed(() => verifyRsaPss(new Uint8Array(length), message, signature), "publicKey");
    expectNamed(() => verifyRsaPkcs1(new Uint8Array(length), message, signature), "publicKey");
  });

  test("modulus and exponent", () => {
    expectNamed(() => rsaPublicKey(new Uint8Array(255), EXPONENT), "modulus");
    expectNamed(() => rsaPublicKey(new Uint8Array(257), EXPONENT), "modulus");
    expectNamed(() => rsaPublicKey(new Uint8Array(256), new Uint8Array(2)), "exponent");
  });
});

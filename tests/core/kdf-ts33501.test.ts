// Keys derived from CK and IK: HMAC-SHA-256 against node:crypto; TS 33.501, TS 33.401 and RFC 9048
// on published values, and the chain from Milenage to KAMF.

import { createHash, createHmac } from "node:crypto";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { generateVector, openAuts } from "#wasm";
import {
  deriveCkIkPrime,
  deriveEapAkaPrimeKeys,
  deriveHxresStar,
  deriveKamf,
  deriveKasme,
  deriveKausf,
  deriveKgnb,
  deriveKseaf,
  deriveResStar,
  hmacSha256,
} from "#wasm/derivations";
import kdf from "../vectors/kdf_5g_eap.json";
import milenageSets from "../vectors/milenage_ts35208.json";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x33501;
const ABBA = Uint8Array.of(0, 0);
const SNN = "5G:mnc001.mcc001.3gppnetwork.org"; // of the recorded chain
const CHAIN_SUPI = "001010000000001";
const hex = (digits: string): Uint8Array => Uint8Array.fromHex(digits);

type Fields = Readonly<Record<string, unknown>>;

/** A field of a vector as text, or as bytes. */
function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new TypeError(`no field ${name}`);
  return value;
}

const bytes = (fields: Fields, name: string): Uint8Array => hex(text(fields, name));

function ckIk(f: Fields): readonly [Uint8Array, Uint8Array] {
  return [bytes(f, "ck"), bytes(f, "ik")];
}

function checkEapAkaPrime(f: Fields, expected: Fields): void {
  const sqnXorAk = bytes(f, "autn").subarray(0, 6);
  const primes = deriveCkIkPrime(...ckIk(f), text(f, "network_name"), sqnXorAk);
  expect(primes.ckPrime.toHex()).toBe(text(expected, "ck_prime"));
  expect(primes.ikPrime.toHex()).toBe(text(expected, "ik_prime"));
  const keys = deriveEapAkaPrimeKeys(primes.ckPrime, primes.ikPrime, text(f, "identity"));
  expect(keys.kEncr.toHex()).toBe(text(expected, "k_encr"));
  expect(keys.kAut.toHex()).toBe(text(expected, "k_aut"));
  expect(keys.kRe.toHex()).toBe(text(expected, "k_re"));
  expect(keys.msk.toHex()).toBe(text(expected, "msk"));
  expect(keys.emsk.toHex()).toBe(text(expected, "emsk"));
}

/** What each category of the file checks: one value, or several. */
const CHECKS: Record<string, [count: number, check: (f: Fields, expected: Fields) => void]> = {
  "5G-RES*": [
    3,
    (f, expected) => {
      const star = deriveResStar(...ckIk(f), text(f, "snn"), bytes(f, "rand"), bytes(f, "res"));
      expect(star.toHex()).toBe(text(expected, "res_star"));
    },
  ],
  "5G-HXRES*": [
    1,
    (f, expected) => {
      const star = deriveHxresStar(bytes(f, "rand"), bytes(f, "xres_star"));
      expect(star.toHex()).toBe(text(expected, "hxres_star"));
    },
  ],
  "5G-KAUSF": [
    1,
    (f, expected) => {
      const kausf = deriveKausf(...ckIk(f), text(f, "snn"), bytes(f, "sqn_xor_ak"));
      expect(kausf.toHex()).toBe(text(expected, "kausf"));
    },
  ],
  "5G-KSEAF": [
    1,
    (f, expected) => {
      const kseaf = deriveKseaf(bytes(f, "kausf"), text(f, "snn"));
      expect(kseaf.toHex()).toBe(text(expected, "kseaf"));
    },
  ],
  "5G-KAMF": [
    2,
    (f, expected) => {
      const kamf = deriveKamf(bytes(f, "kseaf"), text(f, "supi"), bytes(f, "abba"));
      expect(kamf.toHex()).toBe(text(expected, "kamf"));
    },
  ],
  "5G-KGNB": [
    1,
    (f, expected) => {
      const count = Uint8Array.of(0, 0, 0, Number(f["ul_nas_count"]));
      const kgnb = deriveKgnb(bytes(f, "kamf"), count, Number(text(f, "access_type")));
      expect(kgnb.toHex()).toBe(text(expected, "kgnb"));
    },
  ],
  "EPS-KASME": [
    2,
    (f, expected) => {
      const kasme = deriveKasme(...ckIk(f), bytes(f, "plmn"), bytes(f, "sqn_xor_ak"));
      expect(kasme.toHex()).toBe(text(expected, "kasme"));
    },
  ],
  "EAP-AKA'": [4, checkEapAkaPrime],
};

/** Categories of the file the core does not compute: SHA-1, X25519 and ECDH are not in it. */
const ELSEWHERE = ["SUCI-A", "SUCI-B", "FIPS186-2-PRF", "EAP-SIM", "EAP-SIM-reauth", "EAP-AKA"];

describe("published values", () => {
  test.each(Object.entries(CHECKS))("%s", (category, [count, check]) => {
    const vectors = kdf.vectors.filter((vector) => vector.category === category);
    for (const { inputs, expected } of vectors) check(inputs, expected);
    expect(vectors.length).toBe(count);
  });

  test("every category of the file is checked or named as computed elsewhere", () => {
    const known = new Set([...Object.keys(CHECKS), ...ELSEWHERE]);
    const unknown = kdf.vectors.filter((vector) => !known.has(vector.category));
    expect(unknown).toEqual([]);
    expect(kdf.vectors.length).toBe(21);
  });

  test("three real AUTS", () => {
    for (const { k, opc, rand, auts, sqn_ms: sqnMs } of kdf.resync) {
      expect(openAuts(hex(k), hex(opc), hex(rand), hex(auts))?.toHex()).toBe(sqnMs);
    }
    expect(kdf.resync.length).toBe(3);
  });
});

test("the chain of 5G AKA and EAP-AKA' on 20 Milenage sets", () => {
  const { rows } = kdf.he_av_chain_computed;
  for (const row of rows) {
    const set = milenageSets.sets.find(({ name }) => name === row.set);
    if (set === undefined) throw new Error(`no set ${row.set}`);
    const inputs = [hex(set.rand), hex(set.sqn), hex(set.amf)] as const;
    const { rand, autn, xres, ck, ik } = generateVector(hex(set.k), hex(set.opc), ...inputs);
    expect(autn.toHex()).toBe(row.autn);
    const xresStar = deriveResStar(ck, ik, SNN, rand, xres);
    expect(xresStar.toHex()).toBe(row.xres_star);
    expect(deriveHxresStar(rand, xresStar).toHex()).toBe(row.hxres_star);
    const sqnXorAk = autn.slice(0, 6);
    const kausf = deriveKausf(ck, ik, SNN, sqnXorAk);
    expect(kausf.toHex()).toBe(row.kausf);
    const kseaf = deriveKseaf(kausf, SNN);
    expect(kseaf.toHex()).toBe(row.kseaf);
    const kamf = deriveKamf(kseaf, CHAIN_SUPI, ABBA);
    expect(kamf.toHex()).toBe(row.kamf_supi_001010000000001_abba_0000);
    const { ckPrime, ikPrime } = deriveCkIkPrime(ck, ik, SNN, sqnXorAk);
    expect([ckPrime.toHex(), ikPrime.toHex()]).toEqual([row.ck_prime, row.ik_prime]);
  }
  expect(rows.length).toBe(20);
});

test("HMAC-SHA-256 equals node:crypto for keys and texts around the block, and the longest", () => {
  const random = new SeededRandom(SEED);
  const lengths = [0, 1, 31, 32, 33, 55, 56, 63, 64, 65, 100, 128, 200];
  for (const keyLength of lengths) {
    for (const dataLength of [...lengths, 4096, 16_319, 16_320]) {
      const key = random.bytes(keyLength);
      const data = random.bytes(dataLength);
      const expected = createHmac("sha256", key).update(data).digest("hex");
      expect(hmacSha256(key, data).toHex()).toBe(expected);
    }
  }
  expect(() => hmacSha256(new Uint8Array(1), new Uint8Array(16_321))).toThrow("data");
});

test("PRF' against RFC 9048 section 3.4.1 written out on node:crypto, random cases", () => {
  const random = new SeededRandom(SEED);
  for (let index = 0; index < 200; index += 1) {
    const [ckPrime, ikPrime] = [random.bytes(16), random.bytes(16)];
    const identity = `0${random.next()}@example`;
    let block = Buffer.alloc(0);
    let stream = "";
    for (let counter = 1; counter <= 7; counter += 1) {
      const hmac = createHmac("sha256", Buffer.concat([ikPrime, ckPrime]));
      hmac.update(block).update("EAP-AKA'").update(identity).update(Uint8Array.of(counter));
      block = hmac.digest();
      stream += block.toString("hex");
    }
    const keys = deriveEapAkaPrimeKeys(ckPrime, ikPrime, identity);
    const ours = [keys.kEncr, keys.kAut, keys.kRe, keys.msk, keys.emsk].map((key) => key.toHex());
    expect(ours.join("")).toBe(stream.slice(0, 2 * 208));
  }
});

test("HXRES* is the last half of SHA-256(RAND || XRES*)", () => {
  const random = new SeededRandom(SEED);
  const [rand, xresStar] = [random.bytes(16), random.bytes(16)];
  const digest = createHash("sha256").update(rand).update(xresStar).digest("hex");
  expect(deriveHxresStar(rand, xresStar).toHex()).toBe(digest.slice(32));
});

// CDMA: CAVE on published and recorded values, and CHAP (RFC 1994) with MD5 against node:crypto.

import { createHash } from "node:crypto";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  caveAkeyChecksum,
  caveKeys,
  caveSharedSecretData,
  caveSignature,
  chapResponse,
} from "#wasm/cdma";
import cave from "../vectors/cdma_cave.json";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x1994;
const CHAP_LENGTHS = [
  1, 2, 15, 16, 38, 39, 46, 47, 54, 55, 56, 63, 64, 65, 110, 119, 120, 254, 255,
];
const CHECKSUM_DIGITS = 6;
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);
/** 18 bits, printed as five digits, in three bytes. */
const signature = (text: string): string => text.padStart(6, "0");

describe("published values", () => {
  test("A-key 14142135623730950488 has the check digits 086500", () => {
    const { a_key: akey, esn, digits, check_hex: check } = cave.akey_verify;
    const checksum = caveAkeyChecksum(hex(akey), hex(esn));
    expect(checksum.toHex()).toBe(signature(check));
    const number = Number.parseInt(checksum.toHex(), 16);
    expect(String(number).padStart(CHECKSUM_DIGITS, "0")).toBe(digits.slice(-CHECKSUM_DIGITS));
    expect(BigInt(digits.slice(0, -CHECKSUM_DIGITS))).toBe(BigInt(`0x${akey}`));
  });

  test("SSD_A and SSD_B", () => {
    const { a_key: akey, randssd, esn, ssd_a: ssdA, ssd_b: ssdB } = cave.ssd_generation;
    const made = caveSharedSecretData(hex(akey), hex(randssd), hex(esn));
    expect([made.ssdA.toHex(), made.ssdB.toHex()]).toEqual([ssdA, ssdB]);
  });

  test("signature, CMEA key and VPM, three sets", () => {
    const ssdB = hex(cave.ssd_generation.ssd_b);
    for (const set of cave.auth_vectors) {
      const inputs = [hex(set.rand_challenge), hex(set.auth_data), hex(set.esn)] as const;
      const ssdA = hex(set.ssd_auth);
      expect(caveSignature(ssdA, ...inputs).toHex()).toBe(signature(set.auth_signature));
      const keys = caveKeys(ssdA, ssdB, ...inputs);
      expect(keys.signature.toHex()).toBe(signature(set.auth_signature));
      expect(keys.cmeaKey.toHex()).toBe(set.cmea_key);
      expect(keys.vpm.toHex()).toBe(set.vpm);
    }
    expect(cave.auth_vectors.length).toBe(3);
  });

  test("RUN CAVE of ruimtools.com: SSD of zeros", () => {
    const set = cave.ruimtools_run_cave;
    const inputs = [hex(set.ssd_a), hex(set.rand), hex(set.imsi_s1), hex(set.uimid)] as const;
    expect(caveSignature(...inputs).toHex()).toBe(set.response_data);
    expect(set.response_data).toBe(signature(set.authr));
  });
});

test("40 recorded sets: A-key check, SSD, AUTHR, AUTHU, AUTHBS, keys", () => {
  const { vectors } = cave.computed_extra;
  for (const set of vectors) {
    const [akey, esn, authData] = [hex(set.a_key), hex(set.esn_or_uimid), hex(set.imsi_s1)];
    expect(caveAkeyChecksum(akey, esn).toHex()).toBe(signature(set.akey_check));
    const { ssdA, ssdB } = caveSharedSecretData(akey, hex(set.randssd), esn);
    expect([ssdA.toHex(), ssdB.toHex()]).toEqual([set.ssd_a, set.ssd_b]);
    const sign = (rand: Uint8Array): string => caveSignature(ssdA, rand, authData, esn).toHex();
    expect(sign(hex(set.rand))).toBe(signature(set.authr));
    expect(sign(hex(set.randbs))).toBe(signature(set.authbs));
    const lowByte = Number.parseInt(set.imsi_s2, 16) & 0xff;
    const unique = Uint8Array.from([...hex(set.randu), lowByte]);
    expect(sign(unique)).toBe(signature(set.authu));
    const keys = caveKeys(ssdA, ssdB, hex(set.rand), authData, esn);
    expect([keys.cmeaKey.toHex(), keys.vpm.toHex()]).toEqual([set.cmea_key, set.vpm]);
  }
  expect(vectors.length).toBe(40);
});

test("CHAP: MD5 equals node:crypto for lengths around the block", () => {
  const random = new SeededRandom(SEED);
  let count = 0;
  for (const secretLength of CHAP_LENGTHS) {
    for (const challengeLength of CHAP_LENGTHS) {
      const identifier = random.bytes(1);
      const secret = random.bytes(secretLength);
      const challenge = random.bytes(challengeLength);
      const expected = createHash("md5").update(identifier).update(secret).update(challenge);
      const response = chapResponse(identifier, secret, challenge);
      expect(response.toHex()).toBe(expected.digest("hex"));
      count += 1;
    }
  }
  expect(count).toBe(CHAP_LENGTHS.length ** 2);
});

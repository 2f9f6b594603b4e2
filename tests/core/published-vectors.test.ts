// Published vectors against the facade. The table states how many each file holds: fewer fail.

import { existsSync } from "node:fs";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  aes128EncryptBlock,
  deriveOpc,
  generateVector,
  milenage,
  openAuts,
  sha256,
  verifyP256,
  verifyP256Der,
} from "#wasm";
import aesEcdsa from "../vectors/aes_ecdsa_nist.json";
import milenageSets from "../vectors/milenage_ts35208.json";
import sha256Examples from "../vectors/sha256_fips180.json";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const WYCHEPROOF = `${import.meta.dir}/../../../shared/vectors/wycheproof`;
const WYCHEPROOF_ECDSA = `${WYCHEPROOF}/ecdsa_secp256r1_sha256_test.json`;

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

/** Each checks every vector of a kind and returns how many it saw. */
function checkMilenage(): number {
  for (const set of milenageSets.sets) {
    const k = hex(set.k);
    const opc = hex(set.opc);
    const rand = hex(set.rand);
    const sqn = hex(set.sqn);
    const amf = hex(set.amf);
    const given = milenage(k, opc, rand, sqn, amf);
    expect(deriveOpc(k, hex(set.op)).toHex()).toBe(set.opc);
    expect(given.macA.toHex()).toBe(set.f1);
    expect(given.macS.toHex()).toBe(set.f1star);
    expect(given.res.toHex()).toBe(set.f2);
    expect(given.ck.toHex()).toBe(set.f3);
    expect(given.ik.toHex()).toBe(set.f4);
    expect(given.ak.toHex()).toBe(set.f5);
    expect(given.akStar.toHex()).toBe(set.f5star);
    const zeroAmf = milenage(k, opc, rand, sqn, hex("0000"));
    expect(zeroAmf.macS.toHex()).toBe(set.f1star_amf0000);
    const vector = generateVector(k, opc, rand, sqn, amf);
    expect(vector.rand.toHex()).toBe(set.rand);
    expect(vector.autn.toHex()).toBe(set.autn);
    expect(vector.xres.toHex()).toBe(set.f2);
    expect(vector.ck.toHex()).toBe(set.f3);
    expect(vector.ik.toHex()).toBe(set.f4);
    expect(openAuts(k, opc, rand, hex(set.auts_ts33102_amf0000))?.toHex()).toBe(set.sqn);
    // The classic fault: MAC-S over the AMF of the set instead of AMF* = 0000.
    if (set.auts_with_amf_as_given !== set.auts_ts33102_amf0000) {
      expect(openAuts(k, opc, rand, hex(set.auts_with_amf_as_given))).toBeUndefined();
    }
  }
  return milenageSets.sets.length;
}

function checkAes(): number {
  for (const [key = "", plaintext = "", ciphertext = ""] of aesEcdsa.aes128_ecb.rows) {
    // ECB: each block by itself.
    const blocks = plaintext.match(/.{32}/gu) ?? [];
    const encrypted = blocks.map((block) => aes128EncryptBlock(hex(key), hex(block)).toHex());
    expect(encrypted.join("")).toBe(ciphertext);
  }
  return aesEcdsa.aes128_ecb.rows.length;
}

function checkSha256(): number {
  for (const { text, repeat, digest } of sha256Examples.sha256) {
    expect(sha256(new TextEncoder().encode(text.repeat(repeat))).toHex()).toBe(digest);
  }
  return sha256Examples.sha256.length;
}

function checkEcdsa(): number {
  for (const { pub, msg, sig_rs: signature } of aesEcdsa.ecdsa_p256_sha256) {
    expect(verifyP256(hex(pub), hex(msg), hex(signature))).toBe(true);
    expect(verifyP256(hex(pub), hex(`${msg}00`), hex(signature))).toBe(false);
  }
  return aesEcdsa.ecdsa_p256_sha256.length;
}

const VECTOR_COUNTS: Array<[file: string, algorithm: string, count: number, check: () => number]> =
  [
    ["milenage_ts35208.json", "Milenage f1 to f5*, OPc, AUTN, AUTS", 21, checkMilenage],
    ["aes_ecdsa_nist.json", "AES-128 ECB", 385, checkAes],
    ["aes_ecdsa_nist.json", "ECDSA P-256 SHA-256", 17, checkEcdsa],
    ["sha256_fips180.json", "SHA-256", 4, checkSha256],
  ];

describe("published vectors", () => {
  test.each(VECTOR_COUNTS)("%s: %s, %d vectors", (_file, _algorithm, count, check) => {
    expect(check()).toBe(count);
  });
});

interface WycheproofFile {
  numberOfTests: number;
  testGroups: Array<{
    publicKey: { uncompressed: string };
    tests: Array<{ tcId: number; msg: string; sig: string; result: string }>;
  }>;
}

const ACCEPTABLE_COUNT = 0; // the file marks none; one that appears fails below

describe("Wycheproof", () => {
  const name = "ecdsa_secp256r1_sha256_test.json";
  const absent = !existsSync(WYCHEPROOF_ECDSA);
  if (absent) process.stdout.write(`SKIP shared-vectors-absent: ${name}\n`);

  test.skipIf(absent)(`${name}: all as expected`, async () => {
    const file: WycheproofFile = await Bun.file(WYCHEPROOF_ECDSA).json();
    const wrong: number[] = [];
    let count = 0;
    let acceptable = 0;
    for (const group of file.testGroups) {
      for (const { tcId, msg, sig, result } of group.tests) {
        const valid = verifyP256Der(hex(group.publicKey.uncompressed), hex(msg), hex(sig));
        if (valid !== (result === "valid")) wrong.push(tcId);
        if (result === "acceptable") acceptable += 1;
        count += 1;
      }
    }
    expect(wrong).toEqual([]);
    expect(acceptable).toBe(ACCEPTABLE_COUNT);
    expect(count).toBe(file.numberOfTests);
    expect(count).toBeGreaterThanOrEqual(484);
    process.stdout.write(`Wycheproof ${name}: ${count} of ${file.numberOfTests}\n`);
  });
});

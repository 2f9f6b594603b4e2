/** The card's own primitives against published vectors and against node:crypto. */
import { createHmac, createCipheriv, hkdfSync, verify, constants } from "node:crypto";
import { describe, expect, test } from "bun:test";
import aesCmac from "../../vectors/aes_cmac_nist.json" with { type: "json" };
import sm2Vectors from "../../vectors/sm2_signatures.json" with { type: "json" };
import smVectors from "../../vectors/sm3_sm4.json" with { type: "json" };
import { cmac, createAes128, openGcm, sealGcm } from "./block-modes.ts";
import { asciiBytes } from "./bytes.ts";
import { element, seededRandom } from "./encoding-double.ts";
import { hkdf, hmac, sha256 } from "./key-derivation.ts";
import { P256 } from "./p256.ts";
import { generateRsaKey, RSA_PKCS1, RSA_PSS } from "./signatures.ts";
import { SM2 } from "./sm2.ts";
import { sm3 } from "./sm3.ts";
import { createSm4 } from "./sm4.ts";
import { SUITES } from "./suites.ts";

const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(text);

describe("SM3 and SM4", () => {
  test("the digests of the vectors", () => {
    for (const { msg, digest } of smVectors.sm3) expect(sm3(hex(msg)).toHex()).toBe(digest);
    expect(smVectors.sm3.length).toBeGreaterThan(100);
  });

  test("HMAC with SM3 and with SHA-256", () => {
    for (const { key, msg, mac } of smVectors.hmac_sm3) {
      expect(hmac(sm3, hex(key), hex(msg)).toHex()).toBe(mac);
    }
    const ours = hmac(sha256, asciiBytes("key"), asciiBytes("da"), asciiBytes("ta"));
    expect(ours.toHex()).toBe(createHmac("sha256", "key").update("data").digest("hex"));
  });

  test("single blocks of SM4", () => {
    for (const vector of smVectors.sm4_ecb.filter(({ pt }) => pt.length === 32)) {
      const times = "iterations" in vector ? 1 : 0;
      if (times === 0) expect(createSm4(hex(vector.key))(hex(vector.pt)).toHex()).toBe(vector.ct);
    }
  });

  test("SM4-GCM of RFC 8998, A.1, and nothing altered opens", () => {
    const [vector] = smVectors.sm4_gcm_ccm;
    if (vector === undefined) throw new Error("no vector");
    const [key, iv] = [hex(vector.key), hex(vector.iv)];
    const [aad, pt] = [hex(vector.aad), hex(vector.pt)];
    const sealed = sealGcm(createSm4, key, iv, aad, pt);
    expect(sealed.toHex()).toBe(vector.ct + vector.tag);
    expect(openGcm(createSm4, key, iv, aad, sealed)).toEqual(pt);
    for (const at of [0, pt.length, sealed.length - 1]) {
      const altered = sealed.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(openGcm(createSm4, key, iv, aad, altered)).toBeUndefined();
    }
    expect(openGcm(createSm4, key, iv, aad.subarray(1), sealed)).toBeUndefined();
    expect(openGcm(createSm4, key, iv, aad, sealed.subarray(0, 15))).toBeUndefined();
  });
});

test("AES-CMAC of NIST", () => {
  for (const [key = "", message = "", mac = ""] of aesCmac.cmac_aes128.rows) {
    expect(cmac(createAes128, hex(key), hex(message)).toHex()).toBe(mac);
  }
});

test("AES-128-GCM equals node:crypto at every length around a block", () => {
  const random = seededRandom("gcm");
  for (const length of [0, 1, 15, 16, 17, 31, 32, 200]) {
    const [key, nonce] = [random(16), random(12)] as const;
    const [aad, plain] = [random(length), random(length)] as const;
    const cipher = createCipheriv("aes-128-gcm", key, nonce).setAAD(aad);
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    const theirs = Buffer.concat([body, cipher.getAuthTag()]);
    const ours = sealGcm(createAes128, key, nonce, aad, plain);
    expect(ours.toHex()).toBe(theirs.toString("hex"));
  }
});

test("HKDF-SHA-256 equals node:crypto", () => {
  const [salt, secret] = [seededRandom("salt")(32), seededRandom("secret")(32)];
  const info = element(0x80, Buffer.from("label"));
  const theirs = Buffer.from(hkdfSync("sha256", secret, salt, info, 28)).toString("hex");
  expect(hkdf(sha256, salt, secret, "label", 28).toHex()).toBe(theirs);
});

describe("SM2", () => {
  const DEFAULT_ID = "31323334353637383132333435363738";

  test("signatures of the vectors verify, and what must fail fails", () => {
    let good = 0;
    let bad = 0;
    for (const vector of sm2Vectors.generated.filter(({ id }) => id === DEFAULT_ID)) {
      expect(SM2.isSigned(hex(vector.pub), hex(vector.msg), hex(vector.sig_rs))).toBe(true);
      good += 1;
    }
    for (const vector of sm2Vectors.negative.filter(({ id }) => id === DEFAULT_ID)) {
      expect(SM2.isSigned(hex(vector.pub), hex(vector.msg), hex(vector.r + vector.s))).toBe(false);
      bad += 1;
    }
    expect(good).toBeGreaterThan(5);
    expect(bad).toBeGreaterThan(20);
  });

  test("signs verifiably, the same bytes every time", () => {
    const privateKey = SM2.drawPrivateKey(seededRandom("sm2"));
    const message = asciiBytes("message");
    const signature = SM2.sign(privateKey, message);
    expect(SM2.sign(privateKey, message)).toEqual(signature);
    expect(SM2.isSigned(SM2.publicKeyOf(privateKey), message, signature)).toBe(true);
  });
});

test("RFC 6979, A.2.5: ECDSA P-256 with SHA-256", () => {
  const key = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
  expect(P256.sign(key, asciiBytes("sample")).toHex()).toBe(
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
  );
});

for (const [name, curve] of [
  ["P-256", P256],
  ["SM2", SM2],
] as const) {
  test(`${name}: both sides agree, and a point off the curve is refused`, () => {
    const [a, b] = [
      curve.drawPrivateKey(seededRandom("a")),
      curve.drawPrivateKey(seededRandom("b")),
    ];
    const common = curve.agree(a, curve.publicKeyOf(b));
    expect(common?.length).toBe(32);
    expect(curve.agree(b, curve.publicKeyOf(a))).toEqual(common);
    const off = curve.publicKeyOf(b);
    off[64] = (off[64] ?? 0) ^ 1;
    for (const bad of [off, new Uint8Array(65), off.subarray(0, 64), new Uint8Array(1)]) {
      expect(curve.agree(a, bad)).toBeUndefined();
      expect(curve.isSigned(bad, a, new Uint8Array(64).fill(1))).toBe(false);
    }
  });
}

test("RSA: PSS with the card's salt verifies and repeats; each padding refuses the other", () => {
  const key = generateRsaKey();
  const pss = RSA_PSS.createKeyPair(seededRandom("unused"), key);
  const pkcs1 = RSA_PKCS1.createKeyPair(seededRandom("unused"), key);
  const message = asciiBytes("message");
  const signature = pss.sign(message, seededRandom("salt"));
  expect(pss.sign(message, seededRandom("salt"))).toEqual(signature);
  expect(pss.sign(message, seededRandom("other"))).not.toEqual(signature);
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  expect(verify("sha256", message, { key, ...padding }, signature)).toBe(true);
  expect(RSA_PSS.isSigned(pss.publicKey, message, signature)).toBe(true);
  expect(RSA_PKCS1.isSigned(pss.publicKey, message, signature)).toBe(false);
  const other = pkcs1.sign(message, seededRandom("salt"));
  expect(RSA_PKCS1.isSigned(pkcs1.publicKey, message, other)).toBe(true);
  expect(RSA_PSS.isSigned(pkcs1.publicKey, message, other)).toBe(false);
});

test("suites have numbers of their own", () => {
  const numbers = Object.values(SUITES).map((suite) => suite.number);
  expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
});

/**
 * The card's own primitives against @peculiar/webcrypto, which shares nothing with the platform's
 * core: what one side makes the other accepts, and both refuse what was altered.
 */
import "reflect-metadata";
import { expect, test } from "bun:test";
import { Crypto } from "@peculiar/webcrypto";
import { cmac, createAes128, openGcm, sealGcm } from "./block-modes.ts";
import { asciiBytes, type Bytes } from "./bytes.ts";
import { seededRandom } from "./encoding-double.ts";
import { hkdf, sha256 } from "./key-derivation.ts";
import { P256 } from "./p256.ts";
import { TAG } from "#protocol/assigned-numbers";
import { writeElement } from "./tlv.ts";
import { ECDSA_P256, generateRsaKey, RSA_PKCS1, RSA_PSS } from "./signatures.ts";

const { subtle } = new Crypto();
const CASES = 20;
/** The engine wants the length in both calls. */
const AES_CMAC = { name: "AES-CMAC", length: 128 };
const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const ECDH = { name: "ECDH", namedCurve: "P-256" } as const;

const altered = (bytes: Uint8Array): Bytes => {
  const out = new Uint8Array(bytes);
  out[out.length - 1] = (out.at(-1) ?? 0) ^ 1;
  return out;
};

test("ECDSA P-256: each verifies what the other signed", async () => {
  const random = seededRandom("webcrypto 1");
  const ours = ECDSA_P256.createKeyPair(random);
  const ourKey = await subtle.importKey("raw", ours.publicKey, ECDSA, false, ["verify"]);
  const theirs = await subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const theirKey = new Uint8Array(await subtle.exportKey("raw", theirs.publicKey));
  for (let i = 0; i < CASES; i++) {
    const message = random(i * 7);
    const signature = ours.sign(message, random);
    expect(await subtle.verify(ECDSA, ourKey, signature, message)).toBe(true);
    expect(await subtle.verify(ECDSA, ourKey, altered(signature), message)).toBe(false);
    const other = new Uint8Array(await subtle.sign(ECDSA, theirs.privateKey, message));
    expect(ECDSA_P256.isSigned(theirKey, message, other)).toBe(true);
    expect(ECDSA_P256.isSigned(theirKey, message, altered(other))).toBe(false);
  }
});

test.each([
  { scheme: RSA_PSS, name: "RSA-PSS", salt: { saltLength: 32 } },
  { scheme: RSA_PKCS1, name: "RSASSA-PKCS1-v1_5", salt: {} },
])("$name: what the card signed verifies, altered it does not", async ({ scheme, name, salt }) => {
  const random = seededRandom("webcrypto 2");
  const pair = scheme.createKeyPair(random, generateRsaKey());
  const jwk = { kty: "RSA", n: Buffer.from(pair.publicKey).toString("base64url"), e: "AQAB" };
  const key = await subtle.importKey("jwk", jwk, { name, hash: "SHA-256" }, false, ["verify"]);
  for (let i = 0; i < 4; i++) {
    const message = random(40 + i);
    const signature = pair.sign(message, random);
    expect(await subtle.verify({ name, ...salt }, key, signature, message)).toBe(true);
    expect(await subtle.verify({ name, ...salt }, key, altered(signature), message)).toBe(false);
  }
});

test("ECDH P-256: both sides find the same x-coordinate", async () => {
  const random = seededRandom("webcrypto 3");
  for (let i = 0; i < CASES; i++) {
    const privateKey = P256.drawPrivateKey(random);
    const theirs = await subtle.generateKey(ECDH, true, ["deriveBits"]);
    const theirPoint = new Uint8Array(await subtle.exportKey("raw", theirs.publicKey));
    const ourPoint = P256.publicKeyOf(privateKey);
    const peer = await subtle.importKey("raw", ourPoint, ECDH, false, []);
    const bits = await subtle.deriveBits({ name: "ECDH", public: peer }, theirs.privateKey, 256);
    expect(P256.agree(privateKey, theirPoint)?.toHex()).toBe(new Uint8Array(bits).toHex());
  }
});

test("AES-CMAC, AES-128-GCM and HKDF give the same bytes", async () => {
  const random = seededRandom("webcrypto 4");
  for (let length = 0; length < 3 * CASES; length++) {
    const [key, nonce, aad, message] = [random(16), random(12), random(length), random(length)];
    const macKey = await subtle.importKey("raw", key, AES_CMAC, false, ["sign"]);
    const mac = await subtle.sign(AES_CMAC, macKey, message);
    expect(cmac(createAes128, key, message).toHex()).toBe(new Uint8Array(mac).toHex());
    const gcmKey = await subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
    const gcm = { name: "AES-GCM", iv: nonce, additionalData: aad };
    const sealed = new Uint8Array(await subtle.encrypt(gcm, gcmKey, message));
    expect(sealGcm(createAes128, key, nonce, aad, message).toHex()).toBe(sealed.toHex());
    expect(openGcm(createAes128, key, nonce, aad, sealed)?.toHex()).toBe(message.toHex());
    expect(openGcm(createAes128, key, nonce, aad, altered(sealed))).toBeUndefined();
  }
  const [secret, salt] = [random(32), random(32)];
  const info = writeElement(TAG.label, asciiBytes("a label"));
  const hkdfKey = await subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const parameters = { name: "HKDF", hash: "SHA-256", salt, info };
  const bits = await subtle.deriveBits(parameters, hkdfKey, 28 * 8);
  expect(hkdf(sha256, salt, secret, "a label", 28).toHex()).toBe(new Uint8Array(bits).toHex());
});

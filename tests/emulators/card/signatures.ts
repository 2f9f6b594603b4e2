/** The signature schemes of the certificate suites, each with the form of its keys. */
import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  sign,
  verify,
} from "node:crypto";
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, joinBytes, writeCounter, xorBytes } from "./bytes.ts";
import type { Curve, Random } from "./curve.ts";
import { sha256 } from "./key-derivation.ts";
import { P256 } from "./p256.ts";
import { SM2 } from "./sm2.ts";

export type KeyPair = {
  /** Value of C1: a point of 65 bytes, or the modulus of RSA, 256 bytes. */
  readonly publicKey: Bytes;
  /** As long as the scheme says. `random` is asked for a salt where the scheme has one. */
  readonly sign: (message: Uint8Array, random: Random) => Bytes;
};

export type SignatureScheme = {
  readonly publicKeyBytes: number;
  readonly signatureBytes: number;
  /** `keyObject` is used by RSA alone, in place of a key that it would generate. */
  readonly createKeyPair: (random: Random, keyObject?: KeyObject) => KeyPair;
  readonly isSigned: Curve["isSigned"];
};

const MODULUS_BITS = 8 * LENGTH.rsa;
const EXPONENT = "AQAB";
const SALT_BYTES = 32;
const HASH_BYTES = 32;
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES } as const;
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING } as const;

/** RSA-2048 with the exponent 65537, by the engine's own random source. */
export function generateRsaKey(): KeyObject {
  return generateKeyPairSync("rsa", { modulusLength: MODULUS_BITS }).privateKey;
}

function onCurve(curve: Curve): SignatureScheme {
  return {
    publicKeyBytes: LENGTH.point,
    signatureBytes: LENGTH.signature,
    createKeyPair: (random) => {
      const privateKey = curve.drawPrivateKey(random);
      return {
        publicKey: curve.publicKeyOf(privateKey),
        sign: (message) => curve.sign(privateKey, message),
      };
    },
    isSigned: curve.isSigned,
  };
}

function rsa(
  signWith: (key: KeyObject, message: Uint8Array, random: Random) => Bytes,
  padding: typeof PSS | typeof PKCS1,
): SignatureScheme {
  return {
    publicKeyBytes: LENGTH.rsa,
    signatureBytes: LENGTH.rsa,
    createKeyPair: (_random, keyObject = generateRsaKey()) => ({
      publicKey: modulusOf(keyObject),
      sign: (message, random) => signWith(keyObject, message, random),
    }),
    isSigned: (publicKey, message, signature) => {
      try {
        const n = publicKey.toBase64({ alphabet: "base64url", omitPadding: true });
        const key = createPublicKey({ key: { kty: "RSA", n, e: EXPONENT }, format: "jwk" });
        return verify("sha256", message, { key, ...padding }, signature);
      } catch {
        // The engine throws for a modulus that it has no use for.
        return false;
      }
    },
  };
}

/** 256 bytes. */
function modulusOf(key: KeyObject): Bytes {
  const { n, e } = key.export({ format: "jwk" });
  const modulus = Buffer.from(n ?? "", "base64url");
  if (modulus.length !== LENGTH.rsa || e !== EXPONENT) throw new Error("no key of RSA-2048");
  return new Uint8Array(modulus);
}

function signPkcs1(key: KeyObject, message: Uint8Array): Bytes {
  return new Uint8Array(sign("sha256", message, { key, ...PKCS1 }));
}

/** RFC 8017, 8.1.1, with the salt from `random`: the card's own source, not the engine's. */
function signPss(key: KeyObject, message: Uint8Array, random: Random): Bytes {
  const encoded = encodePss(sha256(message), random(SALT_BYTES));
  return new Uint8Array(privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded));
}

/** EMSA-PSS-ENCODE (RFC 8017, 9.1.1) for 2047 bits, SHA-256 and MGF1 with SHA-256. */
function encodePss(messageHash: Uint8Array, salt: Uint8Array): Bytes {
  const h = sha256(joinBytes(new Uint8Array(8), messageHash, salt));
  const db = new Uint8Array(LENGTH.rsa - HASH_BYTES - 1);
  db[db.length - salt.length - 1] = 1;
  db.set(salt, db.length - salt.length);
  const masked = xorBytes(db, mgf1(h, db.length));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  return joinBytes(masked, h, Uint8Array.of(0xbc));
}

function mgf1(seed: Uint8Array, byteCount: number): Bytes {
  const blocks: Bytes[] = [];
  for (let made = 0; made < byteCount; made += HASH_BYTES) {
    blocks.push(sha256(joinBytes(seed, writeCounter(blocks.length))));
  }
  return joinBytes(...blocks).slice(0, byteCount);
}

export const ECDSA_P256 = onCurve(P256);
export const SM2_SM3 = onCurve(SM2);
export const RSA_PSS = rsa(signPss, PSS);
export const RSA_PKCS1 = rsa(signPkcs1, PKCS1);

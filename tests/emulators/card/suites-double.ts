/**
 * Test helper: the platform's side of every suite. The compositions of docs/protocol.md section 3
 * are written apart from the card's; below them is node:crypto, and for SM2, SM3, SM4 and CMAC the
 * card's primitives, which primitives.test.ts holds to published vectors.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
} from "node:crypto";
import { LABEL, TAG } from "#protocol/assigned-numbers";
import { cmac, createAes128, openGcm, sealGcm } from "./block-modes.ts";
import { element, labelled, uint32 } from "./encoding-double.ts";
import { hmac } from "./key-derivation.ts";
import { takeRsaKey } from "./rsa-pool.ts";
import { SM2 } from "./sm2.ts";
import { sm3 } from "./sm3.ts";
import { createSm4 } from "./sm4.ts";
import type { SuiteName } from "./suites.ts";

export type Signer = { readonly publicKey: Buffer; readonly sign: (message: Uint8Array) => Buffer };
export type Direction = { readonly key: Uint8Array; readonly iv: Uint8Array };

type Scheme = {
  readonly createSigner: () => Signer;
  readonly isSigned: (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
};

export type DoubleSuite = {
  readonly name: SuiteName;
  readonly number: number;
  readonly proofBytes: number;
  readonly isChinese: boolean;
  /** Undefined in the symmetric suites. */
  readonly scheme: Scheme | undefined;
};

const SPKI_P256 = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");

const ecdsa: Scheme = {
  createSigner: () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = { key: privateKey, dsaEncoding: "ieee-p1363" } as const;
    return {
      publicKey: publicKey.export({ format: "der", type: "spki" }).subarray(-65),
      sign: (message) => sign("sha256", message, key),
    };
  },
  isSigned: (publicKey, message, signature) => {
    const spki = Buffer.concat([SPKI_P256, publicKey]);
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  },
};

let sm2Keys = 0;
const sm2: Scheme = {
  createSigner: () => {
    const seed = `sm2 key ${sm2Keys++}`;
    const privateKey = new Uint8Array(createHash("sha256").update(seed).digest());
    return {
      publicKey: Buffer.from(SM2.publicKeyOf(privateKey)),
      sign: (message) => Buffer.from(SM2.sign(privateKey, message)),
    };
  },
  isSigned: SM2.isSigned,
};

function rsa(padding: number): Scheme {
  const options = { padding, saltLength: 32 };
  return {
    createSigner: () => {
      const key = takeRsaKey();
      return {
        publicKey: Buffer.from(key.export({ format: "jwk" }).n ?? "", "base64url"),
        sign: (message) => sign("sha256", message, { key, ...options }),
      };
    },
    isSigned: (publicKey, message, signature) => {
      const jwk = { kty: "RSA", n: Buffer.from(publicKey).toString("base64url"), e: "AQAB" };
      const key = createPublicKey({ key: jwk, format: "jwk" });
      return verify("sha256", message, { key, ...options }, signature);
    },
  };
}

const pss = rsa(constants.RSA_PKCS1_PSS_PADDING);
const pkcs1 = rsa(constants.RSA_PKCS1_PADDING);

export const DOUBLE_SUITES: readonly DoubleSuite[] = [
  { name: "P-256", number: 1, proofBytes: 64, isChinese: false, scheme: ecdsa },
  { name: "RSA-2048", number: 2, proofBytes: 256, isChinese: false, scheme: pss },
  { name: "SM", number: 3, proofBytes: 64, isChinese: true, scheme: sm2 },
  { name: "AES", number: 4, proofBytes: 16, isChinese: false, scheme: undefined },
  { name: "SM4", number: 5, proofBytes: 16, isChinese: true, scheme: undefined },
  { name: "RSA-2048-PKCS1", number: 6, proofBytes: 256, isChinese: false, scheme: pkcs1 },
];

/** Of labelled input. */
export function hash(
  { isChinese }: DoubleSuite,
  label: string,
  ...parts: readonly Uint8Array[]
): Buffer {
  const input = labelled(label, ...parts);
  return isChinese ? Buffer.from(sm3(input)) : createHash("sha256").update(input).digest();
}

/** The card's service signatures: ECDSA on P-256, or SM2. */
export function isServiceSignature(
  { isChinese }: DoubleSuite,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return (isChinese ? sm2 : ecdsa).isSigned(publicKey, message, signature);
}

export function mac({ isChinese }: DoubleSuite, key: Uint8Array, message: Uint8Array): Buffer {
  return Buffer.from(cmac(isChinese ? createSm4 : createAes128, key, message));
}

/** SP 800-108 in counter mode. */
export function deriveShared(
  suite: DoubleSuite,
  key: Uint8Array,
  label: string,
  context: Uint8Array,
  bytes: number,
): Buffer {
  const bits = Buffer.from([(bytes * 8) >> 8, (bytes * 8) & 0xff]);
  const fixed = Buffer.concat([labelled(label), Buffer.from([0]), context, bits]);
  const blocks = [1, 2].map((i) => mac(suite, key, Buffer.concat([Buffer.from([i]), fixed])));
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** Elements C0 and 8F: what keys of the symmetric suites are bound to. */
export function sessionContext(generation: number, transcript: Uint8Array): Buffer {
  const c0 = element(TAG.generation, uint32(generation));
  return Buffer.concat([c0, element(TAG.hash, transcript)]);
}

/** Both directions of encrypted mode, from Z or from the shared key. */
export function deriveDirections(
  suite: DoubleSuite,
  hk: Uint8Array,
  secret: { readonly z: Uint8Array } | { readonly key: Uint8Array; readonly generation: number },
): { readonly toPlatform: Direction; readonly toCard: Direction } {
  const derive = (label: string): Direction => {
    const bytes =
      "z" in secret
        ? expand(suite, hk, secret.z, label)
        : deriveShared(suite, secret.key, label, sessionContext(secret.generation, hk), 28);
    return { key: bytes.subarray(0, 16), iv: bytes.subarray(16) };
  };
  return { toPlatform: derive(LABEL.cardToPlatform), toCard: derive(LABEL.platformToCard) };
}

function sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(data).digest());
}

function expand(
  { isChinese }: DoubleSuite,
  salt: Uint8Array,
  secret: Uint8Array,
  label: string,
): Buffer {
  const h = isChinese ? sm3 : sha256;
  const prk = hmac(h, salt, secret);
  return Buffer.from(hmac(h, prk, Buffer.concat([labelled(label), Buffer.from([1])]))).subarray(
    0,
    28,
  );
}

export function nonceOf({ iv }: Direction, number: number): Buffer {
  const nonce = Buffer.from(iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ number) >>> 0, 8);
  return nonce;
}

export function seal(
  { isChinese }: DoubleSuite,
  direction: Direction,
  number: number,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Buffer {
  const { key } = direction;
  const nonce = nonceOf(direction, number);
  if (isChinese) return Buffer.from(sealGcm(createSm4, key, nonce, aad, plaintext));
  const cipher = createCipheriv("aes-128-gcm", key, nonce).setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Throws when `sealed` is not authentic. */
export function open(
  { isChinese }: DoubleSuite,
  direction: Direction,
  number: number,
  aad: Uint8Array,
  sealed: Uint8Array,
): Buffer {
  const { key } = direction;
  const nonce = nonceOf(direction, number);
  if (isChinese) {
    const plaintext = openGcm(createSm4, key, nonce, aad, sealed);
    if (plaintext === undefined) throw new Error("not authentic");
    return Buffer.from(plaintext);
  }
  const decipher = createDecipheriv("aes-128-gcm", key, nonce).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

/** An ephemeral key pair of the suite's curve, and what it agrees on with the card's. */
export function createEphemeral({ isChinese }: DoubleSuite): {
  readonly publicKey: Buffer;
  readonly agree: (cardKey: Uint8Array) => Buffer;
} {
  if (isChinese) {
    const privateKey = new Uint8Array(createHash("sha256").update(`e ${sm2Keys++}`).digest());
    return {
      publicKey: Buffer.from(SM2.publicKeyOf(privateKey)),
      agree: (cardKey) => Buffer.from(SM2.agree(privateKey, cardKey) ?? []),
    };
  }
  const key = createECDH("prime256v1");
  const publicKey = key.generateKeys();
  return { publicKey, agree: (cardKey) => key.computeSecret(cardKey) };
}

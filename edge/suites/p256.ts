/** P-256: signatures verified by the core, made by the runtime; ephemeral ECDH by the runtime. */
import { createECDH, createPrivateKey, type ECDH, sign } from "node:crypto";
import { ecdsaDerToRaw, isP256Point, verifyP256 } from "#wasm";
import { verifyP256Prepared } from "#wasm/prepared-keys";
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, encodeBase64Url } from "#protocol/bytes";
import { createKnownKeys } from "./known-keys.ts";
import type { KeyAgreementCurve, KeyPair, SignatureScheme } from "./scheme.ts";

const CURVE = "prime256v1";
const SCALAR_BYTES = 32;
const findPrepared = createKnownKeys("p256");

function isPoint(point: Uint8Array): boolean {
  return point.length === LENGTH.point && isP256Point(point);
}

/** A scalar without its leading zeros gets them back. */
function privateScalar(ecdh: ECDH): Bytes {
  const scalar = new Uint8Array(SCALAR_BYTES);
  const bytes = ecdh.getPrivateKey();
  scalar.set(bytes, SCALAR_BYTES - bytes.length);
  bytes.fill(0);
  return scalar;
}

/** A fresh key pair: 65 and 32 bytes. */
export function generateP256KeyPair(): KeyPair {
  const ecdh = createECDH(CURVE);
  const publicKey = new Uint8Array(ecdh.generateKeys());
  return { publicKey, privateKey: privateScalar(ecdh) };
}

/** x (32 bytes) of [privateKey]peer, `peer` compressed or not; undefined off the curve. */
export function p256SharedSecret(privateKey: Uint8Array, peer: Uint8Array): Bytes | undefined {
  const ecdh = createECDH(CURVE);
  ecdh.setPrivateKey(privateKey);
  try {
    return new Uint8Array(ecdh.computeSecret(peer));
  } catch {
    return undefined;
  }
}

export const ecdsaP256: SignatureScheme = {
  isPublicKey: isPoint,
  generateKeyPair: generateP256KeyPair,
  sign({ publicKey, privateKey }, message) {
    const jwk = {
      kty: "EC",
      crv: "P-256",
      x: encodeBase64Url(publicKey.subarray(1, 1 + SCALAR_BYTES)),
      y: encodeBase64Url(publicKey.subarray(1 + SCALAR_BYTES)),
      d: encodeBase64Url(privateKey),
    };
    // workerd signs synchronously only in DER (not with dsaEncoding on a key object).
    const raw = ecdsaDerToRaw(
      sign("sha256", message, createPrivateKey({ key: jwk, format: "jwk" })),
    );
    if (raw === undefined) throw new Error("the runtime's signature is not canonical DER");
    return raw;
  },
  verify(publicKey, message, signature) {
    if (!hasLengths(publicKey, signature)) return false;
    const prepared = findPrepared(publicKey);
    return prepared === undefined
      ? verifyP256(publicKey, message, signature)
      : verifyP256Prepared(prepared, message, signature);
  },
  verifyOnce: (publicKey, message, signature) =>
    hasLengths(publicKey, signature) && verifyP256(publicKey, message, signature),
};

function hasLengths(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return publicKey.length === LENGTH.point && signature.length === LENGTH.signature;
}

export const curveP256: KeyAgreementCurve = {
  isPoint,
  agree(peer) {
    if (!isPoint(peer)) return undefined;
    const { publicKey, privateKey } = generateP256KeyPair();
    const secret = p256SharedSecret(privateKey, peer);
    privateKey.fill(0);
    return secret && { publicKey, secret };
  },
};

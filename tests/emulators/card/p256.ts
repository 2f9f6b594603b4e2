/** ECDSA P-256 with SHA-256, and key agreement on P-256 (FIPS 186-5, SP 800-56A). */
import { createECDH, createPublicKey, verify } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { type Curve, drawScalar } from "./curve.ts";

/** SubjectPublicKeyInfo of P-256 up to the point. */
const P256_SPKI = Uint8Array.fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");

const LOW_S_OFF = { lowS: false } as const;

export const P256: Curve = {
  drawPrivateKey: (random) => drawScalar(random, p256.Point.Fn.ORDER),
  publicKeyOf: (privateKey) => new Uint8Array(createP256(privateKey).getPublicKey()),
  agree: (privateKey, publicKey) => {
    try {
      return new Uint8Array(createP256(privateKey).computeSecret(publicKey));
    } catch {
      return undefined;
    }
  },
  sign: (privateKey, message) =>
    new Uint8Array(p256.sign(Uint8Array.from(message), Uint8Array.from(privateKey), LOW_S_OFF)),
  isSigned: (publicKey, message, signature) => {
    try {
      const spki = Buffer.concat([P256_SPKI, publicKey]);
      const key = createPublicKey({ key: spki, format: "der", type: "spki" });
      return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
    } catch {
      // The engine throws for a point that is not on the curve.
      return false;
    }
  },
};

function createP256(privateKey: Uint8Array): ReturnType<typeof createECDH> {
  const key = createECDH("prime256v1");
  key.setPrivateKey(privateKey);
  return key;
}

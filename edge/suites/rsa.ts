/** RSA-2048 with SHA-256 by the runtime, both paddings (RFC 8017, 8.1 and 8.2). */
import { constants, createSign, generateKeyPairSync } from "node:crypto";
import { rsaPublicKey, verifyRsaPkcs1, verifyRsaPss } from "#wasm/rsa";
import { LENGTH, RSA_EXPONENT } from "#protocol/assigned-numbers";
import { concatBytes, decodeBase64Url } from "#protocol/bytes";
import type { SignatureScheme } from "./scheme.ts";

const SALT_BYTES = 32;
/** 3 bytes, big-endian. */
const EXPONENT = Uint8Array.of(RSA_EXPONENT >> 16, (RSA_EXPONENT >> 8) & 0xff, RSA_EXPONENT & 0xff);
const MODULUS_BITS = LENGTH.rsa * 8;

export type RsaPadding = "RSASSA-PSS" | "RSASSA-PKCS1-v1_5";

/**
 * Never the one-shot sign(): on workerd it ignores `padding` and makes PKCS #1 v1.5 where PSS was
 * asked for. createSign heeds it on both runtimes, with a key in DER.
 */
const SIGN_OPTIONS = {
  "RSASSA-PSS": { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES },
  "RSASSA-PKCS1-v1_5": { padding: constants.RSA_PKCS1_PADDING },
} as const;
const VERIFY = { "RSASSA-PSS": verifyRsaPss, "RSASSA-PKCS1-v1_5": verifyRsaPkcs1 } as const;

/** A modulus of 2,048 bits as the facade takes it; undefined for anything else. */
function importModulus(modulus: Uint8Array): Uint8Array | undefined {
  return modulus.length === LENGTH.rsa ? rsaPublicKey(modulus, EXPONENT) : undefined;
}

export function createRsa(padding: RsaPadding): SignatureScheme {
  const verify: SignatureScheme["verify"] = (publicKey, message, signature) => {
    const key = importModulus(publicKey);
    return key !== undefined && signature.length === LENGTH.rsa
      ? VERIFY[padding](key, message, signature)
      : false;
  };
  return {
    isPublicKey: (publicKey) => importModulus(publicKey) !== undefined,
    generateKeyPair() {
      const pair = generateKeyPairSync("rsa", { modulusLength: MODULUS_BITS });
      const modulus = decodeBase64Url(pair.publicKey.export({ format: "jwk" }).n ?? "");
      if (modulus === undefined || importModulus(modulus) === undefined) {
        throw new Error("the runtime made no RSA-2048 key");
      }
      const privateKey = concatBytes(pair.privateKey.export({ format: "der", type: "pkcs8" }));
      return { publicKey: modulus, privateKey };
    },
    sign({ privateKey }, message) {
      const key = Buffer.from(privateKey);
      try {
        const signer = createSign("sha256").update(message);
        return new Uint8Array(
          signer.sign({ key, format: "der", type: "pkcs8", ...SIGN_OPTIONS[padding] }),
        );
      } finally {
        key.fill(0);
      }
    },
    verify,
    verifyOnce: verify,
  };
}

/** RSA-2048 with SHA-256 by the runtime, both paddings (RFC 8017, 8.1 and 8.2). */
import {
  constants,
  createPublicKey,
  createSign,
  createVerify,
  generateKeyPairSync,
} from "node:crypto";
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import type { SignatureScheme } from "./scheme.ts";

const SALT_BYTES = 32;
/** F4 as JWK writes it. */
const EXPONENT = "AQAB";
const MODULUS_BITS = LENGTH.rsa * 8;

export type RsaPadding = "RSASSA-PSS" | "RSASSA-PKCS1-v1_5";

/**
 * Never sign() and verify(): on workerd those ignore `padding` and take PKCS #1 v1.5 where PSS was
 * asked for. The streams heed it on both runtimes, with a key in DER.
 */
function optionsOf(padding: RsaPadding) {
  return padding === "RSASSA-PSS"
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES }
    : { padding: constants.RSA_PKCS1_PADDING };
}

/** 2,048 bits exactly, odd. */
function isModulus(modulus: Uint8Array): boolean {
  const last = modulus.at(-1) ?? 0;
  return modulus.length === LENGTH.rsa && (modulus[0] ?? 0) >= 0x80 && (last & 1) === 1;
}

function encodeSpki(modulus: Uint8Array): Buffer {
  const jwk = { kty: "RSA", n: encodeBase64Url(modulus), e: EXPONENT };
  return createPublicKey({ key: jwk, format: "jwk" }).export({ format: "der", type: "spki" });
}

export function createRsa(padding: RsaPadding): SignatureScheme {
  const options = optionsOf(padding);
  return {
    isPublicKey: isModulus,
    generateKeyPair() {
      const pair = generateKeyPairSync("rsa", { modulusLength: MODULUS_BITS });
      const modulus = decodeBase64Url(pair.publicKey.export({ format: "jwk" }).n ?? "");
      if (modulus === undefined || !isModulus(modulus)) throw new Error("not an RSA-2048 key");
      const privateKey: Bytes = concatBytes(
        pair.privateKey.export({ format: "der", type: "pkcs8" }),
      );
      return { publicKey: modulus, privateKey };
    },
    sign({ privateKey }, message) {
      const key = Buffer.from(privateKey);
      try {
        const signer = createSign("sha256").update(message);
        return new Uint8Array(signer.sign({ key, format: "der", type: "pkcs8", ...options }));
      } finally {
        key.fill(0);
      }
    },
    verify(publicKey, message, signature) {
      if (!isModulus(publicKey) || signature.length !== LENGTH.rsa) return false;
      const key = encodeSpki(publicKey);
      const verifier = createVerify("sha256").update(message);
      return verifier.verify({ key, format: "der", type: "spki", ...options }, signature);
    },
  };
}

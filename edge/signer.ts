/** The platform's own signatures: ECDSA P-256 with SHA-256 by the runtime's crypto, in one step. */
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import type { Signer } from "#edge/dependencies";
import { type Bytes, concatBytes, decodeBase64Url } from "#protocol/bytes";

const COORDINATE_BYTES = 32;

export function createSigner(rawFromDer: (der: Uint8Array) => Uint8Array | undefined): Signer {
  return {
    generateKeyPair() {
      const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const { x, y } = pair.publicKey.export({ format: "jwk" });
      const privateKey = pair.privateKey.export({ format: "der", type: "pkcs8" });
      const publicKey = concatBytes(Uint8Array.of(4), decodeCoordinate(x), decodeCoordinate(y));
      return { publicKey, privateKey: new Uint8Array(privateKey) };
    },
    sign(privateKey, message) {
      const key = createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs8" });
      // workerd signs synchronously only in DER (not with dsaEncoding on a key object).
      const raw = rawFromDer(sign("sha256", message, key));
      if (raw === undefined) throw new Error("the runtime's signature is not canonical DER");
      return raw;
    },
  };
}

function decodeCoordinate(text: string | undefined): Bytes {
  const bytes = decodeBase64Url(text ?? "");
  if (bytes?.length !== COORDINATE_BYTES) throw new Error("the runtime's public key is malformed");
  return bytes;
}

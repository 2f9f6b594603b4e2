/**
 * Keys of a card and what it does with them. The credential key signs in the protocol, through
 * @peculiar/webcrypto; service keys sign and encrypt documents, through node:crypto (I15).
 */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { Crypto } from "@peculiar/webcrypto";
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, joinBytes } from "./bytes.ts";

const { subtle } = new Crypto();
const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const SCHEME = { name: "ECDSA", hash: "SHA-256" } as const;
const SERVICE_AES_KEY_BYTES = 16;
const UNCOMPRESSED_POINT = 0x04;

export type CardKeys = {
  /** Not extractable. */
  readonly credentialPrivateKey: CryptoKey;
  /** 65 bytes, 04 || X || Y. */
  readonly credentialPublicKey: Bytes;
  readonly servicePrivateKey: KeyObject;
  /** 65 bytes, 04 || X || Y. */
  readonly servicePublicKey: Bytes;
  /** 16 bytes, AES-128. */
  readonly serviceAesKey: Uint8Array;
};

/** What the card makes for itself in personalisation; private halves never leave it. */
export async function generateCardKeys(environment: {
  readonly random: (byteCount: number) => Uint8Array;
}): Promise<CardKeys> {
  const credential = await subtle.generateKey(CURVE, false, ["sign", "verify"]);
  const service = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    credentialPrivateKey: credential.privateKey,
    credentialPublicKey: new Uint8Array(await subtle.exportKey("raw", credential.publicKey)),
    servicePrivateKey: service.privateKey,
    servicePublicKey: exportPoint(service.publicKey),
    serviceAesKey: environment.random(SERVICE_AES_KEY_BYTES),
  };
}

function exportPoint(publicKey: KeyObject): Bytes {
  const { x, y } = publicKey.export({ format: "jwk" });
  if (x === undefined || y === undefined) throw new Error("service key is not on a curve");
  return joinBytes(
    Uint8Array.of(UNCOMPRESSED_POINT),
    Buffer.from(x, "base64url"),
    Buffer.from(y, "base64url"),
  );
}

/** 64 bytes, r || s, ECDSA on P-256 with SHA-256. */
export async function signProof(privateKey: CryptoKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await subtle.sign(SCHEME, privateKey, message));
}

/** Whether `signature` (64 bytes, r || s) over `message` is by `publicKey` (65 bytes). */
export async function isSignedBy(
  publicKey: Bytes,
  signature: Bytes,
  message: Bytes,
): Promise<boolean> {
  if (publicKey.length !== LENGTH.point || publicKey[0] !== UNCOMPRESSED_POINT) return false;
  if (signature.length !== LENGTH.signature) return false;
  try {
    const key = await subtle.importKey("raw", publicKey, CURVE, false, ["verify"]);
    return await subtle.verify(SCHEME, key, signature, message);
  } catch {
    // The engine throws for a point that is not on the curve.
    return false;
  }
}

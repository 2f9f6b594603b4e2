/**
 * What a lease pays for: signing and encrypting documents by the service keys (ISO 7816-8, 11),
 * never by the credential key (I15).
 */
import { createCipheriv, createDecipheriv, sign } from "node:crypto";
import { SERVICE, SW } from "#protocol/assigned-numbers";
import { type Bytes, joinBytes } from "./bytes.ts";
import { type CardContext, drawRandom, readKept } from "./context.ts";
import { isCovered, takeUse } from "./lease.ts";
import type { Reply } from "./transport.ts";

const DOCUMENT_BYTES_MAX = 1024;
const CIPHER = "aes-128-gcm";
const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;

type Service = {
  /** Bit of SERVICE that the lease must hold. */
  readonly bit: number;
  /** Bytes that the command's data has more than the document. */
  readonly overheadBytes: number;
  /** Undefined when the data is not authentic. */
  readonly operate: (context: CardContext, data: Bytes) => Bytes | undefined;
};

const SIGN: Service = { bit: SERVICE.sign, overheadBytes: 0, operate: signDocument };
const ENCIPHER: Service = { bit: SERVICE.encipher, overheadBytes: 0, operate: encipherDocument };
const DECIPHER: Service = {
  bit: SERVICE.decipher,
  overheadBytes: GCM_NONCE_BYTES + GCM_TAG_BYTES,
  operate: decipherDocument,
};

/** PSO: COMPUTE DIGITAL SIGNATURE. */
export const computeSignature = serve.bind(undefined, SIGN);
/** PSO: ENCIPHER. */
export const encipher = serve.bind(undefined, ENCIPHER);
/** PSO: DECIPHER. */
export const decipher = serve.bind(undefined, DECIPHER);

/** A command that could not run at all (wrong length) takes no use; every other one does. */
function serve(service: Service, context: CardContext, data: Bytes): Reply {
  if (readKept(context).lockId !== undefined) return { sw: SW.blocked };
  const { lease } = context.ram;
  if (!isCovered(lease, service.bit)) return { sw: SW.securityStatusNotSatisfied };
  const documentBytes = data.length - service.overheadBytes;
  if (documentBytes < 1 || documentBytes > DOCUMENT_BYTES_MAX) return { sw: SW.wrongLength };
  context.ram.lease = takeUse(lease);
  const answer = service.operate(context, data);
  return answer === undefined ? { sw: SW.incorrectData } : { sw: SW.success, data: answer };
}

/** 64 bytes, r || s, ECDSA on P-256 with SHA-256. */
function signDocument(context: CardContext, document: Bytes): Bytes {
  const key = context.profile.keys.servicePrivateKey;
  return new Uint8Array(sign("sha256", document, { key, dsaEncoding: "ieee-p1363" }));
}

/** 12-byte nonce, ciphertext, 16-byte tag. */
function encipherDocument(context: CardContext, plaintext: Bytes): Bytes {
  const nonce = drawRandom(context, GCM_NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, context.profile.keys.serviceAesKey, nonce);
  return joinBytes(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** Plaintext leaves only after its tag verified. */
function decipherDocument(context: CardContext, data: Bytes): Bytes | undefined {
  const nonce = data.subarray(0, GCM_NONCE_BYTES);
  const tag = data.subarray(-GCM_TAG_BYTES);
  const ciphertext = data.subarray(GCM_NONCE_BYTES, -GCM_TAG_BYTES);
  const decipherer = createDecipheriv(CIPHER, context.profile.keys.serviceAesKey, nonce);
  decipherer.setAuthTag(tag);
  const plaintext = decipherer.update(ciphertext);
  try {
    return joinBytes(plaintext, decipherer.final());
  } catch {
    return undefined;
  }
}

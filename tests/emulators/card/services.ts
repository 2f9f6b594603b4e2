/**
 * What a lease pays for: signing and encrypting documents by the service keys (ISO 7816-8, 11),
 * never by the credential key (I15).
 */
import { LENGTH, SERVICE, SW } from "#protocol/assigned-numbers";
import { openGcm, sealGcm } from "./block-modes.ts";
import { type Bytes, joinBytes } from "./bytes.ts";
import { type CardContext, currentLease, drawRandom, readKept } from "./context.ts";
import { isCovered, takeUse } from "./lease.ts";
import { NO_BYTES, type Reply } from "./apdu.ts";

const DOCUMENT_BYTES_MAX = 1024;

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
  overheadBytes: LENGTH.aeadIv + LENGTH.aeadTag,
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
  const lease = currentLease(context);
  if (!isCovered(lease, service.bit)) return { sw: SW.securityStatusNotSatisfied };
  const documentBytes = data.length - service.overheadBytes;
  if (documentBytes < 1 || documentBytes > DOCUMENT_BYTES_MAX) return { sw: SW.wrongLength };
  context.ram.lease = takeUse(lease);
  const answer = service.operate(context, data);
  return answer === undefined ? { sw: SW.incorrectData } : { sw: SW.success, data: answer };
}

/** 64 bytes, r || s: ECDSA with SHA-256, or SM2 with SM3. */
function signDocument({ suite, profile }: CardContext, document: Bytes): Bytes {
  return suite.curve.sign(profile.keys.servicePrivateKey, document);
}

/** 12-byte nonce, ciphertext, 16-byte tag. */
function encipherDocument(context: CardContext, plaintext: Bytes): Bytes {
  const { suite, profile } = context;
  const nonce = drawRandom(context, LENGTH.aeadIv);
  const sealed = sealGcm(suite.cipher, profile.keys.serviceCipherKey, nonce, NO_BYTES, plaintext);
  return joinBytes(nonce, sealed);
}

/** Plaintext leaves only after its tag verified. */
function decipherDocument({ suite, profile }: CardContext, data: Bytes): Bytes | undefined {
  const nonce = data.subarray(0, LENGTH.aeadIv);
  const sealed = data.subarray(LENGTH.aeadIv);
  return openGcm(suite.cipher, profile.keys.serviceCipherKey, nonce, NO_BYTES, sealed);
}

/**
 * MakeCredential outside a TPM (TPM 2.0 Library, Part 1, section 24 and annex C.6.4): a secret
 * that only the TPM of this endorsement key gives out, and only while the named key is in it.
 */
import type { CertificateTools, Dependencies } from "#edge/dependencies";
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeAscii } from "#protocol/bytes";
import { encodeSized, encodeTpmPoint, encodeU32 } from "#protocol/tpm";

export interface Credential {
  /** TPMS_ID_OBJECT: integrity and encrypted identity. */
  readonly blob: Bytes;
  /** TPMS_ECC_POINT: the ephemeral key that the seed is agreed with. */
  readonly secret: Bytes;
}

const ONE = encodeU32(1);
const NO_BYTES = new Uint8Array(0);
const COORDINATE_END = 33;
/** AES-128 and HMAC-SHA-256 keys, in bits. */
const STORAGE_BITS = 128;
const INTEGRITY_BITS = 256;

/** Undefined when the endorsement key is not a point of P-256. */
export function makeCredential(
  { tpm }: Pick<Dependencies, "tpm">,
  tools: Pick<CertificateTools, "hash" | "hmac" | "agree">,
  endorsementKey: Uint8Array,
  { keyName, secret }: { readonly keyName: Uint8Array; readonly secret: Uint8Array },
): Credential | undefined {
  const agreed = tools.agree(endorsementKey);
  if (agreed === undefined) return undefined;
  // KDFe (Part 1, 11.4.10.3): one block of SHA-256 is the whole seed.
  const parties = [agreed.publicKey, endorsementKey].map((key) => key.subarray(1, COORDINATE_END));
  const seed = tools.hash(concatBytes(ONE, agreed.secret, named("IDENTITY"), ...parties));
  agreed.secret.fill(0);
  const storageKey = kdfa(tools, seed, "STORAGE", keyName, STORAGE_BITS);
  const identity = tpm.encryptCfb(storageKey.slice(0, LENGTH.aeadKey), encodeSized(secret));
  const integrityKey = kdfa(tools, seed, "INTEGRITY", NO_BYTES, INTEGRITY_BITS);
  const integrity = tools.hmac(integrityKey, concatBytes(identity, keyName));
  for (const key of [seed, storageKey, integrityKey]) key.fill(0);
  return {
    blob: concatBytes(encodeSized(integrity), identity),
    secret: encodeTpmPoint(agreed.publicKey),
  };
}

/** A label of KDFa or KDFe ends in a zero byte. */
function named(label: string): Bytes {
  return concatBytes(encodeAscii(label), Uint8Array.of(0));
}

/** KDFa (Part 1, 11.4.10.2), first block. */
function kdfa(
  { hmac }: Pick<CertificateTools, "hmac">,
  seed: Uint8Array,
  label: string,
  context: Uint8Array,
  bits: number,
): Uint8Array {
  return hmac(seed, concatBytes(ONE, named(label), context, encodeU32(bits)));
}

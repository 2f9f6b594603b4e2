/**
 * One X.509 certificate of a card's chain (RFC 5280, 4.1) taken apart. What the chain's checks need
 * is kept, as the bytes that were signed; nothing is encoded again.
 */
import type { CertificateFamily } from "#protocol/suites";
import { LENGTH, RSA_EXPONENT } from "#protocol/assigned-numbers";
import { decodeAscii, decodeHex, encodeHex, equalBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";

import {
  DER,
  type DerElement,
  readElements,
  readInside,
  readNamedBits,
  readOnly,
  readSmallInteger,
  readTime,
} from "./der.ts";

export type CertificateFailure =
  | "chain_malformed"
  | "version_not_supported"
  | "algorithm_not_supported"
  | "duplicate_extension"
  | "unknown_critical_extension";

export interface Certificate {
  readonly der: Uint8Array;
  /** TBSCertificate as it was signed. */
  readonly tbs: Uint8Array;
  /** Of the signature and of the key alike: a chain does not mix them. */
  readonly family: CertificateFamily;
  /** ECDSA-Sig-Value or SM2Signature in DER, or the octets of RSA. */
  readonly signature: Uint8Array;
  /** Name, DER, never empty. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** As element C1 has it: a point, not yet checked to be on the curve, or a modulus. */
  readonly publicKey: Uint8Array;
  readonly basicConstraints: BasicConstraints | undefined;
  /** Bits of KEY_USAGE; absent means no extension. */
  readonly keyUsage: number | undefined;
}

/** RFC 5280, 4.2.1.9. */
interface BasicConstraints {
  readonly isCritical: boolean;
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
}

/** RFC 5280, 4.2.1.3: bits 0 and 5 of a 16-bit string. */
export const KEY_USAGE = { digitalSignature: 0x8000, keyCertSign: 0x0400 } as const;

/** Object identifiers as DER contents, in hex. */
const OID_BASIC_CONSTRAINTS = "551d13";
const OID_KEY_USAGE = "551d0f";
const OID_SERIAL_NUMBER = "550405";

/** How one family of certificates writes its algorithms: AlgorithmIdentifiers, DER. */
interface CertificateProfile {
  readonly family: CertificateFamily;
  readonly signature: Uint8Array;
  readonly key: Uint8Array;
  readonly readKey: (bits: Uint8Array) => Uint8Array | undefined;
}

const PROFILES: readonly CertificateProfile[] = [
  {
    family: "ECDSA",
    // ecdsa-with-SHA256, without parameters (RFC 5758, 3.2).
    signature: bytesOf("300a06082a8648ce3d040302"),
    // id-ecPublicKey with secp256r1 (RFC 5480, 2.1.1).
    key: bytesOf("301306072a8648ce3d020106082a8648ce3d030107"),
    readKey: readPoint,
  },
  {
    family: "SM2",
    // 1.2.156.10197.1.501, sm2sign-with-sm3 (GM/T 0006).
    signature: bytesOf("300a06082a811ccf55018375"),
    // id-ecPublicKey with 1.2.156.10197.1.301, sm2p256v1.
    key: bytesOf("301306072a8648ce3d020106082a811ccf5501822d"),
    readKey: readPoint,
  },
  {
    family: "RSA",
    // sha256WithRSAEncryption and rsaEncryption, with NULL (RFC 4055, 5 and 1.2).
    signature: bytesOf("300d06092a864886f70d01010b0500"),
    key: bytesOf("300d06092a864886f70d0101010500"),
    readKey: readModulus,
  },
];
/** INTEGER 2 means v3. */
const VERSION_3 = bytesOf("020102");
const DER_TRUE = 0xff;

function bytesOf(hex: string): Uint8Array {
  const bytes = decodeHex(hex);
  if (bytes === undefined) throw new RangeError("not hexadecimal");
  return bytes;
}

export function parseCertificate(der: Uint8Array): Result<Certificate, CertificateFailure> {
  const outer = readShape(readInside(der, DER.sequence), CERTIFICATE);
  const [tbs, algorithm, signatureBits] = outer;
  if (!tbs || !algorithm || !signatureBits) return failure("chain_malformed");
  const signature = readWholeBytes(signatureBits.content);
  if (signature === undefined) return failure("chain_malformed");
  const signed = parseTbs(tbs.content, algorithm);
  if (!signed.ok) return signed;
  return success({ der, tbs: tbs.encoded, signature, ...signed.value });
}

const CERTIFICATE = [DER.sequence, DER.sequence, DER.bitString];

/** TBSCertificate of v3 without the unique identifiers that RFC 5280, 4.1.2.8 forbids. */
const TBS = [
  DER.context0,
  DER.integer,
  DER.sequence,
  DER.sequence,
  DER.sequence,
  DER.sequence,
  DER.sequence,
  DER.context3,
];

type SignedFields = Omit<Certificate, "der" | "tbs" | "signature">;

function parseTbs(
  content: Uint8Array,
  outerAlgorithm: DerElement,
): Result<SignedFields, CertificateFailure> {
  const fields = readElements(content);
  if (fields === undefined) return failure("chain_malformed");
  const [version] = fields;
  if (version?.tag !== DER.context0 || !equalBytes(version.content, VERSION_3)) {
    return failure("version_not_supported");
  }
  const [, serial, algorithm, issuer, validity, subject, key, extensions] = readShape(fields, TBS);
  if (!serial || !algorithm || !issuer || !validity || !subject || !key || !extensions) {
    return failure("chain_malformed");
  }
  // RFC 5280, 4.1.1.2: the two algorithm fields are the same.
  const profile = PROFILES.find(({ signature }) => equalBytes(signature, algorithm.encoded));
  if (profile === undefined || !equalBytes(algorithm.encoded, outerAlgorithm.encoded)) {
    return failure("algorithm_not_supported");
  }
  const publicKey = readPublicKey(profile, key);
  if (!publicKey.ok) return publicKey;
  const dates = readValidity(validity);
  if (dates === undefined || issuer.content.length === 0 || subject.content.length === 0) {
    return failure("chain_malformed");
  }
  const known = readExtensions(extensions.content);
  if (!known.ok) return known;
  const names = { issuer: issuer.encoded, subject: subject.encoded };
  const { family } = profile;
  return success({ ...names, family, ...dates, publicKey: publicKey.value, ...known.value });
}

function readValidity({
  content,
}: DerElement): Pick<Certificate, "notBefore" | "notAfter"> | undefined {
  const times = readElements(content)?.map(readTime);
  const [notBefore, notAfter] = times ?? [];
  if (times?.length !== 2 || notBefore === undefined || notAfter === undefined) return undefined;
  return { notBefore, notAfter };
}

/** The elements when they have exactly these tags, nothing otherwise. */
function readShape(
  elements: readonly DerElement[] | undefined,
  tags: readonly number[],
): readonly DerElement[] {
  if (elements?.length !== tags.length) return [];
  return elements.every(({ tag }, i) => tag === tags[i]) ? elements : [];
}

/** The content of a BIT STRING with no unused bits. */
function readWholeBytes(content: Uint8Array): Uint8Array | undefined {
  return content[0] === 0 ? content.subarray(1) : undefined;
}

function readPublicKey(
  profile: CertificateProfile,
  key: DerElement,
): Result<Uint8Array, CertificateFailure> {
  const [algorithm, bits] = readShape(readElements(key.content), [DER.sequence, DER.bitString]);
  if (algorithm === undefined || bits === undefined) return failure("chain_malformed");
  if (!equalBytes(algorithm.encoded, profile.key)) return failure("algorithm_not_supported");
  const content = readWholeBytes(bits.content);
  const publicKey = content && profile.readKey(content);
  return publicKey === undefined ? failure("chain_malformed") : success(publicKey);
}

function readPoint(bits: Uint8Array): Uint8Array | undefined {
  return bits.length === LENGTH.point ? bits : undefined;
}

/** RSAPublicKey (RFC 8017, A.1.1) with a modulus of 2,048 bits and the exponent F4. */
function readModulus(bits: Uint8Array): Uint8Array | undefined {
  const numbers = readShape(readInside(bits, DER.sequence), [DER.integer, DER.integer]);
  const [modulus, exponent] = numbers;
  if (modulus?.content.length !== LENGTH.rsa + 1 || modulus.content[0] !== 0) return undefined;
  if (readSmallInteger(exponent?.content ?? modulus.content) !== RSA_EXPONENT) return undefined;
  const magnitude = modulus.content.subarray(1);
  return (magnitude[0] ?? 0) >= 0x80 ? magnitude : undefined;
}

interface Extension {
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

type KnownExtensions = Pick<Certificate, "basicConstraints" | "keyUsage">;

/** RFC 5280, 4.2: none twice, and none that is critical and not understood here. */
function readExtensions(content: Uint8Array): Result<KnownExtensions, CertificateFailure> {
  const elements = readInside(content, DER.sequence);
  if (elements === undefined || elements.length === 0) return failure("chain_malformed");
  const extensions = new Map<string, Extension>();
  for (const element of elements) {
    const extension = readExtension(element);
    if (extension === undefined) return failure("chain_malformed");
    const { oid, isCritical, value } = extension;
    if (extensions.has(oid)) return failure("duplicate_extension");
    if (isCritical && oid !== OID_BASIC_CONSTRAINTS && oid !== OID_KEY_USAGE) {
      return failure("unknown_critical_extension");
    }
    extensions.set(oid, { isCritical, value });
  }
  const constraints = extensions.get(OID_BASIC_CONSTRAINTS);
  const usage = extensions.get(OID_KEY_USAGE);
  const basicConstraints = constraints && readBasicConstraints(constraints);
  const keyUsage = usage && readKeyUsage(usage);
  const isUnreadable =
    (constraints !== undefined && basicConstraints === undefined) ||
    (usage !== undefined && keyUsage === undefined);
  return isUnreadable ? failure("chain_malformed") : success({ basicConstraints, keyUsage });
}

/** `critical` is TRUE or absent: its default is FALSE, and DER does not write defaults. */
function readExtension(element: DerElement): (Extension & { readonly oid: string }) | undefined {
  if (element.tag !== DER.sequence) return undefined;
  const parts = readElements(element.content) ?? [];
  const isCritical = parts[1]?.tag === DER.boolean;
  const shape = isCritical
    ? [DER.objectIdentifier, DER.boolean, DER.octetString]
    : [DER.objectIdentifier, DER.octetString];
  const [oid, ...rest] = readShape(parts, shape);
  const value = rest.at(-1);
  if (oid === undefined || value === undefined) return undefined;
  if (isCritical && !isTrue(rest[0])) return undefined;
  return { oid: oidOf(oid), isCritical, value: value.content };
}

function isTrue(element: DerElement | undefined): boolean {
  return element?.content.length === 1 && element.content[0] === DER_TRUE;
}

function oidOf({ content }: DerElement): string {
  return encodeHex(content);
}

function readBasicConstraints({ isCritical, value }: Extension): BasicConstraints | undefined {
  const parts = readInside(value, DER.sequence);
  if (parts?.length === 0) return { isCritical, isCa: false, pathLength: undefined };
  const [ca, length] = parts ?? [];
  if (ca?.tag !== DER.boolean || !isTrue(ca) || (parts?.length ?? 0) > 2) return undefined;
  if (length === undefined) return { isCritical, isCa: true, pathLength: undefined };
  const pathLength = readSmallInteger(length.content);
  if (length.tag !== DER.integer || pathLength === undefined) return undefined;
  return { isCritical, isCa: true, pathLength };
}

function readKeyUsage({ value }: Extension): number | undefined {
  const content = readOnly(value, DER.bitString);
  return content && readNamedBits(content);
}

/** The serialNumber attribute of a Name (X.520, 6.2.9) when there is exactly one. */
export function findSerialNumber(name: Uint8Array): string | undefined {
  const found: string[] = [];
  for (const set of readInside(name, DER.sequence) ?? []) {
    for (const attribute of readElements(set.content) ?? []) {
      const [oid, value] = readElements(attribute.content) ?? [];
      if (oid === undefined || oidOf(oid) !== OID_SERIAL_NUMBER || value === undefined) continue;
      if (value.tag !== DER.printableString && value.tag !== DER.utf8String) return undefined;
      found.push(decodeAscii(value.content));
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

/**
 * Certificates to order, every field open to change: a DER writer that shares nothing with the
 * reader under test.
 */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import { concatBytes } from "#protocol/bytes";

export interface KeyPair {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** 65 bytes. */
  readonly publicKey: Uint8Array;
}

export function makeKeyPair(namedCurve = "P-256"): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
  const spki = new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
  return { privateKey, spki, publicKey: spki.slice(-65) };
}

export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  const length =
    content.length < 0x80
      ? [content.length]
      : content.length <= 0xff
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 0xff];
  return concatBytes(Uint8Array.of(tag, ...length), content);
}

export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

const ECDSA_WITH_SHA256 = fromHex("300a06082a8648ce3d040302");
export const ECDSA_WITH_SHA384 = fromHex("300a06082a8648ce3d040303");
const TRUE = fromHex("0101ff");

export interface NameAttribute {
  readonly oid: string;
  readonly tag: number;
  readonly text: string;
}

export const commonName = (text: string): NameAttribute => ({ oid: "0603550403", tag: 0x0c, text });
export const serialNumber = (text: string, tag = 0x13): NameAttribute => ({
  oid: "0603550405",
  tag,
  text,
});

export function makeName(...attributes: readonly NameAttribute[]): Uint8Array {
  const sets = attributes.map(({ oid, tag, text }) =>
    der(0x31, der(0x30, fromHex(oid), der(tag, ascii(text)))),
  );
  return der(0x30, ...sets);
}

/** UTCTime through 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5). */
export function makeTime(at: number): Uint8Array {
  const digits = new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(/[-:T]/g, "");
  return Number(digits.slice(0, 4)) < 2050
    ? der(0x17, ascii(digits.slice(2)))
    : der(0x18, ascii(digits));
}

export const rawTime = (tag: number, text: string): Uint8Array => der(tag, ascii(text));

export interface ExtensionSpec {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export function makeExtension({ oid, critical, value }: ExtensionSpec): Uint8Array {
  const flag = critical ? TRUE : new Uint8Array(0);
  return der(0x30, fromHex(oid), flag, der(0x04, value));
}

export function caConstraints(pathLength?: number, critical = true): ExtensionSpec {
  const length = pathLength === undefined ? new Uint8Array(0) : fromHex(`0201${byte(pathLength)}`);
  return { oid: "0603551d13", critical, value: der(0x30, TRUE, length) };
}

const byte = (value: number): string => value.toString(16).padStart(2, "0");

export const noCaConstraints: ExtensionSpec = {
  oid: "0603551d13",
  critical: true,
  value: fromHex("3000"),
};

/** `bits` as BIT STRING contents in hex: unused bits, then the bits. */
export function keyUsage(bits: string): ExtensionSpec {
  return { oid: "0603551d0f", critical: true, value: der(0x03, fromHex(bits)) };
}

export const CARD_USAGE = "0780";
export const CA_USAGE = "0204";

export interface CertificateSpec {
  readonly version: Uint8Array;
  readonly innerAlgorithm: Uint8Array;
  readonly outerAlgorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly validity: readonly Uint8Array[];
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
  /** Between public key and extensions: the unique identifiers of X.509 v2. */
  readonly extra: Uint8Array;
  readonly unusedSignatureBits: number;
  readonly signer: KeyPair;
}

export function makeCertificate(spec: CertificateSpec): Uint8Array {
  const tbs = der(
    0x30,
    spec.version,
    fromHex("02020101"),
    spec.innerAlgorithm,
    spec.issuer,
    der(0x30, ...spec.validity),
    spec.subject,
    spec.spki,
    spec.extra,
    ...(spec.extensions.length === 0 ? [] : [der(0xa3, der(0x30, ...spec.extensions))]),
  );
  const signature = sign("sha256", tbs, spec.signer.privateKey);
  const bits = der(0x03, Uint8Array.of(spec.unusedSignatureBits), signature);
  return der(0x30, tbs, spec.outerAlgorithm, bits);
}

/** What all certificates here have in common. */
export function specOf(
  owner: { readonly name: Uint8Array; readonly key: KeyPair },
  issuer: { readonly name: Uint8Array; readonly key: KeyPair },
  validity: readonly [notBefore: number, notAfter: number],
  extensions: readonly ExtensionSpec[],
): CertificateSpec {
  return {
    version: fromHex("a003020102"),
    innerAlgorithm: ECDSA_WITH_SHA256,
    outerAlgorithm: ECDSA_WITH_SHA256,
    issuer: issuer.name,
    subject: owner.name,
    validity: validity.map(makeTime),
    spki: owner.key.spki,
    extensions: extensions.map(makeExtension),
    extra: new Uint8Array(0),
    unusedSignatureBits: 0,
    signer: issuer.key,
  };
}

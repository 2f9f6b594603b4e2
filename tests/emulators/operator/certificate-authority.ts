/**
 * The card issuer's certificates (RFC 5280) in one algorithm: a root, an intermediate that signs
 * cards, and, for tests, every way in which a chain can be bad. Serial numbers count up.
 */
import { createHash } from "node:crypto";
import type { Random } from "#tests/emulators/card/curve";
import { takeRsaKey } from "#tests/emulators/card/rsa-pool";
import type { KeyPair } from "#tests/emulators/card/signatures";
import type { CertificateAlgorithm } from "./certificate-algorithms.ts";
import {
  bitString,
  type Der,
  integer,
  namedBits,
  objectIdentifier,
  octetString,
  printableString,
  sequence,
  set,
  tagged,
  time,
  TRUE,
  utf8String,
} from "./der.ts";

const DAY_MILLISECONDS = 86_400_000;
const CA_DAYS = 3650;
const CARD_DAYS = 1825;
const FIRST_SERIAL_NUMBER = 0x1001;
const VERSION_3 = tagged(0xa0, integer(Uint8Array.of(2)));
/** id-at-commonName and id-at-serialNumber (RFC 5280, appendix A); the latter is the card id. */
const COMMON_NAME = objectIdentifier("2.5.4.3");
const SERIAL_NUMBER = objectIdentifier("2.5.4.5");
/** id-ce-... (RFC 5280, 4.2.1). */
const SUBJECT_KEY_IDENTIFIER = objectIdentifier("2.5.29.14");
const KEY_USAGE = objectIdentifier("2.5.29.15");
const BASIC_CONSTRAINTS = objectIdentifier("2.5.29.19");
const AUTHORITY_KEY_IDENTIFIER = objectIdentifier("2.5.29.35");
/** Bits of KeyUsage, in its first byte. */
const USAGE = {
  digitalSignature: 0x80,
  keyAgreement: 0x08,
  keyCertSign: 0x04,
  cRLSign: 0x02,
} as const;
const CA_USAGE = USAGE.keyCertSign | USAGE.cRLSign;

/** Who signs the card's certificate, and what is wrong with it. */
type IssuerKind =
  /** The CA that every card should come from. */
  | "intermediate"
  /** Signed by the root, but not a CA. */
  | "non-ca"
  /** A CA below the intermediate, whose path length of 0 forbids it. */
  | "below-path-length"
  /** A CA of the same names under a root of its own. */
  | "foreign-root"
  /** A CA whose certificate ran out yesterday. */
  | "expired-ca"
  /** A CA by basic constraints that may not sign certificates by key usage. */
  | "no-certificate-signing";

/** Each field spoils one thing of the certificate or chain that a good card has. */
export type CertificateOverrides = {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** In place of the card id, in the subject. */
  readonly serialNumber?: string;
  /** In place of digitalSignature. */
  readonly keyUsage?: "keyAgreement" | "keyCertSign";
  readonly issuer?: IssuerKind;
  /** The chain is the card's certificate alone. */
  readonly omitIntermediate?: boolean;
  /** One bit of the card certificate's signature is wrong. */
  readonly tamperSignature?: boolean;
};

export type CardCertificate = {
  /** DER; the first of `chain`. */
  readonly certificate: Der;
  /** DER each, the card's first, without the root. */
  readonly chain: readonly Der[];
};

export type CertificateAuthority = {
  readonly rootCertificate: Der;
  readonly issueCardCertificate: (
    cardId: string,
    publicKey: Uint8Array,
    overrides?: CertificateOverrides,
  ) => CardCertificate;
};

type Issuer = {
  readonly name: Der;
  readonly keys: KeyPair;
  readonly certificate: Der;
  /** From this issuer up to, but without, the root. */
  readonly chain: readonly Der[];
};

type CaRequest = {
  readonly name: string;
  /** Undefined for an issuer that is not a CA. */
  readonly pathLength: number | undefined;
  readonly keyUsage: number;
  readonly notAfter: Date;
};

/** What every certificate of one authority is made with. */
type Mint = {
  readonly now: Date;
  readonly algorithm: CertificateAlgorithm;
  readonly random: Random;
  readonly nextSerialNumber: () => number;
};

/** CAs valid for ten years and cards for five, from a day or two before `now`. */
export function createCertificateAuthority(
  now: Date,
  algorithm: CertificateAlgorithm,
  random: Random,
): CertificateAuthority {
  let serialNumber = FIRST_SERIAL_NUMBER;
  const mint = { now, algorithm, random, nextSerialNumber: () => serialNumber++ };
  const root = createRoot(mint);
  let intermediate: Issuer | undefined;
  return {
    rootCertificate: root.certificate,
    issueCardCertificate: (cardId, publicKey, overrides = {}) => {
      intermediate ??= createIssuer(mint, root, describeCa(mint, "Card CA"));
      const kind = overrides.issuer ?? "intermediate";
      const issuer =
        kind === "intermediate" ? intermediate : createBadIssuer(mint, kind, root, intermediate);
      const issued = signCard(mint, issuer, cardId, publicKey, overrides);
      const certificate = overrides.tamperSignature === true ? tamperLastByte(issued) : issued;
      const above = overrides.omitIntermediate === true ? [] : issuer.chain;
      return { certificate, chain: [certificate, ...above] };
    },
  };
}

function createBadIssuer(
  mint: Mint,
  kind: Exclude<IssuerKind, "intermediate">,
  root: Issuer,
  intermediate: Issuer,
): Issuer {
  const good = describeCa(mint, "Card CA");
  switch (kind) {
    case "non-ca":
      return createIssuer(mint, root, {
        ...good,
        pathLength: undefined,
        keyUsage: USAGE.digitalSignature,
      });
    case "below-path-length":
      return createIssuer(mint, intermediate, describeCa(mint, "Card CA below"));
    case "foreign-root":
      return createIssuer(mint, createRoot(mint), good);
    case "expired-ca":
      return createIssuer(mint, root, { ...good, notAfter: addDays(mint.now, -1) });
    case "no-certificate-signing":
      return createIssuer(mint, root, { ...good, keyUsage: USAGE.digitalSignature });
  }
}

function describeCa(mint: Mint, role: string): CaRequest {
  const name = `simlatch test ${mint.algorithm.name} ${role}`;
  return { name, pathLength: 0, keyUsage: CA_USAGE, notAfter: addDays(mint.now, CA_DAYS) };
}

function createRoot(mint: Mint): Issuer {
  const request = { ...describeCa(mint, "Root CA"), pathLength: 1 };
  const self = { name: encodeName(request.name), keys: createKeys(mint) };
  const certificate = signCa(mint, self, self, request);
  return { ...self, certificate, chain: [] };
}

function createIssuer(mint: Mint, parent: Issuer, request: CaRequest): Issuer {
  const self = { name: encodeName(request.name), keys: createKeys(mint) };
  const certificate = signCa(mint, parent, self, request);
  return { ...self, certificate, chain: [certificate, ...parent.chain] };
}

function createKeys({ algorithm, random }: Mint): KeyPair {
  const rsaKey = algorithm.name.startsWith("RSA") ? takeRsaKey() : undefined;
  return algorithm.scheme.createKeyPair(random, rsaKey);
}

type Party = Pick<Issuer, "name" | "keys">;

function signCa(mint: Mint, issuer: Party, subject: Party, request: CaRequest): Der {
  const { pathLength, keyUsage, notAfter } = request;
  const constraints =
    pathLength === undefined ? sequence() : sequence(TRUE, integer(Uint8Array.of(pathLength)));
  return sign(mint, issuer, {
    subject: subject.name,
    publicKey: subject.keys.publicKey,
    notBefore: addDays(mint.now, -2),
    notAfter,
    constraints,
    keyUsage,
  });
}

function signCard(
  mint: Mint,
  issuer: Party,
  cardId: string,
  publicKey: Uint8Array,
  overrides: CertificateOverrides,
): Der {
  const { publicKeyBytes } = mint.algorithm.scheme;
  if (publicKey.length !== publicKeyBytes) throw new Error("the card's key has another length");
  return sign(mint, issuer, {
    subject: encodeName("simlatch test card", overrides.serialNumber ?? cardId),
    publicKey,
    notBefore: overrides.notBefore ?? addDays(mint.now, -1),
    notAfter: overrides.notAfter ?? addDays(mint.now, CARD_DAYS),
    constraints: sequence(),
    keyUsage: USAGE[overrides.keyUsage ?? "digitalSignature"],
  });
}

/** Signs what `request` describes; key identifiers are added here. */
function sign(
  mint: Mint,
  issuer: Party,
  request: {
    readonly subject: Der;
    readonly publicKey: Uint8Array;
    readonly notBefore: Date;
    readonly notAfter: Date;
    /** Value of basicConstraints. */
    readonly constraints: Der;
    readonly keyUsage: number;
  },
): Der {
  const { algorithm, random } = mint;
  const serialNumber = mint.nextSerialNumber();
  const authorityKey = tagged(0x80, keyIdentifier(algorithm, issuer.keys.publicKey));
  const tbsCertificate = sequence(
    VERSION_3,
    integer(Uint8Array.of(serialNumber >> 8, serialNumber & 0xff)),
    algorithm.signatureAlgorithm,
    issuer.name,
    sequence(time(request.notBefore), time(request.notAfter)),
    request.subject,
    algorithm.encodePublicKey(request.publicKey),
    tagged(
      0xa3,
      sequence(
        extension(BASIC_CONSTRAINTS, request.constraints, true),
        extension(KEY_USAGE, namedBits(request.keyUsage), true),
        extension(
          SUBJECT_KEY_IDENTIFIER,
          octetString(keyIdentifier(algorithm, request.publicKey)),
          false,
        ),
        extension(AUTHORITY_KEY_IDENTIFIER, sequence(authorityKey), false),
      ),
    ),
  );
  const signature = algorithm.encodeSignature(issuer.keys.sign(tbsCertificate, random));
  return sequence(tbsCertificate, algorithm.signatureAlgorithm, bitString(signature));
}

function extension(id: Der, value: Der, isCritical: boolean): Der {
  return sequence(id, ...(isCritical ? [TRUE] : []), octetString(value));
}

/** SHA-1 of the SubjectPublicKeyInfo: a name, so its collisions do no harm. */
function keyIdentifier(algorithm: CertificateAlgorithm, publicKey: Uint8Array): Uint8Array {
  return createHash("sha1").update(algorithm.encodePublicKey(publicKey)).digest();
}

/** Name with a common name and, of a card, its serial number (a PrintableString). */
function encodeName(commonName: string, serialNumber?: string): Der {
  const common = set(sequence(COMMON_NAME, utf8String(commonName)));
  if (serialNumber === undefined) return sequence(common);
  return sequence(common, set(sequence(SERIAL_NUMBER, printableString(serialNumber))));
}

/** The signature is the last field of a certificate; its last byte belongs to s. */
function tamperLastByte(der: Der): Der {
  const tampered = der.slice();
  tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
  return tampered;
}

function addDays(date: Date, days: number): Date {
  return new Date(date.getTime() + days * DAY_MILLISECONDS);
}

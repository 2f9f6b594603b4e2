/**
 * The card issuer's certificates (RFC 5280): a root, an intermediate that signs cards, and, for
 * tests, every way in which a chain can be bad. Serial numbers count up; keys are P-256.
 */
import "reflect-metadata";
import { timingSafeEqual } from "node:crypto";
import { Crypto } from "@peculiar/webcrypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** Bun's type of a crypto provider asks for more than the Web Cryptography API has. */
const crypto = Object.assign(new Crypto(), { timingSafeEqual });
const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const SCHEME = { name: "ECDSA", hash: "SHA-256" } as const;
const DAY_MILLISECONDS = 86_400_000;
const CA_DAYS = 3650;
const CARD_DAYS = 1825;
/** id-at-serialNumber (RFC 5280, appendix A), which holds the card id. */
const SERIAL_NUMBER_ATTRIBUTE = "2.5.4.5";
const FIRST_SERIAL_NUMBER = 0x1001;

type Der = Uint8Array<ArrayBuffer>;

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
  readonly intermediateCertificate: Der;
  readonly issueCardCertificate: (
    cardId: string,
    publicKey: Uint8Array,
    overrides?: CertificateOverrides,
  ) => Promise<CardCertificate>;
};

type Issuer = {
  readonly certificate: X509Certificate;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** From this issuer up to, but without, the root. */
  readonly chain: readonly Der[];
};

type IssuerRequest = {
  readonly name: string;
  /** Undefined for an issuer that is not a CA. */
  readonly pathLength: number | undefined;
  readonly keyUsage: KeyUsageFlags;
  readonly notAfter: Date;
};

type Mint = { readonly now: Date; readonly nextSerialNumber: () => string };

/** CAs valid for ten years and cards for five, from a day before `now`. */
export async function createCertificateAuthority(now: Date): Promise<CertificateAuthority> {
  let serialNumber = FIRST_SERIAL_NUMBER;
  const mint = { now, nextSerialNumber: () => (serialNumber++).toString(16).padStart(4, "0") };
  const root = await createRoot(mint);
  const intermediate = await createIssuer(mint, root, describeCa(mint, "Card CA"));
  const issueCardCertificate = async (
    cardId: string,
    publicKey: Uint8Array,
    overrides: CertificateOverrides = {},
  ): Promise<CardCertificate> => {
    const issuer =
      overrides.issuer === undefined || overrides.issuer === "intermediate"
        ? intermediate
        : await createBadIssuer(mint, overrides.issuer, root, intermediate);
    const issued = await signCard(mint, issuer, cardId, publicKey, overrides);
    const certificate = overrides.tamperSignature === true ? tamperLastByte(issued) : issued;
    const above = overrides.omitIntermediate === true ? [] : issuer.chain;
    return { certificate, chain: [certificate, ...above] };
  };
  return {
    rootCertificate: derOf(root.certificate),
    intermediateCertificate: derOf(intermediate.certificate),
    issueCardCertificate,
  };
}

async function createBadIssuer(
  mint: Mint,
  kind: Exclude<IssuerKind, "intermediate">,
  root: Issuer,
  intermediate: Issuer,
): Promise<Issuer> {
  const ca = describeCa(mint, "Card CA");
  switch (kind) {
    case "non-ca":
      return createIssuer(mint, root, {
        ...ca,
        pathLength: undefined,
        keyUsage: KeyUsageFlags.digitalSignature,
      });
    case "below-path-length":
      return createIssuer(mint, intermediate, describeCa(mint, "Card sub CA"));
    case "foreign-root":
      return createIssuer(mint, await createRoot(mint), ca);
    case "expired-ca":
      return createIssuer(mint, root, { ...ca, notAfter: addDays(mint.now, -1) });
    case "no-certificate-signing":
      return createIssuer(mint, root, { ...ca, keyUsage: KeyUsageFlags.digitalSignature });
  }
}

function describeCa(mint: Mint, name: string): IssuerRequest {
  return {
    name: `simlatch test ${name}`,
    pathLength: 0,
    keyUsage: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
    notAfter: addDays(mint.now, CA_DAYS),
  };
}

async function createRoot(mint: Mint): Promise<Issuer> {
  const keys = await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: mint.nextSerialNumber(),
      name: [{ CN: ["simlatch test root CA"] }],
      notBefore: addDays(mint.now, -2),
      notAfter: addDays(mint.now, CA_DAYS),
      signingAlgorithm: SCHEME,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 1, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return { certificate, privateKey: keys.privateKey, publicKey: keys.publicKey, chain: [] };
}

async function createIssuer(mint: Mint, parent: Issuer, request: IssuerRequest): Promise<Issuer> {
  const keys = await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);
  const isCa = request.pathLength !== undefined;
  const certificate = await sign(mint, parent, {
    subject: new Name([{ CN: [request.name] }]),
    publicKey: keys.publicKey,
    notBefore: addDays(mint.now, -2),
    notAfter: request.notAfter,
    extensions: [
      new BasicConstraintsExtension(isCa, request.pathLength, true),
      new KeyUsagesExtension(request.keyUsage, true),
    ],
  });
  const chain = [derOf(certificate), ...parent.chain];
  return { certificate, privateKey: keys.privateKey, publicKey: keys.publicKey, chain };
}

async function signCard(
  mint: Mint,
  issuer: Issuer,
  cardId: string,
  publicKey: Uint8Array,
  overrides: CertificateOverrides,
): Promise<Der> {
  const serialNumber = overrides.serialNumber ?? cardId;
  const key = await crypto.subtle.importKey("raw", new Uint8Array(publicKey), CURVE, true, [
    "verify",
  ]);
  const certificate = await sign(mint, issuer, {
    subject: new Name([
      { CN: [{ utf8String: "simlatch test card" }] },
      { [SERIAL_NUMBER_ATTRIBUTE]: [{ printableString: serialNumber }] },
    ]),
    publicKey: key,
    notBefore: overrides.notBefore ?? addDays(mint.now, -1),
    notAfter: overrides.notAfter ?? addDays(mint.now, CARD_DAYS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags[overrides.keyUsage ?? "digitalSignature"], true),
    ],
  });
  return derOf(certificate);
}

/** Signs what `request` describes; key identifiers are added here. */
async function sign(
  mint: Mint,
  issuer: Issuer,
  request: {
    readonly subject: Name;
    readonly publicKey: CryptoKey;
    readonly notBefore: Date;
    readonly notAfter: Date;
    readonly extensions: readonly Extension[];
  },
): Promise<X509Certificate> {
  return X509CertificateGenerator.create(
    {
      ...request,
      serialNumber: mint.nextSerialNumber(),
      issuer: issuer.certificate.subjectName,
      signingKey: issuer.privateKey,
      signingAlgorithm: SCHEME,
      extensions: [
        ...request.extensions,
        await SubjectKeyIdentifierExtension.create(request.publicKey, false, crypto),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, crypto),
      ],
    },
    crypto,
  );
}

function derOf(certificate: X509Certificate): Der {
  return new Uint8Array(certificate.rawData);
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

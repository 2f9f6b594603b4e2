/**
 * The operator's offline tools: the anchor that vouches for platform keys, and the card issuer CA
 * (docs/protocol.md sections 1 and 3). Its encoding is its own; time comes from the caller.
 */
import { Crypto } from "@peculiar/webcrypto";
import { LABEL, LENGTH, TAG } from "#protocol/assigned-numbers";
import {
  type CardCertificate,
  type CertificateOverrides,
  createCertificateAuthority,
} from "./certificate-authority.ts";

const { subtle } = new Crypto();
const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const SCHEME = { name: "ECDSA", hash: "SHA-256" } as const;
/** Every value in the credential statement fits the one-byte length form. */
const VALUE_BYTES_MAX = 0x7f;

export type OperatorOptions = {
  /** Certificates are valid from a day before. */
  readonly now: Date;
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  readonly tenant: string;
};

/** What the anchor vouches for. */
type CredentialContent = {
  readonly generation: number;
  /** 65 bytes, 04 || X || Y. */
  readonly publicKey: Uint8Array;
};

type SuiteName = string;
export type Operator = {
  readonly anchors: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  /** 64 bytes, r || s: element 8E of a PKC for this deployment and tenant. */
  readonly signCredential: (
    suite: SuiteName,
    content: CredentialContent,
  ) => Promise<Uint8Array<ArrayBuffer>>;
  /** DER. */
  readonly roots: readonly Uint8Array<ArrayBuffer>[];
  /** DER. */
  readonly intermediateCertificate: Uint8Array<ArrayBuffer>;
  /** For a card id of 16 upper-case hex digits and its credential key, 65 bytes. */
  readonly issueCardCertificate: (
    suite: SuiteName,
    cardId: string,
    publicKey: Uint8Array,
    overrides?: CertificateOverrides,
  ) => Promise<CardCertificate>;
};

export async function createOperator(options: OperatorOptions): Promise<Operator> {
  if (options.deployment.length !== LENGTH.deployment) throw new Error("deployment is 16 bytes");
  const anchor = await subtle.generateKey(CURVE, false, ["sign", "verify"]);
  const authority = await createCertificateAuthority(options.now);
  return {
    anchors: { "P-256": new Uint8Array(await subtle.exportKey("raw", anchor.publicKey)) },
    roots: [authority.rootCertificate],
    signCredential: async (_suite, content) =>
      new Uint8Array(
        await subtle.sign(SCHEME, anchor.privateKey, encodeCredentialStatement(options, content)),
      ),
    intermediateCertificate: authority.intermediateCertificate,
    issueCardCertificate: (_suite, cardId, publicKey, overrides) =>
      authority.issueCardCertificate(cardId, publicKey, overrides),
  };
}

/** Label, 82, 83, C0, 88, C1. */
function encodeCredentialStatement(
  options: OperatorOptions,
  content: CredentialContent,
): Uint8Array<ArrayBuffer> {
  if (content.publicKey.length !== LENGTH.point) throw new Error("public key is 65 bytes");
  const generation = Buffer.alloc(LENGTH.counter);
  generation.writeUInt32BE(content.generation);
  const elements = [
    encodeElement(TAG.label, Buffer.from(LABEL.credential, "ascii")),
    encodeElement(TAG.deployment, options.deployment),
    encodeElement(TAG.tenant, Buffer.from(options.tenant, "ascii")),
    encodeElement(TAG.generation, generation),
    encodeElement(TAG.suite, Uint8Array.of(1)),
    encodeElement(TAG.publicKey, content.publicKey),
  ];
  return new Uint8Array(Buffer.concat(elements));
}

function encodeElement(tag: number, value: Uint8Array): Uint8Array {
  if (value.length > VALUE_BYTES_MAX) throw new RangeError("value is too long for a statement");
  return Uint8Array.of(tag, value.length, ...value);
}

/**
 * The operator's offline tools: the anchors that vouch for platform keys, the card issuer CAs, and
 * keys to share with cards (docs/protocol.md sections 1 and 3). Its encoding is its own; time comes
 * from the caller. What nobody asks for is not made, since RSA keys take their time.
 */
import { randomBytes } from "node:crypto";
import { LABEL, LENGTH, TAG } from "#protocol/assigned-numbers";
import type { Random } from "#tests/emulators/card/curve";
import { takeRsaKey } from "#tests/emulators/card/rsa-pool";
import type { KeyPair } from "#tests/emulators/card/signatures";
import { CERTIFICATE_SUITES, type CertificateSuiteName } from "#tests/emulators/card/suites";
import { CERTIFICATE_ALGORITHMS, type CertificateAlgorithm } from "./certificate-algorithms.ts";
import {
  type CardCertificate,
  type CertificateAuthority,
  type CertificateOverrides,
  createCertificateAuthority,
} from "./certificate-authority.ts";
import type { Der } from "./der.ts";

export type OperatorOptions = {
  /** Certificates are valid from a day before. */
  readonly now: Date;
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  readonly tenant: string;
  /** Whose roots there are; every suite's when absent. */
  readonly suites?: readonly CertificateSuiteName[];
  /** Decides every key but RSA's; the system's random source when absent. */
  readonly random?: Random;
};

/** What an anchor vouches for. */
type CredentialContent = {
  readonly generation: number;
  /** Value of C1, of the suite. */
  readonly publicKey: Uint8Array;
};

export type Operator = {
  /** Values of C1. */
  readonly anchors: Readonly<Record<CertificateSuiteName, Uint8Array<ArrayBuffer>>>;
  /** Value of 8E of a PKC for this deployment and tenant. */
  readonly signCredential: (
    suite: CertificateSuiteName,
    content: CredentialContent,
  ) => Uint8Array<ArrayBuffer>;
  /** DER of the CAs' roots, one each: the two suites of RSA share one. */
  readonly roots: readonly Der[];
  readonly rootOf: (suite: CertificateSuiteName) => Der;
  /** For a card id of 16 upper-case hex digits and its credential key, a value of C1. */
  readonly issueCardCertificate: (
    suite: CertificateSuiteName,
    cardId: string,
    publicKey: Uint8Array,
    overrides?: CertificateOverrides,
  ) => CardCertificate;
  /** A key for one card of a symmetric suite, 16 bytes, and the version that its card knows. */
  readonly createSharedKey: () => { readonly key: Uint8Array; readonly keyVersion: number };
};

const CERTIFICATE_SUITE_NAMES = ["P-256", "RSA-2048", "RSA-2048-PKCS1", "SM"] as const;
const FIRST_KEY_VERSION = 1;

export function createOperator(options: OperatorOptions): Operator {
  if (options.deployment.length !== LENGTH.deployment) throw new Error("deployment is 16 bytes");
  const random: Random = options.random ?? ((byteCount) => new Uint8Array(randomBytes(byteCount)));
  const { suites = CERTIFICATE_SUITE_NAMES } = options;
  const anchorOf = memoize((suite: CertificateSuiteName): KeyPair => {
    const isRsa = CERTIFICATE_ALGORITHMS[suite] === CERTIFICATE_ALGORITHMS["RSA-2048"];
    const rsaKey = isRsa ? takeRsaKey() : undefined;
    return CERTIFICATE_SUITES[suite].scheme.createKeyPair(random, rsaKey);
  });
  const authorityOf = memoize((algorithm: CertificateAlgorithm): CertificateAuthority =>
    createCertificateAuthority(options.now, algorithm, random),
  );
  return {
    anchors: {
      get "P-256"() {
        return anchorOf("P-256").publicKey;
      },
      get "RSA-2048"() {
        return anchorOf("RSA-2048").publicKey;
      },
      get "RSA-2048-PKCS1"() {
        return anchorOf("RSA-2048-PKCS1").publicKey;
      },
      get SM() {
        return anchorOf("SM").publicKey;
      },
    },
    signCredential: (suite, content) =>
      anchorOf(suite).sign(encodeCredentialStatement(options, suite, content), random),
    get roots() {
      const algorithms = new Set(suites.map((suite) => CERTIFICATE_ALGORITHMS[suite]));
      return [...algorithms].map((algorithm) => authorityOf(algorithm).rootCertificate);
    },
    rootOf: (suite) => authorityOf(CERTIFICATE_ALGORITHMS[suite]).rootCertificate,
    issueCardCertificate: (suite, ...request) =>
      authorityOf(CERTIFICATE_ALGORITHMS[suite]).issueCardCertificate(...request),
    createSharedKey: () => ({ key: random(LENGTH.sharedKey), keyVersion: FIRST_KEY_VERSION }),
  };
}

function memoize<Key, Value>(create: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const value = made.get(key) ?? create(key);
    made.set(key, value);
    return value;
  };
}

/** Label, 82, 83, C0, 88, C1. */
function encodeCredentialStatement(
  options: OperatorOptions,
  suiteName: CertificateSuiteName,
  content: CredentialContent,
): Uint8Array {
  const suite = CERTIFICATE_SUITES[suiteName];
  const { publicKey } = content;
  if (publicKey.length !== suite.scheme.publicKeyBytes)
    throw new Error("public key has another length");
  const generation = Buffer.alloc(LENGTH.counter);
  generation.writeUInt32BE(content.generation);
  return Buffer.concat([
    encodeElement(TAG.label, Buffer.from(LABEL.credential, "ascii")),
    encodeElement(TAG.deployment, options.deployment),
    encodeElement(TAG.tenant, Buffer.from(options.tenant, "ascii")),
    encodeElement(TAG.generation, generation),
    encodeElement(TAG.suite, Uint8Array.of(suite.number)),
    encodeElement(TAG.publicKey, publicKey),
  ]);
}

/** The longest value is a modulus; none has 128 to 255 bytes. */
function encodeElement(tag: number, value: Uint8Array): Uint8Array {
  const length =
    value.length < 0x80 ? [value.length] : [0x82, value.length >> 8, value.length & 0xff];
  return Uint8Array.of(tag, ...length, ...value);
}

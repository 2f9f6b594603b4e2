/**
 * A card's certificate chain (RFC 5280, 6.1, for what exists here): from the card to one of the
 * tenant's roots, every certificate checked, nothing accepted in part. Cheap checks come first,
 * signatures last. Chains without policies and name constraints are enough for card issuers; a
 * certificate that has them critical is refused.
 */
import { encodeHex, equalBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";

import type { Dependencies } from "#edge/dependencies";
import type { CertificateFamily } from "#protocol/suites";
import {
  type Certificate,
  type CertificateFailure,
  findSerialNumber,
  KEY_USAGE,
  parseCertificate,
} from "./certificate.ts";
import { CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX } from "./limits.ts";

export type ChainFailure =
  | CertificateFailure
  | "chain_too_long"
  | "certificate_too_large"
  | "self_issued_certificate"
  | "issuer_unknown"
  | "issuer_not_ca"
  | "card_is_ca"
  | "path_length_exceeded"
  | "key_usage_missing"
  | "subject_mismatch"
  | "not_yet_valid"
  | "expired"
  | "key_not_on_curve"
  | "signature_invalid";

export interface CardChainInput {
  /** The card's certificate, then each issuer up to, not including, the root; DER. */
  readonly certificates: readonly Uint8Array[];
  /** Certificates trusted as roots, byte for byte; DER. */
  readonly roots: readonly Uint8Array[];
  readonly cardId: string;
  /** What the card's suite asks for. */
  readonly family: CertificateFamily;
  /** Unix milliseconds. */
  readonly now: number;
}

export interface VerifiedCardChain {
  /** As element C1 has it. */
  readonly publicKey: Uint8Array;
  /** SHA-256, hex, of each certificate, card first, root last. */
  readonly fingerprints: string[];
  /** When all of them are valid; Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

type ChainTools = Pick<Dependencies, "certificates"> & {
  readonly core: Pick<Dependencies["core"], "sha256">;
};
type Chain = readonly [card: Certificate, ...issuers: Certificate[]];

export function verifyCardChain(
  tools: ChainTools,
  input: CardChainInput,
): Result<VerifiedCardChain, ChainFailure> {
  const parsed = parseChain(input.certificates);
  if (!parsed.ok) return parsed;
  if (parsed.value.some(({ family }) => family !== input.family)) {
    return failure("algorithm_not_supported");
  }
  let reason: ChainFailure = "issuer_unknown";
  for (const root of findRoots(parsed.value, input.roots)) {
    const chain: Chain = [...parsed.value, root];
    const refused =
      checkNames(chain) ??
      checkAuthority(chain) ??
      checkSubject(chain, input.cardId) ??
      checkDates(chain, input.now) ??
      checkSignatures(tools, chain);
    if (refused === undefined) return success(describeChain(tools, chain));
    reason = refused;
  }
  return failure(reason);
}

function parseChain(certificates: readonly Uint8Array[]): Result<Chain, ChainFailure> {
  if (certificates.length >= CHAIN_CERTIFICATES_MAX) return failure("chain_too_long");
  const parsed: Certificate[] = [];
  for (const der of certificates) {
    if (der.length > CERTIFICATE_BYTES_MAX) return failure("certificate_too_large");
    const certificate = parseCertificate(der);
    if (!certificate.ok) return certificate;
    parsed.push(certificate.value);
  }
  const [card, ...issuers] = parsed;
  return card === undefined ? failure("chain_malformed") : success([card, ...issuers]);
}

/** Roots with the name of the last issuer; several while an issuer changes its root key. */
function findRoots(chain: Chain, roots: readonly Uint8Array[]): Certificate[] {
  const issuer = chain.at(-1)?.issuer ?? new Uint8Array(0);
  const parsed = roots.map(parseCertificate);
  return parsed
    .flatMap((root) => (root.ok ? [root.value] : []))
    .filter((root) => equalBytes(root.subject, issuer));
}

/** Each issuer signs itself in the next certificate; the root, and only the root, signs itself. */
function checkNames(chain: Chain): ChainFailure | undefined {
  for (const [i, certificate] of chain.entries()) {
    const next = chain[i + 1];
    if (next && equalBytes(certificate.issuer, certificate.subject)) {
      return "self_issued_certificate";
    }
    const issuer = next ?? certificate;
    if (!equalBytes(certificate.issuer, issuer.subject)) return "issuer_unknown";
  }
  return undefined;
}

/** RFC 5280, 6.1.4 (k) to (n) for issuers, and a card that can be none. */
function checkAuthority([card, ...issuers]: Chain): ChainFailure | undefined {
  if (card.basicConstraints?.isCa === true) return "card_is_ca";
  if (!hasUsage(card, KEY_USAGE.digitalSignature)) return "key_usage_missing";
  // Position among the issuers is how many intermediate certificates follow.
  for (const [following, issuer] of issuers.entries()) {
    const constraints = issuer.basicConstraints;
    if (constraints?.isCa !== true || !constraints.isCritical) return "issuer_not_ca";
    if (!hasUsage(issuer, KEY_USAGE.keyCertSign)) return "key_usage_missing";
    if (following > (constraints.pathLength ?? following)) return "path_length_exceeded";
  }
  return undefined;
}

function hasUsage({ keyUsage }: Certificate, bit: number): boolean {
  return ((keyUsage ?? 0) & bit) !== 0;
}

/** protocol/identifiers.ts: a card's id is the serialNumber of its certificate. */
function checkSubject([card]: Chain, cardId: string): ChainFailure | undefined {
  return findSerialNumber(card.subject) === cardId ? undefined : "subject_mismatch";
}

/** RFC 5280, 4.1.2.5: both ends belong to the validity period. */
function checkDates(chain: Chain, now: number): ChainFailure | undefined {
  for (const { notBefore, notAfter } of chain) {
    if (now < notBefore) return "not_yet_valid";
    if (now > notAfter) return "expired";
  }
  return undefined;
}

/** A root of another family signs nothing here: its key has another form. */
function checkSignatures({ certificates }: ChainTools, chain: Chain): ChainFailure | undefined {
  const algorithm = certificates[chain[0].family];
  for (const { family, publicKey } of chain) {
    if (family !== chain[0].family) return "algorithm_not_supported";
    if (!algorithm.isPublicKey(publicKey)) return "key_not_on_curve";
  }
  for (const [i, certificate] of chain.entries()) {
    const issuer = chain[i + 1] ?? certificate;
    if (!algorithm.verify(issuer.publicKey, certificate.tbs, certificate.signature)) {
      return "signature_invalid";
    }
  }
  return undefined;
}

function describeChain({ core }: ChainTools, chain: Chain): VerifiedCardChain {
  return {
    publicKey: new Uint8Array(chain[0].publicKey),
    fingerprints: chain.map(({ der }) => encodeHex(core.sha256(der))),
    notBefore: Math.max(...chain.map(({ notBefore }) => notBefore)),
    notAfter: Math.min(...chain.map(({ notAfter }) => notAfter)),
  };
}

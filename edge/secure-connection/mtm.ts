/**
 * MTM cards: a TPM 2.0 whose restricted key attests where other cards sign, and whose service key
 * opens to a policy that the platform approves (docs/protocol.md, section 8). The platform writes
 * every public area itself, so a key of other attributes, or an index that is no counter, has
 * another Name and is refused.
 */
import type { CertificateTools, Dependencies } from "#edge/dependencies";
import { LABEL } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeAscii, equalBytes } from "#protocol/bytes";
import type { BindingResult } from "#protocol/messages";
import {
  attestationKeyArea,
  decodeMtmNonce,
  encodeTpmPoint,
  epochIndexArea,
  mtmLease,
  policyKeyArea,
  serviceKeyArea,
} from "#protocol/tpm";
import type { ProofLabel } from "#protocol/transcript";
import { decodeAttestation, isSameRun, type SignedAttestation } from "./tpm-attest.ts";
import { approvedPolicy, policyOfAuthorize, qualifiedName, tpmName } from "./tpm-policy.ts";

type Tools = Pick<CertificateTools, "hash" | "verify">;

/** What an attestation must say to count as a proof. */
export interface MtmStatement {
  /** Which transcript hash is proven: h1, h3 or h5. */
  readonly label: ProofLabel;
  readonly hash: Uint8Array;
  /** N_C of the session: resets and clock when it began. */
  readonly cardNonce: Uint8Array;
  /** What the card says of its epoch, with the card proof and the receipt. */
  readonly epoch: number | undefined;
}

/** S3 is a quote; S2 and the receipts certify the epoch counter. */
export function isAttested(
  tools: Tools,
  publicKey: Uint8Array,
  proof: Uint8Array,
  { label, hash, cardNonce, epoch }: MtmStatement,
): boolean {
  const read = decodeAttestation(proof);
  if (read === undefined || !isSignedInEndorsement(tools, publicKey, read)) return false;
  const { attested } = read;
  if (!equalBytes(attested.qualifyingData, hash) || !attested.safe) return false;
  if (!isSameRun(decodeMtmNonce(cardNonce), attested.clock)) return false;
  if (label === LABEL.answerProof) return attested.kind === "quote";
  if (attested.kind !== "epoch" || epoch === undefined) return false;
  return equalBytes(attested.indexName, epochName(tools)) && attested.epoch === BigInt(epoch);
}

/** By this key, as a primary key of the endorsement hierarchy: elsewhere resets are disguised. */
function isSignedInEndorsement(
  { hash, verify }: Tools,
  publicKey: Uint8Array,
  { attested, statement, signature }: SignedAttestation,
): boolean {
  // Verified first, so that a key which is not this one costs the same time.
  const isVerified = verify(publicKey, statement, signature);
  const signer = qualifiedName(hash, attestationKeyName(hash, publicKey));
  return isVerified && equalBytes(attested.signer, signer);
}

/** The Name that MakeCredential binds its secret to. */
export function attestationKeyName(hash: Tools["hash"], publicKey: Uint8Array): Bytes {
  return tpmName(hash, attestationKeyArea(encodeTpmPoint(publicKey)));
}

function epochName({ hash }: Pick<Tools, "hash">): Bytes {
  return tpmName(hash, epochIndexArea(true));
}

interface MtmCardName {
  readonly tenant: string;
  /** 8 bytes; also policyRef. */
  readonly cardId: Uint8Array;
}

const POLICY_KEY_PURPOSE = "mtm policy key";

/** Of one card, made from the master key: what a new generation of platform keys leaves alone. */
function policyKeyPair({ vault, tpm }: Pick<Dependencies, "vault" | "tpm">, card: MtmCardName) {
  const seed = vault.mac(POLICY_KEY_PURPOSE, cardPolicyContext(card));
  const keyPair = tpm.keyPairOf(seed);
  seed.fill(0);
  return keyPair;
}

function cardPolicyContext({ tenant, cardId }: MtmCardName): Bytes {
  return concatBytes(cardId, encodeAscii(tenant));
}

/** 65 bytes. */
export function policyPublicKey(
  dependencies: Pick<Dependencies, "vault" | "tpm">,
  card: MtmCardName,
): Uint8Array {
  const { publicKey, privateKey } = policyKeyPair(dependencies, card);
  privateKey.fill(0);
  return publicKey;
}

/** authPolicy of the card's service keys; policyRef is the card id. */
export function servicePolicy(
  hash: Tools["hash"],
  policyKey: Uint8Array,
  cardId: Uint8Array,
): Uint8Array {
  return policyOfAuthorize(hash, tpmName(hash, policyKeyArea(policyKey)), cardId);
}

/**
 * Whether the TPM of this attestation key made `servicePublicKey` itself, with the attributes and
 * the policy that it must have, for this enrolment (`hash`).
 */
export function isServiceKeyCertified(
  tools: Tools,
  card: { readonly publicKey: Uint8Array; readonly authPolicy: Uint8Array },
  servicePublicKey: Uint8Array,
  { proof, hash }: { readonly proof: Uint8Array; readonly hash: Uint8Array },
): boolean {
  const read = decodeAttestation(proof);
  if (read === undefined || !isSignedInEndorsement(tools, card.publicKey, read)) return false;
  const { attested } = read;
  const area = serviceKeyArea(card.authPolicy, encodeTpmPoint(servicePublicKey));
  return (
    attested.kind === "creation" &&
    equalBytes(attested.qualifyingData, hash) &&
    equalBytes(attested.objectName, tpmName(tools.hash, area))
  );
}

/** The platform's word that a lease's policy may stand for the service key's: r, s over aHash. */
export function authoriseLease(
  dependencies: Pick<Dependencies, "vault" | "tpm">,
  { hash, sign }: Pick<CertificateTools, "hash" | "sign">,
  card: MtmCardName,
  { cardNonce, lease, epoch }: BindingResult,
): Uint8Array {
  const terms = mtmLease(cardNonce, lease.seconds, epoch);
  const approved = approvedPolicy(hash, terms, epochName({ hash }));
  const keyPair = policyKeyPair(dependencies, card);
  const authorisation = sign(keyPair, concatBytes(approved, card.cardId));
  keyPair.privateKey.fill(0);
  return authorisation;
}

/**
 * A secure connection between the platform and one authenticated card, for one session: who proves
 * what to whom, and the encryption between them. The one place that tells certificates from shared
 * keys once a session is open.
 */
import type { CertificateTools, Dependencies, SuiteTools } from "#edge/dependencies";
import { CARD_KIND, LABEL, LENGTH, TAG } from "#protocol/assigned-numbers";
import { type Bytes, equalBytes } from "#protocol/bytes";
import type { KeyAgreement } from "#protocol/sealed-messages";
import type { ModeName } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import { hashKeyAgreement, type ProofLabel, proofMessage } from "#protocol/transcript";
import { type SharedCardKey, unwrapCardKey } from "./card-key.ts";
import { deriveSealingKeys, type DirectionKeys, expandAgreedKeys } from "./key-schedule.ts";
import { isAttested } from "./mtm.ts";
import { type StoredPlatformKey, withPlatformKey } from "./platform-key.ts";
import type { SessionSecrets } from "./session-secrets.ts";

export interface SecureConnection {
  readonly tools: SuiteTools;
  readonly mode: ModeName;
  /** The card's public key; unused with a shared key. */
  readonly pinnedKey: Uint8Array;
  readonly secrets: Pick<SessionSecrets, "mac" | "sealing">;
  /** An MTM card attests where others sign. */
  readonly mtm?: MtmSession | undefined;
}

export interface MtmSession {
  /** N_C: resets and clock at the beginning. */
  readonly cardNonce: Uint8Array;
}

/** What a connection is to be told of a card of this kind. */
export function mtmSession(cardKind: number, cardNonce: Uint8Array): MtmSession | undefined {
  return cardKind === CARD_KIND.mtm ? { cardNonce } : undefined;
}

/** Length of the card's proofs, or how they are read. */
export function proofForm({ tools, mtm }: SecureConnection): number | "attestation" {
  return mtm === undefined ? tools.suite.proofBytes : "attestation";
}

/** Whether `proof` is the card's over `hash` under this label; `epoch` where the card says one. */
export function isProvenByCard(
  { tools, pinnedKey, secrets, mtm }: SecureConnection,
  label: ProofLabel,
  hash: Uint8Array,
  proof: Uint8Array,
  epoch?: number,
): boolean {
  if (mtm !== undefined) {
    const statement = { label, hash, cardNonce: mtm.cardNonce, epoch };
    if (!("verify" in tools)) return false;
    const own = { hash: tools.hash, verify: verifierOf(tools, label) };
    return isAttested(own, pinnedKey, proof, statement);
  }
  const message = proofMessage(label, hash);
  if ("verify" in tools) return verifierOf(tools, label)(pinnedKey, message, proof);
  return equalBytes(proof, tools.cmac(macKeys(secrets).card, message));
}

/**
 * Before S2 nobody has proved anything. All strangers share a decoy's key, and a verification that
 * is faster the next time would tell them from cards that are registered (invariant I14).
 */
function verifierOf(
  { verify, verifyOnce }: CertificateTools,
  label: ProofLabel,
): CertificateTools["verify"] {
  return label === LABEL.cardProof ? verifyOnce : verify;
}

/** The platform's proof over `hash`. */
export function prove(
  dependencies: Pick<Dependencies, "vault">,
  { tools, secrets }: SecureConnection,
  key: StoredPlatformKey,
  label: ProofLabel,
  hash: Uint8Array,
): Uint8Array {
  const message = proofMessage(label, hash);
  if (!("sign" in tools)) return tools.cmac(macKeys(secrets).platform, message);
  return withPlatformKey(dependencies, key, (keyPair) => tools.sign(keyPair, message));
}

function macKeys(secrets: SecureConnection["secrets"]): DirectionKeys {
  if (secrets.mac === undefined) throw new Error("a session with a shared key has no MAC keys");
  return secrets.mac;
}

/** The platform's message `number` to the card. */
export function sealForCard(
  { tools, secrets }: SecureConnection,
  number: number,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const { key, nonce } = sealingKey(secrets.sealing?.platform, number);
  return tools.seal(key, nonce, aad, plaintext);
}

/** Undefined when it is not the card's message `number` of this session. */
export function openFromCard(
  { tools, secrets }: SecureConnection,
  number: number,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const { key, nonce } = sealingKey(secrets.sealing?.card, number);
  return tools.open(key, nonce, aad, sealed);
}

/** The IV with the message's number xored into its end. */
function sealingKey(
  material: Uint8Array | undefined,
  number: number,
): { readonly key: Bytes; readonly nonce: Bytes } {
  if (material === undefined) throw new Error("nothing was agreed to encrypt with");
  const nonce = material.slice(LENGTH.aeadKey);
  const last = LENGTH.aeadIv - 1;
  nonce[last] = (nonce[last] ?? 0) ^ number;
  return {
    key: new Uint8Array(material.subarray(0, LENGTH.aeadKey)),
    nonce: new Uint8Array(nonce),
  };
}

export interface Agreement {
  readonly hk: Uint8Array;
  readonly sealing: DirectionKeys;
  readonly message: KeyAgreement;
}

/**
 * Step 420, first half: the platform's contribution, the keys, and its proof over hk. A card's
 * ephemeral key was checked to be a point when the card's proof was.
 */
export function agreeOnKeys(
  dependencies: Pick<Dependencies, "vault" | "random">,
  connection: SecureConnection,
  session: {
    readonly h1: Uint8Array;
    readonly generation: number;
    readonly ephemeralKey: Uint8Array;
    readonly sharedKey: SharedCardKey | undefined;
  },
  key: StoredPlatformKey,
): Agreement {
  const { contribution, hk, sealing } = contribute(dependencies, connection.tools, session);
  const proof = prove(dependencies, connection, key, LABEL.keyAgreement, hk);
  return { hk, sealing, message: { contribution, proof } };
}

function contribute(
  dependencies: Pick<Dependencies, "vault" | "random">,
  tools: SuiteTools,
  session: Parameters<typeof agreeOnKeys>[2],
): { readonly contribution: Bytes; readonly hk: Uint8Array; readonly sealing: DirectionKeys } {
  const { h1, generation, sharedKey } = session;
  if ("agree" in tools) {
    const agreed = tools.agree(session.ephemeralKey);
    if (agreed === undefined) throw new Error("an ephemeral key is not on its curve");
    const contribution = encodeTlv(TAG.platformEphemeralKey, agreed.publicKey);
    const hk = hashKeyAgreement(tools.hash, h1, contribution);
    const sealing = expandAgreedKeys(tools, agreed.secret, hk);
    agreed.secret.fill(0);
    return { contribution, hk, sealing };
  }
  if (sharedKey === undefined) throw new Error("a card of a symmetric suite has no key");
  const nonce = dependencies.random(LENGTH.nonce);
  const contribution = encodeTlv(TAG.platformNonce, nonce);
  const hk = hashKeyAgreement(tools.hash, h1, contribution);
  const shared = unwrapCardKey(dependencies, sharedKey);
  const sealing = deriveSealingKeys(tools, shared, generation, hk);
  shared.fill(0);
  return { contribution, hk, sealing };
}

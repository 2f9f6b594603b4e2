/**
 * The card's own view of the session (docs/protocol.md section 3): what it hashes and what it
 * proves. Every input starts with its label, so no proof fits another purpose (I7, I15).
 */
import { CARD_KIND, LABEL, MODE, PROTOCOL_VERSION, TAG } from "#protocol/assigned-numbers";
import { asciiBytes, type Bytes, joinBytes, writeCounter } from "./bytes.ts";
import type { CardContext } from "./context.ts";
import type { Hash } from "./key-derivation.ts";
import type { Mode } from "./session.ts";
import { writeByteElement, writeElement } from "./tlv.ts";

/** Who the card is: everything of it that its statements name. */
export type CardIdentity = Pick<CardContext, "suite" | "cardId"> & {
  readonly profile: Pick<CardContext["profile"], "deployment" | "tenant" | "kind"> & {
    readonly keyVersion?: number;
    readonly keys: Pick<CardContext["profile"]["keys"], "credentialPublicKey" | "servicePublicKey">;
  };
};

/** What h1 covers besides the card itself; each field's length is that of section 2. */
export type Opening = {
  readonly mode: Mode;
  /** Element E2 exactly as received. */
  readonly credential: Uint8Array;
  readonly token: Uint8Array;
  readonly cardNonce: Uint8Array;
  readonly epoch: number;
  /** Value of element 8D. */
  readonly cardState: Uint8Array;
  /** E_C, 65 bytes; undefined where there is none. */
  readonly ephemeralKey: Uint8Array | undefined;
};

export function hashOpening(card: CardIdentity, opening: Opening): Bytes {
  const { suite, profile } = card;
  const { hash } = suite;
  const { ephemeralKey } = opening;
  return hashLabelled(
    hash,
    LABEL.h1,
    writeByteElement(TAG.version, PROTOCOL_VERSION),
    writeElement(TAG.deployment, profile.deployment),
    writeElement(TAG.tenant, asciiBytes(profile.tenant)),
    writeElement(TAG.credentialId, hashLabelled(hash, LABEL.credentialId, opening.credential)),
    writeElement(TAG.cardId, card.cardId),
    cardKindElement(card),
    writeElement(TAG.cardKeyHash, hashLabelled(hash, LABEL.cardKey, cardKeyElement(card))),
    writeByteElement(TAG.suite, suite.number),
    writeByteElement(TAG.mode, MODE[opening.mode]),
    writeElement(TAG.token, opening.token),
    writeElement(TAG.cardNonce, opening.cardNonce),
    writeElement(TAG.epoch, writeCounter(opening.epoch)),
    writeElement(TAG.cardState, opening.cardState),
    ...(ephemeralKey === undefined ? [] : [writeElement(TAG.cardEphemeralKey, ephemeralKey)]),
  );
}

export function cardKindElement({ profile }: CardIdentity): Bytes {
  return writeByteElement(TAG.cardKind, profile.kind === "SD" ? CARD_KIND.sd : CARD_KIND.tf);
}

/** C1, or CF in the symmetric suites: a shared key is hashed nowhere. */
function cardKeyElement({ profile, suite }: CardIdentity): Bytes {
  return suite.credential === "certificate"
    ? writeElement(TAG.publicKey, profile.keys.credentialPublicKey)
    : writeElement(TAG.keyVersion, writeCounter(profile.keyVersion ?? 0));
}

type StepLabel =
  | typeof LABEL.hk
  | typeof LABEL.h2
  | typeof LABEL.h3
  | typeof LABEL.h4
  | typeof LABEL.hu
  | typeof LABEL.h5;

/** hk, h2, h3, h4, hu and h5: the hash before, then `elements` as they were received or sent. */
export function hashStep(
  hash: Hash,
  label: StepLabel,
  previous: Uint8Array,
  ...elements: readonly Uint8Array[]
): Bytes {
  return hashLabelled(hash, label, writeElement(TAG.hash, previous), ...elements);
}

export type CardProofLabel =
  | typeof LABEL.cardProof
  | typeof LABEL.answerProof
  | typeof LABEL.receipt
  | typeof LABEL.unlockReceipt;
export type PlatformProofLabel =
  | typeof LABEL.keyAgreement
  | typeof LABEL.result
  | typeof LABEL.unlock;

/** What a proof of a session is made over: the label, then the transcript's hash. */
export function proofMessage(label: CardProofLabel | PlatformProofLabel, hash: Uint8Array): Bytes {
  return labelled(label, writeElement(TAG.hash, hash));
}

/** Message under the PKC's signature, with the card's own deployment, tenant and suite in it. */
export function credentialMessage(
  { profile, suite }: CardIdentity,
  credential: { readonly generation: number; readonly publicKey: Uint8Array },
): Bytes {
  return labelled(
    LABEL.credential,
    writeElement(TAG.deployment, profile.deployment),
    writeElement(TAG.tenant, asciiBytes(profile.tenant)),
    writeElement(TAG.generation, writeCounter(credential.generation)),
    writeByteElement(TAG.suite, suite.number),
    writeElement(TAG.publicKey, credential.publicKey),
  );
}

/** Message under the proof of possession; `challenge` is 16 bytes. */
export function enrolmentMessage(card: CardIdentity, challenge: Uint8Array): Bytes {
  const { profile, suite, cardId } = card;
  return labelled(
    LABEL.enrolment,
    writeElement(TAG.deployment, profile.deployment),
    writeElement(TAG.tenant, asciiBytes(profile.tenant)),
    writeElement(TAG.cardId, cardId),
    cardKindElement(card),
    writeByteElement(TAG.suite, suite.number),
    cardKeyElement(card),
    writeElement(TAG.servicePublicKey, profile.keys.servicePublicKey),
    writeElement(TAG.enrolmentChallenge, challenge),
  );
}

function labelled(label: string, ...elements: readonly Uint8Array[]): Bytes {
  return joinBytes(writeElement(TAG.label, asciiBytes(label)), ...elements);
}

function hashLabelled(hash: Hash, label: string, ...elements: readonly Uint8Array[]): Bytes {
  return hash(labelled(label, ...elements));
}

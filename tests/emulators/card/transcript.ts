/**
 * The card's own view of the session (docs/protocol.md section 3): what it hashes and what it
 * signs. Every input starts with its label, so no signature fits another purpose (I7, I15).
 */
import { createHash } from "node:crypto";
import { CARD_KIND, LABEL, PROTOCOL_VERSION, TAG } from "#protocol/assigned-numbers";
import { asciiBytes, type Bytes, joinBytes, writeCounter } from "./bytes.ts";
import { writeByteElement, writeElement } from "./tlv.ts";

/** What h1 covers besides the constants; each field's length is that of section 2. */
export type Opening = {
  readonly deployment: Uint8Array;
  readonly tenant: string;
  /** Element E2 exactly as received. */
  readonly credential: Uint8Array;
  readonly cardId: Uint8Array;
  /** Credential key, 65 bytes. */
  readonly publicKey: Uint8Array;
  readonly suite: number;
  readonly mode: number;
  readonly token: Uint8Array;
  readonly cardNonce: Uint8Array;
  readonly epoch: number;
  /** Value of element 8D. */
  readonly cardState: Uint8Array;
};

export function hashOpening(opening: Opening): Bytes {
  return hashLabelled(
    LABEL.h1,
    writeByteElement(TAG.version, PROTOCOL_VERSION),
    writeElement(TAG.deployment, opening.deployment),
    writeElement(TAG.tenant, asciiBytes(opening.tenant)),
    writeElement(TAG.credentialId, hashLabelled(LABEL.credentialId, opening.credential)),
    writeElement(TAG.cardId, opening.cardId),
    writeByteElement(TAG.cardKind, CARD_KIND.tf),
    writeElement(
      TAG.cardKeyHash,
      hashLabelled(LABEL.cardKey, writeElement(TAG.publicKey, opening.publicKey)),
    ),
    writeByteElement(TAG.suite, opening.suite),
    writeByteElement(TAG.mode, opening.mode),
    writeElement(TAG.token, opening.token),
    writeElement(TAG.cardNonce, opening.cardNonce),
    writeElement(TAG.epoch, writeCounter(opening.epoch)),
    writeElement(TAG.cardState, opening.cardState),
  );
}

/** h2[r]; `previous` is h1 or h3[r-1], `challenge` the elements 90 B1 92 as received. */
export function hashChallenge(previous: Uint8Array, challenge: Uint8Array): Bytes {
  return hashLabelled(LABEL.h2, writeElement(TAG.hash, previous), challenge);
}

/** h3[r]; `statement` is the elements 93 94 B5 98 as received. */
export function hashAnswer(h2: Uint8Array, statement: Uint8Array): Bytes {
  return hashLabelled(LABEL.h3, writeElement(TAG.hash, h2), statement);
}

/** h4; `result` is element E5 as received. */
export function hashResult(h3: Uint8Array, result: Uint8Array): Bytes {
  return hashLabelled(LABEL.h4, writeElement(TAG.hash, h3), result);
}

/** h5; state and epoch are those after the card acted. */
export function hashReceipt(h4: Uint8Array, cardState: Uint8Array, epoch: number): Bytes {
  return hashLabelled(
    LABEL.h5,
    writeElement(TAG.hash, h4),
    writeElement(TAG.cardState, cardState),
    writeElement(TAG.epoch, writeCounter(epoch)),
  );
}

type ProofLabel =
  | typeof LABEL.cardProof
  | typeof LABEL.answerProof
  | typeof LABEL.result
  | typeof LABEL.receipt;

/** Message under S2, S3, SIG_P and the receipt: the label, then the transcript's hash. */
export function proofMessage(label: ProofLabel, hash: Uint8Array): Bytes {
  return labelled(label, writeElement(TAG.hash, hash));
}

/** Message under the PKC's signature, with the card's own deployment and tenant in it. */
export function credentialMessage(credential: {
  readonly deployment: Uint8Array;
  readonly tenant: string;
  readonly generation: number;
  readonly suite: number;
  readonly publicKey: Uint8Array;
}): Bytes {
  return labelled(
    LABEL.credential,
    writeElement(TAG.deployment, credential.deployment),
    writeElement(TAG.tenant, asciiBytes(credential.tenant)),
    writeElement(TAG.generation, writeCounter(credential.generation)),
    writeByteElement(TAG.suite, credential.suite),
    writeElement(TAG.publicKey, credential.publicKey),
  );
}

/** Message under the proof of possession. */
export function enrolmentMessage(enrolment: {
  readonly deployment: Uint8Array;
  readonly tenant: string;
  readonly cardId: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly servicePublicKey: Uint8Array;
  readonly challenge: Uint8Array;
}): Bytes {
  return labelled(
    LABEL.enrolment,
    writeElement(TAG.deployment, enrolment.deployment),
    writeElement(TAG.tenant, asciiBytes(enrolment.tenant)),
    writeElement(TAG.cardId, enrolment.cardId),
    writeByteElement(TAG.cardKind, CARD_KIND.tf),
    writeElement(TAG.publicKey, enrolment.publicKey),
    writeElement(TAG.servicePublicKey, enrolment.servicePublicKey),
    writeElement(TAG.enrolmentChallenge, enrolment.challenge),
  );
}

function labelled(label: string, ...elements: readonly Uint8Array[]): Bytes {
  return joinBytes(writeElement(TAG.label, asciiBytes(label)), ...elements);
}

function hashLabelled(label: string, ...elements: readonly Uint8Array[]): Bytes {
  const digest = createHash("sha256")
    .update(labelled(label, ...elements))
    .digest();
  return new Uint8Array(digest);
}

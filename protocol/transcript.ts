/**
 * The transcript: each hash covers the one before it and the message that follows, and each begins
 * with its own label, so nothing signed in one place is valid in another (invariant I7).
 * `Hash` is the suite's: SHA-256 or SM3.
 */
import { LABEL, PROTOCOL_VERSION, TAG } from "./assigned-numbers.ts";
import { type Bytes, concatBytes, encodeAscii, encodeCounter } from "./bytes.ts";
import {
  type CardReport,
  type CardState,
  encodeCardState,
  encodeModuleAnswer,
  type ModuleAnswer,
} from "./messages.ts";
import { encodeTlv } from "./tlv.ts";

export type Hash = (data: Uint8Array) => Uint8Array;

/** Who speaks with whom, under which terms: everything h1 pins down. */
export interface SessionOpening {
  readonly deployment: Uint8Array;
  readonly tenant: string;
  readonly credentialId: Uint8Array;
  readonly cardId: Uint8Array;
  readonly cardKind: number;
  readonly cardKeyHash: Uint8Array;
  readonly suite: number;
  readonly mode: number;
  readonly token: Uint8Array;
  readonly cardNonce: Uint8Array;
  readonly epoch: number;
  readonly state: CardState;
  /** E_C; empty where there is none. */
  readonly ephemeralKey: Uint8Array;
}

function labelled(label: string, ...parts: readonly Uint8Array[]): Bytes {
  return concatBytes(encodeTlv(TAG.label, encodeAscii(label)), ...parts);
}

/** How the transcript names the key that a card proves itself with. */
export type CardKeyName =
  | { readonly publicKey: Uint8Array }
  /** Of a shared key, which itself is hashed nowhere. */
  | { readonly keyVersion: number };

function encodeCardKey(key: CardKeyName): Bytes {
  return "publicKey" in key
    ? encodeTlv(TAG.publicKey, key.publicKey)
    : encodeTlv(TAG.keyVersion, encodeCounter(key.keyVersion));
}

export function hashCardKey(hash: Hash, key: CardKeyName): Uint8Array {
  return hash(labelled(LABEL.cardKey, encodeCardKey(key)));
}

/** `credential` as encodeCredential wrote it. */
export function hashCredential(hash: Hash, credential: Uint8Array): Uint8Array {
  return hash(labelled(LABEL.credentialId, credential));
}

export function hashOpening(hash: Hash, opening: SessionOpening): Uint8Array {
  return hash(
    labelled(
      LABEL.h1,
      encodeTlv(TAG.version, Uint8Array.of(PROTOCOL_VERSION)),
      encodeTlv(TAG.deployment, opening.deployment),
      encodeTlv(TAG.tenant, encodeAscii(opening.tenant)),
      encodeTlv(TAG.credentialId, opening.credentialId),
      encodeTlv(TAG.cardId, opening.cardId),
      encodeTlv(TAG.cardKind, Uint8Array.of(opening.cardKind)),
      encodeTlv(TAG.cardKeyHash, opening.cardKeyHash),
      encodeTlv(TAG.suite, Uint8Array.of(opening.suite)),
      encodeTlv(TAG.mode, Uint8Array.of(opening.mode)),
      encodeTlv(TAG.token, opening.token),
      encodeTlv(TAG.cardNonce, opening.cardNonce),
      encodeTlv(TAG.epoch, encodeCounter(opening.epoch)),
      encodeTlv(TAG.cardState, encodeCardState(opening.state)),
      opening.ephemeralKey.length === 0
        ? opening.ephemeralKey
        : encodeTlv(TAG.cardEphemeralKey, opening.ephemeralKey),
    ),
  );
}

/** hk of encrypted mode; `contribution` is element CB or CC, whole. In signed mode hk is h1. */
export function hashKeyAgreement(hash: Hash, h1: Uint8Array, contribution: Uint8Array): Uint8Array {
  return hash(labelled(LABEL.hk, encodeTlv(TAG.hash, h1), contribution));
}

/** h2[r]: `previous` is hk in round 0 and h3[r-1] after AUTS; `challenge` as encoded. */
export function hashChallenge(hash: Hash, previous: Uint8Array, challenge: Uint8Array): Uint8Array {
  return hash(labelled(LABEL.h2, encodeTlv(TAG.hash, previous), challenge));
}

/** h3[r]: `statement` as encodeAnswerStatement wrote it. */
export function hashAnswer(hash: Hash, h2: Uint8Array, statement: Uint8Array): Uint8Array {
  return hash(labelled(LABEL.h3, encodeTlv(TAG.hash, h2), statement));
}

/** h4: `result` as encodeResult wrote it. */
export function hashResult(hash: Hash, h3: Uint8Array, result: Uint8Array): Uint8Array {
  return hash(labelled(LABEL.h4, encodeTlv(TAG.hash, h3), result));
}

/** hu: `unlock` as encodeUnlock wrote it. */
export function hashUnlock(hash: Hash, h1: Uint8Array, unlock: Uint8Array): Uint8Array {
  return hash(labelled(LABEL.hu, encodeTlv(TAG.hash, h1), unlock));
}

/** h5: `previous` is h4, or hu after an unlock. */
export function hashReceipt(hash: Hash, previous: Uint8Array, report: CardReport): Uint8Array {
  return hash(
    labelled(
      LABEL.h5,
      encodeTlv(TAG.hash, previous),
      encodeTlv(TAG.cardState, encodeCardState(report.state)),
      encodeTlv(TAG.epoch, encodeCounter(report.epoch)),
    ),
  );
}

/** What the confirmation tag is an HMAC-SHA-256 of, under CK || IK. */
export function confirmationMessage(
  sid: Uint8Array,
  challenge: Uint8Array,
  answer: ModuleAnswer,
): Bytes {
  return labelled(
    LABEL.confirmationTag,
    encodeTlv(TAG.sessionId, sid),
    challenge,
    encodeTlv(TAG.answer, encodeModuleAnswer(answer)),
  );
}

export type ProofLabel =
  | typeof LABEL.cardProof
  | typeof LABEL.answerProof
  | typeof LABEL.keyAgreement
  | typeof LABEL.result
  | typeof LABEL.receipt
  | typeof LABEL.unlock
  | typeof LABEL.unlockReceipt;

/** The message that a proof over a transcript hash is made of: label, then the hash. */
export function proofMessage(label: ProofLabel, transcriptHash: Uint8Array): Bytes {
  return labelled(label, encodeTlv(TAG.hash, transcriptHash));
}

/** What the anchor signs to make a platform key credential. */
export function credentialStatement(statement: {
  readonly deployment: Uint8Array;
  readonly tenant: string;
  readonly generation: number;
  readonly suite: number;
  readonly publicKey: Uint8Array;
}): Bytes {
  return labelled(
    LABEL.credential,
    encodeTlv(TAG.deployment, statement.deployment),
    encodeTlv(TAG.tenant, encodeAscii(statement.tenant)),
    encodeTlv(TAG.generation, encodeCounter(statement.generation)),
    encodeTlv(TAG.suite, Uint8Array.of(statement.suite)),
    encodeTlv(TAG.publicKey, statement.publicKey),
  );
}

/** What a card proves once, at enrolment: that it holds the key it is to be known by. */
export function enrolmentStatement(statement: {
  readonly deployment: Uint8Array;
  readonly tenant: string;
  readonly cardId: Uint8Array;
  readonly cardKind: number;
  readonly suite: number;
  readonly key: CardKeyName;
  readonly servicePublicKey: Uint8Array;
  readonly challenge: Uint8Array;
}): Bytes {
  return labelled(
    LABEL.enrolment,
    encodeTlv(TAG.deployment, statement.deployment),
    encodeTlv(TAG.tenant, encodeAscii(statement.tenant)),
    encodeTlv(TAG.cardId, statement.cardId),
    encodeTlv(TAG.cardKind, Uint8Array.of(statement.cardKind)),
    encodeTlv(TAG.suite, Uint8Array.of(statement.suite)),
    encodeCardKey(statement.key),
    encodeTlv(TAG.servicePublicKey, statement.servicePublicKey),
    encodeTlv(TAG.enrolmentChallenge, statement.challenge),
  );
}

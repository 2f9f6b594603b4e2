/**
 * Data fields of START SESSION, RESULT, UNLOCK and PROVE POSSESSION (docs/protocol.md sections 2
 * and 7). A reader gives undefined for everything that the page does not allow (status 6A80).
 */
import { LENGTH, LOCK_INSTRUCTION, MODE, TAG, VERDICT } from "#protocol/assigned-numbers";
import { type Bytes, readCounter } from "./bytes.ts";
import type { Mode } from "./session.ts";
import type { Suite } from "./suites.ts";
import { type Element, hasLength, readByte, readSequence } from "./tlv.ts";
import { NO_BYTES } from "./apdu.ts";

const TOKEN_BYTES_MAX = 255;
const ENROLMENT_CHALLENGE_BYTES = 16;
const UNCOMPRESSED_POINT = 0x04;

/** Platform key credential (PKC). */
export type PlatformCredential = {
  readonly generation: number;
  /** Value of C1; empty in the symmetric suites. */
  readonly publicKey: Bytes;
  /** By the anchor; empty in the symmetric suites. */
  readonly signature: Bytes;
};

export type StartSession = {
  readonly token: Bytes;
  readonly credential: PlatformCredential;
  /** Element E2 as received. */
  readonly credentialElement: Bytes;
  readonly mode: Mode;
};

export type Result = {
  /** Element E5 as received. */
  readonly element: Bytes;
  readonly isSuccess: boolean;
  readonly isLock: boolean;
  readonly cardId: Bytes;
  readonly cardNonce: Bytes;
  readonly epoch: number;
  readonly uses: number;
  readonly seconds: number;
  readonly services: number;
  readonly floor: number;
};

export type Unlock = {
  readonly cardId: Bytes;
  readonly cardNonce: Bytes;
  readonly lockId: Bytes;
  readonly epoch: number;
};

/** 8A E2 88 89. The suite must be this card's, in the command and in the credential. */
export function readStartSession(data: Uint8Array, suite: Suite): StartSession | undefined {
  const fields = readSequence(data, [TAG.token, TAG.credential, TAG.suite, TAG.mode]);
  if (fields === undefined) return undefined;
  const [token, credentialField, suiteField, modeField] = fields;
  if (token.value.length < 1 || token.value.length > TOKEN_BYTES_MAX) return undefined;
  const mode = readMode(modeField);
  if (readByte(suiteField) !== suite.number || mode === undefined) return undefined;
  const credential = readCredential(credentialField.value, suite);
  if (credential === undefined) return undefined;
  const credentialElement = credentialField.encoded;
  return { token: token.value, credential, credentialElement, mode };
}

function readMode(element: Element): Mode | undefined {
  const value = readByte(element);
  if (value === MODE.signed) return "signed";
  return value === MODE.encrypted ? "encrypted" : undefined;
}

/** C0 88, then C1 8E in the certificate suites. */
function readCredential(value: Uint8Array, suite: Suite): PlatformCredential | undefined {
  if (suite.credential === "shared key") {
    const fields = readSequence(value, [TAG.generation, TAG.suite]);
    if (fields === undefined || readByte(fields[1]) !== suite.number) return undefined;
    const generation = readNumber(fields[0]);
    if (generation === undefined) return undefined;
    return { generation, publicKey: NO_BYTES, signature: NO_BYTES };
  }
  const fields = readSequence(value, [TAG.generation, TAG.suite, TAG.publicKey, TAG.signature]);
  if (fields === undefined) return undefined;
  const [generationField, suiteField, publicKey, signature] = fields;
  const generation = readNumber(generationField);
  if (generation === undefined || readByte(suiteField) !== suite.number) return undefined;
  if (!hasLength(publicKey, suite.scheme.publicKeyBytes)) return undefined;
  if (publicKey.value.length === LENGTH.point && !isPoint(publicKey)) return undefined;
  if (!hasLength(signature, suite.proofBytes)) return undefined;
  return { generation, publicKey: publicKey.value, signature: signature.value };
}

/** 65 bytes that begin with 04; whether they are on a curve is for arithmetic to say. */
export function isPoint(element: Element): boolean {
  return hasLength(element, LENGTH.point) && element.value[0] === UNCOMPRESSED_POINT;
}

/** `tag` 8E: a body and the platform's proof of it. */
export function readProven(
  data: Uint8Array,
  tag: number,
  { proofBytes }: Suite,
): { readonly body: Element; readonly proof: Bytes } | undefined {
  const fields = readSequence(data, [tag, TAG.signature]);
  if (fields === undefined || !hasLength(fields[1], proofBytes)) return undefined;
  return { body: fields[0], proof: fields[1].value };
}

/** D0 alone: ciphertext of a byte at least, then the tag. */
export function readSealed(data: Uint8Array): Bytes | undefined {
  const fields = readSequence(data, [TAG.sealed]);
  return fields !== undefined && isSealed(fields[0]) ? fields[0].value : undefined;
}

export function isSealed(element: Element): boolean {
  return element.value.length > LENGTH.aeadTag;
}

/** Element E5. SUCCESS that also orders a lock contradicts itself and is refused. */
export function readResult(element: Element): Result | undefined {
  const fields = readSequence(element.value, [
    TAG.verdict,
    TAG.cardId,
    TAG.cardNonce,
    TAG.epoch,
    TAG.lockInstruction,
    TAG.lease,
    TAG.floor,
  ]);
  if (fields === undefined) return undefined;
  const [verdict, cardId, cardNonce, epochField, lockInstruction, leaseField, floorField] = fields;
  if (!hasLength(cardId, LENGTH.cardId) || !hasLength(cardNonce, LENGTH.nonce)) return undefined;
  const [epoch, floor] = [readNumber(epochField), readNumber(floorField)];
  const isSuccess = readFlag(verdict, VERDICT.failure, VERDICT.success);
  const isLock = readFlag(lockInstruction, LOCK_INSTRUCTION.none, LOCK_INSTRUCTION.lock);
  const lease = readLease(leaseField.value);
  if (epoch === undefined || floor === undefined || lease === undefined) return undefined;
  if (isSuccess === undefined || isLock === undefined || (isSuccess && isLock)) return undefined;
  const names = { cardId: cardId.value, cardNonce: cardNonce.value };
  return { element: element.encoded, isSuccess, isLock, ...names, epoch, ...lease, floor };
}

/** 9B 9C 9D. */
function readLease(
  value: Uint8Array,
): { uses: number; seconds: number; services: number } | undefined {
  const fields = readSequence(value, [TAG.leaseUses, TAG.leaseSeconds, TAG.leaseServices]);
  if (fields === undefined) return undefined;
  const [uses, seconds] = [readNumber(fields[0]), readNumber(fields[1])];
  const services = readByte(fields[2]);
  if (uses === undefined || seconds === undefined || services === undefined) return undefined;
  return { uses, seconds, services };
}

/** Value of E6: 85 8B CD 8C. */
export function readUnlock(value: Uint8Array): Unlock | undefined {
  const fields = readSequence(value, [TAG.cardId, TAG.cardNonce, TAG.lockId, TAG.epoch]);
  if (fields === undefined) return undefined;
  const [cardId, cardNonce, lockId, epochField] = fields;
  const epoch = readNumber(epochField);
  if (!hasLength(cardId, LENGTH.cardId) || !hasLength(cardNonce, LENGTH.nonce)) return undefined;
  if (!hasLength(lockId, LENGTH.lockId) || epoch === undefined) return undefined;
  return { cardId: cardId.value, cardNonce: cardNonce.value, lockId: lockId.value, epoch };
}

/** C3: the enrolment challenge, 16 bytes. */
export function readEnrolmentChallenge(data: Uint8Array): Bytes | undefined {
  const fields = readSequence(data, [TAG.enrolmentChallenge]);
  if (fields === undefined || !hasLength(fields[0], ENROLMENT_CHALLENGE_BYTES)) return undefined;
  return fields[0].value;
}

/** 4 bytes. */
function readNumber(element: Element): number | undefined {
  return hasLength(element, LENGTH.counter) ? readCounter(element.value) : undefined;
}

function readFlag(element: Element, no: number, yes: number): boolean | undefined {
  const value = readByte(element);
  return value === no || value === yes ? value === yes : undefined;
}

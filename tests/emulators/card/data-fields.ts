/**
 * Data fields of START SESSION, ANSWER, RESULT and PROVE POSSESSION (docs/protocol.md sections 2
 * and 6). A reader gives undefined for everything that the page does not allow (status 6A80).
 */
import {
  LENGTH,
  LOCK_INSTRUCTION,
  MODE,
  MODULE_KIND,
  SUITE,
  TAG,
  VERDICT,
} from "#protocol/assigned-numbers";
import { type Bytes, joinBytes, readCounter } from "./bytes.ts";
import { type Element, readElements, readSequence } from "./tlv.ts";

const TOKEN_BYTES_MAX = 255;
const RANDS_MAX = 4;
const RES_BYTES_MIN = 4;
const RES_BYTES_MAX = 16;
const CONFIRMATION_TAG_BYTES_MAX = 32;
const LAST_ROUND = 2;
const ENROLMENT_CHALLENGE_BYTES = 16;
const UNCOMPRESSED_POINT = 0x04;

/** Platform key credential (PKC). */
export type PlatformCredential = {
  readonly generation: number;
  /** 65 bytes, 04 || X || Y. */
  readonly publicKey: Bytes;
  /** 64 bytes, by the anchor. */
  readonly signature: Bytes;
};

export type StartSession = {
  readonly token: Bytes;
  readonly credential: PlatformCredential;
  /** Element E2 as received. */
  readonly credentialElement: Bytes;
};

export type Answer = {
  readonly round: number;
  /** Elements 90 B1 92 as received. */
  readonly challenge: Bytes;
  /** Elements 93 94 B5 98 as received. */
  readonly statement: Bytes;
  readonly isAuts: boolean;
};

export type SignedResult = {
  /** Element E5 as received. */
  readonly element: Bytes;
  /** SIG_P, 64 bytes. */
  readonly signature: Bytes;
  readonly isSuccess: boolean;
  readonly isLock: boolean;
  readonly cardId: Bytes;
  readonly cardNonce: Bytes;
  readonly epoch: number;
  readonly uses: number;
  readonly services: number;
  readonly floor: number;
};

/** 8A E2 88 89. Suite and mode must be this card's, in the command and in the credential. */
export function readStartSession(data: Uint8Array): StartSession | undefined {
  const fields = readSequence(data, [TAG.token, TAG.credential, TAG.suite, TAG.mode]);
  if (fields === undefined) return undefined;
  const [token, credentialField, suite, mode] = fields;
  if (token.value.length < 1 || token.value.length > TOKEN_BYTES_MAX) return undefined;
  if (readByte(suite) !== SUITE.p256 || readByte(mode) !== MODE.signed) return undefined;
  const credential = readCredential(credentialField.value);
  if (credential === undefined) return undefined;
  return { token: token.value, credential, credentialElement: credentialField.encoded };
}

/** C0 88 C1 8E. */
function readCredential(value: Uint8Array): PlatformCredential | undefined {
  const fields = readSequence(value, [TAG.generation, TAG.suite, TAG.publicKey, TAG.signature]);
  if (fields === undefined) return undefined;
  const [generation, suite, publicKey, signature] = fields;
  if (!hasLength(generation, LENGTH.counter) || readByte(suite) !== SUITE.p256) return undefined;
  if (!hasLength(publicKey, LENGTH.point)) return undefined;
  if (publicKey.value[0] !== UNCOMPRESSED_POINT) return undefined;
  if (!hasLength(signature, LENGTH.signature)) return undefined;
  return {
    generation: readCounter(generation.value),
    publicKey: publicKey.value,
    signature: signature.value,
  };
}

/** 90 B1 92 93 94 B5 98. Only USIM exists, so AUTN is never empty. */
export function readAnswer(data: Uint8Array): Answer | undefined {
  const fields = readSequence(data, [
    TAG.round,
    TAG.rands,
    TAG.autn,
    TAG.imsi,
    TAG.moduleKind,
    TAG.answer,
    TAG.confirmationTag,
  ]);
  if (fields === undefined) return undefined;
  const [roundField, rands, autn, imsi, moduleKind, answer, confirmationTag] = fields;
  const round = readByte(roundField);
  if (round === undefined || round > LAST_ROUND) return undefined;
  if (!areAll(rands.value, TAG.rand, LENGTH.rand, LENGTH.rand)) return undefined;
  if (!hasLength(autn, LENGTH.autn) || !isImsi(imsi.value)) return undefined;
  if (readByte(moduleKind) !== MODULE_KIND.usim) return undefined;
  const kind = readAnswerKind(answer.value);
  if (kind === undefined) return undefined;
  if (confirmationTag.value.length > CONFIRMATION_TAG_BYTES_MAX) return undefined;
  return {
    round,
    challenge: joinBytes(roundField.encoded, rands.encoded, autn.encoded),
    statement: joinBytes(imsi.encoded, moduleKind.encoded, answer.encoded, confirmationTag.encoded),
    isAuts: kind === "auts",
  };
}

function readAnswerKind(value: Uint8Array): "res" | "auts" | "refusal" | undefined {
  if (areAll(value, TAG.res, RES_BYTES_MIN, RES_BYTES_MAX)) return "res";
  const auts = readSequence(value, [TAG.auts]);
  if (auts !== undefined) return hasLength(auts[0], LENGTH.auts) ? "auts" : undefined;
  const refusal = readSequence(value, [TAG.statusWord]);
  return refusal !== undefined && hasLength(refusal[0], 2) ? "refusal" : undefined;
}

/** E5 8E. SUCCESS that also orders a lock contradicts itself and is refused. */
export function readSignedResult(data: Uint8Array): SignedResult | undefined {
  const outer = readSequence(data, [TAG.result, TAG.signature]);
  if (outer === undefined || !hasLength(outer[1], LENGTH.signature)) return undefined;
  const fields = readSequence(outer[0].value, [
    TAG.verdict,
    TAG.cardId,
    TAG.cardNonce,
    TAG.epoch,
    TAG.lockInstruction,
    TAG.lease,
    TAG.floor,
  ]);
  if (fields === undefined) return undefined;
  const [verdict, cardId, cardNonce, epoch, lockInstruction, leaseField, floor] = fields;
  if (!hasLength(cardId, LENGTH.cardId) || !hasLength(cardNonce, LENGTH.nonce)) return undefined;
  if (!hasLength(epoch, LENGTH.counter) || !hasLength(floor, LENGTH.counter)) return undefined;
  const isSuccess = readFlag(verdict, VERDICT.failure, VERDICT.success);
  const isLock = readFlag(lockInstruction, LOCK_INSTRUCTION.none, LOCK_INSTRUCTION.lock);
  const lease = readLease(leaseField.value);
  if (isSuccess === undefined || isLock === undefined || lease === undefined) return undefined;
  if (isSuccess && isLock) return undefined;
  return {
    element: outer[0].encoded,
    signature: outer[1].value,
    isSuccess,
    isLock,
    cardId: cardId.value,
    cardNonce: cardNonce.value,
    epoch: readCounter(epoch.value),
    ...lease,
    floor: readCounter(floor.value),
  };
}

/** 9B 9C 9D. A TF card has no clock and ignores the seconds. */
function readLease(value: Uint8Array): { uses: number; services: number } | undefined {
  const fields = readSequence(value, [TAG.leaseUses, TAG.leaseSeconds, TAG.leaseServices]);
  if (fields === undefined) return undefined;
  const [uses, seconds, servicesField] = fields;
  const services = readByte(servicesField);
  if (!hasLength(uses, LENGTH.counter) || !hasLength(seconds, LENGTH.counter)) return undefined;
  return services === undefined ? undefined : { uses: readCounter(uses.value), services };
}

/** C3: the enrolment challenge, 16 bytes. */
export function readEnrolmentChallenge(data: Uint8Array): Bytes | undefined {
  const fields = readSequence(data, [TAG.enrolmentChallenge]);
  if (fields === undefined || !hasLength(fields[0], ENROLMENT_CHALLENGE_BYTES)) return undefined;
  return fields[0].value;
}

function hasLength(element: Element, byteCount: number): boolean {
  return element.value.length === byteCount;
}

function readByte(element: Element): number | undefined {
  return element.value.length === 1 ? element.value[0] : undefined;
}

function readFlag(element: Element, no: number, yes: number): boolean | undefined {
  const value = readByte(element);
  return value === no || value === yes ? value === yes : undefined;
}

/** One to four elements `tag`, each of a length within the bounds. */
function areAll(value: Uint8Array, tag: number, bytesMin: number, bytesMax: number): boolean {
  const elements = readElements(value);
  if (elements === undefined || elements.length < 1 || elements.length > RANDS_MAX) return false;
  return elements.every(
    (element) =>
      element.tag === tag && element.value.length >= bytesMin && element.value.length <= bytesMax,
  );
}

function isImsi(value: Uint8Array): boolean {
  return /^[0-9]{6,15}$/u.test(String.fromCharCode(...value));
}

/**
 * Data fields of OPEN CHALLENGE and ANSWER (docs/protocol.md sections 2, 6 and 7). The card checks
 * forms; whether an answer fits its challenge is for the platform, which knows the module.
 */
import { LENGTH, MODULE_KIND, TAG } from "#protocol/assigned-numbers";
import { type Bytes, joinBytes } from "./bytes.ts";
import { isPoint, isSealed } from "./data-fields.ts";
import type { Suite } from "./suites.ts";
import { type Element, hasLength, readByte, readElements, readSequence } from "./tlv.ts";

const ELEMENTS_MAX = 4;
/** CAVE, RANDSSD, SIM and USIM, CHAP. */
const RAND_BYTES: ReadonlySet<number> = new Set([
  LENGTH.caveRand,
  LENGTH.randssd,
  LENGTH.rand,
  LENGTH.chapChallenge,
]);
/** None, AUTHBS, AUTN. */
const AUTN_BYTES: ReadonlySet<number> = new Set([0, LENGTH.caveSignature, LENGTH.autn]);
const RES_BYTES_MIN = 3;
const RES_BYTES_MAX = 16;
const MODULE_KINDS: ReadonlySet<number> = new Set(Object.values(MODULE_KIND));

export type Statement = {
  /** Elements 93 94 B5 98 as received. */
  readonly elements: Bytes;
  /** The answer is AUTS or RANDBS, after which another challenge may come. */
  readonly mayContinue: boolean;
};

export type SignedAnswer = {
  readonly round: number;
  /** Elements 90 B1 92 as received. */
  readonly challenge: Bytes;
  readonly statement: Statement;
};

export type SealedChallenge = {
  /** Element 90 as received. */
  readonly roundElement: Bytes;
  /** Round 0: the platform's half of the key agreement, CB or CC, and its proof over hk. */
  readonly agreement: { readonly contribution: Element; readonly proof: Bytes } | undefined;
  readonly sealed: Bytes;
};

const STATEMENT = [TAG.imsi, TAG.moduleKind, TAG.answer, TAG.confirmationTag] as const;

/** 90 B1 92 93 94 B5 98. */
export function readSignedAnswer(data: Uint8Array): SignedAnswer | undefined {
  const fields = readSequence(data, [TAG.round, TAG.rands, TAG.autn, ...STATEMENT]);
  if (fields === undefined) return undefined;
  const [roundField, rands, autn, imsi, moduleKind, answer, confirmationTag] = fields;
  const round = readByte(roundField);
  const statement = toStatement([imsi, moduleKind, answer, confirmationTag]);
  if (round === undefined || statement === undefined || !isChallenge(rands, autn)) {
    return undefined;
  }
  return {
    round,
    challenge: joinBytes(roundField.encoded, rands.encoded, autn.encoded),
    statement,
  };
}

/** 93 94 B5 98. */
export function readStatement(data: Uint8Array): Statement | undefined {
  const fields = readSequence(data, STATEMENT);
  return fields === undefined ? undefined : toStatement(fields);
}

function toStatement(
  fields: readonly [imsi: Element, kind: Element, answer: Element, confirmationTag: Element],
): Statement | undefined {
  const [imsi, moduleKind, answer, confirmationTag] = fields;
  if (!isImsi(imsi.value) || !MODULE_KINDS.has(readByte(moduleKind) ?? 0)) return undefined;
  if (![0, LENGTH.confirmationTag].includes(confirmationTag.value.length)) return undefined;
  const mayContinue = doesAnswerContinue(answer.value);
  if (mayContinue === undefined) return undefined;
  return { elements: joinBytes(...fields.map((field) => field.encoded)), mayContinue };
}

/** Undefined for what is no answer: one to four of 95, or one 96, 97 or CE. */
function doesAnswerContinue(value: Uint8Array): boolean | undefined {
  const elements = readElements(value);
  const [first] = elements ?? [];
  if (elements === undefined || first === undefined) return undefined;
  if (first.tag === TAG.res) return elements.every(isRes) && isFew(elements) ? false : undefined;
  if (elements.length !== 1) return undefined;
  if (first.tag === TAG.statusWord && hasLength(first, 2)) return false;
  const isAuts = first.tag === TAG.auts && hasLength(first, LENGTH.auts);
  const isRandbs = first.tag === TAG.randbs && hasLength(first, LENGTH.randbs);
  return isAuts || isRandbs ? true : undefined;
}

function isRes({ tag, value }: Element): boolean {
  return tag === TAG.res && value.length >= RES_BYTES_MIN && value.length <= RES_BYTES_MAX;
}

/**
 * OPEN CHALLENGE for `round`: 90, in round 0 also CB (symmetric suites: CC) and 8E, then D0.
 * Undefined for another round, too.
 */
export function readSealedChallenge(
  data: Uint8Array,
  suite: Suite,
  round: number,
): SealedChallenge | undefined {
  if (round > 0) {
    const fields = readSequence(data, [TAG.round, TAG.sealed]);
    if (fields === undefined || readByte(fields[0]) !== round || !isSealed(fields[1])) {
      return undefined;
    }
    return { roundElement: fields[0].encoded, agreement: undefined, sealed: fields[1].value };
  }
  const isShared = suite.credential === "shared key";
  const contributionTag = isShared ? TAG.platformNonce : TAG.platformEphemeralKey;
  const fields = readSequence(data, [TAG.round, contributionTag, TAG.signature, TAG.sealed]);
  if (fields === undefined) return undefined;
  const [roundField, contribution, proof, sealed] = fields;
  if (readByte(roundField) !== 0 || !isSealed(sealed)) return undefined;
  if (!hasLength(proof, suite.proofBytes)) return undefined;
  if (!(isShared ? hasLength(contribution, LENGTH.nonce) : isPoint(contribution))) return undefined;
  const agreement = { contribution, proof: proof.value };
  return { roundElement: roundField.encoded, agreement, sealed: sealed.value };
}

/** Whether a plaintext is B1 92. */
export function isChallengeBody(data: Uint8Array): boolean {
  const fields = readSequence(data, [TAG.rands, TAG.autn]);
  return fields !== undefined && isChallenge(fields[0], fields[1]);
}

function isChallenge(rands: Element, autn: Element): boolean {
  const elements = readElements(rands.value);
  const randBytes = elements?.[0]?.value.length;
  if (elements === undefined || randBytes === undefined || !isFew(elements)) return false;
  const areRands = elements.every(
    (element) => element.tag === TAG.rand && hasLength(element, randBytes),
  );
  return areRands && RAND_BYTES.has(randBytes) && AUTN_BYTES.has(autn.value.length);
}

function isFew(elements: readonly Element[]): boolean {
  return elements.length <= ELEMENTS_MAX;
}

function isImsi(value: Uint8Array): boolean {
  return /^[0-9]{6,15}$/u.test(String.fromCharCode(...value));
}

/**
 * The card's side of the exchange (docs/protocol.md sections 5 and 7): START SESSION, OPEN
 * CHALLENGE, ANSWER, RESULT and UNLOCK. The credential key proves here and at enrolment, nowhere
 * else, and only what the card itself put together (I15).
 */
import { LABEL, LENGTH, SW, TAG } from "#protocol/assigned-numbers";
import { areEqual, type Bytes, joinBytes, writeCounter } from "./bytes.ts";
import {
  isChallengeBody,
  readSealedChallenge,
  readSignedAnswer,
  readStatement,
  type SealedChallenge,
} from "./challenge-fields.ts";
import { type Channel, openChannel } from "./channel.ts";
import {
  type CardContext,
  drawRandom,
  encodeCardState,
  readClock,
  readKept,
  writeKept,
} from "./context.ts";
import {
  type PlatformCredential,
  readProven,
  readResult,
  readSealed,
  readStartSession,
  readUnlock,
  type Result,
  type Unlock,
} from "./data-fields.ts";
import { openProofs } from "./proofs.ts";
import { answerRound, challengeRound, nextRound, type Session } from "./session.ts";
import { readSequence, writeElement } from "./tlv.ts";
import { cardKindElement, credentialMessage, hashOpening, hashStep } from "./transcript.ts";
import type { Reply } from "./apdu.ts";

/** Steps 313 to 315, 413 to 415; a locked card answers, too. Refused: the session stays. */
export function startSession(context: CardContext, data: Bytes): Reply {
  const { profile, suite } = context;
  const start = readStartSession(data, suite);
  if (start === undefined || !profile.modes.includes(start.mode)) return { sw: SW.incorrectData };
  if (!isCredentialValid(context, start.credential)) return { sw: SW.securityStatusNotSatisfied };
  const cardNonce = drawRandom(context, LENGTH.nonce);
  const isAgreed = start.mode === "encrypted" && suite.credential === "certificate";
  const ephemeralPrivateKey = isAgreed
    ? suite.curve.drawPrivateKey((byteCount) => drawRandom(context, byteCount))
    : undefined;
  const ephemeralKey =
    ephemeralPrivateKey === undefined ? undefined : suite.curve.publicKeyOf(ephemeralPrivateKey);
  const { epoch } = readKept(context);
  const cardState = encodeCardState(context);
  const { mode, token, credential, credentialElement } = start;
  const names = { mode, token, cardNonce, epoch, cardState, ephemeralKey };
  const h1 = hashOpening(context, { ...names, credential: credentialElement });
  const proofs = openProofs(context, credential, h1);
  context.ram.session = {
    mode,
    credential,
    proofs,
    cardNonce,
    startedAtSeconds: readClock(context),
    transcript: h1,
    ephemeralPrivateKey,
    channel: undefined,
    stage: { name: "opened" },
  };
  const answer = joinBytes(
    cardKindElement(context),
    writeElement(TAG.cardNonce, cardNonce),
    writeElement(TAG.epoch, writeCounter(epoch)),
    writeElement(TAG.cardState, cardState),
    ...(ephemeralKey === undefined ? [] : [writeElement(TAG.cardEphemeralKey, ephemeralKey)]),
    proofs.prove(LABEL.cardProof, h1),
  );
  return { sw: SW.success, data: answer };
}

/** The anchor's word for this deployment, tenant and suite, of a generation that is still valid. */
function isCredentialValid(context: CardContext, credential: PlatformCredential): boolean {
  const { suite, profile } = context;
  if (credential.generation < readKept(context).floor) return false;
  if (suite.credential === "shared key") return true;
  const message = credentialMessage(context, credential);
  return suite.scheme.isSigned(profile.anchorPublicKey, message, credential.signature);
}

/** Steps 421 to 423. Refused: the session stays as it was. */
export function openChallenge(context: CardContext, data: Bytes): Reply {
  if (isLocked(context)) return { sw: SW.blocked };
  const { ram, suite } = context;
  const { session } = ram;
  const round = session?.mode === "encrypted" ? nextRound(session) : undefined;
  if (session === undefined || round === undefined) return { sw: SW.conditionsNotSatisfied };
  const challenge = readSealedChallenge(data, suite, round);
  if (challenge === undefined) return { sw: SW.incorrectData };
  const { agreement, sealed, roundElement } = challenge;
  const previous =
    agreement === undefined
      ? session.transcript
      : hashStep(suite.hash, LABEL.hk, session.transcript, agreement.contribution.encoded);
  const channel = session.channel ?? agree(context, session, previous, agreement);
  const body = channel?.open(round, previous, sealed);
  if (channel === undefined || body === undefined) return { sw: SW.securityStatusNotSatisfied };
  if (!isChallengeBody(body)) return { sw: SW.incorrectData };
  const answer = joinBytes(roundElement, body);
  const h2 = hashStep(suite.hash, LABEL.h2, previous, answer);
  ram.session = challengeRound(session, round, h2, channel);
  return { sw: SW.success, data: answer };
}

/** The keys of hk, once the platform proved itself over it. */
function agree(
  context: CardContext,
  session: Session,
  hk: Bytes,
  agreement: SealedChallenge["agreement"],
): Channel | undefined {
  if (agreement === undefined) return undefined;
  const { proofs, credential, ephemeralPrivateKey } = session;
  if (!proofs.isPlatformProof(LABEL.keyAgreement, hk, agreement.proof)) return undefined;
  const platformKey = agreement.contribution.value;
  const keys = ephemeralPrivateKey === undefined ? undefined : { ephemeralPrivateKey, platformKey };
  return openChannel(context, hk, credential.generation, keys);
}

/** Steps 324 to 326, 427 to 429: one S3 or one sealed answer per round. */
export function answerChallenge(context: CardContext, data: Bytes): Reply {
  if (isLocked(context)) return { sw: SW.blocked };
  const { session } = context.ram;
  if (session === undefined) return { sw: SW.conditionsNotSatisfied };
  return session.mode === "signed"
    ? signAnswer(context, session, data)
    : sealAnswer(context, session, data);
}

function signAnswer(context: CardContext, session: Session, data: Bytes): Reply {
  const { hash } = context.suite;
  const round = nextRound(session);
  if (round === undefined) return { sw: SW.conditionsNotSatisfied };
  const answer = readSignedAnswer(data);
  if (answer?.round !== round) return { sw: SW.incorrectData };
  const h2 = hashStep(hash, LABEL.h2, session.transcript, answer.challenge);
  const h3 = hashStep(hash, LABEL.h3, h2, answer.statement.elements);
  context.ram.session = answerRound(session, round, h3, answer.statement.mayContinue);
  return { sw: SW.success, data: session.proofs.prove(LABEL.answerProof, h3) };
}

function sealAnswer(context: CardContext, session: Session, data: Bytes): Reply {
  const { stage, channel, transcript: h2 } = session;
  if (stage.name !== "challenged" || channel === undefined) {
    return { sw: SW.conditionsNotSatisfied };
  }
  const statement = readStatement(data);
  if (statement === undefined) return { sw: SW.incorrectData };
  const h3 = hashStep(context.suite.hash, LABEL.h3, h2, statement.elements);
  context.ram.session = answerRound(session, stage.round, h3, statement.mayContinue);
  const sealed = channel.seal(stage.round, h2, statement.elements);
  return { sw: SW.success, data: writeElement(TAG.sealed, sealed) };
}

/**
 * Steps 333 and 334, 436 and 437. A result that does not verify changes nothing (I8). One that
 * does is stored first, then acted on, then receipted; the session and its nonce end with it (I9).
 */
export function applyResult(context: CardContext, data: Bytes): Reply {
  if (isLocked(context)) return { sw: SW.blocked };
  const { ram } = context;
  const { session } = ram;
  if (session?.stage.name !== "answered") return { sw: SW.conditionsNotSatisfied };
  const number = session.stage.round + 1;
  const verified = verifyResult(context, session, number, data);
  if ("sw" in verified) return verified;
  const { result, h4 } = verified;
  if (!isResultDue(context, session, result)) return { sw: SW.securityStatusNotSatisfied };
  storeResult(context, result);
  ram.session = undefined;
  const { uses, seconds, services } = result;
  const { startedAtSeconds } = session;
  ram.lease = result.isSuccess ? { uses, seconds, services, startedAtSeconds } : undefined;
  return { sw: SW.success, data: writeReceipt(context, session, number, h4) };
}

/** The result, if it is the platform's, and h4; or the status word to refuse it with. */
function verifyResult(
  context: CardContext,
  session: Session,
  number: number,
  data: Bytes,
): { readonly result: Result; readonly h4: Bytes } | Reply {
  const { suite } = context;
  const { channel, proofs, transcript: h3 } = session;
  if (channel !== undefined) {
    const sealed = readSealed(data);
    if (sealed === undefined) return { sw: SW.incorrectData };
    const plaintext = channel.open(number, h3, sealed);
    if (plaintext === undefined) return { sw: SW.securityStatusNotSatisfied };
    const [body] = readSequence(plaintext, [TAG.result]) ?? [];
    const result = body === undefined ? undefined : readResult(body);
    if (result === undefined) return { sw: SW.incorrectData };
    return { result, h4: hashStep(suite.hash, LABEL.h4, h3, result.element) };
  }
  const proven = readProven(data, TAG.result, suite);
  const result = proven === undefined ? undefined : readResult(proven.body);
  if (proven === undefined || result === undefined) return { sw: SW.incorrectData };
  const h4 = hashStep(suite.hash, LABEL.h4, h3, result.element);
  const isProven = proofs.isPlatformProof(LABEL.result, h4, proven.proof);
  return isProven ? { result, h4 } : { sw: SW.securityStatusNotSatisfied };
}

/** Issued for this card (I1), this nonce, once (the epoch), under a key that is still valid. */
function isResultDue(context: CardContext, session: Session, result: Result): boolean {
  if (!areEqual(result.cardId, context.cardId)) return false;
  if (!areEqual(result.cardNonce, session.cardNonce)) return false;
  if (result.epoch <= readKept(context).epoch) return false;
  return session.credential.generation >= result.floor;
}

function storeResult(context: CardContext, result: Result): void {
  const { floor } = readKept(context);
  writeKept(context, {
    epoch: result.epoch,
    floor: Math.max(floor, result.floor),
    lockId: result.isLock ? drawRandom(context, LENGTH.lockId) : undefined,
  });
}

/** 8D 8C 8E; D0 in encrypted mode, with the message number of the result. */
function writeReceipt(context: CardContext, session: Session, number: number, h4: Bytes): Bytes {
  const report = writeReport(context);
  if (session.channel !== undefined) {
    return writeElement(TAG.sealed, session.channel.seal(number, h4, report));
  }
  const h5 = hashStep(context.suite.hash, LABEL.h5, h4, report);
  return joinBytes(report, session.proofs.prove(LABEL.receipt, h5));
}

/** 8D 8C: what the card is now. */
function writeReport(context: CardContext): Bytes {
  return joinBytes(
    writeElement(TAG.cardState, encodeCardState(context)),
    writeElement(TAG.epoch, writeCounter(readKept(context).epoch)),
  );
}

/** Lifts a lock. Refused: the card stays locked and the session open. */
export function unlock(context: CardContext, data: Bytes): Reply {
  const { ram, suite } = context;
  const { session } = ram;
  if (!isLocked(context) || session === undefined) return { sw: SW.conditionsNotSatisfied };
  const proven = readProven(data, TAG.unlock, suite);
  const order = proven === undefined ? undefined : readUnlock(proven.body.value);
  if (proven === undefined || order === undefined) return { sw: SW.incorrectData };
  const { proofs, transcript: h1 } = session;
  const hu = hashStep(suite.hash, LABEL.hu, h1, proven.body.encoded);
  if (!proofs.isPlatformProof(LABEL.unlock, hu, proven.proof)) {
    return { sw: SW.securityStatusNotSatisfied };
  }
  if (!isUnlockDue(context, session, order)) return { sw: SW.securityStatusNotSatisfied };
  writeKept(context, { ...readKept(context), epoch: order.epoch, lockId: undefined });
  ram.session = undefined;
  const report = writeReport(context);
  const h5 = hashStep(suite.hash, LABEL.h5, hu, report);
  return { sw: SW.success, data: joinBytes(report, proofs.prove(LABEL.unlockReceipt, h5)) };
}

/** Issued for this card, this nonce, this lock, once (the epoch). */
function isUnlockDue(context: CardContext, session: Session, order: Unlock): boolean {
  const { epoch, lockId } = readKept(context);
  if (!areEqual(order.cardId, context.cardId)) return false;
  if (!areEqual(order.cardNonce, session.cardNonce)) return false;
  if (lockId === undefined || !areEqual(order.lockId, lockId)) return false;
  return order.epoch > epoch;
}

function isLocked(context: CardContext): boolean {
  return readKept(context).lockId !== undefined;
}

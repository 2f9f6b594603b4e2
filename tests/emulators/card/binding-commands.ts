/**
 * The card's side of the exchange (docs/protocol.md sections 5 and 6): START SESSION, ANSWER,
 * RESULT, and PROVE POSSESSION at enrolment. The credential key signs here and nowhere else, and
 * only what the card itself put together (I15).
 */
import { CARD_KIND, LABEL, LENGTH, MODE, SUITE, SW, TAG } from "#protocol/assigned-numbers";
import { areEqual, type Bytes, joinBytes, writeCounter } from "./bytes.ts";
import { type CardContext, drawRandom, encodeCardState, readKept, writeKept } from "./context.ts";
import {
  type PlatformCredential,
  readAnswer,
  readEnrolmentChallenge,
  readSignedResult,
  readStartSession,
  type SignedResult,
} from "./data-fields.ts";
import { isSignedBy, signProof } from "./keys.ts";
import { answerRound, openSession, type Session } from "./session.ts";
import { writeByteElement, writeElement } from "./tlv.ts";
import {
  credentialMessage,
  enrolmentMessage,
  hashAnswer,
  hashChallenge,
  hashOpening,
  hashReceipt,
  hashResult,
  proofMessage,
} from "./transcript.ts";
import type { Reply } from "./transport.ts";

/** Steps 313 to 315. Refused: the session that was open stays. A locked card answers, too. */
export async function startSession(context: CardContext, data: Bytes): Promise<Reply> {
  const start = readStartSession(data);
  if (start === undefined) return { sw: SW.incorrectData };
  if (!(await isCredentialValid(context, start.credential))) {
    return { sw: SW.securityStatusNotSatisfied };
  }
  const { profile, cardId } = context;
  const cardNonce = drawRandom(context, LENGTH.nonce);
  const { epoch } = readKept(context);
  const cardState = encodeCardState(context);
  const h1 = hashOpening({
    deployment: profile.deployment,
    tenant: profile.tenant,
    credential: start.credentialElement,
    cardId,
    publicKey: profile.keys.credentialPublicKey,
    suite: SUITE.p256,
    mode: MODE.signed,
    token: start.token,
    cardNonce,
    epoch,
    cardState,
  });
  const s2 = await sign(context, LABEL.cardProof, h1);
  context.ram.session = openSession(start.credential, cardNonce, h1);
  const answer = joinBytes(
    writeByteElement(TAG.cardKind, CARD_KIND.tf),
    writeElement(TAG.cardNonce, cardNonce),
    writeElement(TAG.epoch, writeCounter(epoch)),
    writeElement(TAG.cardState, cardState),
    writeElement(TAG.signature, s2),
  );
  return { sw: SW.success, data: answer };
}

/** The anchor's word for this deployment and tenant, of a generation that is still valid. */
async function isCredentialValid(
  context: CardContext,
  credential: PlatformCredential,
): Promise<boolean> {
  if (credential.generation < readKept(context).floor) return false;
  const { deployment, tenant } = context.profile;
  const { generation, publicKey, signature } = credential;
  const statement = { deployment, tenant, generation, suite: SUITE.p256, publicKey };
  return isSignedBy(context.anchorPublicKey, signature, credentialMessage(statement));
}

/** Steps 324 to 326: one S3 per round. */
export async function signAnswer(context: CardContext, data: Bytes): Promise<Reply> {
  if (readKept(context).lockId !== undefined) return { sw: SW.blocked };
  const { session } = context.ram;
  if (session?.nextRound === undefined) return { sw: SW.conditionsNotSatisfied };
  const answer = readAnswer(data);
  if (answer === undefined || answer.round !== session.nextRound) return { sw: SW.incorrectData };
  const h2 = hashChallenge(session.transcript, answer.challenge);
  const h3 = hashAnswer(h2, answer.statement);
  const s3 = await sign(context, LABEL.answerProof, h3);
  context.ram.session = answerRound(session, answer.round, h3, answer.isAuts);
  return { sw: SW.success, data: writeElement(TAG.signature, s3) };
}

/**
 * Steps 333 and 334. A result that does not verify changes nothing (I8). One that does is stored
 * first, then acted on, then receipted; the session and its nonce end with it (I9).
 */
export async function applyResult(context: CardContext, data: Bytes): Promise<Reply> {
  const { ram } = context;
  const { session } = ram;
  if (session?.isAnswered !== true) return { sw: SW.conditionsNotSatisfied };
  const result = readSignedResult(data);
  if (result === undefined) return { sw: SW.incorrectData };
  const h4 = hashResult(session.transcript, result.element);
  if (!(await isResultValid(context, session, result, h4))) {
    return { sw: SW.securityStatusNotSatisfied };
  }
  storeResult(context, result);
  ram.session = undefined;
  ram.lease = result.isSuccess ? { uses: result.uses, services: result.services } : undefined;
  return { sw: SW.success, data: await signReceipt(context, h4, result.epoch) };
}

/** Issued for this card (I1), this nonce, once (the epoch), under a key that is still valid. */
async function isResultValid(
  context: CardContext,
  session: Session,
  result: SignedResult,
  h4: Bytes,
): Promise<boolean> {
  if (!areEqual(result.cardId, context.cardId)) return false;
  if (!areEqual(result.cardNonce, session.cardNonce)) return false;
  if (result.epoch <= readKept(context).epoch) return false;
  if (session.credential.generation < result.floor) return false;
  const message = proofMessage(LABEL.result, h4);
  return isSignedBy(session.credential.publicKey, result.signature, message);
}

/** Nothing but an unlock, which does not exist yet, takes a lock away. */
function storeResult(context: CardContext, result: SignedResult): void {
  const kept = readKept(context);
  const newLockId = result.isLock ? drawRandom(context, LENGTH.lockId) : undefined;
  writeKept(context, {
    ...kept,
    epoch: result.epoch,
    floor: Math.max(kept.floor, result.floor),
    lockId: kept.lockId ?? newLockId,
  });
}

async function signReceipt(context: CardContext, h4: Bytes, epoch: number): Promise<Bytes> {
  const cardState = encodeCardState(context);
  const signature = await sign(context, LABEL.receipt, hashReceipt(h4, cardState, epoch));
  return joinBytes(
    writeElement(TAG.cardState, cardState),
    writeElement(TAG.epoch, writeCounter(epoch)),
    writeElement(TAG.signature, signature),
  );
}

/** Signs one challenge in the card's life; the same challenge gets the same bytes again. */
export async function provePossession(context: CardContext, data: Bytes): Promise<Reply> {
  const kept = readKept(context);
  if (kept.lockId !== undefined) return { sw: SW.blocked };
  const challenge = readEnrolmentChallenge(data);
  if (challenge === undefined) return { sw: SW.incorrectData };
  const stored = kept.possession;
  if (stored !== undefined) {
    if (!areEqual(stored.challenge, challenge)) return { sw: SW.conditionsNotSatisfied };
    return { sw: SW.success, data: writeElement(TAG.signature, stored.signature) };
  }
  const { deployment, tenant, keys } = context.profile;
  const message = enrolmentMessage({
    deployment,
    tenant,
    cardId: context.cardId,
    publicKey: keys.credentialPublicKey,
    servicePublicKey: keys.servicePublicKey,
    challenge,
  });
  const signature = await signProof(keys.credentialPrivateKey, message);
  writeKept(context, { ...kept, possession: { challenge, signature } });
  return { sw: SW.success, data: writeElement(TAG.signature, signature) };
}

function sign(
  context: CardContext,
  label: typeof LABEL.cardProof | typeof LABEL.answerProof | typeof LABEL.receipt,
  transcript: Bytes,
): Promise<Bytes> {
  return signProof(context.profile.keys.credentialPrivateKey, proofMessage(label, transcript));
}

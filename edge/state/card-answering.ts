/**
 * Step 3 at the card's writer: the card's signature, the centre's word, the rules; then decision,
 * epoch and audit event in one commit; then the signature over what was committed; then the bytes
 * that were sent, stored (invariants I2, I3, I8, I12).
 */
import {
  type AccessOutcome,
  subscriberMac,
  verifyResponse,
} from "../access-authentication/authenticate.ts";
import { type BindingDecision, NO_LEASE, verifyBinding } from "../binding-verification/verify.ts";
import { findLapse } from "../secure-connection/card-authentication.ts";
import {
  signResult,
  type StoredPlatformKey,
  verifyAnswerProof,
} from "../secure-connection/critical-information.ts";
import { encodeBase64Url, equalBytes } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { encodeResult, encodeSignedResult } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import type { StepReport } from "#protocol/steps";
import { findSuite } from "#protocol/suites";
import { hashResult } from "#protocol/transcript";
import type { BindingVerdict } from "#protocol/wire";
import { recordCardEvent } from "./card-events.ts";
import { fetchChallenge, storeChallenge } from "./card-opening.ts";
import {
  countChallenge,
  findCard,
  findReply,
  findSession,
  saveCard,
  savePair,
  saveReply,
  saveSession,
  type Session,
} from "./card-store.ts";
import type {
  AnswerRequest,
  CardContext,
  CardWriterFailure,
  CardWriterResult,
} from "./card-writer.ts";

/** A session in phase answering (its transcript is h3 then) or decided. */
type Begun = Result<{ readonly reply: string } | { readonly session: Session }, CardWriterFailure>;

interface SigningKey extends StoredPlatformKey {
  readonly floor: number;
}

export async function answerSession(
  context: CardContext,
  request: AnswerRequest,
): Promise<CardWriterResult> {
  const begun = context.sql.transaction(() => beginAnswer(context, request));
  if (!begun.ok) return begun;
  if ("reply" in begun.value) return success(begun.value.reply);
  let { session } = begun.value;
  const key = await findSigningKey(context, session);
  if (session.phase === "answering") {
    const access = await authenticateAccess(context, session, request);
    if (access.kind === "resynchronised") return continueSession(context, session, request);
    const decision = await decide(context, session, access);
    const committed = context.sql.transaction(() =>
      commitDecision(context, session, access, decision, key.floor),
    );
    if (!committed.ok) return committed;
    session = committed.value;
  }
  return deliver(context, session, key);
}

/** Step 328, first half: order, time, and S3 over the challenge of this very round. */
function beginAnswer(context: CardContext, request: AnswerRequest): Begun {
  const { sql, object, dependencies } = context;
  const reply = findReply(sql, object, request.sid, request.digest);
  if (reply !== undefined) return success({ reply });
  const session = findSession(sql, object, request.sid);
  const card = findCard(sql, object);
  if (session === undefined || card === undefined) return failure("session_unknown");
  const now = dependencies.clock();
  if (card.currentSid !== session.sid || now > session.expiresAt) return failure("session_expired");
  if (session.phase === "answering" || session.phase === "decided") {
    const same = equalBytes(session.digest, request.digest);
    return same ? success({ session }) : failure("step_out_of_order");
  }
  if (session.phase !== "challenged") return failure("step_out_of_order");
  if (now > session.roundExpiresAt) return failure("session_expired");
  const h3 = verifyAnswerProof(
    dependencies.core,
    card.publicKey,
    session.transcript,
    request.statementBytes,
    request.signature,
  );
  if (h3 === undefined) return failure("proof_invalid");
  const { digest } = request;
  const accepted: Session = { ...session, phase: "answering", transcript: h3, digest };
  saveSession(sql, object, accepted);
  return success({ session: accepted });
}

/** Steps 328-330. An answer that cannot count never reaches the centre. */
async function authenticateAccess(
  { dependencies, slots }: CardContext,
  session: Session,
  { statement }: AnswerRequest,
): Promise<AccessOutcome | { readonly kind: "refused"; readonly reason: string }> {
  const { imsi, answer, moduleKind } = statement;
  const { tenant } = session.terms;
  if (session.dummyReason !== "") return { kind: "refused", reason: session.dummyReason };
  if (!equalBytes(session.subscriberMac, subscriberMac(dependencies.vault, tenant, imsi))) {
    return { kind: "refused", reason: "imsi_changed" };
  }
  if (moduleKind !== session.moduleKind) return { kind: "refused", reason: "module_kind_changed" };
  if (answer.kind === "auts" && session.round >= dependencies.limits.resynchronisations) {
    return { kind: "refused", reason: "resynchronisations_spent" };
  }
  const { sid, round, cardId } = session;
  const access = { tenant, cardId, imsi, sid, round };
  return verifyResponse(dependencies, slots, access, answer);
}

/** After AUTS: the next round, as another step 320 in answer to step 327. */
async function continueSession(
  context: CardContext,
  session: Session,
  { statement }: AnswerRequest,
): Promise<CardWriterResult> {
  const { sql, object, dependencies } = context;
  const next: Session = { ...session, round: session.round + 1 };
  const challenge = await fetchChallenge(context, next, statement.imsi, session.cardId);
  return sql.transaction(() => {
    const first = findReply(sql, object, session.sid, session.digest);
    if (first !== undefined) return success(first);
    const now = dependencies.clock();
    countChallenge(sql, object, next, now);
    const { trail, reply } = storeChallenge(context, { ...next, ...challenge.change }, challenge);
    recordCardEvent(context, session, "resynchronised", challenge.change.dummyReason, [
      { step: 328, at: now, outcome: "done" },
      { step: 329, at: now, outcome: "synchronisation_failure" },
      { step: 330, at: now, outcome: "resynchronised" },
      ...trail,
    ]);
    return success(reply);
  });
}

interface Decision extends BindingDecision {
  readonly strength: string;
}

/** Step 331. Without a verified answer there is nothing for rules to judge. */
async function decide(
  { dependencies }: CardContext,
  session: Session,
  access: Exclude<Awaited<ReturnType<typeof authenticateAccess>>, { kind: "resynchronised" }>,
): Promise<Decision> {
  if (access.kind === "refused") return refusal(access.reason);
  const { tenant } = session.terms;
  const { cardId } = session;
  const { subscriber, strength } = access;
  const decision = await verifyBinding(dependencies, { tenant, cardId, subscriber });
  const lapse = await findPairLapse(dependencies, { tenant, cardId, imsi: subscriber.imsi });
  return lapse === undefined ? { ...decision, strength } : refusal(lapse);
}

function refusal(reason: string): Decision {
  return { success: false, lock: false, lease: NO_LEASE, reason, ruleVersion: 0, strength: "" };
}

/** Card or subscriber may have been withdrawn since step 2; this is the last look at both. */
async function findPairLapse(
  { repositories, clock }: CardContext["dependencies"],
  pair: { readonly tenant: string; readonly cardId: string; readonly imsi: string },
): Promise<string | undefined> {
  const [card, subscriber] = await Promise.all([
    repositories.cards.find(pair.tenant, pair.cardId),
    repositories.subscribers.find(pair.tenant, pair.imsi),
  ]);
  if (card === undefined || subscriber === undefined) return "pair_unknown";
  if (subscriber.status !== "active") return "imsi_barred";
  return findLapse(card, clock());
}

/**
 * Decision, epoch and audit event, committed as the body that will be signed. A lock that left
 * without a receipt goes out again with every decision until the card confirms it.
 */
function commitDecision(
  context: CardContext,
  session: Session,
  access: { readonly kind: "verified" | "refused" },
  decision: Decision,
  floor: number,
): Result<Session, CardWriterFailure> {
  const { sql, object, dependencies } = context;
  const current = findSession(sql, object, session.sid);
  const card = findCard(sql, object);
  if (current === undefined || card === undefined) throw new Error("a session vanished");
  if (current.phase !== "answering") return success(current);
  if (card.currentSid !== session.sid) return failure("session_expired");
  const granted = decision.success && card.lockPhase === "none";
  const lock = card.lockPhase === "issued" || (card.lockPhase === "none" && decision.lock);
  const epoch = card.epoch + 1;
  const result = encodeResult({
    success: granted,
    cardId: cardIdBytes(session.cardId),
    cardNonce: session.cardNonce,
    epoch,
    lock,
    lease: granted ? decision.lease : NO_LEASE,
    floor,
  });
  const decided: Session = {
    ...current,
    phase: "decided",
    transcript: hashResult(dependencies.core.sha256, current.transcript, result),
    verdict: granted ? "SUCCESS" : "FAILURE",
    epoch,
    result,
  };
  saveSession(sql, object, decided);
  saveCard(sql, object, { ...card, epoch, lockPhase: lock ? "issued" : card.lockPhase });
  if (granted) savePair(sql, object, session.subscriberMac);
  recordCardEvent(
    context,
    session,
    "decided",
    `RESULT=${decided.verdict} ${decision.reason} version ${decision.ruleVersion} ${decision.strength}`.trim(),
    decisionTrail(dependencies.clock(), access.kind, decision, decided),
  );
  return success(decided);
}

function decisionTrail(
  at: number,
  kind: "verified" | "refused",
  decision: Decision,
  decided: Session,
): StepReport[] {
  const outcome = kind === "verified" ? "verified" : decision.reason;
  const trail: StepReport[] = [
    { step: 328, at, outcome: "done" },
    { step: 329, at, outcome },
    { step: 330, at, outcome },
  ];
  if (kind === "verified") trail.push({ step: 331, at, outcome: decided.verdict });
  return trail;
}

/** Step 332: signs the committed body and keeps the bytes; whoever comes second sends the same. */
function deliver(context: CardContext, session: Session, key: SigningKey): CardWriterResult {
  const { sql, object, dependencies } = context;
  const stored = findReply(sql, object, session.sid, session.digest);
  if (stored !== undefined) return success(stored);
  if (session.verdict === "") throw new Error("nothing was decided");
  const signature = signResult(dependencies, key, session.transcript);
  const result = encodeBase64Url(encodeSignedResult(session.result, signature));
  const { verdict } = session;
  const reply = JSON.stringify({ verdict, result } satisfies BindingVerdict);
  return sql.transaction(() => {
    saveReply(sql, object, session, reply);
    saveSession(sql, object, { ...session, phase: "delivered" });
    return success(reply);
  });
}

/** The key that this session's credential names, and the floor that holds now. */
async function findSigningKey(
  { dependencies }: CardContext,
  { terms }: Session,
): Promise<SigningKey> {
  const { platformKeys } = dependencies.repositories;
  const suite = findSuite(terms.suite)?.name;
  if (suite === undefined) throw new Error("a session names an unknown suite");
  const key = await platformKeys.find(terms.tenant, suite, terms.generation);
  const active = await platformKeys.findActive(terms.tenant, suite);
  if (key === undefined || active === undefined) throw new Error("a platform key vanished");
  return { ...key, floor: active.floor };
}

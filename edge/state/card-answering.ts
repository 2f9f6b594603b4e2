/**
 * Step 3 at the card's writer: the card's signature over the module's answer, then the centre's
 * word on it, which ends in another round or in a decision (invariants I3, I5).
 */
import { subscriberMac, verifyResponse } from "../access-authentication/authenticate.ts";
import { verifyAnswerProof } from "../secure-connection/critical-information.ts";
import { equalBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { type ConcludedAccess, decideSession } from "./card-deciding.ts";
import { recordCardEvent } from "./card-events.ts";
import { fetchChallenge, isOverQuota, storeChallenge } from "./card-opening.ts";
import {
  countChallenge,
  findCard,
  findReply,
  findSession,
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

export async function answerSession(
  context: CardContext,
  request: AnswerRequest,
): Promise<CardWriterResult> {
  const begun = context.sql.transaction(() => beginAnswer(context, request));
  if (!begun.ok) return begun;
  if ("reply" in begun.value) return success(begun.value.reply);
  const { session } = begun.value;
  const { imsi } = request.statement;
  if (session.phase === "decided") return decideSession(context, session, imsi, undefined);
  const access = await authenticateAccess(context, session, request);
  if (access.kind === "resynchronised") return continueSession(context, session, request);
  return decideSession(context, session, imsi, access);
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
  context: CardContext,
  session: Session,
  { statement, digest }: AnswerRequest,
): Promise<ConcludedAccess | { readonly kind: "resynchronised" }> {
  const { dependencies, slots } = context;
  const { imsi, answer, moduleKind } = statement;
  const { tenant } = session.terms;
  if (session.objection !== "") return { kind: "refused", reason: session.objection };
  if (!equalBytes(session.subscriberMac, subscriberMac(dependencies.vault, tenant, imsi))) {
    return { kind: "refused", reason: "imsi_changed" };
  }
  if (moduleKind !== session.moduleKind) return { kind: "refused", reason: "module_kind_changed" };
  if (answer.kind === "auts" && session.round >= dependencies.limits.resynchronisations) {
    return { kind: "refused", reason: "resynchronisations_spent" };
  }
  if (answer.kind === "auts" && isOverQuota(context, session.subscriberMac)) {
    return { kind: "refused", reason: "card_quota_exceeded" };
  }
  const { sid, round, cardId } = session;
  const access = { tenant, cardId, imsi, sid, round };
  return verifyResponse(dependencies, slots, access, { answer, digest });
}

/** After AUTS: the next round, as another step 320 in answer to step 327. */
async function continueSession(
  context: CardContext,
  session: Session,
  { statement }: AnswerRequest,
): Promise<CardWriterResult> {
  const { sql, object, dependencies } = context;
  const next: Session = { ...session, round: session.round + 1 };
  const challenge = await fetchChallenge(context, next, statement.imsi);
  return sql.transaction(() => {
    const first = findReply(sql, object, session.sid, session.digest);
    if (first !== undefined) return success(first);
    const now = dependencies.clock();
    countChallenge(sql, object, next, now);
    const { trail, reply } = storeChallenge(context, next, challenge);
    recordCardEvent(context, session, "resynchronised", challenge.objection, [
      { step: 328, at: now, outcome: "done" },
      { step: 329, at: now, outcome: "synchronisation_failure" },
      { step: 330, at: now, outcome: "resynchronised" },
      ...trail,
    ]);
    return success(reply);
  });
}

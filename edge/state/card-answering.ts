/**
 * Step 3 at the card's writer: the card's signature over the module's answer, then the centre's
 * word on it, which ends in another round or in a decision (invariants I3, I5).
 */
import {
  type AccessContinuation,
  subscriberMac,
  verifyResponse,
} from "../access-authentication/authenticate.ts";
import { verifyAnswer } from "../secure-connection/critical-information.ts";
import { equalBytes } from "#protocol/bytes";
import type { AnswerStatement } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import { stepIn } from "#protocol/steps";
import { type ConcludedAccess, decideSession } from "./card-deciding.ts";
import { loadSession, restoreConnection, sessionMode } from "./card-connection.ts";
import { recordCardEvent } from "./card-events.ts";
import { isWithheld } from "./card-orders.ts";
import { fetchChallenge, isOverQuota, storeChallenge } from "./card-opening.ts";
import { countChallenge, findCard, findReply, saveSession, type Session } from "./card-store.ts";
import type {
  AnswerRequest,
  CardContext,
  CardWriterFailure,
  CardWriterResult,
} from "./card-writer.ts";

/** A session that was decided already, or one whose transcript is h3 and the answer under it. */
type Begun = Result<
  | { readonly reply: string }
  | { readonly decided: Session }
  | { readonly session: Session; readonly statement: AnswerStatement },
  CardWriterFailure
>;

export async function answerSession(
  context: CardContext,
  request: AnswerRequest,
): Promise<CardWriterResult> {
  const begun = context.sql.transaction(() => beginAnswer(context, request));
  if (!begun.ok) return begun;
  if ("reply" in begun.value) return success(begun.value.reply);
  if ("decided" in begun.value) return decideSession(context, begun.value.decided, undefined);
  const { session, statement } = begun.value;
  const authenticated = await authenticateAccess(context, session, statement);
  if (!authenticated.ok) return authenticated;
  const access = authenticated.value;
  if (access.kind === "resynchronised" || access.kind === "ssd_offered") {
    return continueSession(context, session, access.kind);
  }
  const reply = await decideSession(context, session, access, request.country);
  if (access.kind === "verified") context.afterwards(tellCentre(context, session, access));
  return reply;
}

/**
 * A UDM wants to know whose challenge was answered. It learns it once it is too late to matter, and
 * what came of telling it is an event.
 */
async function tellCentre(
  context: CardContext,
  session: Session,
  { subscriber }: Extract<ConcludedAccess, { kind: "verified" }>,
): Promise<void> {
  const { connectors, clock } = context.dependencies;
  const { centre, imsi } = subscriber;
  const told = await connectors.get(centre)?.confirm?.({ imsi, at: clock() });
  if (told === undefined) return;
  context.sql.transaction(() => {
    recordCardEvent(context, session, "centre_told", told.ok ? "done" : told.reason, []);
  });
}

/** Step 328, first half: order, time, and the card's answer to the challenge of this very round. */
function beginAnswer(context: CardContext, request: AnswerRequest): Begun {
  const { sql, object, dependencies } = context;
  const { sid, digest } = request;
  const reply = findReply(sql, object, sid, digest);
  if (reply !== undefined) {
    return isWithheld(sql, object, sid) ? failure("session_expired") : success({ reply });
  }
  const session = loadSession(context, sid);
  const card = findCard(sql, object);
  if (session === undefined || card === undefined) return failure("session_unknown");
  const now = dependencies.clock();
  if (card.currentSid !== session.sid || now > session.expiresAt) return failure("session_expired");
  const isBegun = session.phase === "answering" || session.phase === "decided";
  if (isBegun && !equalBytes(session.digest, digest)) return failure("step_out_of_order");
  if (session.phase === "decided") return success({ decided: session });
  if (!isBegun && session.phase !== "challenged") return failure("step_out_of_order");
  if (!isBegun && now > session.roundExpiresAt) return failure("session_expired");
  const h2 = isBegun ? session.previous : session.transcript;
  const connection = restoreConnection(context, card, session);
  const position = { previous: h2, number: session.round };
  const verified = verifyAnswer(connection, position, request.answer);
  if (!verified.ok) return verified;
  const { h3, statement } = verified.value;
  const accepted: Session = {
    ...session,
    phase: "answering",
    transcript: h3,
    previous: h2,
    digest,
  };
  saveSession(sql, object, accepted);
  return success({ session: accepted, statement });
}

function refuse(reason: string): Result<ConcludedAccess, never> {
  return success({ kind: "refused", reason });
}

/** Steps 328-330. An answer that cannot count never reaches the centre. */
async function authenticateAccess(
  context: CardContext,
  session: Session,
  statement: AnswerStatement,
): Promise<Result<ConcludedAccess | AccessContinuation, "centre_unavailable">> {
  const { dependencies, slots } = context;
  const { imsi, answer, moduleKind, confirmationTag: tag } = statement;
  const { tenant } = session.terms;
  if (session.objection !== "") return refuse(session.objection);
  if (!equalBytes(session.subscriberMac, subscriberMac(dependencies.vault, tenant, imsi))) {
    return refuse("imsi_changed");
  }
  if (moduleKind !== session.moduleKind) return refuse("module_kind_changed");
  const isContinuing = answer.kind === "auts" || answer.kind === "randbs";
  if (isContinuing && session.round >= dependencies.limits.resynchronisations) {
    return refuse("resynchronisations_spent");
  }
  if (isContinuing && isOverQuota(context, session.subscriberMac)) {
    return refuse("card_quota_exceeded");
  }
  const { sid, round, cardId, digest } = session;
  const access = { tenant, cardId, imsi, sid, round, moduleKind };
  return verifyResponse(dependencies, slots, access, { answer, tag, digest });
}

/** After AUTS or RANDBS: the next round, as another step 320 in answer to step 327. */
async function continueSession(
  context: CardContext,
  session: Session,
  kind: AccessContinuation["kind"],
): Promise<CardWriterResult> {
  const { sql, object, dependencies } = context;
  const mode = sessionMode(session);
  const next: Session = { ...session, round: session.round + 1 };
  const fetched = await fetchChallenge(context, next, kind === "ssd_offered");
  if (!fetched.ok) return fetched;
  const challenge = fetched.value;
  return sql.transaction(() => {
    const first = findReply(sql, object, session.sid, session.digest);
    if (first !== undefined) return success(first);
    const now = dependencies.clock();
    countChallenge(sql, object, next, now);
    const { trail, reply } = storeChallenge(context, next, challenge);
    const failed = kind === "resynchronised" ? "synchronisation_failure" : kind;
    recordCardEvent(context, session, kind, challenge.objection, [
      { step: stepIn(mode, 328), at: now, outcome: "done" },
      { step: stepIn(mode, 329), at: now, outcome: failed },
      { step: stepIn(mode, 330), at: now, outcome: kind },
      ...trail,
    ]);
    return success(reply);
  });
}

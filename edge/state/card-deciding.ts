/**
 * Steps 331 and 332 at the card's writer: decision, epoch and audit event in one commit; then the
 * signature over what was committed; then the bytes that were sent, stored (invariants I2, I8,
 * I12).
 */
import type { AccessOutcome } from "../access-authentication/authenticate.ts";
import { type BindingDecision, NO_LEASE, verifyBinding } from "../binding-verification/verify.ts";
import { findLapse } from "../secure-connection/card-authentication.ts";
import { signResult, type StoredPlatformKey } from "../secure-connection/critical-information.ts";
import { encodeBase64Url, equalBytes } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { encodeResult, encodeSignedResult } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import type { StepReport } from "#protocol/steps";
import { findSuite } from "#protocol/suites";
import { hashResult } from "#protocol/transcript";
import type { BindingVerdict } from "#protocol/wire";
import { recordCardEvent } from "./card-events.ts";
import {
  findCard,
  findReply,
  findSession,
  saveCard,
  savePair,
  saveReply,
  saveSession,
  type Session,
} from "./card-store.ts";
import type { CardContext, CardWriterFailure, CardWriterResult } from "./card-writer.ts";

/** What the centre made of the answer, when it ended the session. */
export type ConcludedAccess =
  | Extract<AccessOutcome, { kind: "verified" }>
  | { readonly kind: "refused"; readonly reason: string };

interface SigningKey extends StoredPlatformKey {
  readonly floor: number;
}

interface Decision extends BindingDecision {
  readonly strength: string;
}

/**
 * Step 331 and 332 for a session in phase answering, or in phase decided when the same body comes
 * again after a crash.
 */
export async function decideSession(
  context: CardContext,
  session: Session,
  imsi: string,
  access: ConcludedAccess | undefined,
): Promise<CardWriterResult> {
  const key = await findSigningKey(context, session);
  if (access === undefined) {
    const lapsed = await isWithdrawn(context, session, imsi);
    return lapsed ? failure("session_expired") : deliver(context, session, key);
  }
  const decision = await decide(context, session, access);
  const committed = context.sql.transaction(() =>
    commitDecision(context, session, access, decision, key.floor),
  );
  return committed.ok ? deliver(context, committed.value, key) : committed;
}

/**
 * A SUCCESS that was committed and never sent is not sent any more once card or subscriber were
 * withdrawn. It is not replaced either: the next session decides anew.
 */
async function isWithdrawn(
  { dependencies }: CardContext,
  { terms, cardId, verdict }: Session,
  imsi: string,
): Promise<boolean> {
  if (verdict !== "SUCCESS") return false;
  const pair = { tenant: terms.tenant, cardId, imsi };
  return (await findPairLapse(dependencies, pair)) !== undefined;
}

/** Without a verified answer there is nothing for rules to judge. */
async function decide(
  { dependencies }: CardContext,
  session: Session,
  access: ConcludedAccess,
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
  if (!equalBytes(current.digest, session.digest)) return failure("step_out_of_order");
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

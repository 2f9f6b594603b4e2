/**
 * Steps 331 and 332 at the card's writer: decision, epoch and audit event in one commit; then the
 * signature over what was committed; then the bytes that were sent, stored (invariants I2, I8,
 * I12).
 */
import type { AccessOutcome } from "../access-authentication/authenticate.ts";
import { type BindingDecision, NO_LEASE, verifyBinding } from "../binding-verification/verify.ts";
import { findLapse } from "../secure-connection/card-authentication.ts";
import { protectResult } from "../secure-connection/critical-information.ts";
import { encodeBase64Url, equalBytes } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { encodeResult } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import { stepIn, type StepReport } from "#protocol/steps";
import type { ModeName } from "#protocol/suites";
import { hashResult } from "#protocol/transcript";
import type { BindingVerdict, SealedVerdict, Verdict } from "#protocol/wire";
import {
  findPlatformKey,
  loadSession,
  type PlatformKeyInUse,
  readSecrets,
  restoreConnection,
  sessionMode,
  sessionSuite,
} from "./card-connection.ts";
import { recordCardEvent } from "./card-events.ts";
import { findOrders, findReport } from "./card-orders.ts";
import { isPairingChanged, savePair } from "./card-pairs.ts";
import {
  findCard,
  findReply,
  saveCard,
  saveReply,
  saveSession,
  type Session,
} from "./card-store.ts";
import type { CardContext, CardWriterFailure, CardWriterResult } from "./card-writer.ts";

/** What the centre made of the answer, when it ended the session. */
export type ConcludedAccess =
  | Extract<AccessOutcome, { kind: "verified" }>
  | { readonly kind: "refused"; readonly reason: string };

interface Decision extends BindingDecision {
  readonly strength: string;
}

type VerifiedAccess = Extract<ConcludedAccess, { kind: "verified" }>;

/**
 * Step 331 and 332 for a session in phase answering, or in phase decided when the same body comes
 * again after a crash.
 */
export async function decideSession(
  context: CardContext,
  session: Session,
  access: ConcludedAccess | undefined,
): Promise<CardWriterResult> {
  const key = await findPlatformKey(context, session);
  if (access === undefined) {
    const lapsed = await isWithdrawn(context, session);
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
async function isWithdrawn(context: CardContext, session: Session): Promise<boolean> {
  if (session.verdict !== "SUCCESS") return false;
  const { imsi } = readSecrets(context, session);
  const pair = { tenant: session.terms.tenant, cardId: session.cardId, imsi };
  return (await findPairLapse(context.dependencies, pair)) !== undefined;
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
  const proven = { ...subscriber, strength };
  const decision = await verifyBinding(dependencies, { tenant, cardId, subscriber: proven });
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
 * What only the card's writer knows, looked at in the transaction of the decision (invariant I11):
 * a report on the card, the age of the slot's word, the pairing of before.
 */
function findObstacle(
  { sql, object, dependencies }: CardContext,
  session: Session,
  { subscriber, wordExpiresAt }: VerifiedAccess,
): string | undefined {
  const report = findReport(findOrders(sql, object));
  if (report !== undefined) return report;
  if (dependencies.clock() >= wordExpiresAt) return "word_expired";
  const { vault } = dependencies;
  const changed = isPairingChanged(sql, object, vault, session.subscriberMac, subscriber);
  return changed ? "pairing_changed" : undefined;
}

/**
 * Decision, epoch and audit event, committed as the body that will be signed. A lock that left
 * without a receipt goes out again with every decision until the card confirms it.
 */
function commitDecision(
  context: CardContext,
  session: Session,
  access: ConcludedAccess,
  proposed: Decision,
  floor: number,
): Result<Session, CardWriterFailure> {
  const { sql, object, dependencies } = context;
  const current = loadSession(context, session.sid);
  const card = findCard(sql, object);
  if (current === undefined || card === undefined) throw new Error("a session vanished");
  if (!equalBytes(current.digest, session.digest)) return failure("step_out_of_order");
  if (current.phase !== "answering") return success(current);
  if (card.currentSid !== session.sid) return failure("session_expired");
  const proven = proposed.success && access.kind === "verified" ? access : undefined;
  const obstacle = proven === undefined ? undefined : findObstacle(context, session, proven);
  const decision = obstacle === undefined ? proposed : refusal(obstacle);
  const granted = decision.success && card.lockPhase === "none" ? proven : undefined;
  const isOrdered = decision.lock || findOrders(sql, object).report === "stolen";
  const lock = card.lockPhase === "issued" || (card.lockPhase === "none" && isOrdered);
  const epoch = card.epoch + 1;
  const { hash } = dependencies.suites(sessionSuite(session).name);
  const result = encodeResult({
    success: granted !== undefined,
    cardId: cardIdBytes(session.cardId),
    cardNonce: session.cardNonce,
    epoch,
    lock,
    lease: granted === undefined ? NO_LEASE : decision.lease,
    floor,
  });
  const decided: Session = {
    ...current,
    phase: "decided",
    previous: current.transcript,
    transcript: hashResult(hash, current.transcript, result),
    verdict: granted === undefined ? "FAILURE" : "SUCCESS",
    wordExpiresAt: granted?.wordExpiresAt ?? 0,
    epoch,
    result,
  };
  saveSession(sql, object, decided);
  saveCard(sql, object, { ...card, epoch, lockPhase: lock ? "issued" : card.lockPhase });
  if (granted !== undefined) {
    savePair(sql, object, dependencies.vault, session.subscriberMac, granted.subscriber);
  }
  recordCardEvent(
    context,
    session,
    "decided",
    `RESULT=${decided.verdict} ${decision.reason} version ${decision.ruleVersion} ${decision.strength}`.trim(),
    decisionTrail(sessionMode(session), dependencies.clock(), access.kind, decided, decision),
  );
  return success(decided);
}

function decisionTrail(
  mode: ModeName,
  at: number,
  kind: "verified" | "refused",
  decided: Session,
  decision: Decision,
): StepReport[] {
  const outcome = kind === "verified" ? "verified" : decision.reason;
  const trail: StepReport[] = [
    { step: stepIn(mode, 328), at, outcome: "done" },
    { step: stepIn(mode, 329), at, outcome },
    { step: stepIn(mode, 330), at, outcome },
  ];
  if (kind === "verified") trail.push({ step: stepIn(mode, 331), at, outcome: decided.verdict });
  return trail;
}

/** Step 332: protects the committed body and keeps the bytes; whoever is second sends the same. */
function deliver(context: CardContext, session: Session, key: PlatformKeyInUse): CardWriterResult {
  const { sql, object, dependencies } = context;
  const stored = findReply(sql, object, session.sid, session.digest);
  if (stored !== undefined) return success(stored);
  const card = findCard(sql, object);
  if (session.verdict === "" || session.verdict === "UNLOCK" || card === undefined) {
    throw new Error("nothing was decided");
  }
  if (session.verdict === "SUCCESS" && isOverdue(context, session)) {
    return failure("session_expired");
  }
  const connection = restoreConnection(context, card, session);
  const position = { previous: session.previous, number: session.round + 1 };
  const body = { result: session.result, h4: session.transcript };
  const bytes = protectResult(dependencies, connection, key, position, body);
  const reply = encodeVerdict(connection.mode, session.verdict, encodeBase64Url(bytes));
  return sql.transaction(() => {
    saveReply(sql, object, session, reply);
    saveSession(sql, object, { ...session, phase: "delivered" });
    return success(reply);
  });
}

/**
 * A SUCCESS that did not leave at once does not leave after a report on the card, nor on a word
 * that a report on the subscriber no longer waits for.
 */
function isOverdue({ sql, object, dependencies }: CardContext, session: Session): boolean {
  const isReported = findReport(findOrders(sql, object)) !== undefined;
  return isReported || dependencies.clock() >= session.wordExpiresAt;
}

/** In encrypted mode the verdict is for the card alone. */
function encodeVerdict(mode: ModeName, verdict: Verdict, result: string): string {
  return mode === "signed"
    ? JSON.stringify({ verdict, result } satisfies BindingVerdict)
    : JSON.stringify({ result } satisfies SealedVerdict);
}

/**
 * Steps 331 and 332 at the card's writer: decision, epoch and audit event in one commit; then the
 * signature over what was committed; then the bytes that were sent, stored (invariants I2, I8,
 * I12).
 */
import { NO_LEASE } from "../binding-verification/verify.ts";
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
import {
  judgeBinding,
  type Judgement,
  lookAtPair,
  refusal,
  type VerifiedAccess,
} from "./card-judging.ts";
import { findOrders, findReport } from "./card-orders.ts";
import { findPairingChange, savePair } from "./card-pairs.ts";
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
  | VerifiedAccess
  | { readonly kind: "refused"; readonly reason: string };

/**
 * Step 331 and 332 for a session in phase answering, or in phase decided when the same body comes
 * again after a crash.
 */
export async function decideSession(
  context: CardContext,
  session: Session,
  access: ConcludedAccess | undefined,
  country?: string,
): Promise<CardWriterResult> {
  const key = await findPlatformKey(context, session);
  if (access === undefined) {
    const lapsed = await isWithdrawn(context, session);
    return lapsed ? failure("session_expired") : deliver(context, session, key);
  }
  // Without a verified answer there is nothing for rules to judge.
  const decision =
    access.kind === "refused"
      ? refusal(access.reason)
      : await judgeBinding(context, session, access, country);
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
  return "lapse" in (await lookAtPair(context.dependencies, pair));
}

/**
 * What only the card's writer knows, looked at in the transaction of the decision (invariant I11):
 * a report on the card, the age of the slot's word, the pairing of before, whose change is an event
 * of its own.
 */
function findObstacle(
  context: CardContext,
  session: Session,
  { subscriber, wordExpiresAt }: VerifiedAccess,
): string | undefined {
  const { sql, object, dependencies } = context;
  const report = findReport(findOrders(sql, object));
  if (report !== undefined) return report;
  if (dependencies.clock() >= wordExpiresAt) return "word_expired";
  const { vault } = dependencies;
  const change = findPairingChange(sql, object, vault, session.subscriberMac, subscriber);
  if (change === undefined) return undefined;
  recordCardEvent(context, session, "pairing_changed", change, []);
  return "pairing_changed";
}

/**
 * Decision, epoch and audit event, committed as the body that will be signed. A lock that left
 * without a receipt goes out again with every decision until the card confirms it.
 */
function commitDecision(
  context: CardContext,
  session: Session,
  access: ConcludedAccess,
  proposed: Judgement,
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
  const isStale = proposed.facts !== undefined && proposed.ruleVersion < card.ruleVersion;
  const objection = isStale ? "rules_stale" : obstacle;
  const decision = objection === undefined ? proposed : refusal(objection);
  const granted = decision.success && card.lockPhase === "none" ? proven : undefined;
  const counted = countMismatch(card.mismatches, decision, granted !== undefined);
  const isOrdered = counted.lock || findOrders(sql, object).report === "stolen";
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
  saveCard(sql, object, {
    ...card,
    epoch,
    lockPhase: lock ? "issued" : card.lockPhase,
    mismatches: lock ? 0 : counted.mismatches,
    ruleVersion: Math.max(card.ruleVersion, decision.ruleVersion),
  });
  if (granted !== undefined) {
    savePair(sql, object, dependencies.vault, session.subscriberMac, granted.subscriber);
  }
  recordCardEvent(
    context,
    session,
    "decided",
    `RESULT=${decided.verdict} ${decision.reason} version ${decision.ruleVersion} ${decision.strength}`.trim(),
    decisionTrail(sessionMode(session), dependencies.clock(), access.kind, decided, decision),
    proposed.facts,
  );
  return success(decided);
}

/**
 * Mismatches in a row: a SUCCESS begins the count anew, what is neither leaves it. A lock that the
 * rules want is due at once, or with the n-th of them.
 */
function countMismatch(
  before: number,
  { mismatch }: Judgement,
  isGranted: boolean,
): { readonly mismatches: number; readonly lock: boolean } {
  if (isGranted) return { mismatches: 0, lock: false };
  if (mismatch === undefined) return { mismatches: before, lock: false };
  const mismatches = before + 1;
  if (typeof mismatch === "string") return { mismatches, lock: mismatch === "lock" };
  return { mismatches, lock: mismatches >= mismatch.lockAfter };
}

function decisionTrail(
  mode: ModeName,
  at: number,
  kind: "verified" | "refused",
  decided: Session,
  decision: Judgement,
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

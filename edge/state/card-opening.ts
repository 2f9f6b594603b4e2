/**
 * Step 2 at the card's writer: the session id is consumed, once; then a challenge is fetched; then
 * the reply is stored (invariants I3, I6).
 */
import {
  type AccessChallengeOutcome,
  requestChallenge,
  subscriberMac,
} from "../access-authentication/authenticate.ts";
import { FIRST_STORE_GENERATION, HOUR_MS } from "../limits.ts";
import { type Agreement, agreeOnKeys } from "../secure-connection/connection.ts";
import { protectChallenge } from "../secure-connection/critical-information.ts";
import {
  refreshSecrets,
  unwrapSecrets,
  wrapSecrets,
} from "../secure-connection/session-secrets.ts";
import { CARD_KIND } from "#protocol/assigned-numbers";
import { encodeBase64Url, equalBytes } from "#protocol/bytes";
import { encodeChallenge } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import { stepIn, type StepReport } from "#protocol/steps";
import { hashChallenge } from "#protocol/transcript";
import type { AccessChallenge, LockedVerdict } from "#protocol/wire";
import {
  findPlatformKey,
  loadSession,
  NO_SECRETS,
  type PlatformKeyInUse,
  readSecrets,
  restoreConnection,
  secretsContext,
  sessionMode,
  sessionSuite,
  sessionToken,
} from "./card-connection.ts";
import { recordCardEvent } from "./card-events.ts";
import { type CardOrders, findOrders, findReport } from "./card-orders.ts";
import { isPair } from "./card-pairs.ts";
import {
  type Card,
  countCardChallenges,
  countChallenge,
  findCard,
  findReply,
  pruneCard,
  saveCard,
  saveReply,
  saveSession,
  type Session,
} from "./card-store.ts";
import {
  closeGrant,
  commitUnlock,
  deliverUnlock,
  isLockGone,
  isUnlockGranted,
} from "./card-unlocking.ts";
import type {
  CardContext,
  CardWriterFailure,
  CardWriterResult,
  OpenRequest,
} from "./card-writer.ts";

/** Either the stored reply, or the session whose challenge, or unlock, is still to come. */
type Opening = Result<
  { readonly reply: string } | { readonly session: Session },
  CardWriterFailure
>;

export async function openSession(
  context: CardContext,
  request: OpenRequest,
): Promise<CardWriterResult> {
  const authenticatedAt = context.dependencies.clock();
  const opening = context.sql.transaction(() => consumeSession(context, request));
  if (!opening.ok) return opening;
  if ("reply" in opening.value) return success(opening.value.reply);
  const { session } = opening.value;
  if (session.phase === "decided") return deliverUnlock(context, session);
  const mode = sessionMode(session);
  const key = mode === "encrypted" ? await findPlatformKey(context, session) : undefined;
  const fetched = await fetchChallenge(context, session);
  if (!fetched.ok) return fetched;
  const challenge = fetched.value;
  return context.sql.transaction(() => {
    const first = findReply(context.sql, context.object, session.sid, session.digest);
    if (first !== undefined) return success(first);
    const agreement = key === undefined ? undefined : agreeWithCard(context, session, request, key);
    const { trail, reply } = storeChallenge(
      context,
      agreement === undefined ? session : { ...session, secrets: agreement.secrets },
      challenge,
      agreement,
    );
    recordCardEvent(context, session, "card_authenticated", challenge.objection, [
      { step: stepIn(mode, 317), at: authenticatedAt, outcome: "done" },
      ...trail,
    ]);
    return success(reply);
  });
}

/** Encrypted mode: the keys of the session, and its secrets with them. */
function agreeWithCard(
  context: CardContext,
  session: Session,
  { cardId, pinnedKey, wrappedKey, proof }: OpenRequest,
  key: PlatformKeyInUse,
): Agreement & { readonly secrets: Uint8Array } {
  const { dependencies, object } = context;
  const { tenant, generation } = session.terms;
  const sharedKey = wrappedKey === undefined ? undefined : { tenant, cardId, wrappedKey };
  const { ephemeralKey } = proof;
  const opening = { h1: session.transcript, generation, ephemeralKey, sharedKey };
  const connection = restoreConnection(context, { pinnedKey }, session);
  const agreement = agreeOnKeys(dependencies, connection, opening, key);
  const secrets = { ...readSecrets(context, session), sealing: agreement.sealing };
  const row = secretsContext(object, session.sid);
  return { ...agreement, secrets: wrapSecrets(dependencies, row, secrets) };
}

function consumeSession(context: CardContext, request: OpenRequest): Opening {
  const { sql, object, dependencies } = context;
  const { sid, digest } = request;
  const now = dependencies.clock();
  const reply = findReply(sql, object, sid, digest);
  if (reply !== undefined) return success({ reply });
  const begun = loadSession(context, sid);
  if (begun !== undefined) {
    const isOpen = begun.phase === "opening" || begun.phase === "decided";
    const same = isOpen && equalBytes(begun.digest, digest);
    return same ? success({ session: begun }) : failure("session_consumed");
  }
  pruneCard(sql, object, now, dependencies.limits.challengeSeconds * 1000);
  const known = findCard(sql, object) ?? newCard(request);
  if (!equalBytes(known.pinnedKey, request.pinnedKey)) return failure("key_changed");
  const session = newSession(context, request);
  if (isOverQuota(context, session.subscriberMac)) return failure("quota_exceeded");
  const orders = findOrders(sql, object);
  const { card, objection } = assessCard(known, request, orders, dependencies.storeGeneration);
  const current = { ...card, currentSid: sid };
  saveCard(sql, object, current);
  const opened = { ...session, objection: objection || (findReport(orders) ?? "") };
  saveSession(sql, object, opened);
  countChallenge(sql, object, opened, now);
  if (known.lockPhase !== "none" && card.lockPhase === "none") {
    closeGrant(context, opened, known.lockPhase === "issued" ? "lock_not_taken" : "unlock_taken");
  }
  const { state } = request.proof;
  if (state.name !== "locked") return success({ session: opened });
  if (objection !== "card_locked" || !isUnlockGranted(orders)) {
    return success({ reply: closeLocked(context, opened) });
  }
  return success({ session: commitUnlock(context, opened, current, state.lockId) });
}

/** As if known from the beginning: a backup may be older than the card's first binding. */
function newCard({ pinnedKey }: OpenRequest): Card {
  const storeGeneration = FIRST_STORE_GENERATION;
  const unlocked = { lockPhase: "none", lockId: undefined } as const;
  const counts = { epoch: 0, receiptEpoch: 0, mismatches: 0, ruleVersion: 0 };
  return { ...unlocked, ...counts, pinnedKey, currentSid: "", storeGeneration };
}

function newSession(context: CardContext, request: OpenRequest): Session {
  const { clock, limits, vault } = context.dependencies;
  const { terms, secrets } = request;
  const row = secretsContext(context.object, request.sid);
  const { imsi } = unwrapSecrets(context.dependencies, row, secrets);
  return {
    sid: request.sid,
    phase: "opening",
    expiresAt: clock() + limits.sessionSeconds * 1000,
    cardId: request.cardId,
    terms,
    cardNonce: request.proof.cardNonce,
    cardKind: request.proof.cardKind,
    moduleKind: request.moduleKind,
    subscriberMac: subscriberMac(vault, terms.tenant, imsi),
    secrets: refreshSecrets(context.dependencies, row, secrets),
    transcript: request.h1,
    previous: new Uint8Array(0),
    round: 0,
    roundExpiresAt: 0,
    objection: "",
    token: "",
    digest: request.digest,
    verdict: "",
    wordExpiresAt: 0,
    epoch: 0,
    result: new Uint8Array(0),
  };
}

/** One more challenge about this subscriber would be too many (invariant I6). */
export function isOverQuota({ sql, object, dependencies }: CardContext, mac: Uint8Array): boolean {
  const { limits, clock } = dependencies;
  const counts = countCardChallenges(sql, object, mac, clock() - HOUR_MS);
  const newImsi = counts.pair === 0 ? 1 : 0;
  return (
    counts.card >= limits.challengesPerCardHour ||
    counts.pair >= limits.challengesPerPairHour ||
    counts.imsis + newImsi > limits.imsisPerCardHour
  );
}

/**
 * What the card says of itself against what its writer knows. An epoch above ours proves that our
 * state was wound back, unless a restore says so; one below what the card proved before, that it
 * was copied, or that this proof was held back since. Neither may end in SUCCESS, and neither
 * locks.
 */
function assessCard(
  card: Card,
  { proof }: OpenRequest,
  orders: CardOrders,
  storeGeneration: number,
): { readonly card: Card; readonly objection: string } {
  const proven = { ...card, receiptEpoch: Math.max(card.receiptEpoch, proof.epoch) };
  if (storeGeneration > card.storeGeneration) {
    return assessLock(restoreCard(proven, proof, storeGeneration), proof, orders);
  }
  if (proof.epoch > card.epoch) {
    if (proof.cardKind !== CARD_KIND.mtm) return { card, objection: "rollback_suspected" };
    // Anybody may raise a TPM's counter, which ends leases and proves nothing about our state.
    return assessLock({ ...proven, epoch: proof.epoch }, proof, orders);
  }
  if (proof.epoch < card.receiptEpoch) return { card, objection: "clone_suspected" };
  return assessLock(proven, proof, orders);
}

/** After a restore the card knows what was lost, its epoch and that its lock was lifted. */
function restoreCard(card: Card, proof: OpenRequest["proof"], storeGeneration: number): Card {
  const epoch = Math.max(card.epoch, proof.epoch) + 1;
  // The restored catalog may be back at an older version of the rules.
  const restored = { ...card, epoch, storeGeneration, ruleVersion: 0 };
  const isLifted = card.lockPhase === "locked" && proof.state.name !== "locked";
  return isLifted ? { ...restored, lockPhase: "none", lockId: undefined } : restored;
}

function assessLock(
  card: Card,
  proof: OpenRequest["proof"],
  orders: CardOrders,
): { readonly card: Card; readonly objection: string } {
  const { state } = proof;
  if (state.name === "locked") {
    return {
      card: { ...card, lockPhase: "locked", lockId: state.lockId },
      objection: "card_locked",
    };
  }
  if (isLockGone(card, orders, proof)) {
    return { card: { ...card, lockPhase: "none", lockId: undefined }, objection: "" };
  }
  if (card.lockPhase === "issued") return { card, objection: "lock_unconfirmed" };
  if (card.lockPhase === "locked") return { card, objection: "lock_contradicted" };
  return { card, objection: "" };
}

/** A locked card has nothing to gain from a challenge. */
function closeLocked(context: CardContext, session: Session): string {
  const reply = JSON.stringify({ verdict: "FAILURE" } satisfies LockedVerdict);
  saveSession(context.sql, context.object, { ...session, phase: "closed", secrets: NO_SECRETS });
  saveReply(context.sql, context.object, session, reply);
  recordCardEvent(context, session, "card_authenticated", session.objection, [
    { step: stepIn(sessionMode(session), 317), at: context.dependencies.clock(), outcome: "done" },
  ]);
  return reply;
}

/**
 * Steps 318 and 319, for round `session.round`; a session under objection costs no vector.
 * `isConfirmation` after RANDBS. While its external centre is out of order, the session stays as it
 * is and the same body may come again.
 */
export async function fetchChallenge(
  context: CardContext,
  session: Session,
  isConfirmation = false,
): Promise<Result<AccessChallengeOutcome, "centre_unavailable">> {
  const { sql, object, dependencies, slots } = context;
  const { objection, sid, round, cardId, terms, moduleKind } = session;
  const { imsi } = readSecrets(context, session);
  const related = isPair(sql, object, session.subscriberMac);
  const access = { tenant: terms.tenant, cardId, imsi, sid, round, moduleKind };
  return requestChallenge(dependencies, slots, access, { related, objection, isConfirmation });
}

/**
 * Step 320: opens the round of `session` and stores its reply. Inside a transaction. `agreement` in
 * round 0 of encrypted mode.
 */
export function storeChallenge(
  context: CardContext,
  session: Session,
  { vector, objection }: AccessChallengeOutcome,
  agreement?: Agreement,
): { readonly reply: string; readonly trail: readonly StepReport[] } {
  const { sql, object, dependencies } = context;
  const { clock, limits, suites } = dependencies;
  const now = clock();
  const { round } = session;
  const previous = agreement?.hk ?? session.transcript;
  const challenge = encodeChallenge({ round, ...vector });
  const token = session.token === "" ? sessionToken(dependencies, session, now) : session.token;
  const card = findCard(sql, object);
  if (card === undefined) throw new Error("a card vanished");
  const connection = restoreConnection(context, card, session);
  const position = { previous, number: round };
  const message = protectChallenge(connection, position, challenge, agreement?.message);
  const reply = JSON.stringify({
    token,
    challenge: encodeBase64Url(message),
  } satisfies AccessChallenge);
  saveReply(sql, object, session, reply);
  saveSession(sql, object, {
    ...session,
    token,
    objection,
    phase: "challenged",
    previous,
    transcript: hashChallenge(suites(sessionSuite(session).name).hash, previous, challenge),
    roundExpiresAt: now + limits.answerSeconds * 1000,
  });
  const outcome = objection === "" ? "done" : "dummy";
  const mode = sessionMode(session);
  return {
    reply,
    trail: [
      { step: stepIn(mode, 318), at: now, outcome },
      { step: stepIn(mode, 319), at: now, outcome },
    ],
  };
}

/**
 * Step 2 of a locked card under a grant: in place of a challenge the unlock body, committed with
 * its epoch and audit event, then proved by the platform over hu, then stored (invariants I8, I12).
 * It names the nonce and the lock id that the card proved in this session, so it fits no other.
 */
import { protectUnlock } from "../secure-connection/critical-information.ts";
import { encodeBase64Url } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { encodeUnlock } from "#protocol/messages";
import { failure, success } from "#protocol/result";
import { stepIn } from "#protocol/steps";
import { hashUnlock } from "#protocol/transcript";
import type { UnlockGrant } from "#protocol/wire";
import {
  findPlatformKey,
  restoreConnection,
  sessionMode,
  sessionSuite,
  sessionToken,
} from "./card-connection.ts";
import { recordCardEvent } from "./card-events.ts";
import { type CardOrders, findOrders, saveOrders } from "./card-orders.ts";
import {
  type Card,
  findCard,
  findReply,
  saveCard,
  saveReply,
  saveSession,
  type Session,
} from "./card-store.ts";
import type { CardContext, CardWriterResult, OpenRequest } from "./card-writer.ts";

type Proof = OpenRequest["proof"];

/** A grant lifts the lock only of a card that nothing is reported about. */
export function isUnlockGranted({ granted, report, revoked }: CardOrders): boolean {
  return granted && report === "" && !revoked;
}

/**
 * The card itself proves that the lock is gone: it took the unlock whose receipt is missing, or it
 * never took its lock and cannot any more, because the nonce of that session died with it.
 */
export function isLockGone(card: Card, orders: CardOrders, { state, epoch }: Proof): boolean {
  if (state.name === "locked") return false;
  if (card.lockPhase === "issued") return isUnlockGranted(orders);
  if (card.lockPhase !== "locked" || orders.unlockEpoch === 0) return false;
  return state.name === "idle" && epoch >= orders.unlockEpoch;
}

/** The grant has served; `reason` says how the lock ended. Inside the transaction that ends it. */
export function closeGrant(context: CardContext, session: Session, reason: string): void {
  const { sql, object } = context;
  saveOrders(sql, object, { ...findOrders(sql, object), granted: false, unlockEpoch: 0 });
  recordCardEvent(context, session, "unlocked", reason, []);
}

/** Inside the transaction that consumed the session; `card` as it was saved there. */
export function commitUnlock(
  context: CardContext,
  session: Session,
  card: Card,
  lockId: Uint8Array,
): Session {
  const { sql, object, dependencies } = context;
  const epoch = card.epoch + 1;
  const { cardNonce } = session;
  const { hash } = dependencies.suites(sessionSuite(session).name);
  const unlock = encodeUnlock({ cardId: cardIdBytes(session.cardId), cardNonce, lockId, epoch });
  const decided: Session = {
    ...session,
    phase: "decided",
    previous: session.transcript,
    transcript: hashUnlock(hash, session.transcript, unlock),
    verdict: "UNLOCK",
    epoch,
    result: unlock,
  };
  saveSession(sql, object, decided);
  saveCard(sql, object, { ...card, epoch });
  saveOrders(sql, object, { ...findOrders(sql, object), unlockEpoch: epoch });
  recordCardEvent(context, session, "decided", "UNLOCK", [
    { step: stepIn(sessionMode(session), 317), at: dependencies.clock(), outcome: "done" },
  ]);
  return decided;
}

/** Proves the committed body and keeps the bytes; whoever comes second sends the same. */
export async function deliverUnlock(
  context: CardContext,
  session: Session,
): Promise<CardWriterResult> {
  const { sql, object, dependencies } = context;
  const key = await findPlatformKey(context, session);
  return sql.transaction(() => {
    const stored = findReply(sql, object, session.sid, session.digest);
    if (stored !== undefined) return success(stored);
    const card = findCard(sql, object);
    const isStanding = isUnlockGranted(findOrders(sql, object));
    const now = dependencies.clock();
    if (card?.currentSid !== session.sid || !isStanding || now > session.expiresAt) {
      return failure("session_expired");
    }
    const connection = restoreConnection(context, card, session);
    const body = { unlock: session.result, hu: session.transcript };
    const message = protectUnlock(dependencies, connection, key, body);
    const token = sessionToken(dependencies, session, now);
    const reply = JSON.stringify({
      token,
      unlock: encodeBase64Url(message),
    } satisfies UnlockGrant);
    saveReply(sql, object, session, reply);
    saveSession(sql, object, { ...session, token, phase: "delivered" });
    return success(reply);
  });
}

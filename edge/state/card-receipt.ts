/** The receipt at the card's writer: what the card became, in its own protected words. */
import { verifyReceipt, verifySignedReceipt } from "../secure-connection/critical-information.ts";
import { LABEL } from "#protocol/assigned-numbers";
import { failure, success } from "#protocol/result";
import { closeGrant } from "./card-unlocking.ts";
import { NO_SECRETS, restoreConnection } from "./card-connection.ts";
import { recordCardEvent } from "./card-events.ts";
import {
  findCard,
  findReply,
  findSession,
  saveCard,
  saveReply,
  saveSession,
} from "./card-store.ts";
import type { CardContext, CardWriterResult, ReceiptRequest } from "./card-writer.ts";

export function acceptReceipt(context: CardContext, request: ReceiptRequest): CardWriterResult {
  const { sql, object } = context;
  const { sid, digest, receipt } = request;
  return sql.transaction(() => {
    const known = findReply(sql, object, sid, digest);
    if (known !== undefined) return success(known);
    const session = findSession(sql, object, sid);
    const card = findCard(sql, object);
    if (session === undefined || card === undefined) return failure("session_unknown");
    if (session.phase !== "delivered") return failure("step_out_of_order");
    const connection = restoreConnection(context, card, session);
    const { transcript, verdict } = session;
    const position = { previous: transcript, number: session.round + 1 };
    const report =
      verdict === "UNLOCK"
        ? verifySignedReceipt(connection, transcript, LABEL.unlockReceipt, receipt)
        : verifyReceipt(connection, position, receipt);
    if (!report.ok) return report;
    if (report.value.epoch !== session.epoch) return failure("proof_invalid");
    const { state, epoch } = report.value;
    // What the card was at the beginning of a later session is newer than this receipt.
    const isNewest = card.currentSid === sid;
    const isLocked = isNewest && state.name === "locked";
    const isUnlocked = isNewest && verdict === "UNLOCK" && state.name === "idle";
    saveCard(sql, object, {
      ...card,
      receiptEpoch: Math.max(card.receiptEpoch, epoch),
      ...(isLocked ? { lockPhase: "locked", lockId: state.lockId } : {}),
      ...(isUnlocked ? { lockPhase: "none", lockId: undefined } : {}),
    });
    if (isUnlocked) closeGrant(context, session, "receipt");
    saveSession(sql, object, { ...session, phase: "closed", secrets: NO_SECRETS });
    saveReply(sql, object, { ...session, digest }, "");
    recordCardEvent(context, session, "receipt", state.name, []);
    return success("");
  });
}

/** The receipt at the card's writer: what the card became, in its own signed words. */
import { verifyReceipt } from "../secure-connection/critical-information.ts";
import { failure, success } from "#protocol/result";
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
  const { sql, object, dependencies } = context;
  const { sid, digest, receipt } = request;
  return sql.transaction(() => {
    const known = findReply(sql, object, sid, digest);
    if (known !== undefined) return success(known);
    const session = findSession(sql, object, sid);
    const card = findCard(sql, object);
    if (session === undefined || card === undefined) return failure("session_unknown");
    if (session.phase !== "delivered") return failure("step_out_of_order");
    const proven = verifyReceipt(dependencies.core, card.publicKey, session.transcript, receipt);
    if (!proven || receipt.epoch !== session.epoch) return failure("proof_invalid");
    const { state } = receipt;
    saveCard(sql, object, {
      ...card,
      receiptEpoch: Math.max(card.receiptEpoch, receipt.epoch),
      ...(state.name === "locked" ? { lockPhase: "locked", lockId: state.lockId } : {}),
    });
    saveSession(sql, object, { ...session, phase: "closed" });
    saveReply(sql, object, { ...session, digest }, "");
    recordCardEvent(context, session, "receipt", state.name, []);
    return success("");
  });
}

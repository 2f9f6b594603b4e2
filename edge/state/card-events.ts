/** Audit events of a card's writer. */
import type { StepReport } from "#protocol/steps";
import type { Session } from "./card-store.ts";
import type { CardContext } from "./card-writer.ts";
import { recordEvent } from "./outbox.ts";

export type CardEvent =
  | "card_authenticated"
  | "resynchronised"
  | "ssd_offered"
  | "decided"
  | "pairing_changed"
  | "centre_told"
  | "receipt"
  | "unlocked";

/** Inside the transaction of what the event reports. */
export function recordCardEvent(
  { sql, object, dependencies }: CardContext,
  session: Session,
  type: CardEvent,
  reason: string,
  trail: readonly StepReport[],
  facts?: string,
): void {
  recordEvent(sql, object, dependencies.storeGeneration, {
    tenant: session.terms.tenant,
    at: dependencies.clock(),
    type,
    cardId: session.cardId,
    session: session.sid,
    reason,
    trail,
    ...(facts === undefined ? {} : { facts }),
  });
}

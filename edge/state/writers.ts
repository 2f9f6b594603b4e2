/** The single writers as a point of presence sees them, in whatever host they live. */
import type { SlotOrders } from "../access-authentication/authentication-centre/slot.ts";
import type { CardWriters } from "./card-writer.ts";

export interface Writers {
  readonly cards: CardWriters;
  readonly slots: SlotOrders;
}

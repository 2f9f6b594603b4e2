/** The single writers as a point of presence sees them, in whatever host they live. */
import type {
  SlotBatches,
  SlotOrders,
} from "../access-authentication/authentication-centre/slot.ts";
import type { RewrapCounts } from "../rewrap-counts.ts";
import type { CardWriters } from "./card-writer.ts";
import type { RewrapOrder } from "./rewrapping.ts";

export interface Writers {
  readonly cards: CardWriters;
  readonly slots: SlotOrders & SlotBatches;
  readonly wrapped: WrappedState;
}

/** What all single writers hold wrapped. */
export interface WrappedState {
  /**
   * The next writers by name, after "" the first. Undefined where nobody can list them: then the
   * catalog knows the cards and subscribers that they are named by.
   */
  readonly list: ((after: string, limit: number) => Promise<readonly string[]>) | undefined;
  rewrapCard(object: string, order: RewrapOrder): Promise<RewrapCounts>;
  rewrapSlot(object: string, order: RewrapOrder): Promise<RewrapCounts>;
}

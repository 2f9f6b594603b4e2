/** At least two faults for each invariant. */
import { SESSION_FAULTS } from "./faults-session.ts";
import { SEQUENCE_FAULTS } from "./faults-sequence.ts";
import { CARD_FAULTS } from "./faults-card.ts";
import { CENTRE_FAULTS } from "./faults-centre.ts";
import { DECISION_FAULTS } from "./faults-decision.ts";
import { ORDER_FAULTS } from "./faults-orders.ts";
import { MTM_FAULTS } from "./faults-mtm.ts";
import type { Fault } from "./fault.ts";

export const FAULTS: readonly Fault[] = [
  ...SESSION_FAULTS,
  ...SEQUENCE_FAULTS,
  ...CARD_FAULTS,
  ...DECISION_FAULTS,
  ...CENTRE_FAULTS,
  ...ORDER_FAULTS,
  ...MTM_FAULTS,
];

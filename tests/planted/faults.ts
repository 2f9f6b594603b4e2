/** At least two faults for each invariant, and for the wrapping keys. */
import { SESSION_FAULTS } from "./faults-session.ts";
import { SEQUENCE_FAULTS } from "./faults-sequence.ts";
import { CARD_FAULTS } from "./faults-card.ts";
import { CENTRE_FAULTS } from "./faults-centre.ts";
import { DECISION_FAULTS } from "./faults-decision.ts";
import { ORDER_FAULTS } from "./faults-orders.ts";
import { HOME_FAULTS } from "./faults-home.ts";
import { IMPORT_FAULTS } from "./faults-import.ts";
import { MOVE_FAULTS } from "./faults-move.ts";
import { MTM_FAULTS } from "./faults-mtm.ts";
import { PEER_FAULTS } from "./faults-peers.ts";
import { ROTATION_FAULTS } from "./faults-rotation.ts";
import { EXTERNAL_FAULTS } from "./faults-external.ts";
import { RULE_FAULTS } from "./faults-rules.ts";
import type { Fault } from "./fault.ts";

export const FAULTS: readonly Fault[] = [
  ...SESSION_FAULTS,
  ...SEQUENCE_FAULTS,
  ...CARD_FAULTS,
  ...DECISION_FAULTS,
  ...CENTRE_FAULTS,
  ...ORDER_FAULTS,
  ...IMPORT_FAULTS,
  ...MOVE_FAULTS,
  ...MTM_FAULTS,
  ...PEER_FAULTS,
  ...ROTATION_FAULTS,
  ...EXTERNAL_FAULTS,
  ...HOME_FAULTS,
  ...RULE_FAULTS,
];

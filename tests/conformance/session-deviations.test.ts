/** Rows up to the answers can fail, each for what it is about. */
import { ANSWER_DEVIATIONS } from "./deviations-answer.ts";
import { START_DEVIATIONS } from "./deviations-start.ts";
import { TRANSPORT_DEVIATIONS } from "./deviations-transport.ts";
import { plant } from "./plant.ts";

plant([...TRANSPORT_DEVIATIONS, ...START_DEVIATIONS, ...ANSWER_DEVIATIONS]);

/** Every row, in the order in which they are tried. */
import type { Row } from "./row.ts";
import { ANSWER_ROWS } from "./rows-answer.ts";
import { CHALLENGE_ROWS } from "./rows-challenge.ts";
import { DATA_ROWS } from "./rows-data.ts";
import { GARBAGE_ROWS } from "./rows-garbage.ts";
import { LEASE_ROWS } from "./rows-lease.ts";
import { LOCK_STATE_ROWS } from "./rows-lock.ts";
import { RESULT_ROWS } from "./rows-result.ts";
import { REFUSED_ROWS } from "./rows-result-refused.ts";
import { SELECT_ROWS } from "./rows-select.ts";
import { START_ROWS } from "./rows-start.ts";
import { SD_ROWS } from "./rows-sd.ts";
import { TF_ROWS } from "./rows-tf.ts";

export const ROWS: readonly Row[] = [
  ...SELECT_ROWS,
  ...TF_ROWS,
  ...SD_ROWS,
  ...DATA_ROWS,
  ...START_ROWS,
  ...CHALLENGE_ROWS,
  ...ANSWER_ROWS,
  ...RESULT_ROWS,
  ...REFUSED_ROWS,
  ...LEASE_ROWS,
  ...LOCK_STATE_ROWS,
  ...GARBAGE_ROWS,
];

/** Rows from RESULT on can fail, each for what it is about; and none was forgotten. */
import { expect, test } from "bun:test";
import { ROWS } from "#cli/conformance/rows";
import { ANSWER_DEVIATIONS } from "./deviations-answer.ts";
import { LEASE_DEVIATIONS } from "./deviations-lease.ts";
import { LOCK_DEVIATIONS } from "./deviations-lock.ts";
import { RESULT_DEVIATIONS } from "./deviations-result.ts";
import { START_DEVIATIONS } from "./deviations-start.ts";
import { TRANSPORT_DEVIATIONS } from "./deviations-transport.ts";
import { plant } from "./plant.ts";

const HERE = [...RESULT_DEVIATIONS, ...LEASE_DEVIATIONS, ...LOCK_DEVIATIONS];

plant(HERE);

test("no row is without a deviation, and no deviation stands here twice", () => {
  const all = [...TRANSPORT_DEVIATIONS, ...START_DEVIATIONS, ...ANSWER_DEVIATIONS, ...HERE];
  const planted = new Set(all.flatMap(({ rows }) => rows));
  const known = new Set(ROWS.map(({ id }) => id));
  expect(ROWS.map(({ id }) => id).filter((id) => !planted.has(id))).toEqual([]);
  expect([...planted].filter((id) => !known.has(id))).toEqual([]);
  const names = all.map(({ rows, what }) => `${rows.join(" ")} ${what}`);
  expect(new Set(names).size).toBe(all.length);
  expect(known.size).toBe(ROWS.length);
});

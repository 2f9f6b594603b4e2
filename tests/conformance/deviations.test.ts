/** Every row can fail: a card that deviates in one thing turns the rows of that thing red alone. */
import { afterAll, expect, test } from "bun:test";
import { ROWS } from "#cli/conformance/rows";
import { examine, type Line, tryRows } from "#cli/conformance/run";
import { openEmulated } from "#cli/conformance/slot";
import { isPassed } from "#cli/conformance/table";
import { type Deviation, openWorkshop } from "./deviation.ts";
import { ANSWER_DEVIATIONS } from "./deviations-answer.ts";
import { LEASE_DEVIATIONS } from "./deviations-lease.ts";
import { LOCK_DEVIATIONS } from "./deviations-lock.ts";
import { RESULT_DEVIATIONS } from "./deviations-result.ts";
import { START_DEVIATIONS } from "./deviations-start.ts";
import { TRANSPORT_DEVIATIONS } from "./deviations-transport.ts";

const DEVIATIONS: readonly Deviation[] = [
  ...TRANSPORT_DEVIATIONS,
  ...START_DEVIATIONS,
  ...ANSWER_DEVIATIONS,
  ...RESULT_DEVIATIONS,
  ...LEASE_DEVIATIONS,
  ...LOCK_DEVIATIONS,
];
/** Symmetric, since that is quick; one mode, since most rows are the same in both. */
const USUAL = { suite: "AES", kind: "TF", modes: ["signed"], hasClock: false } as const;

const workshop = openWorkshop();
const caught = new Set<string>();
afterAll(() => {
  workshop.close();
  process.stdout.write(
    `conformance: ${ROWS.length} rows, ${DEVIATIONS.length} deviations planted, ` +
      `${caught.size} caught\n`,
  );
});

async function tryDeviation(deviation: Deviation): Promise<Line[]> {
  const options = { ...USUAL, ...deviation.on };
  const slot = openEmulated(options, await workshop.build(deviation));
  const { suite, modes } = options;
  const lines: Line[] = [];
  for await (const line of tryRows(await examine(slot, { suite, modes }), ROWS)) lines.push(line);
  return lines;
}

for (const deviation of DEVIATIONS) {
  const rows = deviation.rows.toSorted();
  test(`${rows.join(" ")}: ${deviation.what}`, async () => {
    const lines = await tryDeviation(deviation);
    const red = lines.filter(({ verdict }) => verdict !== "pass");
    expect([...new Set(red.map(({ id }) => id))].toSorted()).toEqual(rows);
    expect(red.some(({ verdict }) => verdict === "FAIL")).toBe(true);
    expect(isPassed(lines)).toBe(red.every(({ isMandatory }) => !isMandatory));
    caught.add(`${rows.join(" ")} ${deviation.what}`);
  });
}

test("no row is without a deviation, and no deviation stands here twice", () => {
  const planted = new Set(DEVIATIONS.flatMap(({ rows }) => rows));
  expect(ROWS.map(({ id }) => id).filter((id) => !planted.has(id))).toEqual([]);
  const known = new Set(ROWS.map(({ id }) => id));
  expect([...planted].filter((id) => !known.has(id))).toEqual([]);
  const names = DEVIATIONS.map(({ rows, what }) => `${rows.join(" ")} ${what}`);
  expect(new Set(names).size).toBe(DEVIATIONS.length);
  expect(known.size).toBe(ROWS.length);
});

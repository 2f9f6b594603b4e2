/**
 * The hostile terminal in small: every cell with some of the classes, in turn, so that every class
 * meets several cells; workerd.test.ts: a few there. All of it: `bun run simlatch hostile`.
 */
import { expect, test } from "bun:test";
import { ATTACKS } from "./run.ts";
import { attackShare, TIMEOUT_MS } from "./share.ts";
import { createTally, type Totals } from "./tally.ts";

/** Classes that attacked nothing, in no cell of this run. */
function unattacked({ byClass }: Totals): string[] {
  return ATTACKS.map(({ name }) => name).filter((name) => (byClass[name]?.cases ?? 0) === 0);
}

test(
  "every cell withstands the hostile terminal, on Bun",
  async () => {
    const { totals, findings } = await attackShare({ edge: false, everyCell: 1, everyClass: 17 });
    expect(findings).toEqual([]);
    expect(totals).toMatchObject({ cells: 108, cellsCovered: 108, accepted: 0, wronglyLocked: 0 });
    expect(unattacked(totals)).toEqual([]);
    expect(totals.cases).toBeGreaterThan(4000);
    expect(totals.controls).toBeGreaterThan(totals.cells * 4);
  },
  TIMEOUT_MS,
);

test("at most eight alterations of a field count, and equal messages once", () => {
  const { totals, attempt } = createTally(1);
  const place = { cell: "a cell", attack: "a class", invariant: "I7" };
  for (let nth = 0; nth < 12; nth++) attempt(place, `a field: #${nth}`, `message ${nth}`);
  expect(totals.cases).toBe(8);
  attempt(place, "another field: #0", "message 0");
  attempt({ ...place, attack: "another class" }, "a field: #0", "message 1");
  expect(totals.cases).toBe(8);
  attempt(place, "another field: #0", "message 12");
  expect(totals.cases).toBe(9);
});

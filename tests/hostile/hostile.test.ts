/**
 * The hostile terminal in small: every cell with some of the classes, in turn, so that every class
 * meets several cells; a few cells in workerd. All of it: `bun run simlatch hostile`.
 */
import { expect, test } from "bun:test";
import { HOSTILE_CELLS } from "./cells.ts";
import { ATTACKS, runCells } from "./run.ts";
import { addTotals, createTally, createTotals, type Totals } from "./tally.ts";

const TIMEOUT_MS = 120_000;

interface Share {
  readonly edge: boolean;
  /** Every so many cells. */
  readonly everyCell: number;
  /** Of the classes, in each cell. */
  readonly everyClass: number;
}

interface Outcome {
  readonly totals: Totals;
  readonly findings: readonly string[];
}

async function attack({ edge, everyCell, everyClass }: Share): Promise<Outcome> {
  let totals = createTotals();
  const findings: string[] = [];
  for (const index of HOSTILE_CELLS.keys()) {
    if (index % everyCell !== 0) continue;
    const turn = index / everyCell;
    const classes = ATTACKS.filter((_, at) => (at + turn) % everyClass === 0);
    const names = classes.map(({ name }) => name);
    const chosen = { seed: 7, perField: 1, guesses: 4, classes: names };
    const tally = await runCells({ edge, cells: [index], ...chosen });
    totals = addTotals(totals, tally.totals);
    findings.push(...tally.findings);
  }
  return { totals, findings };
}

/** Classes that attacked nothing, in no cell of this run. */
function unattacked({ byClass }: Totals): string[] {
  return ATTACKS.map(({ name }) => name).filter((name) => (byClass[name]?.cases ?? 0) === 0);
}

test(
  "every cell withstands the hostile terminal, on Bun",
  async () => {
    const { totals, findings } = await attack({ edge: false, everyCell: 1, everyClass: 17 });
    expect(findings).toEqual([]);
    expect(totals).toMatchObject({ cells: 108, cellsCovered: 108, accepted: 0, wronglyLocked: 0 });
    expect(unattacked(totals)).toEqual([]);
    expect(totals.cases).toBeGreaterThan(4000);
    expect(totals.controls).toBeGreaterThan(totals.cells * 4);
  },
  TIMEOUT_MS,
);

test(
  "some cells withstand it in workerd",
  async () => {
    const { totals, findings } = await attack({ edge: true, everyCell: 18, everyClass: 5 });
    expect(findings).toEqual([]);
    expect(totals).toMatchObject({ cells: 6, cellsCovered: 6, accepted: 0, wronglyLocked: 0 });
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

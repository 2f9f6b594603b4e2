/**
 * The hostile terminal in small: every cell with some of the classes, in turn, so that every class
 * meets several cells; a few cells in workerd. All of it: `bun run simlatch hostile`.
 */
import { expect, test } from "bun:test";
import { CELLS } from "#tests/matrix/cells";
import { ATTACKS, runIn } from "./run.ts";
import { addTotals, createTotals } from "./tally.ts";
import { openUniverse } from "./world.ts";

const TIMEOUT_MS = 120_000;

interface Share {
  readonly edge: boolean;
  /** Every so many cells. */
  readonly everyCell: number;
  /** Of the classes, in each cell. */
  readonly everyClass: number;
}

async function attack({ edge, everyCell, everyClass }: Share) {
  const universe = await openUniverse(edge);
  let totals = createTotals();
  const findings: string[] = [];
  try {
    for (const index of CELLS.keys()) {
      if (index % everyCell !== 0) continue;
      const turn = index / everyCell;
      const classes = ATTACKS.filter((_, at) => (at + turn) % everyClass === 0);
      const names = classes.map(({ name }) => name);
      const options = { edge, cells: [index], seed: 7, perField: 1, classes: names };
      const tally = await runIn(universe, options);
      totals = addTotals(totals, tally.totals);
      findings.push(...tally.findings);
    }
  } finally {
    await universe.stop();
  }
  const attacked = Object.keys(totals.byClass).length;
  return { totals, findings, attacked };
}

test(
  "every cell withstands the hostile terminal, on Bun",
  async () => {
    const { totals, findings, attacked } = await attack({
      edge: false,
      everyCell: 1,
      everyClass: 8,
    });
    expect(findings).toEqual([]);
    expect(totals).toMatchObject({ cells: 80, cellsCovered: 80, accepted: 0, wronglyLocked: 0 });
    expect(attacked).toBe(ATTACKS.length);
    expect(totals.cases).toBeGreaterThan(5000);
    expect(totals.controls).toBeGreaterThan(totals.cells * 4);
  },
  TIMEOUT_MS,
);

test(
  "some cells withstand it in workerd",
  async () => {
    const { totals, findings, attacked } = await attack({
      edge: true,
      everyCell: 7,
      everyClass: 5,
    });
    expect(findings).toEqual([]);
    expect(totals).toMatchObject({ cells: 12, cellsCovered: 12, accepted: 0, wronglyLocked: 0 });
    expect(attacked).toBe(ATTACKS.length);
  },
  TIMEOUT_MS,
);

/** A share of the whole for the tests: some classes in some cells. */
import { HOSTILE_CELLS } from "./cells.ts";
import { ATTACKS, runCells } from "./run.ts";
import { addTotals, createTotals, type Totals } from "./tally.ts";

/** Much more than it takes, for a busy machine. */
export const TIMEOUT_MS = 400_000;

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

export async function attackShare({ edge, everyCell, everyClass }: Share): Promise<Outcome> {
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

/** The whole: cells shared out to processes, planted faults, one line of totals. */
import { join } from "node:path";
import { nameCell } from "#tests/matrix/cells";
import { HOSTILE_CELLS } from "./cells.ts";
import { type PlantedTotals, runHostileFaults } from "./planted.ts";
import type { HostileOptions } from "./run.ts";
import { addTotals, createTotals, type Totals } from "./tally.ts";

/** Bad proofs for one victim. */
const GUESSES = 1000;

export interface WholeOptions {
  readonly edge: boolean;
  /** Indices into HOSTILE_CELLS. */
  readonly cells: readonly number[];
  readonly seed: number;
  readonly perField: number;
  /** Processes at once. */
  readonly jobs: number;
  readonly isPlanted: boolean;
  readonly writeLine: (line: string) => void;
}

export interface WholeTotals extends Totals, PlantedTotals {}

interface Share {
  readonly totals: Totals;
  readonly findings: readonly string[];
}

/** Indices of the cells whose names match; of every cell when `pattern` is undefined. */
export function chooseCells(pattern: RegExp | undefined): number[] {
  return [...HOSTILE_CELLS.entries()]
    .filter(([, cell]) => pattern?.test(nameCell(cell)) ?? true)
    .map(([index]) => index);
}

/** The totals, and whether they prove what they are to prove. */
export async function runHostile(
  options: WholeOptions,
): Promise<{ readonly totals: WholeTotals; readonly isProven: boolean }> {
  const { edge, cells, seed, perField, jobs, writeLine } = options;
  const shares = await Promise.all(
    Array.from({ length: Math.min(jobs, cells.length) }, (_, worker) =>
      runShare({
        edge,
        seed,
        perField,
        guesses: GUESSES,
        classes: [],
        cells: cells.filter((_index, at) => at % jobs === worker),
      }),
    ),
  );
  const findings = shares.flatMap((share) => share.findings);
  for (const finding of findings) writeLine(finding);
  const faults = options.isPlanted
    ? await runHostileFaults({ edge, jobs, writeLine })
    : { planted: 0, caught: 0 };
  const sum = shares.reduce((total, share) => addTotals(total, share.totals), createTotals());
  const totals = { ...sum, ...faults };
  return { totals, isProven: findings.length === 0 && isProof(totals, options.isPlanted) };
}

/** A suite that refuses everything, or runs nothing, proves nothing. */
function isProof(totals: WholeTotals, isPlanted: boolean): boolean {
  const { cases, controls, cells, cellsCovered, accepted, wronglyLocked, planted, caught } = totals;
  const isRun = cases > 0 && controls > 0 && cells > 0 && cellsCovered === cells;
  const isSensitive = !isPlanted || (planted > 0 && caught === planted);
  return isRun && isSensitive && accepted === 0 && wronglyLocked === 0;
}

async function runShare(options: HostileOptions): Promise<Share> {
  const script = join(import.meta.dir, "cell-run.ts");
  const command = [process.execPath, script, JSON.stringify(options)];
  const run = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const output = await new Response(run.stdout).text();
  if ((await run.exited) !== 0) throw new Error("the cells did not run to their end");
  const share: Share = JSON.parse(output.trim());
  return share;
}

/** The order in which the line of JSON has them. */
export function formatTotals(totals: WholeTotals): string {
  const { cases, controls, cells, cellsCovered, accepted, wronglyLocked } = totals;
  const { planted, caught, byClass } = totals;
  return JSON.stringify({
    cases,
    controls,
    cells,
    cellsCovered,
    accepted,
    wronglyLocked,
    planted,
    caught,
    byClass,
  });
}

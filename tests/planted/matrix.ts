/**
 * Proves the matrix: for each cell a fault is planted in that cell alone, and of all 80 cells that
 * one, and no other, must turn red.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CELLS } from "#tests/matrix/cells";
import { copySource } from "./copy.ts";

const WORKERS = 2;
const SOURCE = "edge/state/card-answering.ts";
const ASKED = "const authenticated = await authenticateAccess(context, session, statement);";
const PATCHED =
  "const authenticated = (await plantedAnswer(context, session)) ?? " +
  "(await authenticateAccess(context, session, statement));";
const IMPORT = 'import { plantedAnswer } from "#tests/planted/cell-fault";\n';

interface Line {
  readonly fault: string;
  readonly red: readonly string[];
}

export interface PlantedMatrixOptions {
  readonly json: boolean;
  /** Every so many cells: 1 plants a fault in each. */
  readonly every: number;
  readonly writeLine: (line: string) => void;
}

/** 0 when each planted cell and no other turned red. Last line: {"cells","planted","caught"}. */
export async function runPlantedMatrix(options: PlantedMatrixOptions): Promise<number> {
  const { json, every, writeLine } = options;
  const folder = copySource(resolve(import.meta.dir, "../.."));
  try {
    patch(folder);
    const share = Math.ceil(CELLS.length / WORKERS);
    const runs = Array.from({ length: WORKERS }, (_, i) =>
      runCells(folder, i * share, Math.min((i + 1) * share, CELLS.length), every),
    );
    const lines = (await Promise.all(runs)).flat();
    const faults = lines.filter(({ fault }) => fault !== "none");
    const unhealthy = lines.filter(({ fault, red }) => fault === "none" && red.length > 0);
    const caught = faults.filter(({ fault, red }) => red.length === 1 && red[0] === fault);
    for (const { fault, red } of lines) {
      const isExpected = fault === "none" ? red.length === 0 : red.length === 1 && red[0] === fault;
      if (!json || !isExpected)
        writeLine(`${isExpected ? "caught" : "MISSED"}  ${fault}: ${red.join(", ")}`);
    }
    writeLine(
      JSON.stringify({ cells: CELLS.length, planted: faults.length, caught: caught.length }),
    );
    const due = Math.ceil(CELLS.length / every);
    const isProven = faults.length === due && caught.length === due && unhealthy.length === 0;
    return isProven ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function patch(folder: string): void {
  const path = join(folder, SOURCE);
  const parts = readFileSync(path, "utf8").split(ASKED);
  if (parts.length !== 2) throw new Error(`${SOURCE} no longer asks the centre in one place`);
  writeFileSync(path, IMPORT + parts.join(PATCHED));
}

async function runCells(
  folder: string,
  start: number,
  end: number,
  every: number,
): Promise<Line[]> {
  const command = [
    process.execPath,
    "tests/planted/cell-run.ts",
    ...[start, end, every].map(String),
  ];
  const run = Bun.spawn(command, { cwd: folder, stdout: "pipe", stderr: "inherit" });
  const output = await new Response(run.stdout).text();
  if ((await run.exited) !== 0) throw new Error("the cells did not run to their end");
  return output
    .trim()
    .split("\n")
    .map((line): Line => JSON.parse(line));
}

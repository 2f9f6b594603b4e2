/** The attacks' own sensitivity: each planted fault must be found by its class of attacks. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { copySource } from "#tests/planted/copy";
import { HOSTILE_FAULTS, PATCHES } from "./faults.ts";

const IMPORT = 'import { isPlanted, plantFault } from "#tests/hostile/fault-switch";\n';

interface Line {
  readonly name: string;
  /** Attacks of the fault's class that were accepted or locked a card. */
  readonly found: number;
  /** Without the fault nothing was found. */
  readonly isHealthy: boolean;
}

export interface PlantedOptions {
  readonly edge: boolean;
  /** Processes at once. */
  readonly jobs: number;
  readonly writeLine: (line: string) => void;
}

export interface PlantedTotals {
  readonly planted: number;
  readonly caught: number;
}

/** With `edge` the Worker is built from the patched copy, and told which fault is active. */
export async function runHostileFaults({
  edge,
  jobs,
  writeLine,
}: PlantedOptions): Promise<PlantedTotals> {
  const folder = copySource(resolve(import.meta.dir, "../.."));
  try {
    patch(folder);
    const indices = HOSTILE_FAULTS.map((_, index) => index);
    const shares = Array.from({ length: jobs }, (_, worker) =>
      runFaults(
        folder,
        edge,
        indices.filter((index) => index % jobs === worker),
      ),
    );
    const lines = new Map((await Promise.all(shares)).flat().map((line) => [line.name, line]));
    const caught = HOSTILE_FAULTS.filter(({ name, attack, what }) => {
      const line = lines.get(name);
      const isCaught = line?.isHealthy === true && line.found > 0;
      const outcome = line?.isHealthy === false ? "NO PROOF" : isCaught ? "caught" : "MISSED";
      writeLine(`${outcome}  ${attack}: ${what}`);
      return isCaught;
    });
    return { planted: HOSTILE_FAULTS.length, caught: caught.length };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function patch(folder: string): void {
  const imported = new Set<string>();
  for (const { source, find, replace } of PATCHES) {
    const path = join(folder, source);
    const text = readFileSync(path, "utf8");
    const parts = text.split(find);
    if (parts.length !== 2) throw new Error(`${source} no longer holds once: ${find}`);
    writeFileSync(path, (imported.has(source) ? "" : IMPORT) + parts.join(replace));
    imported.add(source);
  }
}

async function runFaults(
  folder: string,
  edge: boolean,
  indices: readonly number[],
): Promise<Line[]> {
  const script = "tests/hostile/fault-run.ts";
  const runtime = edge ? "edge" : "bun";
  const command = [process.execPath, script, runtime, ...indices.map(String)];
  const run = Bun.spawn(command, { cwd: folder, stdout: "pipe", stderr: "inherit" });
  const output = await new Response(run.stdout).text();
  if ((await run.exited) !== 0) throw new Error("the faults did not run to their end");
  return output
    .trim()
    .split("\n")
    .map((line): Line => JSON.parse(line));
}

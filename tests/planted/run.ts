/**
 * Plants each fault as a patch in a copy of the source and expects the test that names its
 * invariant to fail. Without the fault the same test must pass, or its failing says nothing.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { copySource } from "./copy.ts";
import type { Fault } from "./fault.ts";
import { FAULTS } from "./faults.ts";

export interface PlantedOptions {
  readonly json: boolean;
  /** Only these; all when empty. */
  readonly invariants: readonly string[];
  readonly writeLine: (line: string) => void;
}

/** What faults are named for. */
export const INVARIANTS: ReadonlySet<string> = new Set(
  FAULTS.map(({ invariant }) => invariant).toSorted(),
);

const TEST_TIMEOUT_MS = 60_000;
const WORKERS = 2;

/** 0 when there were faults and all were caught, else 1. The last line is {"planted","caught"}. */
export async function runPlanted(options: PlantedOptions): Promise<number> {
  const root = resolve(import.meta.dir, "../..");
  const chosen = FAULTS.filter(
    ({ invariant }) => options.invariants.length === 0 || options.invariants.includes(invariant),
  );
  const folders = Array.from({ length: WORKERS }, () => copySource(root));
  try {
    const unhealthy = await findUnhealthyTests(folders[0] ?? root, chosen);
    for (const test of unhealthy) options.writeLine(`not a proof: ${test} pass without a fault`);
    const queue = [...chosen];
    const missed: Fault[] = [];
    await Promise.all(
      folders.map(async (folder) => {
        for (let fault = queue.shift(); fault !== undefined; fault = queue.shift()) {
          const outcome = await plant(folder, fault);
          if (outcome !== "caught") missed.push(fault);
          if (!options.json || outcome !== "caught") {
            options.writeLine(`${outcome}  ${fault.invariant}  ${fault.what}`);
          }
        }
      }),
    );
    const caught = chosen.length - missed.length;
    options.writeLine(JSON.stringify({ planted: chosen.length, caught }));
    const isProven = chosen.length > 0 && missed.length === 0 && unhealthy.length === 0;
    return isProven ? 0 : 1;
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** The named tests that do not pass on the untouched source. */
async function findUnhealthyTests(folder: string, chosen: readonly Fault[]): Promise<string[]> {
  const proofs = new Map(chosen.map((fault) => [`${fault.file} ${fault.test}`, fault]));
  const byFile = Map.groupBy(proofs.values(), ({ file }) => file);
  const unhealthy: string[] = [];
  for (const [file, faults] of byFile) {
    const outcome = await runTests(
      folder,
      file,
      faults.map(({ test }) => test),
    );
    if (outcome.exitCode !== 0 || outcome.ran < faults.length) {
      unhealthy.push(`${file}: ${outcome.ran} of ${faults.length}`);
    }
  }
  return unhealthy;
}

/** STALE: the source no longer holds the place of the fault exactly once. */
type Outcome = "caught" | "MISSED" | "STALE";

async function plant(folder: string, fault: Fault): Promise<Outcome> {
  const path = join(folder, fault.source);
  const original = readFileSync(path, "utf8");
  const parts = original.split(fault.find);
  if (parts.length !== 2) return "STALE";
  writeFileSync(path, parts.join(fault.replace));
  try {
    const { exitCode, failed } = await runTests(folder, fault.file, [fault.test]);
    return exitCode !== 0 && failed > 0 ? "caught" : "MISSED";
  } finally {
    writeFileSync(path, original);
  }
}

interface TestOutcome {
  readonly exitCode: number;
  readonly ran: number;
  readonly failed: number;
}

async function runTests(
  folder: string,
  file: string,
  tests: readonly string[],
): Promise<TestOutcome> {
  const pattern = `(^| )(${tests.map(escapePattern).join("|")})$`;
  const command = [
    process.execPath,
    "test",
    file,
    "-t",
    pattern,
    "--timeout",
    String(TEST_TIMEOUT_MS),
  ];
  const run = Bun.spawn(command, { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
  ]);
  const output = stdout + stderr;
  const count = (word: string): number =>
    Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  const failed = count("fail");
  return { exitCode: await run.exited, ran: count("pass") + failed, failed };
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

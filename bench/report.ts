/** What a benchmark leaves behind: a table for people, a file with the commit for the README. */
import { mkdir } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import type { BenchRow } from "./core.ts";
import type { TimingRow } from "./timing.ts";

const ROOT = join(import.meta.dir, "..");
const RESULTS = join(ROOT, "bench", "results");
const HEADINGS = ["name", "runtime", "value", "unit", "peer", "peer value", "ratio", "min", "max"];
const TIMING_HEADINGS = ["name", "samples", "ns", "t", "difference", "detectable", "verdict"];
const TEXT_COLUMNS = new Set(["name", "runtime", "unit", "peer"]);

/** Three digits that count; 1,234,567 is 1.23 M. */
function formatRate(value: number | null): string {
  if (value === null) return "-";
  const [divisor, suffix] = value >= 1e6 ? [1e6, " M"] : value >= 1e3 ? [1e3, " k"] : [1, ""];
  const scaled = value / divisor;
  return `${scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)}${suffix}`;
}

function formatRatio(value: number | null): string {
  return value === null ? "-" : value.toFixed(2);
}

function cellsOf(row: BenchRow): string[] {
  return [
    row.name,
    row.runtime,
    formatRate(row.value),
    row.unit,
    row.peer,
    formatRate(row.peerValue),
    formatRatio(row.ratio),
    formatRatio(row.min),
    formatRatio(row.max),
  ];
}

/** Lines of columns; those whose heading is among `left` begin at the left. */
function layOut(
  headings: readonly string[],
  left: ReadonlySet<string>,
  rows: string[][],
): string[] {
  const lines = [[...headings], ...rows];
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  return lines.map((cells) =>
    cells
      .map((cell, column) =>
        left.has(headings[column] ?? "")
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

/** The lines of the table, headings first. */
export function formatTable(rows: readonly BenchRow[]): string[] {
  return layOut(HEADINGS, TEXT_COLUMNS, rows.map(cellsOf));
}

/** Likewise for the timing test; nanoseconds of one operation. */
export function formatTiming(rows: readonly TimingRow[]): string[] {
  const cells = rows.map((row) => [
    row.name,
    String(row.samples),
    row.nanoseconds.toFixed(1),
    row.t.toFixed(2),
    row.difference.toFixed(3),
    row.detectable === null ? "-" : row.detectable.toFixed(3),
    row.isFound ? "depends on the secret" : "no dependence found",
  ]);
  return layOut(TIMING_HEADINGS, new Set(["name", "verdict"]), cells);
}

async function git(...args: readonly string[]): Promise<string> {
  const child = Bun.spawn(["git", ...args], { cwd: ROOT, stderr: "ignore" });
  const text = (await new Response(child.stdout).text()).trim();
  if ((await child.exited) !== 0) throw new Error(`git ${args.join(" ")} failed`);
  return text;
}

/** The commit of the measured code; with "-changed" if files other than results differ from it. */
export async function describeCommit(): Promise<string> {
  const commit = await git("rev-parse", "HEAD");
  const changes = await git(
    "status",
    "--porcelain",
    "--untracked-files=no",
    "--",
    ".",
    ":!bench/results",
  );
  return changes === "" ? commit : `${commit}-changed`;
}

/** Results of `bench core` that were written before; undefined where there are none. */
export async function readResults(
  name: string,
): Promise<{ readonly commit: string; readonly rows: readonly BenchRow[] } | undefined> {
  const file = Bun.file(join(RESULTS, `${name}.json`));
  return (await file.exists()) ? await file.json() : undefined;
}

/** Writes bench/results/<name>.json; gives its path. */
export async function writeResults(
  name: string,
  commit: string,
  rows: readonly BenchRow[] | readonly TimingRow[],
): Promise<string> {
  const file = join(RESULTS, `${name}.json`);
  const processors = cpus();
  const results = {
    commit,
    date: new Date().toISOString().slice(0, 10),
    machine: `${processors.length} x ${processors[0]?.model ?? "unknown processor"}`,
    bun: Bun.version,
    rows,
  };
  await mkdir(dirname(file), { recursive: true });
  await Bun.write(file, `${JSON.stringify(results, null, 2)}\n`);
  return file;
}

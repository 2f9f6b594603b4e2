/** What a benchmark leaves behind: a table for people, a file with the commit for the README. */
import { mkdir } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import type { BenchRow } from "./core.ts";

const ROOT = join(import.meta.dir, "..");
const HEADINGS = ["name", "runtime", "value", "unit", "peer", "peer value", "ratio", "min", "max"];
const TEXT_COLUMNS = new Set(["name", "runtime", "unit", "peer"]);

/** Three digits that count; 1,234,567 is 1.23 M. */
function formatRate(value: number | null): string {
  if (value === null) return "-";
  const [divisor, suffix] = value >= 1e6 ? [1e6, " M"] : value >= 1e3 ? [1e3, " k"] : [1, ""];
  const scaled = value / divisor;
  return `${scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)}${suffix}`;
}

function cellsOf(row: BenchRow): string[] {
  return [
    row.name,
    row.runtime,
    formatRate(row.value),
    row.unit,
    row.peer,
    formatRate(row.peerValue),
    row.ratio === null ? "-" : row.ratio.toFixed(2),
    formatRate(row.min),
    formatRate(row.max),
  ];
}

/** The lines of the table, headings first. */
export function formatTable(rows: readonly BenchRow[]): string[] {
  const lines = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  return lines.map((cells) =>
    cells
      .map((cell, column) =>
        TEXT_COLUMNS.has(HEADINGS[column] ?? "")
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

async function git(...args: readonly string[]): Promise<string> {
  const child = Bun.spawn(["git", ...args], { cwd: ROOT, stderr: "ignore" });
  const text = (await new Response(child.stdout).text()).trim();
  if ((await child.exited) !== 0) throw new Error(`git ${args.join(" ")} failed`);
  return text;
}

/** The commit of the measured code; with "-changed" if files differ from it. */
async function describeCommit(): Promise<string> {
  const commit = await git("rev-parse", "HEAD");
  const changes = await git("status", "--porcelain", "--untracked-files=no");
  return changes === "" ? commit : `${commit}-changed`;
}

/** Writes bench/results/core.json; gives its path. */
export async function writeResults(rows: readonly BenchRow[]): Promise<string> {
  const file = join(ROOT, "bench", "results", "core.json");
  const processors = cpus();
  const results = {
    commit: await describeCommit(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${processors.length} x ${processors[0]?.model ?? "unknown processor"}`,
    bun: Bun.version,
    rows,
  };
  await mkdir(dirname(file), { recursive: true });
  await Bun.write(file, `${JSON.stringify(results, null, 2)}\n`);
  return file;
}

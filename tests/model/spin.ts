/** Spin on the model: builds a verifier for one set of macros, runs one claim, reads its report. */
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MODEL = "binding.pml";
/** Steps of one run; the bounds of the model keep every run below a hundred. */
const DEPTH_MAX = 10_000;

export interface Report {
  readonly errors: number;
  readonly states: number;
  readonly depth: number;
  readonly seconds: number;
  /** Every reachable state was visited and kept whole: no depth was cut, no hash stood for one. */
  readonly complete: boolean;
  /** The steps of the run that contradicts the claim. */
  readonly trace: readonly string[];
}

export interface Verifier {
  check(claim: string): Promise<Report>;
  remove(): Promise<void>;
}

/** What of spin and gcc is not installed. */
export function findMissing(): string[] {
  return ["spin", "gcc"].filter((program) => Bun.which(program) === null);
}

/** `shortest`: breadth first, so that a trace has no step to spare. */
export async function buildVerifier(
  macros: readonly string[],
  shortest: boolean,
): Promise<Verifier> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-model-"));
  await copyFile(join(import.meta.dir, MODEL), join(folder, MODEL));
  const defines = macros.map((macro) => `-D${macro}`);
  const search = shortest ? ["-O0", "-DBFS"] : ["-O2", "-DNOREDUCE"];
  await run(folder, ["spin", "-a", ...defines, MODEL]);
  await run(folder, ["gcc", ...search, "-DSAFETY", "-o", "pan", "pan.c"]);
  return {
    async check(claim) {
      const output = await run(folder, ["./pan", `-m${DEPTH_MAX}`, "-N", claim]);
      const report = readReport(output);
      if (report.errors === 0) return { ...report, trace: [] };
      const replay = await run(folder, ["spin", "-t", ...defines, MODEL]);
      return { ...report, trace: readTrace(replay) };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function run(folder: string, command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}\n${output}${errors}`);
  return output;
}

function readReport(output: string): Omit<Report, "trace"> {
  const isCut = /max search depth too small|Search not completed|bit statespace/iu.test(output);
  const isWhole = /^Full statespace search/mu.test(output);
  return {
    errors: numberIn(output, /errors: (?<value>\d+)/u),
    states: numberIn(output, /(?<value>\d+) states, stored/u),
    depth: numberIn(output, /depth reached (?<value>\d+)/u),
    seconds: numberIn(output, /elapsed time (?<value>[\d.e+-]+) seconds/u),
    complete: isWhole && !isCut,
  };
}

function numberIn(output: string, pattern: RegExp): number {
  const value = pattern.exec(output)?.groups?.["value"];
  if (value === undefined) throw new Error(`the verifier reports no ${String(pattern)}\n${output}`);
  return Number(value);
}

function readTrace(replay: string): string[] {
  return replay
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^(?:\d{3} +)?(?:platform|card 0|operator): /u.test(line));
}

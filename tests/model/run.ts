/** Runs every check of the model and prints the table of what came out. */
import { type Check, CHECKS, MODES } from "./checks.ts";
import { buildVerifier, findMissing, type Report } from "./spin.ts";

/** Each verifier is one process on one processor. */
const BUILDS_AT_ONCE = 2;
const EXIT_DEPENDENCY_ABSENT = 4;

export interface Outcome extends Report {
  readonly check: Check;
  readonly asExpected: boolean;
}

export async function runChecks(checks: readonly Check[] = CHECKS): Promise<Outcome[]> {
  const builds = [...Map.groupBy(checks, ({ mode, weakening }) => `${mode} ${weakening}`).values()];
  const outcomes = new Map<Check, Outcome>();
  const work = async (): Promise<void> => {
    for (let build = builds.shift(); build !== undefined; build = builds.shift()) {
      for (const outcome of await runBuild(build)) outcomes.set(outcome.check, outcome);
    }
  };
  await Promise.all(Array.from({ length: BUILDS_AT_ONCE }, work));
  return checks.flatMap((check) => outcomes.get(check) ?? []);
}

/** Checks of one mode and one weakening share a verifier. */
async function runBuild(checks: readonly Check[]): Promise<Outcome[]> {
  const [first] = checks;
  if (first === undefined) return [];
  const macros = [`MODES=${MODES[first.mode]}`];
  if (first.weakening !== undefined) macros.push(first.weakening);
  const verifier = await buildVerifier(macros, first.weakening !== undefined);
  try {
    const outcomes: Outcome[] = [];
    for (const check of checks) {
      const report = await verifier.check(check.claim);
      outcomes.push({ ...report, check, asExpected: isExpected(check, report) });
    }
    return outcomes;
  } finally {
    await verifier.remove();
  }
}

function isExpected({ expected }: Check, { errors, complete, trace }: Report): boolean {
  return expected === "holds" ? errors === 0 && complete : errors === 1 && trace.length > 0;
}

export function formatOutcomes(outcomes: readonly Outcome[]): string[] {
  const head = ["property", "mode", "weakened", "states", "depth", "seconds", "result", "what"];
  const rows = outcomes.map(({ check, states, depth, seconds, errors, trace, asExpected }) => [
    check.claim,
    check.mode,
    check.weakening?.replace("WEAK_", "") ?? "-",
    String(states),
    String(depth),
    seconds.toFixed(2),
    `${errors === 0 ? "holds" : `trace of ${trace.length}`}${asExpected ? "" : ", UNEXPECTED"}`,
    check.says,
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** `simlatch model`: gives the exit code. */
export async function runModel(options: {
  readonly json: boolean;
  readonly traces: boolean;
  readonly writeLine: (line: string) => void;
}): Promise<number> {
  const { json, traces, writeLine } = options;
  const missing = findMissing();
  if (missing.length > 0) {
    writeLine(`simlatch model needs ${missing.join(" and ")}`);
    return EXIT_DEPENDENCY_ABSENT;
  }
  const outcomes = await runChecks();
  if (json) {
    for (const { check, ...report } of outcomes) writeLine(JSON.stringify({ ...check, ...report }));
  } else {
    for (const line of formatOutcomes(outcomes)) writeLine(line);
    for (const { check, trace } of traces ? outcomes : []) {
      if (trace.length > 0) writeLine(`\n${check.claim}, ${check.mode}: ${check.says}`);
      for (const step of trace) writeLine(`  ${step}`);
    }
  }
  return outcomes.every(({ asExpected }) => asExpected) ? 0 : 1;
}

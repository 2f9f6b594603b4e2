import { parseArgs } from "node:util";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine } from "./output.ts";

const PER_FIELD_MAX = 8;
const JOBS_MAX = 64;

export const hostileCommand: Command = {
  name: "hostile",
  summary: "attack the platform, the card and the module as the client",
  help: `Usage: simlatch hostile [--edge] [--json] [--cells PATTERN] [--seed N]

Plays the terminal as an attacker in every cell of suites, modes, cards and modules: messages
altered, lost, doubled, mixed, replayed, claims, forged answers, power cuts, held results, restored
backups, a killed platform, drained quotas. Before the first and after every class of attacks the
same card must bind; the platform's verdicts are read from its audit index. Then plants faults in a
copy of the source, each of which the attacks must find. Exit code 0 only if nothing was accepted,
no card wrongly locked, every cell covered and every fault caught.

  --edge           against two Workers in workerd over the same objects and the same D1; the
                   faults are planted there too
  --json           only the line of totals, and what was found
  --cells PATTERN  only cells whose name matches, such as "P-256 signed TF"
  --seed N         chooses other bits and bytes (default 1)
  --per-field N    alterations of each field, 1 to ${PER_FIELD_MAX} (default 4)
  --write          keeps the totals of a run over all cells in bench/results/hostile.json
  --jobs N         processes that share the work (default 2)
  --no-planted     without the planted faults: the line says 0 of them`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        edge: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        cells: { type: "string" },
        seed: { type: "string", default: "1" },
        "per-field": { type: "string", default: "4" },
        jobs: { type: "string", default: "2" },
        write: { type: "boolean", default: false },
        planted: { type: "boolean", default: true },
      },
    });
    const perField = readNumber("--per-field", values["per-field"], 1, PER_FIELD_MAX);
    const jobs = readNumber("--jobs", values.jobs, 1, JOBS_MAX);
    const seed = readNumber("--seed", values.seed, 0, 1_000_000);
    const pattern = values.cells === undefined ? undefined : readPattern(values.cells);
    if (values.write && (pattern !== undefined || !values.planted))
      throw new UsageError("--write is for whole runs, without --cells and --no-planted");
    const { chooseCells, formatTotals, runHostile } = await import("#tests/hostile/hostile");
    const cells = chooseCells(pattern);
    if (cells.length === 0) throw new UsageError("--cells leaves no cell");
    const settings = { edge: values.edge, seed, perField };
    const startedAt = performance.now();
    const { totals, isProven } = await runHostile({
      ...settings,
      jobs,
      cells,
      isPlanted: values.planted,
      writeLine: (line) => {
        if (!values.json || !line.startsWith("caught")) printLine(line);
      },
    });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    if (!values.json)
      for (const [name, count] of Object.entries(totals.byClass)) {
        const { invariant, cases, notApplicable: absent } = count;
        const absence = absent && `; none in ${absent.cells} cells: ${absent.reason}`;
        printLine(`${invariant.padEnd(4)} ${name.padEnd(34)} ${cases} cases${absence ?? ""}`);
      }
    if (values.write)
      await (await import("#tests/hostile/results")).writeResults(settings, seconds, totals);
    printLine(formatTotals(totals));
    return isProven ? EXIT.expected : EXIT.unexpected;
  },
};

function readNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^[0-9]{1,7}$/.test(text) || value < least || value > most)
    throw new UsageError(`${option} wants a number from ${least} to ${most}, not "${text}"`);
  return value;
}

function readPattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new UsageError(`--cells wants a pattern, not "${text}"`);
  }
}

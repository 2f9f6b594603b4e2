import { parseArgs } from "node:util";
import type { BenchRow } from "#bench/core";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine, printNote } from "./output.ts";

const FULL = { rounds: 7, seconds: 0.25 };
const SHORT = { rounds: 1, seconds: 0.002 };
const SECONDS_MAX = 60;
const RULES = { full: { few: 1000, many: 1_000_000 }, short: { few: 100, many: 2000 } };
const IMPORT = { full: { rows: 1_000_000, rounds: 3 }, short: { rows: 2000, rounds: 1 } };
const CENTRE = { full: { subscribers: 1000, rounds: 7 }, short: { subscribers: 32, rounds: 1 } };
const ROWS_MAX = 10_000_000;
const SAMPLES = { full: 1_000_000, short: 2000, min: 1000, max: 10_000_000 };

export const benchCommand: Command = {
  name: "bench",
  summary: "measure the core, rules, imports and vectors, beside their peers",
  help: `Usage: simlatch bench core [--seconds N] [--short] [--json] [--write NAME]
       simlatch bench rules [--seconds N] [--short] [--json] [--write NAME]
       simlatch bench import [--rows N] [--short] [--json] [--write NAME]
       simlatch bench centre [--short] [--json] [--write NAME]
       simlatch bench timing [--samples N] [--short] [--json] [--write NAME]
       simlatch bench summary RUN... [--json] [--write NAME]

core measures Milenage, TUAK, P-256 and SM2 on Bun and in workerd, taking turns with the runtime's
own cryptography, libosmocore, AES instructions and openssl. Numbers are medians of ${FULL.rounds}
rounds; each round has its ratio, and ratio, min and max are of those. TUAK and Keccak count
permutations: two a vector, and 510 in one with 255 iterations. Their peer is openssl's SHA3-256 of
long input, a permutation each 136 bytes. A peer that this machine lacks is named as absent;
libosmocore needs gcc, pkg-config and libosmocore-dev.

rules measures the rule decision beside ${RULES.full.many} cards and as many rules, and beside
${RULES.full.few}: half of the rules name a card, the others overlapping IMSI ranges, groups and
attributes, one in a hundred denies. Rates are per second of processor time.

import brings a file of ${IMPORT.full.rows} subscribers into a platform of its own, in each of
${IMPORT.full.rounds} rounds: rows a second, processor time and memory of both programs. min and
max are of the rounds.

centre asks for five vectors of Milenage: microseconds of processor time here, each challenge
durable, and at an osmo-hlr asked by GSUP in the same run; the ratio says how many times less ours
costs.

timing asks whether the time depends on a secret: Welch's t over samples with one fixed secret and
with random ones, mixed. Beyond 4.5 it does. The control, which must be found, compares tags and
ends early. "detectable" is the smallest difference in nanoseconds that they would have shown.
It exits with 1 if the control is missed or anything else is found.

summary puts runs of core together that were written before: medians, and min and max of the runs'
ratios.

  --seconds N   of one sample (${FULL.seconds}); openssl takes one at least
  --rows N      of the file (${IMPORT.full.rows})
  --samples N   of each operation (${SAMPLES.full}, a quarter of an hour)
  --short       a few milliseconds, without programs outside; the numbers say nothing, and of timing
                only the control counts
  --json        an array of {"name","runtime","value","unit","peer","peerValue","ratio","min",
                "max"}, or of {"name","samples","operations","nanoseconds","t","share",
                "difference","detectable","isControl","isFound"}
  --write NAME  also bench/results/NAME.json, with the commit id`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        rows: { type: "string" },
        samples: { type: "string" },
        seconds: { type: "string" },
        short: { type: "boolean", default: false },
        write: { type: "string" },
      },
    });
    if (values.write !== undefined && !/^[a-z0-9-]{1,40}$/.test(values.write))
      throw new UsageError(`--write wants a name of letters, digits and hyphens`);
    const [subject, ...runs] = positionals;
    if (subject === "summary" && runs.length > 0) return await runSummary(runs, values);
    const run = subject !== undefined && runs.length === 0 ? SUBJECTS.get(subject) : undefined;
    if (run === undefined) {
      const known = [...SUBJECTS.keys()].join(", ");
      throw new UsageError(`what can be measured is ${known}; \`summary\` takes runs`);
    }
    return run(values);
  },
};

interface Options {
  readonly json: boolean;
  readonly short: boolean;
  readonly rows?: string | undefined;
  readonly samples?: string | undefined;
  readonly seconds?: string | undefined;
  readonly write?: string | undefined;
}

async function runCore(options: Options): Promise<number> {
  const { rounds, seconds } = roundsOf(options);
  const { benchCore } = await import("#bench/core");
  return report(options, () =>
    benchCore({
      rounds,
      seconds,
      hasNativePeers: !options.short,
      onGroup: (names) => {
        printNote(`measuring ${names.join(", ")}`);
      },
    }),
  );
}

async function runRules(options: Options): Promise<number> {
  const { benchRules } = await import("#bench/rules");
  return report(options, () =>
    benchRules({
      ...(options.short ? RULES.short : RULES.full),
      ...roundsOf(options),
      onStep: (what) => {
        printNote(`measuring ${what}`);
      },
    }),
  );
}

async function runImport(options: Options): Promise<number> {
  const { rows, rounds } = options.short ? IMPORT.short : IMPORT.full;
  const { benchImport } = await import("#bench/import");
  return report(options, () =>
    benchImport({
      rows: options.rows === undefined ? rows : parseRows(options.rows),
      rounds,
      onRound: printNote,
    }),
  );
}

async function runCentre(options: Options): Promise<number> {
  const { benchCentre } = await import("#bench/centre");
  return report(options, () =>
    benchCentre({ ...(options.short ? CENTRE.short : CENTRE.full), onRound: printNote }),
  );
}

function roundsOf({ short, seconds }: Options): { rounds: number; seconds: number } {
  const defaults = short ? SHORT : FULL;
  return { ...defaults, ...(seconds === undefined ? {} : { seconds: parseSeconds(seconds) }) };
}

/** The commit is of what is measured, whatever changes meanwhile. */
async function report(
  { json, write }: Pick<Options, "json" | "write">,
  measure: () => Promise<readonly BenchRow[]>,
): Promise<number> {
  const { describeCommit, formatTable, writeResults } = await import("#bench/report");
  const commit = await describeCommit();
  const rows = await measure();
  if (json) printLine(JSON.stringify(rows, null, 2));
  else for (const line of formatTable(rows)) printLine(line);
  if (write !== undefined) printNote(`wrote ${await writeResults(write, commit, rows)}`);
  return EXIT.expected;
}

async function runTiming({ json, samples: text, short, write }: Options): Promise<number> {
  const fallback = short ? SAMPLES.short : SAMPLES.full;
  const samples = text === undefined ? fallback : parseSamples(text);
  const { benchTiming } = await import("#bench/timing");
  const { describeCommit, formatTiming, writeResults } = await import("#bench/report");
  const commit = await describeCommit();
  const rows = benchTiming({
    samples,
    onTarget: (name) => {
      printNote(`measuring ${name}`);
    },
  });
  if (json) printLine(JSON.stringify(rows, null, 2));
  else for (const line of formatTiming(rows)) printLine(line);
  if (write !== undefined) printNote(`wrote ${await writeResults(write, commit, rows)}`);
  const judged = short ? rows.filter(({ isControl }) => isControl) : rows;
  const isAsExpected = judged.every(({ isControl, isFound }) => isControl === isFound);
  return isAsExpected ? EXIT.expected : EXIT.unexpected;
}

const SUBJECTS: ReadonlyMap<string, (options: Options) => Promise<number>> = new Map([
  ["core", runCore],
  ["rules", runRules],
  ["timing", runTiming],
  ["import", runImport],
  ["centre", runCentre],
]);

async function runSummary(runs: readonly string[], { json, write }: Options): Promise<number> {
  const { formatTable, readResults, writeResults } = await import("#bench/report");
  const { summariseRuns } = await import("#bench/summary");
  const results = await Promise.all(
    runs.map(async (name) => {
      const result = await readResults(name);
      if (result === undefined) throw new UsageError(`no run is kept as "${name}"`);
      return result;
    }),
  );
  const commits = new Set(results.map(({ commit }) => commit));
  const [commit] = commits;
  if (commit === undefined || commits.size !== 1)
    throw new UsageError("the runs are of different commits");
  const rows = summariseRuns(results.map((result) => result.rows));
  if (json) printLine(JSON.stringify(rows, null, 2));
  else for (const line of formatTable(rows)) printLine(line);
  if (write !== undefined) printNote(`wrote ${await writeResults(write, commit, rows)}`);
  return EXIT.expected;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds > 0 && seconds <= SECONDS_MAX))
    throw new UsageError(`--seconds wants a number up to ${SECONDS_MAX}, not "${text}"`);
  return seconds;
}

function parseRows(text: string): number {
  const rows = Number(text);
  if (!/^[1-9][0-9]*$/.test(text) || rows > ROWS_MAX)
    throw new UsageError(`--rows wants a number up to ${ROWS_MAX}, not "${text}"`);
  return rows;
}

function parseSamples(text: string): number {
  const samples = Number(text);
  const { min, max } = SAMPLES;
  if (!/^[0-9]+$/.test(text) || samples < min || samples > max)
    throw new UsageError(`--samples wants a number from ${min} to ${max}, not "${text}"`);
  return samples;
}

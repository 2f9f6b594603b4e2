import { parseArgs } from "node:util";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine, printNote } from "./output.ts";

const FULL = { rounds: 7, seconds: 0.25 };
const SHORT = { rounds: 1, seconds: 0.002 };
const SECONDS_MAX = 60;

export const benchCommand: Command = {
  name: "bench",
  summary: "measure the cryptographic core against its peers",
  help: `Usage: simlatch bench core [--seconds N] [--short] [--json] [--write]

Measures Milenage, TUAK, P-256 and SM2 of the core on Bun and in workerd, taking turns with the
runtime's own cryptography, libosmocore, AES instructions and openssl. Each number is the median
of ${FULL.rounds} rounds; min and max are the core's. A peer that this machine lacks is named as
absent; libosmocore needs gcc, pkg-config and libosmocore-dev.

  --seconds N  of one sample (${FULL.seconds}); openssl takes one at least
  --short      one round of a few milliseconds, without programs outside; the numbers say nothing
  --json       an array of {"name","runtime","value","unit","peer","peerValue","ratio","min","max"}
  --write      also bench/results/core.json, with the commit id`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        seconds: { type: "string" },
        short: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
      },
    });
    if (positionals.length !== 1 || positionals[0] !== "core")
      throw new UsageError("the one thing to measure is `core`");
    const defaults = values.short ? SHORT : FULL;
    const seconds = values.seconds === undefined ? defaults.seconds : parseSeconds(values.seconds);
    const { benchCore } = await import("#bench/core");
    const { formatTable, writeResults } = await import("#bench/report");
    const rows = await benchCore({
      rounds: defaults.rounds,
      seconds,
      hasNativePeers: !values.short,
      onGroup: (names) => {
        printNote(`measuring ${names.join(", ")}`);
      },
    });
    if (values.json) printLine(JSON.stringify(rows, null, 2));
    else for (const line of formatTable(rows)) printLine(line);
    if (values.write) printNote(`wrote ${await writeResults(rows)}`);
    return EXIT.expected;
  },
};

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds > 0 && seconds <= SECONDS_MAX))
    throw new UsageError(`--seconds wants a number up to ${SECONDS_MAX}, not "${text}"`);
  return seconds;
}

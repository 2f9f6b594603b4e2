import { parseArgs } from "node:util";
import { type Command, UsageError } from "./command.ts";
import { printLine } from "./output.ts";

export const plantedCommand: Command = {
  name: "planted",
  summary: "plant faults and see the tests find them",
  help: `Usage: simlatch planted [--json] [invariant...]
       simlatch planted [--json] [--every N] matrix

Applies each planted fault to a temporary copy of the source and expects the test named for it to
fail. Exit code 0 only if every fault was caught. With invariants (I4 I12), only theirs. With
matrix, plants a fault in each cell of suites, modes, cards and modules, and expects that cell and
no other to turn red.

  --json       only {"planted","caught"}, and what was missed
  --every N    matrix: a fault in every Nth cell (default 1)`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        every: { type: "string", default: "1" },
      },
    });
    const { json } = values;
    if (positionals[0] === "matrix") {
      if (positionals.length > 1) throw new UsageError("matrix takes no names");
      const every = Number(values.every);
      if (!Number.isInteger(every) || every < 1) throw new UsageError("--every takes 1 or more");
      const { runPlantedMatrix } = await import("#tests/planted/matrix");
      return runPlantedMatrix({ json, every, writeLine: printLine });
    }
    const { INVARIANTS, runPlanted } = await import("#tests/planted/run");
    const unknown = positionals.find((name) => !INVARIANTS.has(name));
    if (unknown !== undefined) {
      throw new UsageError(
        `no fault is planted for "${unknown}"; say ${[...INVARIANTS].join(", ")}`,
      );
    }
    return runPlanted({ json, invariants: positionals, writeLine: printLine });
  },
};

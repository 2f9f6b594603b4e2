import { parseArgs } from "node:util";
import { type Command } from "./command.ts";
import { printLine } from "./output.ts";

export const plantedCommand: Command = {
  name: "planted",
  summary: "plant faults and see the tests find them",
  help: `Usage: simlatch planted [--json] [invariant...]

Applies each planted fault to a temporary copy of the source and expects the test named for it to
fail. Exit code 0 only if every fault was caught. With invariants (I4 I12), only theirs.

  --json    only {"planted","caught"}, and what was missed`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
      },
    });
    const { runPlanted } = await import("#tests/planted/run");
    return runPlanted({ ...values, invariants: positionals, writeLine: printLine });
  },
};

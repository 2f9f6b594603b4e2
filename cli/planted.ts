import { parseArgs } from "node:util";
import { type Command } from "./command.ts";

export const plantedCommand: Command = {
  name: "planted",
  summary: "plant faults and see the tests find them",
  help: `Usage: simlatch planted [--edge] [--json] [name...]

Applies each planted fault to a temporary copy of the source and expects the test named for it to
fail. Exit code 0 only if every fault was found. Without names, all of them.

  --edge    run the tests on workerd instead of Bun
  --json    one JSON object on stdout`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        edge: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const { runPlanted } = await import("#tests/planted/run");
    return runPlanted({ ...values, names: positionals });
  },
};

import { parseArgs } from "node:util";
import type { Command } from "./command.ts";
import { printLine } from "./output.ts";

export const modelCommand: Command = {
  name: "model",
  summary: "check the protocol's model with spin",
  help: `Usage: simlatch model [--json] [--traces]

Checks the model of both flows (tests/model/binding.pml) with spin and gcc: the invariants hold,
each weakened protocol has an attack, and the runs that should exist do. Exit code 0 only if all
came out so, 4 where spin or gcc is absent.

  --json    one JSON object a check
  --traces  after the table, the steps of every attack and of every run that should exist`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean", default: false },
        traces: { type: "boolean", default: false },
      },
    });
    const { runModel } = await import("#tests/model/run");
    return runModel({ ...values, writeLine: printLine });
  },
};

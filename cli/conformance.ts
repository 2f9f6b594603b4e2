import { type Command } from "./command.ts";
export const conformanceCommand: Command = {
  name: "conformance",
  summary: "",
  help: "",
  async run() {
    return 0;
  },
};

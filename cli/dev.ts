import { parseArgs } from "node:util";
import { type Command, EXIT, parsePort } from "./command.ts";
import { printLine } from "./output.ts";
import { DEFAULT_PORT, waitForInterrupt } from "./platform-host.ts";
import { startUnlessInterrupted } from "./temporary-platform.ts";

export const devCommand: Command = {
  name: "dev",
  summary: "run an empty platform with made-up keys",
  help: `Usage: simlatch dev [--edge] [--port N] [--json]

Runs an empty platform in a temporary folder with keys it makes itself, until Ctrl-C. Nothing is
kept. For a platform that has cards and subscribers already, see \`simlatch quickstart\`.

  --edge      the Worker in workerd instead of the Bun server
  --port N    TCP port, 0 for any free one (default ${DEFAULT_PORT})
  --json      say where it listens and where the keys are as one JSON object`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        edge: { type: "boolean", default: false },
        port: { type: "string", default: String(DEFAULT_PORT) },
        json: { type: "boolean", default: false },
      },
    });
    const stopped = waitForInterrupt();
    const port = parsePort(values.port);
    const platform = await startUnlessInterrupted({ edge: values.edge, port }, stopped);
    if (platform === undefined) return EXIT.expected;
    const { url, keyFile, logFile } = platform;
    if (values.json) printLine(JSON.stringify({ url, keyFile, logFile }));
    else {
      printLine(`listening: ${url}`);
      printLine(`keys:      ${keyFile}`);
      printLine(`log:       ${logFile}`);
      printLine("Ctrl-C stops it.");
    }
    await stopped;
    await platform.stop();
    return EXIT.expected;
  },
};

import { accessSync, constants, mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Command, EXIT, parsePort } from "./command.ts";
import { printLine, printNote } from "./output.ts";
import { DEFAULT_HOSTNAME, DEFAULT_PORT, isPortTaken } from "./platform-host.ts";
import { startPlatform, waitForInterrupt } from "./platform-host.ts";

const DEFAULT_FOLDER = "data";

/** Makes it where it is not there. */
function isUsable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const serveCommand: Command = {
  name: "serve",
  summary: "run the platform on this machine",
  help: `Usage: simlatch serve [--port N] [--hostname H] [--folder F] [--json]

Runs the platform with embedded storage until Ctrl-C. Keys come from the environment:
SIMLATCH_MASTER_KEY and SIMLATCH_DEPLOYMENT are required, SIMLATCH_ADMIN_KEY opens /v1/admin;
\`simlatch keys\` prints fresh ones. A configuration that cannot work ends with exit code 3.

  --port N        TCP port, 0 for any free one (default ${DEFAULT_PORT})
  --hostname H    address to listen on (default ${DEFAULT_HOSTNAME})
  --folder F      where catalog.db and state.db are kept (default ./${DEFAULT_FOLDER})
  --json          say where it listens as one JSON object`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: String(DEFAULT_PORT) },
        hostname: { type: "string", default: DEFAULT_HOSTNAME },
        folder: { type: "string", default: DEFAULT_FOLDER },
        json: { type: "boolean" },
      },
    });
    const { hostname, folder } = values;
    const port = parsePort(values.port);
    if (await isPortTaken(hostname, port)) {
      printNote(`simlatch serve: ${hostname}:${port} is not free; choose another with --port`);
      return EXIT.configuration;
    }
    if (!isUsable(folder)) {
      printNote("simlatch serve: the folder cannot be written; choose another with --folder");
      return EXIT.configuration;
    }
    const stopped = waitForInterrupt();
    const environment = process.env;
    const host = await startPlatform({ edge: false, environment, hostname, port, folder });
    printLine(values.json === true ? JSON.stringify({ url: host.url }) : `listening: ${host.url}`);
    await stopped;
    await host.stop();
    return EXIT.expected;
  },
};

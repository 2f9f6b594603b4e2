import { parseArgs } from "node:util";
import { createLog, runtimeAmbient } from "#edge/app";
import { checkRelayEnvironment } from "#edge/relay/configuration";
import { createGsupSource } from "#edge/relay/gsup-source";
import { createRelay } from "#edge/relay/relay";
import { bunPatience, bunTcp } from "#edge/tcp-bun";
import { type Command, EXIT, parsePort } from "./command.ts";
import { printLine, printNote } from "./output.ts";
import { DEFAULT_HOSTNAME, isPortTaken, waitForInterrupt } from "./platform-host.ts";

const RELAY_PORT = 8722;

export const relayCommand: Command = {
  name: "relay",
  summary: "give points of presence vectors of an HLR",
  help: `Usage: simlatch relay [--port N] [--hostname H] [--json]

Runs beside an HLR that speaks GSUP (osmo-hlr) and answers points of presence that cannot hold a
connection to it, until Ctrl-C. From the environment:

  SIMLATCH_GSUP_ADDRESS       HOST or HOST:PORT of the HLR (port 4222 unless given)
  SIMLATCH_RELAY_CALLERS      NAME:KEY of each point of presence, spaces between; NAME is its
                              SIMLATCH_GSUP_..._PEER_NAME, KEY its SIMLATCH_GSUP_..._RELAY_KEY
  SIMLATCH_RELAY_PER_MINUTE   questions of one of them in a minute (default 6000)

Questions and answers are sealed under the caller's key. Put TLS or a tunnel in front of it where it
can be reached from outside. A configuration that cannot work ends with exit code 3.

  --port N        TCP port, 0 for any free one (default ${RELAY_PORT})
  --hostname H    address to listen on (default ${DEFAULT_HOSTNAME})
  --json          say where it listens as one JSON object`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: String(RELAY_PORT) },
        hostname: { type: "string", default: DEFAULT_HOSTNAME },
        json: { type: "boolean" },
      },
    });
    const { hostname } = values;
    const port = parsePort(values.port);
    const { address, ...options } = checkRelayEnvironment(process.env);
    if (await isPortTaken(hostname, port)) {
      printNote(`simlatch relay: ${hostname}:${port} is not free; choose another with --port`);
      return EXIT.configuration;
    }
    const stopped = waitForInterrupt();
    const ambient = runtimeAmbient(printNote);
    const tools = { ...ambient, sleep: bunPatience, log: createLog(ambient) };
    const source = createGsupSource(tools, bunTcp(address));
    const relay = createRelay(tools, source, options);
    const server = Bun.serve({ hostname, port, fetch: (request) => relay.fetch(request) });
    const url = server.url.origin;
    printLine(values.json === true ? JSON.stringify({ url }) : `listening: ${url}`);
    await stopped;
    await server.stop(true);
    source.close();
    return EXIT.expected;
  },
};

import { parseArgs } from "node:util";
import type { ScenarioResult } from "#tests/fleet/scenarios";
import { decodeHex } from "#protocol/bytes";
import { type Command, EXIT, parsePort } from "./command.ts";
import { createPaint, type Paint, printLine, printNote } from "./output.ts";
import { DEFAULT_PORT, waitForInterrupt } from "./platform-host.ts";
import { formatScenario } from "./step-table.ts";
import { startUnlessInterrupted, type TemporaryPlatform } from "./temporary-platform.ts";

export const quickstartCommand: Command = {
  name: "quickstart",
  summary: "see a fleet of cards being bound, refused and locked",
  help: `Usage: simlatch quickstart [--edge] [--exit] [--json] [--port N]

Starts a platform in a temporary folder with keys it makes itself, enrols emulated cards and SIMs
and runs nineteen scenarios over HTTP on loopback, each step as the patent numbers it. Then the
platform goes on serving until Ctrl-C. Exit code 0 only if every outcome was the expected one.

  --edge      the Worker in workerd instead of the Bun server
  --exit      end after the scenarios
  --json      one JSON document on stdout instead of tables
  --port N    TCP port, 0 for any free one (default ${DEFAULT_PORT})`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        edge: { type: "boolean", default: false },
        exit: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        port: { type: "string", default: String(DEFAULT_PORT) },
      },
    });
    const port = parsePort(values.port);
    const interrupted = waitForInterrupt();
    printNote(`starting a platform ${values.edge ? "in workerd" : "on Bun"} ...`);
    const platform = await startUnlessInterrupted({ edge: values.edge, port }, interrupted);
    if (platform === undefined) return EXIT.unexpected;
    try {
      const results = await Promise.race([tellStories(platform, values.json), interrupted]);
      if (results === undefined) return EXIT.unexpected;
      if (!values.exit) {
        for (const line of describePlatform(platform, results[0]?.session ?? ""))
          if (values.json) printNote(line);
          else printLine(line);
        await interrupted;
      }
      return results.every(({ expected }) => expected) ? EXIT.expected : EXIT.unexpected;
    } finally {
      await platform.stop();
    }
  },
};

async function tellStories(
  platform: TemporaryPlatform,
  json: boolean,
): Promise<readonly ScenarioResult[]> {
  // Emulators are no part of the product: loaded by this command alone.
  const { runScenarios } = await import("#tests/fleet/scenarios");
  const paint = createPaint(process.stdout.isTTY, process.env);
  printNote("enrolling cards and subscribers, running scenarios ...");
  const results = await runScenarios({
    platformUrl: platform.url,
    adminKey: platform.keys.SIMLATCH_ADMIN_KEY,
    deployment: decodeHex(platform.keys.SIMLATCH_DEPLOYMENT) ?? new Uint8Array(0),
    fetch: (url, init) => fetch(url, init),
    now: Date.now,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    onResult: (result) => {
      if (!json) for (const line of formatScenario(result, paint)) printLine(line);
    },
  });
  if (json) printLine(encodeResults(results));
  else printLine(summarise(results, paint));
  return results;
}

/** No times among the steps, so that runs on Bun and on workerd give equal lists. */
function encodeResults(results: readonly ScenarioResult[]): string {
  const scenarios = results.map(({ name, verdict, cardState, expected, steps, milliseconds }) => ({
    name,
    verdict,
    cardState,
    expected,
    steps,
    milliseconds,
  }));
  return JSON.stringify({ scenarios });
}

function summarise(results: readonly ScenarioResult[], paint: Paint): string {
  const asExpected = results.filter(({ expected }) => expected).length;
  const text = `${asExpected} of ${results.length} scenarios ended as expected`;
  return paint(asExpected === results.length ? "green" : "red", text);
}

function describePlatform(platform: TemporaryPlatform, session: string): string[] {
  const { url, keyFile, logFile } = platform;
  const audit = `${url}/v1/admin/audit?session=${session}`;
  return [
    "",
    `The platform goes on serving at ${url}; Ctrl-C stops it and removes its folder.`,
    `Its log is in ${logFile}, its keys are in ${keyFile}.`,
    "What it recorded about the first binding, for example:",
    `  . ${keyFile}`,
    `  curl -H "Authorization: Bearer $SIMLATCH_ADMIN_KEY" "${audit}"`,
  ];
}

/**
 * The program `simlatch`: finds the sub-command, runs it, turns what went wrong into an exit code.
 */
import { benchCommand } from "./bench.ts";
import { cardsCommand } from "./cards.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { conformanceCommand } from "./conformance.ts";
import { deployCommand } from "./deploy.ts";
import { devCommand } from "./dev.ts";
import { hostileCommand } from "./hostile.ts";
import { emulateCommand } from "./emulate.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { keysCommand } from "./keys.ts";
import { modelCommand } from "./model.ts";
import { mtmCommand } from "./mtm.ts";
import { keepGoingUnread, outputLoss, printLine, printNote } from "./output.ts";
import { plantedCommand } from "./planted.ts";
import { quickstartCommand } from "./quickstart.ts";
import { relayCommand } from "./relay.ts";
import { rewrapCommand } from "./rewrap.ts";
import { rulesCommand } from "./rules.ts";
import { serveCommand } from "./serve.ts";
import { subscribersCommand } from "./subscribers.ts";
import { terminalCommand } from "./terminal.ts";

const COMMANDS: readonly Command[] = [
  quickstartCommand,
  serveCommand,
  relayCommand,
  devCommand,
  deployCommand,
  keysCommand,
  cardsCommand,
  subscribersCommand,
  importCommand,
  exportCommand,
  rewrapCommand,
  rulesCommand,
  terminalCommand,
  mtmCommand,
  emulateCommand,
  conformanceCommand,
  plantedCommand,
  hostileCommand,
  modelCommand,
  benchCommand,
];

const HELP = `simlatch binds a removable smart card to the SIM in the same handset.

Usage: bun run simlatch <command> [options]

Commands:
${COMMANDS.map((command) => `  ${command.name.padEnd(13)}${command.summary}`).join("\n")}

\`bun run simlatch <command> --help\` says more about one of them.
Exit codes: 0 as expected, 1 unexpected outcome, 2 usage, 3 configuration, 4 dependency absent.`;

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    printLine(HELP);
    return name === undefined ? EXIT.usage : EXIT.expected;
  }
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) {
    printNote(`simlatch: no command "${name}"; see \`bun run simlatch --help\``);
    return EXIT.usage;
  }
  if (isHelpAsked(rest)) {
    printLine(command.help);
    return EXIT.expected;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    return reportFailure(command, error);
  }
}

/** What stands after `--` belongs to the program behind the command. */
function isHelpAsked(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  return own.includes("--help") || own.includes("-h");
}

function reportFailure(command: Command, error: unknown): number {
  if (!(error instanceof Error)) throw error;
  // parseArgs throws TypeErrors with codes of this family.
  const isUsage =
    error instanceof UsageError ||
    ("code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_"));
  if (isUsage) {
    printNote(`simlatch ${command.name}: ${error.message}`);
    printNote(`see \`bun run simlatch ${command.name} --help\``);
    return EXIT.usage;
  }
  if (error.name === "ConfigurationError") {
    printNote(`simlatch ${command.name}: ${error.message}`);
    return EXIT.configuration;
  }
  printNote(`simlatch ${command.name}: ${error.stack ?? error.message}`);
  return EXIT.unexpected;
}

keepGoingUnread();
// Who stops reading knows it; whose disk is full must be told.
process.once("exit", () => {
  if (!["EPIPE", undefined].includes(outputLoss()) && process.exitCode === EXIT.expected)
    process.exitCode = EXIT.unexpected;
});
process.exitCode = await main(process.argv.slice(2));

import { parseArgs } from "node:util";
import { CARD_ID_PATTERN, IMSI_PATTERN } from "#protocol/identifiers";
import { MODE_NUMBERS, type ModeName, SUITES, type SuiteName } from "#protocol/suites";
import { ADMIN_ADVICE, adminUrl, reportProblem } from "./admin-call.ts";
import type { EmulatedPart } from "./emulated-parts.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine, printNote } from "./output.ts";
import { waitForInterrupt } from "./platform-host.ts";

/** vpcd's first reader is for the card, its second for the module. */
const CARD_ADDRESS = "127.0.0.1:35963";
const MODULE_ADDRESS = "127.0.0.1:35964";
const KINDS = ["card", "usim", "sim", "uim"] as const;
type Kind = (typeof KINDS)[number];

export const emulateCommand: Command = {
  name: "emulate",
  summary: "put an emulated card or SIM into a virtual PC/SC reader",
  help: `Usage: simlatch emulate card|usim|sim|uim --vpcd [HOST:PORT] [options]

Runs an emulated card or identity module behind vsmartcard's virtual reader (packages pcscd and
vsmartcard-vpcd) until Ctrl-C, or until the reader goes away. vpcd's first reader listens on
${CARD_ADDRESS} (the card's default), its second on ${MODULE_ADDRESS} (the module's).

Without --platform a card has the keys of cli/test-card, which are public, and a module those of
TS 35.208, test set 1. With it, it gets keys of its own and is enrolled there; a card also makes
its own operator the tenant's, so give it a platform to try things on (\`simlatch dev\`).

  --vpcd [H:P]      the virtual reader
  --suite S         card: ${SUITES.map(({ name }) => name).join(", ")} (default P-256)
  --mode M          card: signed or encrypted; may be repeated (default signed)
  --platform U      enrol at this platform (https unless it is on this machine);
                    SIMLATCH_ADMIN_KEY and SIMLATCH_DEPLOYMENT are its keys
  --binds CARD      module: with --platform, a rule that this card may be bound to it
  --imsi N          module: 6 to 15 digits
  --pin N           module: PIN1 or CHV1, 4 to 8 digits; disabled unless given
  --json            what was put in, as one JSON object

Exit codes: 0 stopped, 1 the reader went away or the platform did not enrol it, 2 usage, 3 a key is
missing or not the platform's, 4 no reader there.`,
  async run(args) {
    const request = readRequest(args);
    const interrupted = waitForInterrupt();
    const { createPart, isConfigured } = await import("./emulated-parts.ts");
    if (!isConfigured(request)) {
      printNote("simlatch emulate: --platform wants SIMLATCH_ADMIN_KEY and SIMLATCH_DEPLOYMENT");
      return EXIT.configuration;
    }
    const part = await createPart(request);
    if (!part.ok) return reportProblem("emulate", part.reason, ADVICE);
    return insert(part.value, request, interrupted);
  },
};

const ADVICE: typeof ADMIN_ADVICE = {
  ...ADMIN_ADVICE,
  conflict: "the platform has a subscriber with this IMSI already",
  not_found: "the platform has no administration routes",
  unreachable: "the platform does not answer",
};

export interface EmulateRequest {
  readonly kind: Kind;
  readonly host: string;
  readonly port: number;
  readonly suite: SuiteName;
  readonly modes: readonly ModeName[];
  readonly platform?: string;
  readonly binds?: string;
  readonly imsi?: string;
  readonly pin?: string;
  readonly json: boolean;
}

async function insert(
  part: EmulatedPart,
  { host, port, json }: EmulateRequest,
  interrupted: Promise<undefined>,
): Promise<number> {
  const { connectVpcd, VpcdUnavailableError } = await import("#tests/emulators/vpcd/connect");
  try {
    const connection = await connectVpcd(part.device, { host, port });
    const facts = { ...part.facts, reader: `${host}:${port}` };
    if (json) printLine(JSON.stringify(facts));
    else for (const [name, value] of Object.entries(facts)) printLine(`${name}: ${value}`);
    const end = await Promise.race([interrupted, connection.closed.then(() => "gone" as const)]);
    connection.remove();
    if (end === undefined) return EXIT.expected;
    printNote("simlatch emulate: the reader went away");
    return EXIT.unexpected;
  } catch (error) {
    if (!(error instanceof VpcdUnavailableError)) throw error;
    printNote(`simlatch emulate: ${error.message}; is pcscd running?`);
    return EXIT.dependencyAbsent;
  }
}

function readRequest(args: readonly string[]): EmulateRequest {
  const { values, positionals } = parseArgs({
    args: withAddress(args),
    allowPositionals: true,
    options: {
      vpcd: { type: "string" },
      suite: { type: "string", default: "P-256" },
      mode: { type: "string", multiple: true, default: ["signed"] },
      platform: { type: "string" },
      binds: { type: "string" },
      imsi: { type: "string" },
      pin: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const kind = KINDS.find((known) => known === positionals[0]);
  if (kind === undefined || positionals.length > 1) throw new UsageError(`say ${KINDS.join("|")}`);
  const { vpcd, suite: suiteName, mode, platform, binds, imsi, pin, json } = values;
  if (vpcd === undefined) throw new UsageError("there is one kind of reader: say --vpcd");
  const suite = SUITES.find(({ name }) => name === suiteName)?.name;
  if (suite === undefined) throw new UsageError(`no suite "${suiteName}"`);
  const modes = mode.filter((name): name is ModeName => Object.hasOwn(MODE_NUMBERS, name));
  if (modes.length < mode.length) throw new UsageError("--mode is signed or encrypted");
  if (platform !== undefined) adminUrl(platform, "", "--platform");
  if (imsi !== undefined && !IMSI_PATTERN.test(imsi)) throw new UsageError("an IMSI is digits");
  if (binds !== undefined && !(CARD_ID_PATTERN.test(binds) && platform !== undefined))
    throw new UsageError("--binds wants a card id of 16 hex digits, and --platform");
  if (pin !== undefined && !/^\d{4,8}$/.test(pin)) throw new UsageError("a PIN is 4 to 8 digits");
  const optional = { platform, binds, imsi, pin };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value));
  const usual = kind === "card" ? CARD_ADDRESS : MODULE_ADDRESS;
  return { kind, suite, modes, json, ...given, ...parseAddress(vpcd === "" ? usual : vpcd) };
}

/** `--vpcd` may stand alone. */
function withAddress(args: readonly string[]): string[] {
  return args.flatMap((arg, index) => {
    const next = args[index + 1];
    return arg === "--vpcd" && (next === undefined || next.startsWith("-")) ? [arg, ""] : [arg];
  });
}

function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?<host>.+):(?<port>\d{1,5})$/.exec(text)?.groups;
  const port = Number(match?.["port"]);
  if (match === undefined || !(port >= 1 && port <= 65_535))
    throw new UsageError(`--vpcd wants HOST:PORT, not "${text}"`);
  return { host: match["host"] ?? "", port };
}

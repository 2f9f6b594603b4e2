import { parseArgs } from "node:util";
import { MODE_NUMBERS, type ModeName, SUITES, type SuiteName } from "#protocol/suites";
import { type Command, EXIT, UsageError } from "./command.ts";
import type { CardSlot } from "./conformance/slot.ts";
import { createPaint, printLine, printNote } from "./output.ts";

const TIMEOUT_SECONDS = 10;

export const conformanceCommand: Command = {
  name: "conformance",
  summary: "hold an applet to the APDU profile of docs/protocol.md",
  help: `Usage: simlatch conformance --reader NAME [options]
       simlatch conformance --emulated [--kind TF|SD] [options]

Tries every requirement on the card in a PC/SC reader and prints a row for each: what was sent,
what was expected, what came. The card must be personalised with the keys of cli/test-card
(docs/conformance.md says how). It plays platform and operator itself; nothing else is needed.

The run locks and unlocks the card, raises its epoch and its floor, and uses the one proof of
possession of its life. A card that a run left locked is unlocked by the next one.

  --reader N     the reader, as \`simlatch terminal readers\` names it; held meanwhile
  --emulated     simlatch's own emulated card in place of a reader
  --kind K       with --emulated: TF or SD (default TF)
  --suite S      ${SUITES.map(({ name }) => name).join(", ")}
                 (default: found out; emulated P-256)
  --mode M       signed or encrypted; may be repeated (default: found out; emulated both)
  --only P       rows whose id begins with P, such as RES or LCK-05; may be repeated
  --failed       print only rows that did not pass
  --timeout S    seconds that the card may take for one command (default ${TIMEOUT_SECONDS})
  --json         everything as one JSON object

Exit codes: 0 every mandatory row passed, 1 one did not or the card could not be examined, 2 usage,
4 no PC/SC service or no such reader.`,
  async run(args) {
    const request = readRequest(args);
    const { openEmulated, openReader } = await import("./conformance/slot.ts");
    const { PcscError } = await import("#terminal/pcsc");
    const { suite = "P-256", modes = ["signed", "encrypted"], reader } = request;
    try {
      const slot =
        reader === undefined
          ? openEmulated({ suite, modes, kind: request.kind, hasClock: true })
          : await openReader(reader, request.timeoutMs);
      try {
        return await testCard(slot, request);
      } finally {
        await slot.close().catch(() => undefined);
      }
    } catch (error) {
      if (!(error instanceof PcscError)) throw error;
      printNote(`simlatch conformance: ${error.message}`);
      // A reader that does not answer holds its thread, and with it this process.
      if (error.code === "timeout") process.exit(EXIT.unexpected);
      const isAbsent = ["not_installed", "no_service", "no_reader"].includes(error.code);
      return isAbsent ? EXIT.dependencyAbsent : EXIT.unexpected;
    }
  },
};

interface Request {
  /** Undefined: emulated. */
  readonly reader: string | undefined;
  readonly kind: "TF" | "SD";
  readonly suite?: SuiteName;
  readonly modes?: readonly ModeName[];
  readonly only: readonly string[];
  readonly onlyFailed: boolean;
  readonly timeoutMs: number;
  readonly json: boolean;
}

async function testCard(slot: CardSlot, request: Request): Promise<number> {
  const { examine, tryRows } = await import("./conformance/run.ts");
  const { ROWS } = await import("./conformance/rows.ts");
  const { UnreachedError } = await import("./conformance/bench.ts");
  const { describeCard, formatLine, formatTally, isPassed } =
    await import("./conformance/table.ts");
  const { suite, modes, only, json, onlyFailed } = request;
  const rows = ROWS.filter(
    ({ id }) => only.length === 0 || only.some((prefix) => id.startsWith(prefix)),
  );
  if (rows.length === 0) throw new UsageError("--only leaves no row");
  const claims = { ...(suite && { suite }), ...(modes && { modes }) };
  try {
    const card = await examine(slot, claims);
    const paint = createPaint(process.stdout.isTTY, process.env);
    const lines = [];
    if (!json) printLine(describeCard(card));
    for await (const line of tryRows(card, rows)) {
      lines.push(line);
      const isShown = !onlyFailed || line.verdict !== "pass";
      if (!json && isShown) for (const text of formatLine(line, paint)) printLine(text);
    }
    const passed = isPassed(lines);
    const facts = describeCard(card);
    printLine(json ? JSON.stringify({ card: facts, passed, rows: lines }) : formatTally(lines));
    return passed ? EXIT.expected : EXIT.unexpected;
  } catch (error) {
    if (!(error instanceof UnreachedError)) throw error;
    if (json) printLine(JSON.stringify({ card: null, passed: false, reason: error.message }));
    printNote(`simlatch conformance: ${error.message}; docs/conformance.md says what a card needs`);
    return EXIT.unexpected;
  }
}

function readRequest(args: readonly string[]): Request {
  const { values } = parseArgs({
    args: [...args],
    options: {
      reader: { type: "string" },
      emulated: { type: "boolean", default: false },
      kind: { type: "string" },
      suite: { type: "string" },
      mode: { type: "string", multiple: true },
      only: { type: "string", multiple: true, default: [] },
      failed: { type: "boolean", default: false },
      timeout: { type: "string", default: String(TIMEOUT_SECONDS) },
      json: { type: "boolean", default: false },
    },
  });
  const { reader, emulated, kind = "TF", only, failed: onlyFailed, json } = values;
  if ((reader === undefined) !== emulated) throw new UsageError("say --reader NAME or --emulated");
  if (values.kind !== undefined && !emulated) throw new UsageError("a card says its kind itself");
  if (kind !== "TF" && kind !== "SD") throw new UsageError("--kind is TF or SD");
  const seconds = Number(values.timeout);
  if (!(seconds > 0 && seconds <= 600)) throw new UsageError("--timeout wants seconds, up to 600");
  const common = { reader, kind, only, onlyFailed, timeoutMs: seconds * 1000, json } as const;
  return { ...common, ...readSuite(values.suite), ...readModes(values.mode) };
}

function readSuite(text: string | undefined): { readonly suite?: SuiteName } {
  if (text === undefined) return {};
  const suite = SUITES.find(({ name }) => name === text)?.name;
  if (suite === undefined) throw new UsageError(`no suite "${text}"`);
  return { suite };
}

function readModes(texts: readonly string[] | undefined): { readonly modes?: readonly ModeName[] } {
  if (texts === undefined) return {};
  const modes = texts.filter((name): name is ModeName => Object.hasOwn(MODE_NUMBERS, name));
  if (modes.length < texts.length) throw new UsageError("--mode is signed or encrypted");
  return {
    modes: [...new Set(modes)].toSorted((one, other) => MODE_NUMBERS[one] - MODE_NUMBERS[other]),
  };
}

import { parseArgs } from "node:util";
import { decodeBase64Url } from "#protocol/bytes";
import { DEFAULT_TENANT, TENANT_PATTERN } from "#protocol/identifiers";
import { describeStep, type StepReport } from "#protocol/steps";
import { MODULE_KIND_NUMBERS, type ModuleKindName } from "#protocol/suites";
import { bind, type BindingOutcome } from "#terminal/bind";
import { createCardApplet } from "#terminal/card";
import type { Concealment } from "#terminal/conceal";
import type { IdentityModule } from "#terminal/module";
import { createPcscTransport, listReaders, PcscError } from "#terminal/pcsc";
import { createPlatformClient } from "#terminal/platform-client";
import { createSimModule } from "#terminal/sim";
import type { CardTransport } from "#terminal/transport";
import { createUimModule } from "#terminal/uim";
import { createUsimModule } from "#terminal/usim";
import { type Command, EXIT, UsageError } from "./command.ts";
import { createPaint, printLine, printNote } from "./output.ts";
import { DEFAULT_HOSTNAME, DEFAULT_PORT } from "./platform-host.ts";
import { formatOutcome, formatStep } from "./step-table.ts";

const DEFAULT_URL = `http://${DEFAULT_HOSTNAME}:${DEFAULT_PORT}`;
const TIMEOUT_SECONDS = 10;

export const terminalCommand: Command = {
  name: "terminal",
  summary: "bind a real card to a real SIM through PC/SC readers",
  help: `Usage: simlatch terminal readers [--json]
       simlatch terminal bind --card-reader NAME --module-reader NAME [options]

readers lists the PC/SC readers of this machine. bind takes the card in one reader and the identity
module in another through a whole binding with a platform, and prints each step as the patent
numbers it. It holds both readers for itself meanwhile. What went wrong half way changed nothing
that a repetition would not put right: call it again.

  --platform U           the platform (default ${DEFAULT_URL})
  --card-reader N        the reader that the card is in, as \`readers\` names it
  --module-reader N      the reader that the module is in
  --module K             ${Object.keys(MODULE_KIND_NUMBERS).join(", ")} (default USIM)
  --tenant T             the card's tenant (default "${DEFAULT_TENANT}")
  --concealment-key I:K  encrypted mode: the platform's concealment key, id and point in base64url
  --timeout S            seconds that a card may take for one command (default ${TIMEOUT_SECONDS})
  --json                 the outcome and the steps as one JSON object

Exit codes: 0 SUCCESS, 1 another outcome, or card, module or platform failed, 2 usage, 4 no PC/SC
service or no such reader.`,
  async run(args) {
    const [verb, ...rest] = args;
    if (verb === "readers") return printReaders(rest);
    if (verb === "bind") return bindOnce(readRequest(rest));
    throw new UsageError("say readers or bind");
  },
};

interface Request {
  readonly platform: string;
  readonly cardReader: string;
  readonly moduleReader: string;
  readonly moduleKind: ModuleKindName;
  readonly tenant: string;
  readonly concealment: Concealment | undefined;
  readonly timeoutMs: number;
  readonly json: boolean;
}

async function printReaders(args: readonly string[]): Promise<number> {
  const options = { json: { type: "boolean", default: false } } as const;
  const { values } = parseArgs({ args: [...args], options });
  try {
    const readers = await listReaders();
    if (values.json) printLine(JSON.stringify(readers));
    else
      for (const { name, hasCard } of readers) printLine(`${hasCard ? "card " : "empty"}  ${name}`);
    return EXIT.expected;
  } catch (error) {
    return reportFailure(error, false);
  }
}

function readRequest(args: readonly string[]): Request {
  const { values } = parseArgs({
    args: [...args],
    options: {
      platform: { type: "string", default: DEFAULT_URL },
      "card-reader": { type: "string" },
      "module-reader": { type: "string" },
      module: { type: "string", default: "USIM" },
      tenant: { type: "string", default: DEFAULT_TENANT },
      "concealment-key": { type: "string" },
      timeout: { type: "string", default: String(TIMEOUT_SECONDS) },
      json: { type: "boolean", default: false },
    },
  });
  const { platform, tenant, json } = values;
  const cardReader = values["card-reader"];
  const moduleReader = values["module-reader"];
  if (cardReader === undefined || moduleReader === undefined || cardReader === moduleReader)
    throw new UsageError("name two readers: --card-reader and --module-reader");
  const moduleKind = (["SIM", "USIM", "UIM"] as const).find((kind) => kind === values.module);
  if (moduleKind === undefined) throw new UsageError(`no module kind "${values.module}"`);
  if (!/^https?:$/.test(URL.parse(platform)?.protocol ?? ""))
    throw new UsageError("--platform wants a URL");
  if (!TENANT_PATTERN.test(tenant)) throw new UsageError("a tenant is 1 to 32 of a-z, 0-9 and -");
  const seconds = Number(values.timeout);
  if (!(seconds > 0 && seconds <= 600)) throw new UsageError("--timeout wants seconds, up to 600");
  const concealment = readConcealment(values["concealment-key"]);
  const readers = { cardReader, moduleReader };
  return { platform, ...readers, moduleKind, tenant, concealment, timeoutMs: seconds * 1000, json };
}

function readConcealment(text: string | undefined): Concealment | undefined {
  if (text === undefined) return undefined;
  const [id = "", key = ""] = text.split(":");
  const keyId = Number(id);
  const publicKey = decodeBase64Url(key);
  if (!(keyId >= 1 && keyId <= 255) || publicKey?.length !== 65)
    throw new UsageError("--concealment-key wants ID:KEY, the key in base64url");
  return { keyId, publicKey };
}

async function bindOnce(request: Request): Promise<number> {
  const { cardReader, moduleReader, timeoutMs, json } = request;
  const steps: StepReport[] = [];
  const cleanups: (() => Promise<void>)[] = [];
  try {
    const cardSlot = await createPcscTransport({ reader: cardReader, timeoutMs });
    cleanups.push(() => cardSlot.close());
    const moduleSlot = await createPcscTransport({ reader: moduleReader, timeoutMs });
    cleanups.push(() => moduleSlot.close());
    const outcome = await bindWith(request, cardSlot, moduleSlot, (step) => steps.push(step));
    if (json) printLine(JSON.stringify({ ...outcome, steps: steps.map(describeStep) }));
    else printOutcome(outcome, steps);
    return outcome.verdict === "SUCCESS" ? EXIT.expected : EXIT.unexpected;
  } catch (error) {
    if (!json) printSteps(steps);
    return reportFailure(error, json);
  } finally {
    // What cannot be closed is gone already.
    for (const close of cleanups) await close().catch(() => undefined);
  }
}

async function bindWith(
  request: Request,
  cardSlot: CardTransport,
  moduleSlot: CardTransport,
  onStep: (step: StepReport) => void,
): Promise<BindingOutcome> {
  const { platform: baseUrl, tenant, concealment } = request;
  const card = createCardApplet(cardSlot);
  await card.select();
  return bind({
    platform: createPlatformClient({ baseUrl, fetch: (url, init) => fetch(url, init) }),
    card,
    module: driveModule(request.moduleKind, moduleSlot),
    tenant,
    ...(concealment === undefined ? { modes: ["signed"] } : { concealment }),
    now: Date.now,
    onStep,
  });
}

function driveModule(kind: ModuleKindName, slot: CardTransport): IdentityModule {
  if (kind === "USIM") return createUsimModule(slot);
  if (kind === "SIM") return createSimModule(slot);
  return createUimModule(slot, (length) => crypto.getRandomValues(new Uint8Array(length)));
}

function printSteps(steps: readonly StepReport[]): void {
  const paint = createPaint(process.stdout.isTTY, process.env);
  const start = steps[0]?.at ?? 0;
  for (const step of steps) printLine(formatStep(describeStep(step), step.at - start, paint));
}

function printOutcome(outcome: BindingOutcome, steps: readonly StepReport[]): void {
  const paint = createPaint(process.stdout.isTTY, process.env);
  printSteps(steps);
  const { verdict, cardState, receipt, reason } = outcome;
  const why = reason === undefined ? "" : `  (${reason})`;
  const state = paint("bold", cardState);
  printLine(`  ${formatOutcome(verdict, paint)}  card ${state}  receipt ${receipt}${why}`);
}

/** The readers' own errors come as the causes of what the SDK throws. */
function reportFailure(error: unknown, json: boolean): number {
  if (!(error instanceof Error) || !("code" in error)) throw error;
  const cause = error.cause instanceof PcscError ? error.cause : error;
  const code = String("code" in cause ? cause.code : error.code);
  if (json) printLine(JSON.stringify({ verdict: null, error: error.name, code }));
  printNote(`simlatch terminal: ${error.message}${cause === error ? "" : ` (${cause.message})`}`);
  // A reader that does not answer holds its thread, and with it this process.
  if (code === "timeout") process.exit(EXIT.unexpected);
  const isAbsent = ["not_installed", "no_service", "no_reader"].includes(code);
  return isAbsent ? EXIT.dependencyAbsent : EXIT.unexpected;
}

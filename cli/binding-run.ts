/**
 * What the sub-commands that run a binding have in common: a module in a PC/SC reader, the
 * platform, the steps as they are printed, and the exit code.
 */
import { parseArgs } from "node:util";
import { DEFAULT_TENANT } from "#protocol/identifiers";
import { describeStep, type StepReport } from "#protocol/steps";
import { MODULE_KIND_NUMBERS, type ModuleKindName } from "#protocol/suites";
import { bind, type BindingOutcome, type BindOptions } from "#terminal/bind";
import type { IdentityModule } from "#terminal/module";
import { createPcscTransport, PcscError } from "#terminal/pcsc";
import { createPlatformClient } from "#terminal/platform-client";
import { createSimModule } from "#terminal/sim";
import { TpmConnectionError } from "#terminal/tpm-connection";
import type { CardTransport } from "#terminal/transport";
import { createUimModule } from "#terminal/uim";
import { createUsimModule } from "#terminal/usim";
import { checkTenant, DEFAULT_PLATFORM_URL } from "./admin-call.ts";
import { EXIT, UsageError } from "./command.ts";
import { createPaint, printLine, printNote } from "./output.ts";
import { formatOutcome, formatStep } from "./step-table.ts";

const TIMEOUT_SECONDS = 10;
const TIMEOUT_SECONDS_MAX = 600;

/** Codes of a reader or a TPM that is not there. */
const ABSENT: ReadonlySet<string> = new Set([
  "not_installed",
  "no_service",
  "no_reader",
  "unreachable",
]);

/** For parseArgs. */
export const BINDING_OPTIONS = {
  platform: { type: "string", default: DEFAULT_PLATFORM_URL },
  "module-reader": { type: "string" },
  module: { type: "string", default: "USIM" },
  timeout: { type: "string", default: String(TIMEOUT_SECONDS) },
  json: { type: "boolean", default: false },
} as const;

export const BINDING_HELP = `\
  --platform U           the platform (default ${DEFAULT_PLATFORM_URL})
  --module-reader N      the reader that the module is in
  --module K             ${Object.keys(MODULE_KIND_NUMBERS).join(", ")} (default USIM)
  --timeout S            seconds that a card may take for one command (default ${TIMEOUT_SECONDS})`;

export const TENANT_OPTION = { type: "string", default: DEFAULT_TENANT } as const;

export interface BindingRun {
  readonly platform: string;
  readonly moduleReader: string;
  readonly moduleKind: ModuleKindName;
  readonly timeoutMs: number;
  readonly json: boolean;
}

type BindingValues = ReturnType<typeof parseArgs<{ options: typeof BINDING_OPTIONS }>>["values"];

/** Throws UsageError. */
export function readBindingRun(values: BindingValues): BindingRun {
  const { platform, json, timeout, module: kind } = values;
  const moduleReader = values["module-reader"];
  if (moduleReader === undefined) throw new UsageError("name the module's reader: --module-reader");
  const moduleKind = (["SIM", "USIM", "UIM"] as const).find((each) => each === kind);
  if (moduleKind === undefined) throw new UsageError(`no module kind "${kind}"`);
  if (!/^https?:$/.test(URL.parse(platform)?.protocol ?? ""))
    throw new UsageError("--platform wants a URL");
  const seconds = Number(timeout);
  if (!(seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX))
    throw new UsageError(`--timeout wants seconds, up to ${TIMEOUT_SECONDS_MAX}`);
  return { platform, moduleReader, moduleKind, timeoutMs: seconds * 1000, json };
}

/** Throws UsageError. */
export function readTenant(tenant: string): string {
  checkTenant(tenant);
  return tenant;
}

export type CardSide = Pick<
  BindOptions,
  "card" | "cardId" | "tenant" | "suites" | "modes" | "concealment"
> & {
  /** Runs while the card serves; what it says is printed after the outcome. */
  readonly serve?: () => Promise<readonly string[]>;
};

/** `openCard` says through `onEnd` what to close; `command` is the sub-command's name. */
export async function runBinding(
  command: string,
  run: BindingRun,
  openCard: (onEnd: (close: () => Promise<void>) => void) => Promise<CardSide>,
): Promise<number> {
  const steps: StepReport[] = [];
  const ends: (() => Promise<void>)[] = [];
  try {
    const { serve, ...side } = await openCard((close) => ends.push(close));
    const { moduleReader: reader, timeoutMs } = run;
    const slot = await createPcscTransport({ reader, timeoutMs });
    ends.push(() => slot.close());
    const outcome = await bind({
      platform: createPlatformClient({ baseUrl: run.platform, fetch: (url, to) => fetch(url, to) }),
      module: driveModule(run.moduleKind, slot),
      ...side,
      now: Date.now,
      onStep: (step) => steps.push(step),
    });
    const isServing = outcome.cardState === "serving";
    const served = isServing && serve !== undefined ? await serve() : [];
    if (run.json) printLine(JSON.stringify({ ...outcome, steps: steps.map(describeStep), served }));
    else printOutcome(outcome, steps, served);
    return outcome.verdict === "SUCCESS" ? EXIT.expected : EXIT.unexpected;
  } catch (error) {
    if (!run.json) printSteps(steps);
    return reportFailure(command, error, run.json);
  } finally {
    // What cannot be closed is gone already.
    for (const end of ends) await end().catch(() => undefined);
  }
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

function printOutcome(
  outcome: BindingOutcome,
  steps: readonly StepReport[],
  served: readonly string[],
): void {
  const paint = createPaint(process.stdout.isTTY, process.env);
  printSteps(steps);
  const { verdict, cardState, receipt, reason } = outcome;
  const why = reason === undefined ? "" : `  (${reason})`;
  const state = paint("bold", cardState);
  printLine(`  ${formatOutcome(verdict, paint)}  card ${state}  receipt ${receipt}${why}`);
  for (const line of served) printLine(`  ${line}`);
}

/** Readers' and connections' own errors come as the causes of what the SDK throws. */
export function reportFailure(command: string, error: unknown, json: boolean): number {
  if (!(error instanceof Error) || !("code" in error)) throw error;
  const { cause: under } = error;
  const cause = isConnectionError(under) ? under : error;
  const code = String("code" in cause ? cause.code : error.code);
  if (json) printLine(JSON.stringify({ verdict: null, error: error.name, code }));
  const detail = under instanceof Error ? ` (${under.message})` : "";
  printNote(`simlatch ${command}: ${error.message}${detail}`);
  // A reader that does not answer holds its thread, and with it this process.
  if (code === "timeout") process.exit(EXIT.unexpected);
  // A platform that does not answer is no part of this machine.
  const isAbsent = isConnectionError(cause) && ABSENT.has(code);
  return isAbsent ? EXIT.dependencyAbsent : EXIT.unexpected;
}

function isConnectionError(error: unknown): error is PcscError | TpmConnectionError {
  return error instanceof PcscError || error instanceof TpmConnectionError;
}

/**
 * One binding on its way: who takes part, and how each message is sent, raced against the caller's
 * signal, and reported by the step's number in the patent's figures.
 */
import type { SignedStep, StepNumber, StepReport } from "#protocol/steps";
import { stepIn } from "#protocol/steps";
import type { ModeName, Suite } from "#protocol/suites";
import { CancelledError, raceSignal, throwIfCancelled } from "./cancel.ts";
import { type CardApplet, CardError, formatSw } from "./card.ts";
import type { Concealment } from "./conceal.ts";
import type { IdentityModule } from "./module.ts";
import { PlatformError, type PlatformClient } from "./platform-client.ts";
import type { AccessGrant } from "./platform-messages.ts";

/** What a binding is made with; `BindOptions` says what each part is. */
export interface Participants {
  readonly platform: PlatformClient;
  readonly card: CardApplet;
  readonly module: IdentityModule;
  readonly imei?: string;
  readonly now: () => number;
  readonly onStep?: (report: StepReport) => void;
}

/** Before the platform has chosen; `mode` is the stronger one that is offered. */
export interface Run {
  readonly participants: Participants;
  readonly signal: AbortSignal;
  readonly cardId: string;
  readonly imsi: string;
  readonly mode: ModeName;
}

/** From step 312 on. */
export interface Session extends Run {
  readonly grant: AccessGrant;
  readonly suite: Suite;
  /** Present in encrypted mode. */
  readonly concealment: Concealment | undefined;
  readonly confirmationTag: boolean;
}

/** A message to the platform; reported when it was answered, with the time it was sent. */
export async function request<T>(
  run: Run,
  step: SignedStep,
  send: () => Promise<T>,
  modeOf: (value: T) => ModeName = () => run.mode,
): Promise<T> {
  throwIfCancelled(run.signal);
  const sentAt = run.participants.now();
  try {
    const value = await raceSignal(send, run.signal);
    report({ ...run, mode: modeOf(value) }, step, "done", sentAt);
    return value;
  } catch (error) {
    if (error instanceof PlatformError || error instanceof CancelledError)
      report(run, step, error.code, sentAt);
    throw error;
  }
}

/** A command to the card: `sent` is its way there, `decided` what the card made of it. */
export async function command<T>(
  run: Run,
  sent: SignedStep | 421,
  decided: SignedStep | 422,
  transmit: () => Promise<T>,
): Promise<T> {
  throwIfCancelled(run.signal);
  const sentAt = run.participants.now();
  try {
    const value = await raceSignal(transmit, run.signal);
    report(run, sent, "done", sentAt);
    return value;
  } catch (error) {
    const refusal = error instanceof CardError ? error.sw : undefined;
    report(run, sent, refusal === undefined ? "failed" : "done", sentAt);
    if (refusal !== undefined) report(run, decided, `refused ${formatSw(refusal)}`);
    throw error;
  }
}

/** Steps that only encrypted mode has go by their own numbers. */
export function report(
  run: Run,
  step: SignedStep | 421 | 422 | 423,
  outcome: string,
  at = run.participants.now(),
): void {
  const number: StepNumber =
    step === 421 || step === 422 || step === 423 ? step : stepIn(run.mode, step);
  run.participants.onStep?.({ step: number, at, outcome });
}

/** Scenario results as a person reads them. Pure: the caller prints. */
import { type StepLine, STEPS } from "#protocol/steps";
import type { ScenarioResult } from "#tests/fleet/scenarios";
import type { Paint } from "./output.ts";

const WHO_WIDTH = "platform -> client".length;
const WHAT_WIDTH = Math.max(...Object.values(STEPS).map(({ what }) => what.length));
const TIME_WIDTH = "12345 ms".length;

export function formatScenario(result: ScenarioResult, paint: Paint): string[] {
  return [
    paint("bold", `${result.name}: ${result.title}`),
    ...result.steps.map((step, index) => formatStep(step, result.milliseconds[index] ?? 0, paint)),
    ...result.checks.map(
      ({ what, holds }) => `  ${holds ? paint("green", "yes") : paint("red", "NO ")}  ${what}`,
    ),
    `  ${formatVerdict(result, paint)}`,
    "",
  ];
}

/** One step, and when it was. */
export function formatStep(step: StepLine, milliseconds: number, paint: Paint): string {
  const time = `${milliseconds} ms`.padStart(TIME_WIDTH);
  const row = `  ${step.step}  ${step.who.padEnd(WHO_WIDTH)}  ${step.what.padEnd(WHAT_WIDTH)}`;
  return `${row}  ${paint("dim", time)}  ${formatOutcome(step.outcome, paint)}`;
}

function formatVerdict(result: ScenarioResult, paint: Paint): string {
  const verdict = formatOutcome(result.verdict, paint);
  const judgement = result.expected
    ? paint("green", "as expected")
    : paint("red", "NOT AS EXPECTED");
  return `${verdict}  card ${paint("bold", result.cardState)}  ${judgement}`;
}

/** The patent's explicit forms (paragraph 41) wherever a person reads a verdict. */
export function formatOutcome(outcome: string, paint: Paint): string {
  if (outcome === "SUCCESS") return paint("green", "RESULT=SUCCESS");
  if (outcome === "FAILURE") return paint("red", "RESULT=FAILURE");
  if (outcome === "REFUSED") return paint("yellow", "RESULT REFUSED BY THE CARD");
  return outcome === "done" ? outcome : paint("yellow", outcome);
}

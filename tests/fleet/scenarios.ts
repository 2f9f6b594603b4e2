/** The stories that show what a binding is for; quickstart tells them, tests run them. */
import { describeStep, type StepLine, type StepReport } from "#protocol/steps";
import type { TerminalBinding } from "#tests/emulators/terminal/terminal";
import type { BindingOutcome } from "#terminal/bind";
import { createFleet, type Fleet, type FleetOptions } from "./fleet.ts";
import { countTrailsExpected, mergeSteps } from "./step-trail.ts";
import { LEASE_STORIES } from "./stories-lease.ts";
import { RULE_STORIES } from "./stories-rules.ts";
import { SIGNED_STORIES } from "./stories-signed.ts";
import { SUITE_STORIES } from "./stories-suites.ts";
import {
  AUDIT_POLL_MS,
  AUDIT_POLLS_MAX,
  type Check,
  sleepMilliseconds,
  type Story,
} from "./story.ts";

const STORIES: readonly Story[] = [
  ...SIGNED_STORIES,
  ...SUITE_STORIES,
  ...LEASE_STORIES,
  ...RULE_STORIES,
];

export const SCENARIO_NAMES: readonly string[] = STORIES.map(({ name }) => name);

export interface ScenarioResult {
  readonly name: string;
  /** One line for a person. */
  readonly title: string;
  readonly verdict: BindingOutcome["verdict"];
  readonly cardState: BindingOutcome["cardState"];
  /** Session id, for the audit. */
  readonly session: string;
  /** Verdict, card state and every check are what they should be. */
  readonly expected: boolean;
  readonly checks: readonly Check[];
  readonly steps: readonly StepLine[];
  /** When each step was, from the first one on; parallel to `steps`. */
  readonly milliseconds: readonly number[];
}

export interface ScenarioOptions extends FleetOptions {
  /** Called as each story ends. */
  readonly onResult?: (result: ScenarioResult) => void;
  /** Between looks at the audit index; setTimeout unless given. */
  readonly sleep?: (milliseconds: number) => Promise<void>;
}

/** Enrols a fleet of its own and runs all stories on it, in order. */
export async function runScenarios(options: ScenarioOptions): Promise<ScenarioResult[]> {
  const fleet = await createFleet(options);
  const results: ScenarioResult[] = [];
  for (const story of STORIES) {
    const result = await runStory(fleet, story, options.sleep ?? sleepMilliseconds);
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

async function runStory(
  fleet: Fleet,
  story: Story,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<ScenarioResult> {
  const { binding, checks } = await story.run(fleet, sleep);
  const { verdict, cardState, sid } = binding.outcome;
  const trails = await readTrails(fleet, binding, sleep);
  const complete = {
    what: `the platform's audit holds the trail of session ${sid.slice(0, 6)}`,
    holds: trails.length === countTrailsExpected(binding.steps),
  };
  const steps = mergeSteps(binding.steps, trails);
  const startedAt = steps[0]?.at ?? 0;
  const isAsExpected = verdict === story.verdict && cardState === story.cardState;
  return {
    name: story.name,
    title: story.title,
    verdict,
    cardState,
    session: sid,
    expected: isAsExpected && [...checks, complete].every(({ holds }) => holds),
    checks: [...checks, complete],
    steps: steps.map(describeStep),
    milliseconds: steps.map(({ at }) => at - startedAt),
  };
}

/** The session's events that have steps, waited for until there is one for each answer we got. */
async function readTrails(
  fleet: Fleet,
  { outcome, steps }: TerminalBinding,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<{ readonly trail: readonly StepReport[] }[]> {
  const { tenant, admin } = fleet;
  for (let poll = 1; ; poll++) {
    const events = await admin.getAudit({ session: outcome.sid, tenant });
    const trails = events.filter(({ trail }) => trail.length > 0);
    if (trails.length >= countTrailsExpected(steps) || poll === AUDIT_POLLS_MAX) return trails;
    await sleep(AUDIT_POLL_MS);
  }
}

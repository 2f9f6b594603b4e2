import { expect, test } from "bun:test";
import type { StepNumber, StepReport } from "#protocol/steps";
import { describeStep } from "#protocol/steps";
import { countTrailsExpected, mergeSteps } from "./step-trail.ts";

function reports(...steps: readonly StepNumber[]): StepReport[] {
  return steps.map((step) => ({ step, at: step, outcome: "done" }));
}

const OPENING = [311, 312, 313, 314, 315, 316] as const;
const ROUND = [320, 321, 322, 323, 324, 325, 326, 327] as const;
const END = [332, 333, 334] as const;
const PROOF = [317, 318, 319] as const;
const RESYNCHRONISATION = [328, 329, 330, 318, 319] as const;
const DECISION = [328, 329, 330, 331] as const;

function merge(
  client: readonly StepNumber[],
  ...trails: readonly (readonly StepNumber[])[]
): number[] {
  const events = trails.map((trail) => ({ trail: reports(...trail) }));
  return mergeSteps(reports(...client), events).map(({ step }) => step);
}

test("a binding without resynchronisation is 311 to 334 in order", () => {
  const client = [...OPENING, ...ROUND, ...END];
  expect(merge(client, PROOF, DECISION)).toEqual(
    Array.from({ length: 24 }, (_, index) => 311 + index),
  );
});

test("each resynchronisation comes after its own 327, the decision after the last", () => {
  const client = [...OPENING, ...ROUND, ...ROUND, ...ROUND, ...END];
  const trails = [PROOF, RESYNCHRONISATION, RESYNCHRONISATION, DECISION];
  expect(merge(client, ...trails)).toEqual([
    ...OPENING,
    ...PROOF,
    ...ROUND,
    ...RESYNCHRONISATION,
    ...ROUND,
    ...RESYNCHRONISATION,
    ...ROUND,
    ...DECISION,
    ...END,
  ]);
});

test("events without steps (a receipt) leave no trace, and without events nothing is added", () => {
  const client = [...OPENING, ...ROUND, ...END];
  expect(merge(client, PROOF, [], DECISION, [])).toEqual(merge(client, PROOF, DECISION));
  expect(merge(client)).toEqual(client);
});

test("a locked card: only its proof was looked at", () => {
  expect(merge(OPENING, [317])).toEqual([...OPENING, 317]);
});

test("a decision whose proof event is missing stays after 327; what fits nowhere comes last", () => {
  const client = [...OPENING, ...ROUND, ...END];
  expect(merge(client, DECISION)).toEqual([...OPENING, ...ROUND, ...DECISION, ...END]);
  expect(merge(client, PROOF, DECISION, DECISION)).toEqual([
    ...merge(client, PROOF, DECISION),
    ...DECISION,
  ]);
});

test("as many trails are expected as requests were answered", () => {
  expect(countTrailsExpected(reports(...OPENING, ...ROUND, ...ROUND, ...END))).toBe(3);
  const failed: StepReport = { step: 327, at: 0, outcome: "session_expired" };
  expect(countTrailsExpected([...reports(...OPENING), failed])).toBe(1);
});

test("a step in words names both parties, or the one that acts", () => {
  expect(describeStep({ step: 311, at: 5, outcome: "done" })).toEqual({
    step: 311,
    who: "client -> platform",
    what: "access request",
    outcome: "done",
  });
  expect(describeStep({ step: 334, at: 5, outcome: "serving" }).who).toBe("card");
});

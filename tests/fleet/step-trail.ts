/** What the client saw and what the platform recorded, as one row of steps. Pure. */
import type { AuditEventView } from "#protocol/admin";
import type { StepReport } from "#protocol/steps";

/**
 * The first step of what the platform does between request and answer, by the request before it.
 */
const FIRST_STEPS = [
  { after: 316, first: 317 },
  { after: 327, first: 328 },
  { after: 416, first: 417 },
  { after: 430, first: 431 },
] as const;

/**
 * The client reports what it sent and got (311 to 316, 320 to 327, 332 to 334), the platform's
 * audit trail what happened in between; likewise in encrypted mode. A trail belongs after the
 * request that led to it. One that fits nowhere comes last: none is left out.
 */
export function mergeSteps(
  client: readonly StepReport[],
  events: readonly Pick<AuditEventView, "trail">[],
): StepReport[] {
  const trails = events.map((event) => event.trail).filter((trail) => trail.length > 0);
  const merged: StepReport[] = [];
  for (const report of client) {
    merged.push(report);
    const place = FIRST_STEPS.find(({ after }) => after === report.step);
    const index = trails.findIndex((trail) => trail[0]?.step === place?.first);
    if (place !== undefined && index !== -1) merged.push(...trails.splice(index, 1).flat());
  }
  return [...merged, ...trails.flat()];
}

/** How many trails a session is to have: one for the card's proof, one an answer. */
export function countTrailsExpected(client: readonly StepReport[]): number {
  const answered = (step: number): number =>
    client.filter((report) => report.step === step && report.outcome === "done").length;
  return FIRST_STEPS.map(({ after }) => answered(after)).reduce((sum, count) => sum + count, 0);
}

/** The breaker as a state machine: every transition, and what never happens in any order. */
import { expect, test } from "bun:test";
import {
  admitCall,
  type BreakerSettings,
  type BreakerState,
  CLOSED,
  settleCall,
} from "#edge/directory/circuit-breaker";
import { createSeeded } from "#tests/terminal/seeded";

const SETTINGS: BreakerSettings = { failuresMax: 3, restMs: 1000, trialMs: 100 };
const bad = { isTrial: false, isHealthy: false };
const good = { isTrial: false, isHealthy: true };
const open = (until: number): BreakerState => ({ name: "open", until });
const halfOpen = (until: number): BreakerState => ({ name: "half_open", until });

test("failures in a row open it, an answer in between starts the count anew", () => {
  let state = settleCall(SETTINGS, CLOSED, bad, 0);
  state = settleCall(SETTINGS, state, bad, 0);
  expect(state).toEqual({ name: "closed", failures: 2 });
  expect(settleCall(SETTINGS, state, good, 0)).toEqual(CLOSED);
  expect(settleCall(SETTINGS, state, bad, 5)).toEqual(open(1005));
});

test("open: nobody calls before the rest is over, then one does", () => {
  expect(admitCall(SETTINGS, open(1000), 999)).toEqual({ admitted: false });
  const trial = admitCall(SETTINGS, open(1000), 1000);
  expect(trial).toEqual({ admitted: true, state: halfOpen(1100), isTrial: true });
  expect(admitCall(SETTINGS, halfOpen(1100), 1099)).toEqual({ admitted: false });
});

test("the trial decides: closed, or open for another rest", () => {
  const trial = { isTrial: true, isHealthy: true };
  expect(settleCall(SETTINGS, halfOpen(1100), trial, 1050)).toEqual(CLOSED);
  const failed = { isTrial: true, isHealthy: false };
  expect(settleCall(SETTINGS, halfOpen(1100), failed, 1050)).toEqual(open(2050));
});

test("a trial that never came back is given up; once it is open again, its late word counts for nothing", () => {
  const next = admitCall(SETTINGS, halfOpen(1100), 1100);
  expect(next).toEqual({ admitted: true, state: halfOpen(1200), isTrial: true });
  expect(settleCall(SETTINGS, open(2050), { isTrial: true, isHealthy: true }, 1300)).toEqual(
    open(2050),
  );
});

test("calls of before it opened neither close it nor keep it open longer", () => {
  for (const call of [bad, good])
    for (const state of [open(1000), halfOpen(1100)])
      expect(settleCall(SETTINGS, state, call, 900)).toEqual(state);
});

test("in any order: while it is dead, at most one call in a rest; once it lives, it closes", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const seeded = createSeeded(seed);
    let state: BreakerState = CLOSED;
    let now = 0;
    let calls = 0;
    while (now < 100_000) {
      now += 1 + seeded.below(40);
      const admission = admitCall(SETTINGS, state, now);
      if (!admission.admitted) continue;
      calls += 1;
      const { isTrial } = admission;
      state = settleCall(SETTINGS, admission.state, { isTrial, isHealthy: false }, now);
    }
    expect(calls).toBeLessThanOrEqual(SETTINGS.failuresMax + 100_000 / SETTINGS.restMs);
    expect(calls).toBeGreaterThan(90);
    const admission = admitCall(SETTINGS, state, now + SETTINGS.restMs);
    if (!admission.admitted) throw new Error("never tried again");
    const { isTrial } = admission;
    expect(settleCall(SETTINGS, admission.state, { isTrial, isHealthy: true }, now)).toEqual(
      CLOSED,
    );
  }
});

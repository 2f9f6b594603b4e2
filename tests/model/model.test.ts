/**
 * The protocol's model in Promela, checked by spin: I1, I2, I3, I7, I8 and I12 hold against an
 * attacker who owns the channel; each weakening of the protocol gives him a trace; what should
 * happen can happen.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { CHECKS, INVARIANTS } from "./checks.ts";
import { formatOutcomes, type Outcome, runChecks } from "./run.ts";
import { findMissing } from "./spin.ts";

const TOTAL_SECONDS_MAX = 120;
setDefaultTimeout(2 * TOTAL_SECONDS_MAX * 1000);

const missing = findMissing();
for (const program of missing) process.stdout.write(`SKIP ${program}-absent: protocol model\n`);

let running: Promise<Outcome[]> | undefined;
async function findOutcomes(): Promise<Outcome[]> {
  running ??= runChecks();
  return running;
}

describe.skipIf(missing.length > 0)("model", () => {
  test("every check runs, in under two minutes", async () => {
    const before = performance.now();
    const outcomes = await findOutcomes();
    const seconds = (performance.now() - before) / 1000;
    for (const line of formatOutcomes(outcomes)) process.stdout.write(`${line}\n`);
    process.stdout.write(`model: ${outcomes.length} checks in ${seconds.toFixed(1)} s\n`);
    expect(outcomes.map(({ check }) => check)).toEqual([...CHECKS]);
    expect(seconds).toBeLessThan(TOTAL_SECONDS_MAX);
  });

  for (const check of CHECKS) {
    const { claim, mode, weakening, expected, says } = check;
    const name = [claim, mode, weakening ?? "sound", expected].join(" ");
    test(`${name}: ${says}`, async () => {
      const outcome = (await findOutcomes()).find((each) => each.check === check);
      expect(outcome?.errors).toBe(expected === "holds" ? 0 : 1);
      if (expected === "holds") expect(outcome?.complete).toBe(true);
      else expect(outcome?.trace).not.toEqual([]);
    });
  }

  test("every invariant holds in both modes, and fails in a weakened model", () => {
    for (const invariant of INVARIANTS) {
      const checks = CHECKS.filter(({ claim }) => claim === invariant);
      const sound = checks.filter(({ expected }) => expected === "holds");
      expect(sound.map(({ mode }) => mode)).toEqual(["signed", "encrypted"]);
      expect(checks.some(({ weakening }) => weakening !== undefined)).toBe(true);
    }
  });
});

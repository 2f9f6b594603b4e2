/** The main job as a user starts it, on both runtimes: same stories, same steps, same ends. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { STEPS } from "#protocol/steps";

const ROOT = resolve(import.meta.dir, "../..");
const TIMEOUT_MS = 60_000;

interface Story {
  readonly name: string;
  readonly verdict: string;
  readonly cardState: string;
  readonly steps: readonly { readonly step: number; readonly outcome: string }[];
}

async function runQuickstart(...flags: readonly string[]) {
  const command = [
    process.execPath,
    "cli/main.ts",
    "quickstart",
    "--exit",
    "--port",
    "0",
    ...flags,
  ];
  const run = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
  ]);
  return { exitCode: await run.exited, stdout, stderr };
}

async function tellStories(...flags: readonly string[]): Promise<readonly Story[]> {
  const { exitCode, stdout } = await runQuickstart("--json", ...flags);
  expect(exitCode).toBe(0);
  const { scenarios }: { readonly scenarios: readonly Story[] } = JSON.parse(stdout);
  return scenarios;
}

const EXPECTED = [
  ["good-binding", "SUCCESS", "serving"],
  ["other-phone", "FAILURE", "locked"],
  ["not-allowed", "FAILURE", "idle"],
  ["out-of-step", "SUCCESS", "serving"],
  ["replayed-result", "REFUSED", "idle"],
  ["encrypted", "SUCCESS", "serving"],
  ["sm-card", "SUCCESS", "serving"],
  ["sim", "SUCCESS", "serving"],
  ["uim", "SUCCESS", "serving"],
  ["renewal", "SUCCESS", "serving"],
  ["unlock", "SUCCESS", "serving"],
  ["rule-imsi", "SUCCESS", "serving"],
  ["rule-number", "SUCCESS", "serving"],
  ["rule-operator", "SUCCESS", "serving"],
  ["rule-region", "SUCCESS", "serving"],
  ["rule-group", "SUCCESS", "serving"],
  ["rule-level", "SUCCESS", "serving"],
  ["rule-company", "SUCCESS", "serving"],
  ["rule-services", "SUCCESS", "serving"],
];

const ALL_STEPS = Object.keys(STEPS).map(Number);
const SIGNED = ALL_STEPS.filter((step) => step < 400);
const ENCRYPTED = ALL_STEPS.filter((step) => step > 400);
/** 318 to 330 come twice: challenge, AUTS or RANDBS, challenge, RES. */
const TWO_ROUNDS = [
  ...SIGNED.filter((step) => step <= 330),
  ...SIGNED.filter((step) => step >= 318),
];

function stepsOf(name: string): readonly number[] {
  if (name === "out-of-step" || name === "uim") return TWO_ROUNDS;
  // A card with both modes binds in the stronger one; these two have that mode alone.
  return name === "encrypted" || name === "sm-card" ? ENCRYPTED : SIGNED;
}

const withoutTimes = ({ name, verdict, cardState, steps }: Story): Story => ({
  name,
  verdict,
  cardState,
  steps,
});

test(
  "quickstart tells its stories as expected, the same on Bun and on workerd, step by step",
  async () => {
    const onBun = await tellStories();
    expect(onBun.map(({ name, verdict, cardState }) => [name, verdict, cardState])).toEqual(
      EXPECTED,
    );
    for (const { name, steps } of onBun) {
      const numbers = steps.map(({ step }) => step);
      expect(numbers).toEqual([...stepsOf(name)]);
    }
    expect((await tellStories("--edge")).map(withoutTimes)).toEqual(onBun.map(withoutTimes));
  },
  TIMEOUT_MS,
);

test(
  "quickstart for a person: every step on a line of its own, the verdict stands out",
  async () => {
    const { exitCode, stdout } = await runQuickstart();
    expect(exitCode).toBe(0);
    for (const step of ALL_STEPS) expect(stdout).toMatch(new RegExp(`^ +${step} +\\w+`, "m"));
    expect(stdout).toMatch(/^ *RESULT=SUCCESS\b/m);
    expect(stdout).toMatch(/^ *RESULT=FAILURE\b/m);
    expect(stdout).not.toContain("\u001b[");
  },
  TIMEOUT_MS,
);

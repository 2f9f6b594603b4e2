/** The short form of `simlatch bench core`: that it runs, not how fast. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type BenchRow, ROW_NAMES } from "#bench/core";
import { RUNTIMES } from "#bench/runtimes";
import { summariseRuns } from "#bench/summary";

const ROOT = join(import.meta.dir, "..", "..");
const KEYS = "name runtime value unit peer peerValue ratio min max".split(" ");
const NAMES = [
  "milenage batch",
  "milenage one",
  "milenage five",
  "tuak",
  "keccak",
  "p256 any",
  "p256 enrolled",
  "sm2 any",
  "sm2 enrolled",
  "rsa pkcs1",
  "rsa pss",
];

async function bench(...args: readonly string[]): Promise<{ code: number; text: string }> {
  const command = ["bun", "cli/main.ts", "bench", ...args];
  const child = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "ignore" });
  const text = await new Response(child.stdout).text();
  return { code: await child.exited, text };
}

test("the short form gives every row on every runtime, in the shape of --json", async () => {
  const { code, text } = await bench("core", "--short", "--json");
  expect(code).toBe(0);
  const rows: Record<string, unknown>[] = JSON.parse(text);
  expect(ROW_NAMES).toEqual(NAMES);
  for (const row of rows) {
    expect(Object.keys(row)).toEqual(KEYS);
    expect([typeof row["unit"], typeof row["peer"]]).toEqual(["string", "string"]);
    const { value, min, max, peerValue, ratio } = row;
    expect(value).toBeGreaterThan(0);
    // In the one round there is one ratio.
    const expected = peerValue === null ? null : Number(value) / Number(peerValue);
    for (const each of [ratio, min, max]) expect(each).toEqual(expected);
  }
  const measured = new Set(
    rows.map(({ name, runtime }) => `${String(name)} on ${String(runtime)}`),
  );
  const wanted = RUNTIMES.flatMap((runtime) => NAMES.map((name) => `${name} on ${runtime}`));
  expect([...measured].toSorted()).toEqual(wanted.toSorted());
  // In-process peers are measured also in the short form.
  const compared = rows.filter(({ peerValue }) => peerValue !== null);
  const peers = new Set(compared.map(({ peer }) => peer));
  expect([...peers]).toEqual([
    "the same on bun",
    "node:crypto",
    "crypto.subtle",
    "node:crypto rsa pkcs1",
    "node:crypto rsa pss",
  ]);
});

test("runs are summarised by the median of their ratios", () => {
  const row = { name: "tuak", runtime: "bun", unit: "permutations/s", peer: "openssl" };
  const run = (value: number, ratio: number): BenchRow[] => [
    { ...row, value, peerValue: 1000, ratio, min: 0.1, max: 9 },
    { ...row, peer: "absent: gcc", value, peerValue: null, ratio: null, min: null, max: null },
  ];
  expect(summariseRuns([run(700, 0.7), run(500, 0.5), run(800, 0.8)])).toEqual([
    { ...row, value: 700, peerValue: 1000, ratio: 0.7, min: 0.5, max: 0.8 },
    { ...row, peer: "absent: gcc", value: 700, peerValue: null, ratio: null, min: null, max: null },
  ]);
});

test("what is to be measured must be named, and the time be a number", async () => {
  expect((await bench()).code).toBe(2);
  expect((await bench("edge")).code).toBe(2);
  expect((await bench("core", "--seconds", "none")).code).toBe(2);
  expect((await bench("core", "--write", "../core")).code).toBe(2);
  expect((await bench("timing", "--samples", "10")).code).toBe(2);
});

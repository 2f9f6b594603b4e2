/** The short form of `simlatch bench core`: that it runs, not how fast. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROW_NAMES } from "#bench/core";
import { RUNTIMES } from "#bench/runtimes";

const ROOT = join(import.meta.dir, "..", "..");
const KEYS = "name runtime value unit peer peerValue ratio min max".split(" ");
const NAMES = [
  "milenage batch",
  "milenage one",
  "milenage five",
  "tuak",
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
    for (const number of [value, min, max]) expect(number).toBeGreaterThan(0);
    if (peerValue === null) expect(ratio).toBeNull();
    else expect(Number(ratio)).toBeCloseTo(Number(value) / Number(peerValue), 9);
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

test("what is to be measured must be named, and the time be a number", async () => {
  expect((await bench()).code).toBe(2);
  expect((await bench("edge")).code).toBe(2);
  expect((await bench("core", "--seconds", "none")).code).toBe(2);
});

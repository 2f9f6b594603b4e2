/** The short form of `simlatch bench import`: that it runs and measures, not how fast. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { BenchRow } from "#bench/core";

const ROOT = join(import.meta.dir, "..", "..");

test("the short form imports every row and gives rates, processor time and memory", async () => {
  const command = ["bun", "cli/main.ts", "bench", "import", "--short", "--json"];
  const child = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "ignore" });
  const rows: BenchRow[] = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  expect(rows.map(({ name }) => name)).toEqual([
    "import of 2000",
    "whole import",
    "processor, platform",
    "processor, import",
    "memory, platform",
    "memory, import",
  ]);
  for (const { value, min, max } of rows) {
    expect(value).toBeGreaterThan(0);
    expect(min ?? 0).toBeLessThanOrEqual(max ?? 0);
  }
});

/** The benchmark of the rule decision, in its short form, as a user starts it. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { BenchRow } from "#bench/core";

const MAIN = join(import.meta.dir, "..", "..", "cli", "main.ts");

test("simlatch bench rules --short gives a row each, with its peer and their ratio", async () => {
  const command = [process.execPath, MAIN, "bench", "rules", "--short", "--json"];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  const rows: readonly BenchRow[] = JSON.parse(text);
  expect(rows.map(({ name, peer }) => [name, peer])).toEqual([
    ["decision, 2000 cards", "100 cards"],
    ["decision, a card with 100 rules", "100 cards"],
    ["decision, 2000 cards, the card's rules read", "100 cards"],
  ]);
  for (const { value, ratio } of rows) {
    expect(value).toBeGreaterThan(0);
    expect(ratio).toBeGreaterThan(0);
  }
});

/** The short form of `simlatch bench centre`: that it runs, beside an osmo-hlr. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { BenchRow } from "#bench/core";

const ROOT = join(import.meta.dir, "..", "..");
const program = Bun.which("osmo-hlr");
if (program === null) process.stdout.write("SKIP osmo-hlr-absent: its cost of five vectors\n");

test.skipIf(program === null)(
  "the short form gives both costs, and those of osmo-hlr",
  async () => {
    const command = ["bun", "cli/main.ts", "bench", "centre", "--short", "--json"];
    const child = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "ignore" });
    const rows: BenchRow[] = JSON.parse(await new Response(child.stdout).text());
    expect(await child.exited).toBe(0);
    expect(rows.map(({ name, unit, peer }) => [name, unit, peer])).toEqual([
      ["five vectors, SQN durable", "us", "osmo-hlr, GSUP"],
      ["five vectors, SQN durable, sealed", "us", "osmo-hlr, GSUP"],
      ["five vectors, computed", "us", "osmo-hlr, GSUP"],
      ["five challenges, durable", "us", "osmo-hlr, GSUP"],
    ]);
    for (const { value, peerValue } of rows) {
      expect(value).toBeGreaterThan(0);
      // Of a few requests the kernel's clock, 10 ms, may have seen nothing.
      expect(peerValue).toBeGreaterThanOrEqual(0);
    }
  },
);

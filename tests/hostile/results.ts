/** bench/results/hostile.json: the last whole run on each runtime. */
import { join, resolve } from "node:path";
import { describeCommit } from "#bench/report";
import type { WholeTotals } from "./hostile.ts";

const ROOT = resolve(import.meta.dir, "../..");

export async function writeResults(edge: boolean, totals: WholeTotals): Promise<void> {
  const file = Bun.file(join(ROOT, "bench", "results", "hostile.json"));
  const before: object = (await file.exists()) ? await file.json() : {};
  const commit = await describeCommit();
  const run = { commit, date: new Date().toISOString().slice(0, 10), ...totals };
  const results = { ...before, [edge ? "workerd" : "bun"]: run };
  await Bun.write(file, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** bench/results/hostile.json: the last whole run on each runtime. */
import { join, resolve } from "node:path";
import { describeCommit } from "#bench/report";
import type { WholeTotals } from "./hostile.ts";

const ROOT = resolve(import.meta.dir, "../..");

export interface RunSettings {
  readonly edge: boolean;
  readonly seed: number;
  readonly perField: number;
}

export async function writeResults(
  { edge, ...settings }: RunSettings,
  seconds: number,
  totals: WholeTotals,
): Promise<void> {
  const file = Bun.file(join(ROOT, "bench", "results", "hostile.json"));
  const before: object = (await file.exists()) ? await file.json() : {};
  const commit = await describeCommit();
  const date = new Date().toISOString().slice(0, 10);
  const run = { commit, date, ...settings, seconds, ...totals };
  const results = { ...before, [edge ? "workerd" : "bun"]: run };
  await Bun.write(file, `${JSON.stringify(results, undefined, 2)}\n`);
}

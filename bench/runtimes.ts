/** The runtimes that tasks are measured in. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEdge } from "#cli/edge-host";
import { rateOf, type Sampler } from "./measure.ts";
import { createTasks } from "./tasks.ts";

export const RUNTIMES = ["bun", "workerd"] as const;

export interface Runtime {
  readonly name: (typeof RUNTIMES)[number];
  sampler(task: string): Sampler;
  stop(): Promise<void>;
}

export async function openBun(): Promise<Runtime> {
  const tasks = await createTasks();
  return {
    name: "bun",
    sampler(name) {
      const task = tasks.get(name);
      if (task === undefined) throw new Error(`no task ${name}`);
      return { sample: (seconds) => rateOf(task.repeat, task.perCall, seconds) };
    },
    stop: () => Promise.resolve(),
  };
}

export async function openWorkerd(): Promise<Runtime> {
  const migrationsFolder = await mkdtemp(join(tmpdir(), "simlatch-bench-none-"));
  const entry = join(import.meta.dir, "worker.ts");
  const host = await startEdge({ environment: {}, entry, migrationsFolder });
  return {
    name: "workerd",
    sampler: (task) => ({
      async sample(seconds) {
        const query = new URLSearchParams({ task, seconds: String(seconds) });
        const response = await fetch(`${host.url}/?${query.toString()}`);
        if (!response.ok) throw new Error(`workerd, ${task}: ${await response.text()}`);
        return Number(await response.json());
      },
    }),
    async stop() {
      await host.stop();
      await rm(migrationsFolder, { recursive: true, force: true });
    },
  };
}

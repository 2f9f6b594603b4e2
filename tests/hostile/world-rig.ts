/** On Bun: a rig, and a second composition over its writers as another machine would have. */
import { Database } from "bun:sqlite";
import { cpSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp } from "#edge/app";
import { createFleet } from "#tests/fleet/fleet";
import { dumpState } from "#tests/invariants/bench";
import { ADMIN_KEY, createRig, random, type Rig } from "#tests/platform/rig";
import type { Limits, World } from "./world.ts";
import { environmentOf, listen } from "./world-parts.ts";

export async function openRigWorld(): Promise<World> {
  let generation = 1;
  const open = (limits: Limits, folder?: string, now?: number): Promise<Rig> =>
    createRig(
      {
        environment: environmentOf(limits, generation),
        ...(folder === undefined ? {} : { folder }),
      },
      now,
    );
  let rig = await open("wide");
  let far = openFront(rig);
  const { post, said } = listen((front) => (front === 0 ? rig.fetch : far));
  return {
    fleet: await createFleet({
      platformUrl: "http://rig.test",
      adminKey: ADMIN_KEY,
      deployment: rig.dependencies.deployment,
      fetch: (url, init) => rig.fetch(url, init),
      now: () => rig.now(),
      random,
    }),
    post,
    said,
    secrets: [],
    dump: async () => dumpState(rig),
    async backup() {
      const kept = join(rig.folder, "backup.db");
      const database = new Database(join(rig.folder, "state.db"));
      database.run("VACUUM INTO ?", [kept]);
      database.close();
      return async () => {
        await rig.close();
        const state = join(rig.folder, "state.db");
        for (const suffix of ["-wal", "-shm"]) await rm(`${state}${suffix}`, { force: true });
        await Bun.write(state, Bun.file(kept));
        generation += 1;
        rig = await open("wide", rig.folder, rig.now());
        far = openFront(rig);
      };
    },
    async restart(limits) {
      const before = rig;
      rig = await open(limits, copyAsKilled(before), before.now());
      far = openFront(rig);
      await before.dispose();
    },
    close: () => rig.dispose(),
  };
}

/** The files as they are at this moment: what a process that is killed now leaves behind. */
function copyAsKilled({ folder }: Rig): string {
  const copy = mkdtempSync(join(tmpdir(), "simlatch-killed-"));
  cpSync(folder, copy, { recursive: true, filter: isKept });
  return copy;
}

/** The index of a log is made anew from the log. */
function isKept(file: string): boolean {
  return !file.endsWith("-shm");
}

function openFront(rig: Rig): Rig["fetch"] {
  const composition = { dependencies: { ...rig.dependencies }, adminKey: ADMIN_KEY };
  const app = createApp(composition, rig.host);
  return async (url, init) => app.request(url, init);
}

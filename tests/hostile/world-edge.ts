/** In workerd: two Workers, each a point of presence, over the same Durable Objects and D1. */
import { readdirSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bundle, bundleWorker, startEdge } from "#cli/edge-host";
import { generatePlatformKeys } from "#cli/keys";
import { decodeHex } from "#protocol/bytes";
import { createFleet } from "#tests/fleet/fleet";
import { dumpFile } from "#tests/invariants/bench";
import { random } from "#tests/platform/rig";
import { activeFault } from "./fault-switch.ts";
import type { Limits, World } from "./world.ts";
import { environmentOf, listen } from "./world-parts.ts";

const PLATFORM_URL = "http://platform.test";
/** Where the objects' databases are, below the folder of all. */
const OBJECTS_FOLDER = "do";

let bundled: Promise<Bundle> | undefined;

export async function openEdgeWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-hostile-"));
  const keys = generatePlatformKeys();
  let generation = 1;
  const bundle = await (bundled ??= bundleWorker());
  const start = (limits: Limits) =>
    startEdge({
      bundle,
      // The last is for a patched copy of the Worker alone (planted.ts).
      environment: {
        ...keys,
        ...environmentOf(limits, generation),
        SIMLATCH_PLANTED_FAULT: activeFault(),
      },
      folder,
      points: 2,
      writeLine: () => undefined,
    });
  let edge = await start("wide");
  const reach = (front: 0 | 1) => (url: string, init: RequestInit) =>
    fetch(url.replace(PLATFORM_URL, edge.urls[front] ?? edge.url), init);
  const { post, said } = listen(reach);
  const objects = join(folder, OBJECTS_FOLDER);
  return {
    fleet: await createFleet({
      platformUrl: PLATFORM_URL,
      adminKey: keys.SIMLATCH_ADMIN_KEY,
      deployment: decodeHex(keys.SIMLATCH_DEPLOYMENT) ?? new Uint8Array(0),
      fetch: reach(0),
      now: Date.now,
      random,
    }),
    post,
    said,
    secrets: [],
    dump: async () => dumpObjects(objects),
    async backup() {
      const kept = join(folder, "kept");
      await edge.stop();
      await cp(objects, kept, { recursive: true });
      edge = await start("wide");
      return async () => {
        await edge.stop();
        await rm(objects, { recursive: true });
        await cp(kept, objects, { recursive: true });
        generation += 1;
        edge = await start("wide");
      };
    },
    // Miniflare ends workerd with SIGKILL.
    async restart(limits) {
      await edge.stop();
      edge = await start(limits);
    },
    async close() {
      await edge.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A file an object; miniflare keeps one of its own beside them. */
function dumpObjects(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".sqlite") && !name.endsWith("metadata.sqlite"))
    .toSorted()
    .map((name) => `${name}\n${dumpFile(join(folder, name))}`)
    .join("\n");
}

/** The platform under attack: on Bun in this process, a rig a cell; or one Worker in workerd. */
import { Database } from "bun:sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePlatformKeys } from "#cli/keys";
import { startPlatform } from "#cli/platform-host";
import { createApp } from "#edge/app";
import { decodeHex } from "#protocol/bytes";
import { createFleet, type Fleet } from "#tests/fleet/fleet";
import { dumpState } from "#tests/invariants/bench";
import { ADMIN_KEY, type Answer, createRig, random, type Rig } from "#tests/platform/rig";

/** Two points of presence over one set of writers. */
export type Front = 0 | 1;

export interface World {
  readonly fleet: Fleet;
  /** POST below /v1/bindings. */
  readonly post: (front: Front, path: string, body: unknown) => Promise<Answer>;
  /** All that the single writers hold; undefined where a test cannot look. */
  readonly dump: () => string | undefined;
  /** Where a restore is possible: keeps the writers' state of now; the answer brings it back. */
  readonly backup: (() => () => Promise<void>) | undefined;
  readonly close: () => Promise<void>;
}

export interface Universe {
  /** For one cell. */
  readonly open: () => Promise<World>;
  readonly stop: () => Promise<void>;
}

/** One caller makes all the calls here, and one card binds many times. */
const LIMITS = {
  SIMLATCH_UNAUTHENTICATED_PER_MINUTE: "100000000",
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "1000000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "1000000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000000",
  SIMLATCH_IMSIS_PER_CARD_HOUR: "1000000",
};

export function openUniverse(edge: boolean): Promise<Universe> | Universe {
  return edge ? startEdgeUniverse() : { open: openRigWorld, stop: async () => undefined };
}

async function openRigWorld(): Promise<World> {
  let rig = await createRig({ environment: LIMITS });
  let far = openFront(rig);
  return {
    fleet: await createFleet({
      platformUrl: "http://rig.test",
      adminKey: ADMIN_KEY,
      deployment: rig.dependencies.deployment,
      fetch: (url, init) => rig.fetch(url, init),
      now: () => rig.now(),
      random,
    }),
    post: (front, path, body) => (front === 0 ? rig.post(path, body) : far(path, body)),
    dump: () => dumpState(rig),
    backup() {
      const kept = join(rig.folder, "backup.db");
      const database = new Database(join(rig.folder, "state.db"));
      database.run("VACUUM INTO ?", [kept]);
      database.close();
      return async () => {
        await rig.close();
        const state = join(rig.folder, "state.db");
        for (const suffix of ["-wal", "-shm"]) await rm(`${state}${suffix}`, { force: true });
        await Bun.write(state, Bun.file(kept));
        const environment = { ...LIMITS, SIMLATCH_STORE_GENERATION: "2" };
        rig = await createRig({ environment, folder: rig.folder }, rig.now());
        far = openFront(rig);
      };
    },
    close: () => rig.dispose(),
  };
}

type Post = (path: string, body: unknown) => Promise<Answer>;
type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Another composition, as another machine would have, over the rig's writers. */
function openFront(rig: Rig): Post {
  const composition = { dependencies: { ...rig.dependencies }, adminKey: ADMIN_KEY };
  const app = createApp(composition, rig.host);
  return postTo("http://front.test", async (url, init) => app.request(url, init));
}

function postTo(base: string, fetch: Fetch): Post {
  return async (path, body) => {
    const response = await fetch(`${base}/v1/bindings${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
  };
}

async function startEdgeUniverse(): Promise<Universe> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-hostile-"));
  const keys = generatePlatformKeys();
  const platform = await startPlatform({
    edge: true,
    environment: { ...keys, ...LIMITS },
    hostname: "127.0.0.1",
    port: 0,
    folder,
    writeLine: () => undefined,
  });
  const fleet = await createFleet({
    platformUrl: platform.url,
    adminKey: keys.SIMLATCH_ADMIN_KEY,
    deployment: decodeHex(keys.SIMLATCH_DEPLOYMENT) ?? new Uint8Array(0),
    fetch: (url, init) => fetch(url, init),
    now: Date.now,
    random,
  });
  const post = postTo(platform.url, (url, init) => fetch(url, init));
  const world: World = {
    fleet,
    post: (_front, path, body) => post(path, body),
    dump: () => undefined,
    backup: undefined,
    close: async () => undefined,
  };
  return {
    open: async () => world,
    async stop() {
      await platform.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

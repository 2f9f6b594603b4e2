/**
 * The whole platform in this process, on real storage, with a clock that the test moves and a log
 * that it reads. Requests go through the app as they would through a socket.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCatalog } from "#db/bun";
import { type Composition, compose, createApp } from "#edge/app";
import { checkEnvironment } from "#edge/bindings";
import type { Dependencies } from "#edge/dependencies";
import { type BunHost, openBunHost } from "#edge/state/bun-host";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet, type Fleet, type FleetOptions } from "#tests/fleet/fleet";

/** 2026-11-22T12:00:00Z: inside the validity of every certificate the operator issues. */
const START_MS = Date.UTC(2026, 10, 22, 12);
export const ADMIN_KEY = "rig-administration-key-0123456789abcdef";
const URL_BASE = "http://rig.test";

export interface RigOptions {
  /** SIMLATCH_* beside the keys. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Reuses another rig's storage, after that rig was closed. */
  readonly folder?: string;
  /** Changes what the platform is made of: a spy, a slow or a failing part. */
  readonly wrap?: (dependencies: Dependencies) => Dependencies;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Rig {
  readonly folder: string;
  readonly dependencies: Dependencies;
  readonly host: BunHost;
  readonly log: readonly string[];
  readonly now: () => number;
  readonly advance: (milliseconds: number) => void;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** POST below /v1/bindings. */
  readonly post: (path: string, body: unknown) => Promise<Answer>;
  readonly fleet: () => Promise<Fleet>;
  readonly fleetOptions: FleetOptions;
  /** The same storage under another environment, as after a restart. */
  readonly reopen: (options?: Omit<RigOptions, "folder">) => Promise<Rig>;
  readonly close: () => Promise<void>;
  readonly dispose: () => Promise<void>;
}

/** The same platform, with `before` called each time before it signs. */
export function wrapSigning(dependencies: Dependencies, before: () => void): Dependencies {
  return {
    ...dependencies,
    suites(name) {
      const tools = dependencies.suites(name);
      if (!("sign" in tools)) return tools;
      return {
        ...tools,
        sign(keyPair, message) {
          before();
          return tools.sign(keyPair, message);
        },
      };
    },
  };
}

const masterKey = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)));
const deployment = crypto.getRandomValues(new Uint8Array(16));

export const random = (length: number): Uint8Array =>
  crypto.getRandomValues(new Uint8Array(length));

export async function createRig(options: RigOptions = {}, startMs = START_MS): Promise<Rig> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "simlatch-rig-"));
  let now = startMs;
  const log: string[] = [];
  const configuration = checkEnvironment({
    SIMLATCH_MASTER_KEY: masterKey,
    SIMLATCH_DEPLOYMENT: encodeHex(deployment),
    SIMLATCH_ADMIN_KEY: ADMIN_KEY,
    ...options.environment,
  });
  const catalog = await openCatalog(join(folder, "catalog.db"));
  const made = compose(configuration, catalog, {
    clock: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
    random,
    writeLine: (line) => log.push(line),
  });
  const dependencies = options.wrap?.(made.dependencies) ?? made.dependencies;
  const composition: Composition = { ...made, dependencies };
  const host = openBunHost(join(folder, "state.db"), dependencies);
  await host.recover();
  const app = createApp(composition, host);
  const fetch = async (url: string, init: RequestInit): Promise<Response> => app.request(url, init);

  async function post(path: string, body: unknown): Promise<Answer> {
    const response = await fetch(`${URL_BASE}/v1/bindings${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
  }

  async function close(): Promise<void> {
    await host.close();
    catalog.close();
  }

  const fleetOptions: FleetOptions = {
    platformUrl: URL_BASE,
    adminKey: ADMIN_KEY,
    deployment,
    fetch,
    now: () => now,
    random,
  };
  return {
    folder,
    dependencies,
    host,
    log,
    now: () => now,
    advance: (milliseconds) => {
      now += milliseconds;
    },
    fetch,
    post,
    fleet: () => createFleet(fleetOptions),
    fleetOptions,
    async reopen(next = {}) {
      await close();
      return createRig({ ...next, folder }, now);
    },
    close,
    async dispose() {
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

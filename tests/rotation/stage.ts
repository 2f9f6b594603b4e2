/**
 * A platform on either host that is stopped and started again on the same storage with other
 * wrapping keys, and phones that bind at it without pause.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPlatform } from "#cli/platform-host";
import { masterWrappingKey, type WrappingKey } from "#edge/wrapping-keys";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet, type Fleet, type FleetCard, type FleetSubscriber } from "#tests/fleet/fleet";
import { random } from "#tests/platform/rig";

const ROOT = join(import.meta.dir, "..", "..");
const ADMIN_KEY = encodeBase64Url(random(32));
const MANY = "1000000";
/** A name that leads to wherever the platform listens at the moment. */
const URL_BASE = "http://rotation.test";

export interface Key extends WrappingKey {
  /** As SIMLATCH_WRAPPING_KEYS has it. */
  readonly entry: string;
}

export function makeKey(id: number): Key {
  const key = random(32);
  return { id, key: new Uint8Array(key), entry: `${id}:${encodeBase64Url(key)}` };
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Stage {
  readonly folder: string;
  /** The one made from the master key. */
  readonly key0: Key;
  readonly log: readonly string[];
  /** Answers of 400 and above to anything that the fleet sent. */
  readonly refusals: readonly string[];
  start(keys: readonly Key[]): Promise<void>;
  stop(): Promise<void>;
  fleet(): Promise<Fleet>;
  /** Waits while the platform is being started again. */
  fetch(path: string, init: RequestInit): Promise<Response>;
  /** The program, at this platform. */
  rewrap(...args: readonly string[]): Promise<Finished>;
  dispose(): Promise<void>;
}

export function openStage(edge: boolean): Stage {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-rotation-"));
  const masterKey = random(32);
  const deployment = random(16);
  const log: string[] = [];
  const refusals: string[] = [];
  let running = Promise.withResolvers<Awaited<ReturnType<typeof startPlatform>>>();
  let isRunning = false;

  async function start(keys: readonly Key[]): Promise<void> {
    const environment = {
      SIMLATCH_MASTER_KEY: encodeBase64Url(masterKey),
      SIMLATCH_DEPLOYMENT: encodeHex(deployment),
      SIMLATCH_ADMIN_KEY: ADMIN_KEY,
      SIMLATCH_WRAPPING_KEYS: keys.map(({ entry }) => entry).join(","),
      SIMLATCH_CHALLENGES_PER_CARD_HOUR: MANY,
      SIMLATCH_CHALLENGES_PER_PAIR_HOUR: MANY,
      SIMLATCH_CHALLENGES_PER_IMSI_HOUR: MANY,
      SIMLATCH_UNAUTHENTICATED_PER_MINUTE: MANY,
    };
    const writeLine = (line: string): void => void log.push(line);
    const options = { edge, environment, hostname: "127.0.0.1", port: 0, folder, writeLine };
    running.resolve(await startPlatform(options));
    isRunning = true;
  }

  async function stop(): Promise<void> {
    if (!isRunning) return;
    isRunning = false;
    const host = await running.promise;
    running = Promise.withResolvers();
    await host.stop();
  }

  async function send(path: string, init: RequestInit): Promise<Response> {
    const { url } = await running.promise;
    return fetch(`${url}${path}`, init);
  }

  return {
    folder,
    key0: { ...masterWrappingKey(masterKey), entry: "0" },
    log,
    refusals,
    start,
    stop,
    fetch: send,
    fleet: () =>
      createFleet({
        platformUrl: URL_BASE,
        adminKey: ADMIN_KEY,
        deployment,
        now: () => Date.now(),
        random,
        async fetch(url, init) {
          const path = url.slice(URL_BASE.length);
          const answer = await send(path, init);
          if (answer.status >= 400) refusals.push(`${answer.status} ${path}`);
          return answer;
        },
      }),
    async rewrap(...args) {
      const { url } = await running.promise;
      const command = [process.execPath, join(ROOT, "cli", "main.ts"), "rewrap", "--url", url];
      const child = Bun.spawn([...command, ...args], {
        cwd: ROOT,
        env: { PATH: process.env["PATH"] ?? "", SIMLATCH_ADMIN_KEY: ADMIN_KEY },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [code, stdout, stderr] = await Promise.all([
        child.exited,
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { code, stdout, stderr };
    },
    async dispose() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Load {
  /** Bindings so far that ended in SUCCESS with a receipt that the platform took. */
  readonly count: () => number;
  /** What ended otherwise. */
  readonly failures: readonly string[];
  stop(): Promise<void>;
}

/** Every pair binds again and again. */
export async function startLoad(
  fleet: Fleet,
  pairs: readonly (readonly [FleetCard, FleetSubscriber])[],
): Promise<Load> {
  const failures: string[] = [];
  let bindings = 0;
  let isOver = false;
  const phones = await Promise.all(
    pairs.map(([card, subscriber]) => fleet.assemblePhone(card, subscriber)),
  );
  const loops = phones.map(async (phone) => {
    while (!isOver) {
      try {
        const { outcome } = await phone.bind();
        if (outcome.verdict === "SUCCESS" && outcome.receipt === "delivered") bindings += 1;
        else failures.push(`${outcome.verdict}, receipt ${outcome.receipt}`);
      } catch (error) {
        failures.push(String(error));
      }
    }
  });
  return {
    count: () => bindings,
    failures,
    async stop() {
      isOver = true;
      await Promise.all(loops);
    },
  };
}

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
import { type Finished, runSimlatch } from "#tests/fleet/program";
import { random } from "#tests/platform/rig";

const ADMIN_KEY = encodeBase64Url(random(32));
const MANY = "1000000";
const SETTINGS = {
  SIMLATCH_ADMIN_KEY: ADMIN_KEY,
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: MANY,
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: MANY,
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: MANY,
  SIMLATCH_UNAUTHENTICATED_PER_MINUTE: MANY,
};
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
  /** Where it listens; there is none while it does not. */
  readonly url: () => string;
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
  const writeLine = (line: string): void => void log.push(line);
  let running = Promise.withResolvers<Awaited<ReturnType<typeof startPlatform>>>();
  let isRunning = false;
  let url = "";

  async function start(keys: readonly Key[]): Promise<void> {
    const environment = {
      ...SETTINGS,
      SIMLATCH_MASTER_KEY: encodeBase64Url(masterKey),
      SIMLATCH_DEPLOYMENT: encodeHex(deployment),
      SIMLATCH_WRAPPING_KEYS: keys.map(({ entry }) => entry).join(","),
    };
    const options = { edge, environment, hostname: "127.0.0.1", port: 0, folder, writeLine };
    const host = await startPlatform(options);
    ({ url } = host);
    running.resolve(host);
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
    await running.promise;
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
    url: () => url,
    fleet: () =>
      createFleet({
        platformUrl: URL_BASE,
        adminKey: ADMIN_KEY,
        deployment,
        now: () => Date.now(),
        random,
        async fetch(asked, init) {
          const path = asked.slice(URL_BASE.length);
          const answer = await send(path, init);
          if (answer.status >= 400) refusals.push(`${answer.status} ${path}`);
          return answer;
        },
      }),
    async rewrap(...args) {
      await running.promise;
      return runSimlatch(["rewrap", "--url", url, ...args], { SIMLATCH_ADMIN_KEY: ADMIN_KEY });
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
  const end = new AbortController();
  let bindings = 0;
  const phones = await Promise.all(
    pairs.map(([card, subscriber]) => fleet.assemblePhone(card, subscriber)),
  );
  const loops = phones.map(async (phone) => {
    while (!end.signal.aborted) {
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
      end.abort();
      await Promise.all(loops);
    },
  };
}

/** The platform as it is started, on Bun or in workerd, under the real clock, with a fleet. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunningHost } from "#cli/edge-host";
import { startPlatform } from "#cli/platform-host";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet, type Fleet } from "#tests/fleet/fleet";
import { type Answer, random } from "./rig.ts";

export interface LiveRig {
  readonly url: string;
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  readonly fleet: Fleet;
  /** Lines that the platform wrote. */
  readonly log: readonly string[];
  /** To /v1/bindings. */
  post(path: string, body: unknown): Promise<Answer>;
  /** Ends it and starts it on what it stored; the address is another one then. */
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

/** For tests that ask the same card and IMSI again and again. */
export const GENEROUS = {
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "1000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "1000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000",
  SIMLATCH_IMSIS_PER_CARD_HOUR: "1000",
};

/**
 * The reasons of a session's events of one type, once there is one: events are carried to the index
 * behind the answers.
 */
export async function eventsOf(fleet: Fleet, session: string, type: string): Promise<string[]> {
  for (;;) {
    const events = await fleet.admin.getAudit({ session, tenant: fleet.tenant });
    const reasons = events.filter((event) => event.type === type).map(({ reason }) => reason);
    if (reasons.length > 0) return reasons;
    await Bun.sleep(20);
  }
}

export async function createLiveRig(
  edge: boolean,
  environment: Readonly<Record<string, string>> = {},
): Promise<LiveRig> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-live-"));
  const log: string[] = [];
  const deployment = random(16);
  const adminKey = encodeBase64Url(random(32));
  const settings = {
    SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
    SIMLATCH_DEPLOYMENT: encodeHex(deployment),
    SIMLATCH_ADMIN_KEY: adminKey,
    ...environment,
  };
  const start = (): Promise<RunningHost> =>
    startPlatform({
      edge,
      environment: settings,
      folder,
      hostname: "127.0.0.1",
      port: 0,
      writeLine: (line) => log.push(line),
    });
  let host = await start();
  const fleet = await createFleet({
    platformUrl: host.url,
    adminKey,
    deployment,
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    random,
  });
  return {
    get url() {
      return host.url;
    },
    deployment,
    fleet,
    log,
    async post(path, body) {
      const response = await fetch(`${host.url}/v1/bindings${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
    },
    async restart() {
      await host.stop();
      host = await start();
    },
    async dispose() {
      await host.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

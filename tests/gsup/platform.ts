/** The platform on Bun under the real clock, as `simlatch serve` runs it, with its log to read. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "#edge/server";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet, type Fleet } from "#tests/fleet/fleet";
import { random } from "#tests/platform/rig";

export interface BunPlatform {
  readonly url: string;
  readonly fleet: Fleet;
  readonly log: readonly string[];
  dispose(): Promise<void>;
}

export const GENEROUS = {
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "1000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "1000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000",
  SIMLATCH_IMSIS_PER_CARD_HOUR: "1000",
};

export async function startBunPlatform(
  environment: Readonly<Record<string, string>>,
): Promise<BunPlatform> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-gsup-"));
  const deployment = random(16);
  const adminKey = encodeBase64Url(random(32));
  const log: string[] = [];
  const server = await startServer({
    environment: {
      SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
      SIMLATCH_DEPLOYMENT: encodeHex(deployment),
      SIMLATCH_ADMIN_KEY: adminKey,
      ...GENEROUS,
      ...environment,
    },
    port: 0,
    folder,
    writeLine: (line) => log.push(line),
  });
  const fleet = await createFleet({
    platformUrl: server.url,
    adminKey,
    deployment,
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    random,
  });
  return {
    url: server.url,
    fleet,
    log,
    async dispose() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

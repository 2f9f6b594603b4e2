/** A platform of its own for the matrix, on either runtime, over HTTP on loopback. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePlatformKeys } from "#cli/keys";
import { startPlatform } from "#cli/platform-host";
import { decodeHex } from "#protocol/bytes";
import { createFleet, type Fleet } from "#tests/fleet/fleet";

export interface MatrixHost {
  createFleet(): Promise<Fleet>;
  stop(): Promise<void>;
}

/** One address makes all the calls here, and one card binds many times. */
const LIMITS = {
  SIMLATCH_UNAUTHENTICATED_PER_MINUTE: "1000000",
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "1000000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "1000000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000000",
};

export async function startMatrixHost(runtime: "Bun" | "workerd"): Promise<MatrixHost> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-matrix-"));
  const keys = generatePlatformKeys();
  const platform = await startPlatform({
    edge: runtime === "workerd",
    environment: { ...keys, ...LIMITS },
    hostname: "127.0.0.1",
    port: 0,
    folder,
    writeLine: () => undefined,
  });
  return {
    createFleet: () =>
      createFleet({
        platformUrl: platform.url,
        adminKey: keys.SIMLATCH_ADMIN_KEY,
        deployment: decodeHex(keys.SIMLATCH_DEPLOYMENT) ?? new Uint8Array(0),
        fetch: (url, init) => fetch(url, init),
        now: Date.now,
        random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      }),
    async stop() {
      await platform.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

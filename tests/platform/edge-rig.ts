/** The platform in workerd with a fleet of its own, under the real clock. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningHost, startEdge } from "#cli/edge-host";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet, type Fleet } from "#tests/fleet/fleet";
import { type Answer, random } from "./rig.ts";

export interface EdgeRig {
  readonly url: string;
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  readonly fleet: Fleet;
  /** To /v1/bindings. */
  post(path: string, body: unknown): Promise<Answer>;
  /** Ends the Worker and starts it on what it stored; the address is another one then. */
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

export async function createEdgeRig(
  environment: Readonly<Record<string, string>> = {},
): Promise<EdgeRig> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-workerd-"));
  const deployment = random(16);
  const adminKey = encodeBase64Url(random(32));
  const settings = {
    SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
    SIMLATCH_DEPLOYMENT: encodeHex(deployment),
    SIMLATCH_ADMIN_KEY: adminKey,
    ...environment,
  };
  const start = (): Promise<RunningHost> =>
    startEdge({ environment: settings, folder, port: 0, writeLine: () => undefined });
  let edge = await start();
  const fleet = await createFleet({
    platformUrl: edge.url,
    adminKey,
    deployment,
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    random,
  });
  return {
    get url() {
      return edge.url;
    },
    deployment,
    fleet,
    async post(path, body) {
      const response = await fetch(`${edge.url}/v1/bindings${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
    },
    async restart() {
      await edge.stop();
      edge = await start();
    },
    async dispose() {
      await edge.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The client of the UDM and that of the directory in workerd, over what its `fetch` speaks:
 * HTTP/1.1, as a sidecar before a UDM would. HTTP/2 by prior knowledge it does not speak.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startEdge } from "#cli/edge-host";
import { authenticate, createSim, IMSI, INSTANCE, NETWORK } from "./scene.ts";
import { CLIENT, openScene, type Scene } from "./scene.ts";
import * as customers from "#tests/directory/scene";

const EDGE = resolve(import.meta.dir, "../../edge");
/** Carries one call to the client that it names. */
const WORKER = `
import { DurableObject } from "cloudflare:workers";
import { createFetchTransport } from "${EDGE}/peers/fetch.ts";
import { createNudmClient } from "${EDGE}/nudm/client.ts";
import { createHttpDirectory } from "${EDGE}/directory/http-directory.ts";
export class CardObject extends DurableObject {}
export class SubscriberObject extends DurableObject {}
const transport = createFetchTransport((url, init) => fetch(url, init));
const tools = { transport, clock: () => Date.now(), log: () => undefined };
const clients = new Map();
function clientOf({ kind, settings }) {
  const name = JSON.stringify({ kind, settings });
  if (!clients.has(name)) {
    const create = kind === "nudm" ? createNudmClient : createHttpDirectory;
    clients.set(name, create(tools, settings));
  }
  return clients.get(name);
}
export default {
  async fetch(request) {
    const call = await request.json();
    const answer = await clientOf(call)[call.method](...call.arguments);
    return Response.json(answer, { headers: { "x-isolate": "1" } });
  },
};
`;

let folder = "";
let edge: Awaited<ReturnType<typeof startEdge>>;
let scene: Scene;
let h2c: Scene;
let directory: customers.Scene;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "simlatch-peers-"));
  await Bun.write(join(folder, "worker.ts"), WORKER);
  await Bun.write(join(folder, "migrations", "0000.sql"), "create table pet (name text);\n");
  const entry = join(folder, "worker.ts");
  const migrationsFolder = join(folder, "migrations");
  edge = await startEdge({ environment: {}, entry, migrationsFolder, writeLine: () => undefined });
  const udm = { oauth: { instanceId: INSTANCE, client: CLIENT, expiresIn: 3600 } };
  scene = await openScene({ protocol: "http/1.1", udm });
  h2c = await openScene({ protocol: "h2c" });
  directory = await customers.openScene();
}, 60_000);
afterAll(async () => {
  await edge.stop();
  await Promise.all([scene.stop(), h2c.stop(), directory.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Call {
  readonly kind: "nudm" | "directory";
  readonly settings: object;
  readonly method: string;
  readonly arguments: readonly unknown[];
}

async function call(asked: Call): Promise<Record<string, unknown>> {
  const response = await fetch(edge.url, { method: "POST", body: JSON.stringify(asked) });
  return { ...Object(await response.json()) };
}

const settingsOf = ({ peer }: Scene, changes: object = {}): object => ({
  root: peer.url,
  method: "EAP_AKA_PRIME",
  servingNetworkName: NETWORK,
  instanceId: INSTANCE,
  timeoutMs: 500,
  ...changes,
});
const withToken = (): object =>
  settingsOf(scene, { token: { url: `${scene.peer.url}/oauth2/token`, client: CLIENT } });
const fetchVectors = (settings: object): Promise<Record<string, unknown>> =>
  call({ kind: "nudm", settings, method: "fetchVectors", arguments: [IMSI, 1] });

const bytesOf = (value: object): Uint8Array => Uint8Array.from(Object.values(value));

test("workerd: a token, a vector that a SIM takes, and the token kept for the next", async () => {
  for (let i = 0; i < 2; i++) {
    const answer = await fetchVectors(withToken());
    const [vector] = Object.values<{ rand: object; autn: object }>(Object(answer["value"]));
    if (vector === undefined) throw new Error(JSON.stringify(answer));
    const challenge = { rand: bytesOf(vector.rand), autn: bytesOf(vector.autn) };
    expect(authenticate(createSim(), challenge).kind).toBe("DB");
  }
  expect(scene.udm.asked.filter((path) => path === "/oauth2/token")).toHaveLength(1);
  expect(scene.udm.violations).toEqual([]);
});

test.each([
  [{ kind: "silence" }, "timed_out"],
  [{ kind: "stall" }, "timed_out"],
  [{ kind: "reset" }, "unreachable"],
  [{ kind: "flood" }, "answer_too_large"],
  [
    { kind: "reply", status: 307, headers: { location: "http://127.0.0.1:1/" }, body: "" },
    "redirected",
  ],
  [{ kind: "reply", status: 404, body: '{"cause":"USER_NOT_FOUND"}' }, "user_not_found"],
  [{ kind: "reply", status: 200, body: "{" }, "answer_invalid"],
] as const)("workerd: %j is %s", async (fault, reason) => {
  scene.peer.plan(fault);
  expect(await fetchVectors(withToken())).toEqual({ ok: false, reason });
  expect((await fetchVectors(withToken()))["ok"]).toBe(true);
});

test("workerd speaks no HTTP/2 by prior knowledge: the UDM is unreachable, at once", async () => {
  const answer = await fetchVectors(settingsOf(h2c));
  expect(answer).toEqual({ ok: false, reason: "unreachable" });
  expect(h2c.udm.asked).toEqual([]);
});

test("workerd: the directory finds, does not know, and is unavailable", async () => {
  const { NUMBER, PROFILE, SECRET } = customers;
  const settings = {
    url: `${directory.peer.url}/lookup`,
    secret: SECRET,
    timeoutMs: 300,
    cacheMs: 0,
    breaker: { failuresMax: 1, restMs: 3000, trialMs: 600 },
  };
  const find = (msisdn: string): Promise<Record<string, unknown>> =>
    call({ kind: "directory", settings, method: "find", arguments: ["default", msisdn] });
  expect(await find(NUMBER)).toEqual({ ok: true, value: PROFILE });
  expect(await find("8613800138009")).toEqual({ ok: false, reason: "number_unknown" });
  directory.peer.plan({ kind: "silence" });
  const unavailable = { ok: false, reason: "directory_unavailable" };
  expect(await find(NUMBER)).toEqual(unavailable);
  const asked = directory.requests.length;
  expect(await find(NUMBER)).toEqual(unavailable);
  expect(directory.requests).toHaveLength(asked);
  await Bun.sleep(3100);
  expect(await find(NUMBER)).toEqual({ ok: true, value: PROFILE });
});

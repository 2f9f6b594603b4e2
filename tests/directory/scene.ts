/** A customer database on loopback, of other code, and a client of it. */
import { createHttpDirectory, type DirectorySettings } from "#edge/directory/http-directory";
import { createFetchTransport } from "#edge/peers/fetch";
import type { SubscriberDirectory } from "#edge/subscriber-directory";
import { listen, type Peer } from "#tests/emulators/udm/listen";
import type { UdmReply, UdmRequest } from "#tests/emulators/udm/udm";

export const NUMBER = "8613800138000";
export const SECRET = "directory-secret-0123456789-abcdefgh";
export const PROFILE = {
  homeRegion: "Shenzhen",
  userGroups: ["drivers", "staff"],
  level: "gold",
  company: "Ping An",
  services: ["mobile office"],
  networkSubset: "12",
  serviceProvider: "0A",
  corporate: "FFEE",
} as const;

export interface Scene {
  readonly peer: Peer;
  readonly requests: readonly UdmRequest[];
  /** By number, for tenant "default". */
  readonly customers: Map<string, object>;
  readonly directory: SubscriberDirectory;
  readonly log: readonly string[];
  readonly advance: (milliseconds: number) => void;
  readonly directoryWith: (settings: Partial<DirectorySettings>) => SubscriberDirectory;
  readonly stop: () => Promise<void>;
}

export async function openScene(settings: Partial<DirectorySettings> = {}): Promise<Scene> {
  const customers = new Map<string, object>([[NUMBER, PROFILE]]);
  const requests: UdmRequest[] = [];
  const peer = await listen("http/1.1", (request) => {
    requests.push(request);
    return answer(customers, request);
  });
  const log: string[] = [];
  let now = Date.UTC(2026, 10, 25, 12);
  const tools = {
    transport: createFetchTransport((url, init) => fetch(url, init)),
    clock: () => now,
    log: (event: string, fields: object) => {
      log.push(JSON.stringify({ event, ...fields }));
    },
  };
  const directoryWith = (changes: Partial<DirectorySettings>): SubscriberDirectory =>
    createHttpDirectory(tools, {
      url: `${peer.url}/lookup`,
      secret: SECRET,
      timeoutMs: 300,
      cacheMs: 60_000,
      breaker: { failuresMax: 3, restMs: 10_000, trialMs: 600 },
      ...settings,
      ...changes,
    });
  return {
    peer,
    requests,
    customers,
    directory: directoryWith({}),
    log,
    advance: (milliseconds) => {
      now += milliseconds;
    },
    directoryWith,
    stop: peer.stop,
  };
}

function answer(customers: ReadonlyMap<string, object>, request: UdmRequest): UdmReply {
  const headers = { "content-type": "application/json" };
  const reply = (status: number, body: object): UdmReply => ({
    status,
    headers,
    body: JSON.stringify(body),
  });
  if (request.headers["authorization"] !== `Bearer ${SECRET}`)
    return reply(401, { error: "unauthorized" });
  if (request.method !== "POST" || request.path !== "/lookup")
    return reply(404, { error: "no such resource" });
  const { tenant, msisdn } = { tenant: "", msisdn: "", ...JSON.parse(request.body) };
  const profile = tenant === "default" ? customers.get(msisdn) : undefined;
  return profile === undefined
    ? reply(404, { error: "number_unknown" })
    : reply(200, { msisdn, profile });
}

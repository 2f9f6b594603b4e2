/** The platform behind a socket, once on Bun and once as the Worker in workerd. */
import { startEdge } from "#cli/edge-host";
import { generatePlatformKeys } from "#cli/keys";
import { createApp } from "#edge/app";
import type { Dependencies } from "#edge/dependencies";
import { createVault } from "#edge/vault";
import { decodeBase64Url, decodeHex } from "#protocol/bytes";
import { dumpState } from "#tests/invariants/bench";
import { createFleet, type Fleet } from "#tests/fleet/fleet";
import { type Answer, createRig, type Rig } from "#tests/platform/rig";

export interface Sent extends Answer {
  readonly headers: Headers;
}

export interface Target {
  readonly name: "bun" | "workerd";
  readonly url: string;
  readonly fleet: Fleet;
  /** What tokens are made with: the tests forge expired ones that are otherwise right. */
  readonly tools: Pick<Dependencies, "vault" | "deployment" | "storeGeneration" | "core">;
  readonly now: () => number;
  /** Everything stored; always the same text where it cannot be read. */
  dump(): string;
  stop(): Promise<void>;
}

/** Far beyond what the table needs: no case is refused for being late or one too many. */
const ENVIRONMENT = {
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "1000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "1000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000",
  SIMLATCH_ANSWER_SECONDS: "110",
};

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export async function startBunTarget(): Promise<Target & { readonly rig: Rig }> {
  const rig = await createRig({ environment: ENVIRONMENT });
  const { dependencies, host } = rig;
  const app = createApp({ dependencies, adminKey: undefined }, host);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => app.fetch(request),
  });
  return {
    name: "bun",
    rig,
    url: server.url.origin,
    fleet: await rig.fleet(),
    tools: dependencies,
    now: rig.now,
    dump: () => dumpState(rig),
    async stop() {
      await server.stop(true);
      await rig.dispose();
    },
  };
}

export async function startWorkerdTarget(core: Dependencies["core"]): Promise<Target> {
  const keys = generatePlatformKeys();
  const environment = { ...keys, ...ENVIRONMENT };
  const edge = await startEdge({ environment, writeLine: () => undefined });
  const deployment = decodeHex(keys.SIMLATCH_DEPLOYMENT) ?? new Uint8Array(0);
  const masterKey = decodeBase64Url(keys.SIMLATCH_MASTER_KEY) ?? new Uint8Array(0);
  const fleet = await createFleet({
    platformUrl: edge.url,
    adminKey: keys.SIMLATCH_ADMIN_KEY,
    deployment,
    fetch,
    now: Date.now,
    random,
  });
  return {
    name: "workerd",
    url: edge.url,
    fleet,
    tools: { vault: createVault(masterKey, random), deployment, storeGeneration: 1, core },
    now: Date.now,
    dump: () => "",
    stop: () => edge.stop(),
  };
}

export async function send(
  target: Pick<Target, "url">,
  method: string,
  path: string,
  body: unknown,
): Promise<Sent> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(`${target.url}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: isRaw ? new Blob([body]) : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    json: text.startsWith("{") ? JSON.parse(text) : {},
    headers: response.headers,
  };
}

/** As a rig: POST below /v1/bindings. */
export function posting(target: Pick<Target, "url">): Pick<Rig, "post"> {
  return { post: (path, body) => send(target, "POST", `/v1/bindings${path}`, body) };
}

/** What comes back to these bytes within a moment; the socket is closed afterwards. */
export async function sendBytes(target: Pick<Target, "url">, bytes: string): Promise<string> {
  const { hostname, port } = new URL(target.url);
  let received = "";
  const { promise: done, resolve: finish } = Promise.withResolvers<undefined>();
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data(_socket, chunk) {
        received += new TextDecoder("latin1").decode(chunk);
        if (/\r\n\r\n[^]*\}/.test(received)) finish(undefined);
      },
      close: () => finish(undefined),
      error: () => finish(undefined),
    },
  });
  const timer = setTimeout(() => finish(undefined), 1500);
  let offset = 0;
  const raw = Buffer.from(bytes, "latin1");
  while (offset < raw.length) {
    const written = socket.write(raw.subarray(offset));
    if (written < 0) break;
    offset += written;
    if (written === 0) await Bun.sleep(1);
  }
  await done;
  clearTimeout(timer);
  socket.end();
  return received;
}

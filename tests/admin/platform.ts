/** /v1/admin over a catalog in memory, with the real core, vault and writers. */
import { sign } from "node:crypto";

import { Hono } from "hono";

import { openCatalog } from "#db/bun";
import type { Dependencies } from "#edge/dependencies";
import { compose } from "#edge/app";
import { checkEnvironment } from "#edge/bindings";
import { createAdminRoutes } from "#edge/routes/admin";
import { createErrorHandler, handleNotFound } from "#edge/routes/problem";
import { type BunHost, openBunHost } from "#edge/state/bun-host";
import type { CertificateCardEnrolment, EnrolmentChallenge, PlatformKey } from "#protocol/admin";
import { decodeBase64Url, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { credentialStatement, enrolmentStatement } from "#protocol/transcript";

import { CARD, CARD_ID, makeChain, NOW } from "../certificates/chain-fixture.ts";
import { type KeyPair, makeKeyPair } from "../certificates/make-certificate.ts";

export { CARD, CARD_ID, NOW };

export const ADMIN_KEY = "an administration key of the tests";
export const DEPLOYMENT = new Uint8Array(16).fill(0xd1);
export const TENANT = "default";
export const IMSI = "001010123456789";
export const K = "465b5ce8b199b49faa5f0a2ee238a6bc";
export const OP = "cdc202d5123e20f62b6d676ac72cb318";
/** Of K and OP: TS 35.208, test set 1. */
export const OPC = "cd63cb71954a9f4e48a5994e37a02baf";

export const ANCHOR = makeKeyPair();
export const SERVICE = makeKeyPair();

const MASTER_KEY = Uint8Array.from({ length: 32 }, (_, i) => (i * 73 + 0x4d) % 256);
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Undefined when there is no body. */
  readonly json: unknown;
}

export interface Platform {
  readonly dependencies: Dependencies;
  readonly host: BunHost;
  readonly logged: readonly string[];
  /** With the right bearer. */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  send(path: string, init: RequestInit): Promise<Answer>;
  /** Every row of every table. */
  dump(): Promise<string>;
  setNow(now: number): void;
  close(): void;
}

async function openPlatform(changes: Partial<Dependencies> = {}): Promise<Platform> {
  const catalog = await openCatalog(":memory:");
  const logged: string[] = [];
  let now = NOW;
  const configuration = checkEnvironment({
    SIMLATCH_MASTER_KEY: encodeBase64Url(MASTER_KEY),
    SIMLATCH_DEPLOYMENT: encodeHex(DEPLOYMENT),
    SIMLATCH_ADMIN_KEY: ADMIN_KEY,
  });
  const composition = compose(configuration, catalog, {
    clock: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
    random,
    writeLine: (line) => logged.push(line),
  });
  const dependencies: Dependencies = { ...composition.dependencies, ...changes };
  const app = new Hono();
  app.onError(createErrorHandler(dependencies.log));
  app.notFound(handleNotFound);
  const host = openBunHost(":memory:", dependencies);
  app.route("/v1/admin", createAdminRoutes(dependencies, ADMIN_KEY, host));

  async function send(path: string, init: RequestInit): Promise<Answer> {
    const response = await app.request(`/v1/admin${path}`, init);
    const text = await response.text();
    const json: unknown = text === "" ? undefined : JSON.parse(text);
    return { status: response.status, headers: response.headers, text, json };
  }
  return {
    dependencies,
    host,
    logged,
    send,
    call: async (method, path, body) =>
      send(path, {
        method,
        headers: { authorization: `Bearer ${ADMIN_KEY}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async dump() {
      // Events of earlier calls are on their way to the index.
      await host.recover();
      const sql = "select name from sqlite_master where type = 'table' order by name";
      const [tables = []] = await catalog.read([{ sql, params: [] }]);
      const calls = tables.map(([name]) => ({
        sql: `select * from "${String(name)}"`,
        params: [],
      }));
      return JSON.stringify([tables, await catalog.read(calls)]);
    },
    setNow(time) {
      now = time;
    },
    close: () => catalog.close(),
  };
}

/** A platform where tenant `default` trusts ANCHOR and the root of the fixture's chain. */
export async function openTenant(changes: Partial<Dependencies> = {}): Promise<Platform> {
  const platform = await openPlatform(changes);
  const answer = await platform.call("PUT", `/tenants/${TENANT}`, tenantSettings());
  if (answer.status !== 204) throw new Error(`no tenant: ${answer.text}`);
  return platform;
}

export function tenantSettings() {
  return {
    anchors: { "P-256": encodeBase64Url(ANCHOR.publicKey) },
    cardRoots: chain.roots.map(encodeBase64Url),
  };
}

const chain = makeChain();
/** Hashes of the chain's certificates can be asked for by place. */
export const CERTIFICATES = chain.certificates;
export const ROOTS = chain.roots;

export function signRaw(key: KeyPair, message: Uint8Array): Uint8Array {
  const dsaEncoding = "ieee-p1363";
  return new Uint8Array(sign("sha256", message, { key: key.privateKey, dsaEncoding }));
}

/** A complete enrolment of the fixture's card, with a fresh challenge. */
export async function makeEnrolment(
  platform: Platform,
  changes: { readonly tenant?: string; readonly signer?: KeyPair } = {},
): Promise<CertificateCardEnrolment> {
  const tenant = changes.tenant ?? TENANT;
  const answer = await platform.call("POST", "/enrolments", { tenant, cardId: CARD_ID });
  const { challenge, token }: EnrolmentChallenge = JSON.parse(answer.text);
  const statement = enrolmentStatement({
    deployment: DEPLOYMENT,
    tenant,
    cardId: cardIdBytes(CARD_ID),
    cardKind: 1,
    suite: 1,
    key: { publicKey: CARD.key.publicKey },
    servicePublicKey: SERVICE.publicKey,
    challenge: decodeBase64Url(challenge) ?? new Uint8Array(0),
  });
  return {
    tenant,
    cardId: CARD_ID,
    kind: "TF",
    suite: "P-256",
    certificates: CERTIFICATES.map(encodeBase64Url),
    servicePublicKey: encodeBase64Url(SERVICE.publicKey),
    challenge,
    token,
    proof: encodeBase64Url(signRaw(changes.signer ?? CARD.key, statement)),
  };
}

/** The anchor's signature over the newest key, as PUT /platform-keys/{generation} takes it. */
export function signCredential(key: PlatformKey, signer: KeyPair = ANCHOR, tenant = TENANT) {
  const statement = credentialStatement({
    deployment: DEPLOYMENT,
    tenant,
    generation: key.generation,
    suite: 1,
    publicKey: decodeBase64Url(key.publicKey) ?? new Uint8Array(0),
  });
  return { tenant, suite: "P-256", signature: encodeBase64Url(signRaw(signer, statement)) };
}

export async function createKey(platform: Platform, tenant = TENANT): Promise<PlatformKey> {
  const answer = await platform.call("POST", "/platform-keys", { tenant, suite: "P-256" });
  const key: PlatformKey = JSON.parse(answer.text);
  return key;
}

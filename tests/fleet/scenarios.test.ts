/**
 * The scenarios must be able to fail: each test spoils one thing on the way to a platform on Bun
 * and names the stories that have to notice.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePlatformKeys } from "#cli/keys";
import { type RunningServer, startServer } from "#edge/server";
import { decodeHex } from "#protocol/bytes";
import type { Fetch } from "#terminal/platform-client";
import { createSeeded } from "#tests/terminal/seeded";
import { runScenarios, SCENARIO_NAMES } from "./scenarios.ts";

/** A request on its way to the platform; what comes back goes to fleet and phones. */
type Spoil = (
  request: { readonly method: string; readonly path: string; readonly body: string },
  next: (body?: string) => Promise<Response>,
) => Promise<Response>;

const keys = generatePlatformKeys();
let folder = "";
let server: RunningServer | undefined;
let runs = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "simlatch-scenarios-test-"));
  server = await startServer({ environment: keys, port: 0, folder, writeLine: () => undefined });
});

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Stories that did not end as expected. */
async function findUnexpected(spoil: Spoil): Promise<string[]> {
  const url = server?.url ?? "";
  const seeded = createSeeded(++runs);
  const spoilt: Fetch = (address, init) => {
    const { pathname } = new URL(address);
    const body = typeof init.body === "string" ? init.body : "";
    const request = { method: init.method ?? "GET", path: pathname, body };
    return spoil(request, (changed) =>
      fetch(address, changed === undefined ? init : { ...init, body: changed }),
    );
  };
  const results = await runScenarios({
    platformUrl: url,
    adminKey: keys.SIMLATCH_ADMIN_KEY,
    deployment: decodeHex(keys.SIMLATCH_DEPLOYMENT) ?? new Uint8Array(0),
    tenant: `run-${runs}`,
    fetch: spoilt,
    now: Date.now,
    random: (length) => seeded.bytes(length),
    sleep: async () => undefined,
  });
  expect(results.map(({ name }) => name)).toEqual([...SCENARIO_NAMES]);
  return results.filter(({ expected }) => !expected).map(({ name }) => name);
}

test("nothing spoilt: every story ends as expected", async () => {
  let calls = 0;
  const unexpected = await findUnexpected((_request, next) => {
    calls += 1;
    return next();
  });
  expect(unexpected).toEqual([]);
  expect(calls).toBeGreaterThan(30);
});

test("a rule that says refuse instead of lock: the stories of a lock notice", async () => {
  const unexpected = await findUnexpected(({ method, path, body }, next) =>
    method === "PUT" && path.startsWith("/v1/admin/rules/")
      ? next(body.replace('"lock"', '"refuse"'))
      : next(),
  );
  expect(unexpected).toEqual(["other-phone", "unlock"]);
});

test("a rule that allows the visitor's operator: not-allowed notices", async () => {
  const unexpected = await findUnexpected(({ path, body }, next) =>
    path.startsWith("/v1/admin/rules/") ? next(body.replace('"46001"', '"46003"')) : next(),
  );
  // The same rule keeps out the subscriber of out-of-step, and turns rule-operator round.
  expect(unexpected).toEqual(["not-allowed", "out-of-step", "rule-operator"]);
});

test("another service key in the registry: the stories that use the services notice", async () => {
  const { servicePublicKey } = await makeForeignKey();
  const unexpected = await findUnexpected(async ({ method, path }, next) => {
    const response = await next();
    if (method !== "GET" || !path.startsWith("/v1/admin/cards/")) return response;
    return Response.json({ ...Object(await response.json()), servicePublicKey });
  });
  expect(unexpected).toEqual(["good-binding", "encrypted", "sm-card", "sim"]);
});

test("receipts that never arrive: every story whose card took a result notices", async () => {
  const unexpected = await findUnexpected(({ path }, next) =>
    path.endsWith("/receipt")
      ? Promise.resolve(Response.json({ code: "not_found" }, { status: 404 }))
      : next(),
  );
  expect(unexpected).toEqual(SCENARIO_NAMES.filter((name) => name !== "replayed-result"));
});

test("an audit index that stays empty: every story notices", async () => {
  const unexpected = await findUnexpected(({ path }, next) =>
    path === "/v1/admin/audit" ? Promise.resolve(Response.json({ events: [] })) : next(),
  );
  expect(unexpected).toEqual([...SCENARIO_NAMES]);
});

/** A point that no card of the fleet holds, base64url. */
async function makeForeignKey(): Promise<{ readonly servicePublicKey: string }> {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const pair = await crypto.subtle.generateKey(curve, true, ["sign", "verify"]);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { servicePublicKey: point.toBase64({ alphabet: "base64url", omitPadding: true }) };
}

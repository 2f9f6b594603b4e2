/** Tenants, their platform keys and floors. */
import { Hono } from "hono";

import type { ConcealmentKey, PlatformKey } from "#protocol/admin";
import { encodeBase64Url, equalBytes } from "#protocol/bytes";
import { encodeCredential } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import { type SuiteName, SUITES } from "#protocol/suites";
import { credentialStatement } from "#protocol/transcript";

import type { Dependencies, TenantRecord } from "../dependencies.ts";
import { parseCertificate } from "../secure-connection/certificate.ts";
import { generateConcealmentKey } from "../secure-connection/concealed-imsi.ts";
import { generatePlatformKey } from "../secure-connection/platform-key.ts";
import type { FailureReason } from "../wire-error.ts";
import {
  concealmentKeyPath,
  concealmentKeyRequest,
  floorUpdate,
  generationPath,
  platformKeyActivation,
  platformKeyRequest,
  tenantPath,
  tenantQuery,
  tenantSettings,
} from "./admin-schemas.ts";
import { respondProblem, validateJson, validatePath, validateQuery } from "./problem.ts";

export function createTrustRoutes(dependencies: Dependencies): Hono {
  const { repositories } = dependencies;
  const routes = new Hono();

  routes.put(
    "/tenants/:tenant",
    validatePath(tenantPath),
    validateJson(tenantSettings),
    async (c) => {
      const { cardRoots, anchors } = c.req.valid("json");
      const usable = usableAnchors(dependencies, anchors);
      // What is no certificate that a chain could end in would be kept, and never be found.
      const areRoots = cardRoots.every((root) => parseCertificate(root).ok);
      if (usable === undefined || !areRoots) return respondProblem(c, "malformed");
      await repositories.tenants.save({ ...c.req.valid("param"), cardRoots, anchors: usable });
      return c.body(null, 204);
    },
  );

  routes.post("/platform-keys", validateJson(platformKeyRequest), async (c) => {
    const { tenant, suite } = c.req.valid("json");
    if ((await repositories.tenants.find(tenant)) === undefined) {
      return respondProblem(c, "not_found");
    }
    return c.json(await createPlatformKey(dependencies, tenant, suite), 201);
  });

  routes.put(
    "/platform-keys/:generation",
    validatePath(generationPath),
    validateJson(platformKeyActivation),
    async (c) => {
      const { generation } = c.req.valid("param");
      const activated = await activatePlatformKey(dependencies, {
        ...c.req.valid("json"),
        generation,
      });
      return activated.ok ? c.body(null, 204) : respondProblem(c, activated.reason);
    },
  );

  routes.put("/floor", validateJson(floorUpdate), async (c) => {
    const { tenant, suite, floor } = c.req.valid("json");
    const outcome = await repositories.platformKeys.raiseFloor(tenant, suite, floor);
    return outcome === "raised" ? c.body(null, 204) : respondProblem(c, "conflict");
  });

  routes.post("/concealment-keys", validateJson(concealmentKeyRequest), async (c) => {
    const { tenant } = c.req.valid("json");
    if ((await repositories.tenants.find(tenant)) === undefined) {
      return respondProblem(c, "not_found");
    }
    const key = generateConcealmentKey(dependencies, tenant);
    const id = await repositories.concealmentKeys.create(key);
    if (id === undefined) return respondProblem(c, "conflict");
    const view: ConcealmentKey = { id, publicKey: encodeBase64Url(key.publicKey) };
    return c.json(view, 201);
  });

  routes.delete(
    "/concealment-keys/:id",
    validatePath(concealmentKeyPath),
    validateQuery(tenantQuery),
    async (c) => {
      const { tenant } = c.req.valid("query");
      const destroyed = await repositories.concealmentKeys.destroy(tenant, c.req.valid("param").id);
      return destroyed ? c.body(null, 204) : respondProblem(c, "not_found");
    },
  );

  return routes;
}

/** Undefined when one of them is no key of its suite. */
function usableAnchors(
  { suites }: Dependencies,
  given: Readonly<Partial<Record<string, Uint8Array | undefined>>>,
): TenantRecord["anchors"] | undefined {
  const anchors: Partial<Record<SuiteName, Uint8Array>> = {};
  for (const { name } of SUITES) {
    const tools = suites(name);
    const publicKey = given[name];
    if (publicKey === undefined) continue;
    if (!("verify" in tools) || !tools.isPublicKey(publicKey)) return undefined;
    anchors[name] = publicKey;
  }
  return anchors;
}

async function createPlatformKey(
  dependencies: Dependencies,
  tenant: string,
  suite: SuiteName,
): Promise<PlatformKey> {
  const tools = dependencies.suites(suite);
  const { platformKeys } = dependencies.repositories;
  if ("verify" in tools) {
    const key = generatePlatformKey(dependencies, tools, tenant);
    const generation = await platformKeys.create(key);
    return { generation, publicKey: encodeBase64Url(key.publicKey) };
  }
  const nothing = new Uint8Array(0);
  const key = { tenant, suite, publicKey: nothing, wrappedPrivateKey: nothing };
  const generation = await platformKeys.create(key);
  const { number } = tools.suite;
  const credential = { generation, suite: number, publicKey: nothing, signature: nothing };
  await platformKeys.activate(tenant, suite, generation, encodeCredential(credential));
  return { generation, publicKey: "" };
}

interface Activation {
  readonly tenant: string;
  readonly suite: SuiteName;
  readonly generation: number;
  readonly signature: Uint8Array;
}

async function activatePlatformKey(
  { suites, deployment, repositories }: Dependencies,
  { tenant, suite, generation, signature }: Activation,
): Promise<Result<undefined, FailureReason>> {
  const tools = suites(suite);
  const trust = await repositories.tenants.find(tenant);
  const key = await repositories.platformKeys.find(tenant, suite, generation);
  if (trust === undefined || key === undefined) return failure("not_found");
  const anchor = trust.anchors[suite];
  if (anchor === undefined || !("verify" in tools)) return failure("proof_invalid");

  const { number } = tools.suite;
  const credential = { generation, suite: number, publicKey: key.publicKey, signature };
  const statement = credentialStatement({ deployment, tenant, ...credential });
  if (!tools.verify(anchor, statement, signature)) return failure("proof_invalid");
  const encoded = encodeCredential(credential);
  // The same activation again, after a lost answer for instance, changes nothing.
  if (key.credential !== undefined && equalBytes(key.credential, encoded)) {
    return success(undefined);
  }
  const outcome = await repositories.platformKeys.activate(tenant, suite, generation, encoded);
  return outcome === "inserted" ? success(undefined) : failure("conflict");
}

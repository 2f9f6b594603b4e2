/** Tenants, their platform keys and floors. */
import { Hono } from "hono";

import type { PlatformKey } from "#protocol/admin";
import { encodeBase64Url, equalBytes } from "#protocol/bytes";
import { encodeCredential } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import { type SuiteName, SUITES } from "#protocol/suites";
import { credentialStatement } from "#protocol/transcript";

import type { Dependencies } from "../dependencies.ts";
import { generatePlatformKey } from "../secure-connection/critical-information.ts";
import type { FailureReason } from "../wire-error.ts";
import {
  floorUpdate,
  generationPath,
  platformKeyActivation,
  platformKeyRequest,
  tenantPath,
  tenantSettings,
} from "./admin-schemas.ts";
import { respondProblem, validateJson, validatePath } from "./problem.ts";

export function createTrustRoutes(dependencies: Dependencies): Hono {
  const { core, repositories } = dependencies;
  const routes = new Hono();

  routes.put(
    "/tenants/:tenant",
    validatePath(tenantPath),
    validateJson(tenantSettings),
    async (c) => {
      const settings = c.req.valid("json");
      if (!core.isP256Point(settings.anchorPublicKey)) return respondProblem(c, "malformed");
      await repositories.tenants.save({ ...c.req.valid("param"), ...settings });
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

  return routes;
}

async function createPlatformKey(
  dependencies: Dependencies,
  tenant: string,
  suite: SuiteName,
): Promise<PlatformKey> {
  const key = generatePlatformKey(dependencies, tenant, suite);
  const generation = await dependencies.repositories.platformKeys.create(key);
  return { generation, publicKey: encodeBase64Url(key.publicKey) };
}

interface Activation {
  readonly tenant: string;
  readonly suite: SuiteName;
  readonly generation: number;
  readonly signature: Uint8Array;
}

async function activatePlatformKey(
  { core, deployment, repositories }: Dependencies,
  { tenant, suite, generation, signature }: Activation,
): Promise<Result<undefined, FailureReason>> {
  const trust = await repositories.tenants.find(tenant);
  const key = await repositories.platformKeys.find(tenant, suite, generation);
  if (trust === undefined || key === undefined) return failure("not_found");

  const credential = { generation, suite: suiteNumber(suite), publicKey: key.publicKey, signature };
  const statement = credentialStatement({ deployment, tenant, ...credential });
  if (!core.verifyP256(trust.anchorPublicKey, statement, signature)) {
    return failure("proof_invalid");
  }
  const encoded = encodeCredential(credential);
  // The same activation again, after a lost answer for instance, changes nothing.
  if (key.credential !== undefined && equalBytes(key.credential, encoded)) {
    return success(undefined);
  }
  const outcome = await repositories.platformKeys.activate(tenant, suite, generation, encoded);
  return outcome === "inserted" ? success(undefined) : failure("conflict");
}

function suiteNumber(name: SuiteName): number {
  const suite = SUITES.find((candidate) => candidate.name === name);
  if (suite === undefined) throw new RangeError("the suite has no number");
  return suite.number;
}

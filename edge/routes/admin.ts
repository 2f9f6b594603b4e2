/** /v1/admin: what an operator enrols and decides (protocol/admin.ts). */
import { Hono, type MiddlewareHandler } from "hono";

import { equalBytes } from "#protocol/bytes";

import type { Dependencies } from "../dependencies.ts";
import type { Writers } from "../state/writers.ts";
import { createBatchRoutes } from "./admin-batches.ts";
import { createCardRoutes } from "./admin-cards.ts";
import { createOrderRoutes } from "./admin-orders.ts";
import { createRewrapRoutes } from "./admin-rewrap.ts";
import { createRuleRoutes } from "./admin-rules.ts";
import { createSubscriberRoutes } from "./admin-subscribers.ts";
import { createTrustRoutes } from "./admin-trust.ts";
import { respondProblem } from "./problem.ts";

/** `adminKey` is never empty. */
export function createAdminRoutes(
  dependencies: Dependencies,
  adminKey: string,
  writers: Writers,
): Hono {
  const admin = new Hono();
  admin.use("*", requireBearer(dependencies, adminKey));
  admin.route("/", createTrustRoutes(dependencies));
  admin.route("/", createCardRoutes(dependencies, writers));
  admin.route("/", createSubscriberRoutes(dependencies, writers));
  admin.route("/", createBatchRoutes(dependencies));
  admin.route("/", createOrderRoutes(dependencies, writers));
  admin.route("/", createRuleRoutes(dependencies));
  admin.route("/", createRewrapRoutes(dependencies, writers.wrapped));
  return admin;
}

/** RFC 6750, 2.1. Digests are compared, so that time tells neither content nor length. */
function requireBearer({ core }: Dependencies, adminKey: string): MiddlewareHandler {
  if (adminKey === "") throw new RangeError("the administration key is empty");
  const digestOf = (text: string): Uint8Array => core.sha256(new TextEncoder().encode(text));
  const expected = digestOf(adminKey);
  return async function checkBearer(c, next) {
    const given = /^Bearer +(?<key>.+)$/i.exec(c.req.header("Authorization") ?? "");
    const digest = digestOf(given?.groups?.["key"] ?? "");
    if (!equalBytes(digest, expected)) return respondProblem(c, "unauthorized");
    await next();
    return undefined;
  };
}

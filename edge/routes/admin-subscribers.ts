/** Enrolment and status of subscribers. */
import { Hono } from "hono";
import type { InferOutput } from "valibot";

import { EMBEDDED_CENTRE, type SubscriberProfileView, type SubscriberView } from "#protocol/admin";

import {
  NO_STORED_KEYS,
  wrapKeys,
} from "../access-authentication/authentication-centre/subscriber-keys.ts";
import { moduleKindOf } from "../access-authentication/challenge-form.ts";
import type { Dependencies, SubscriberRecord } from "../dependencies.ts";
import type { Writers } from "../state/writers.ts";
import { moveSubscriber } from "../subscriber-move.ts";
import { orderAtSlots } from "../subscriber-orders.ts";
import { subscriberPath, subscriberStatusUpdate, tenantQuery } from "./admin-schemas.ts";
import { FIRST_KEY_VERSION, MCC_DIGITS } from "../subscriber-enrolment.ts";
import { respondProblem, validateJson, validatePath, validateQuery } from "./problem.ts";
import {
  ssdUpdateOrder,
  subscriberEnrolment,
  subscriberKeyReplacement,
  subscriberMove,
  subscriberNumberUpdate,
  subscriberProfileUpdate,
} from "./subscriber-schemas.ts";

type Enrolment = InferOutput<ReturnType<typeof subscriberEnrolment>>;

export function createSubscriberRoutes(dependencies: Dependencies, { slots }: Writers): Hono {
  const { subscribers, tenants } = dependencies.repositories;
  const routes = new Hono();

  routes.post("/subscribers", validateJson(subscriberEnrolment(dependencies)), async (c) => {
    const enrolment = c.req.valid("json");
    // Every slot in use must have an IND of its own in this profile (TS 33.102, C.1.1.1).
    const isCrowded = 2 ** enrolment.indBits < dependencies.slots;
    if (isCrowded && "keys" in enrolment.profile) return respondProblem(c, "malformed");
    if ((await tenants.find(enrolment.tenant)) === undefined) {
      return respondProblem(c, "not_found");
    }
    const record = toRecord(dependencies, enrolment);
    const outcome = await subscribers.insert(record);
    if (outcome === "taken") return respondProblem(c, "conflict");
    return c.json(viewSubscriber(dependencies, record), 201);
  });

  routes.get(
    "/subscribers/:imsi",
    validatePath(subscriberPath),
    validateQuery(tenantQuery),
    async (c) => {
      const { tenant } = c.req.valid("query");
      const found = await subscribers.find(tenant, c.req.valid("param").imsi);
      return found === undefined
        ? respondProblem(c, "not_found")
        : c.json(viewSubscriber(dependencies, found));
    },
  );

  routes.put(
    "/subscribers/:imsi/status",
    validatePath(subscriberPath),
    validateJson(subscriberStatusUpdate),
    async (c) => {
      const { tenant, status } = c.req.valid("json");
      const { imsi } = c.req.valid("param");
      const found = await subscribers.setStatus(tenant, imsi, status);
      if (!found) return respondProblem(c, "not_found");
      const set = status !== "active";
      await orderAtSlots(dependencies, slots, imsi, { tenant, mark: "barred", set, by: [] });
      return c.body(null, 204);
    },
  );

  routes.put(
    "/subscribers/:imsi/centre",
    validatePath(subscriberPath),
    validateJson(subscriberMove(dependencies)),
    async (c) => {
      const { imsi } = c.req.valid("param");
      const moved = await moveSubscriber(dependencies, slots, imsi, c.req.valid("json"));
      return moved.ok ? c.json(moved.value) : respondProblem(c, moved.reason);
    },
  );

  addReplacementRoutes(routes, dependencies);
  addProfileRoutes(routes, dependencies);
  return routes;
}

/** The embedded subscriber directory. */
function addProfileRoutes(routes: Hono, { repositories: { subscribers } }: Dependencies): void {
  routes.put(
    "/subscribers/:imsi/profile",
    validatePath(subscriberPath),
    validateJson(subscriberProfileUpdate),
    async (c) => {
      const { tenant, profile } = c.req.valid("json");
      const { imsi } = c.req.valid("param");
      const outcome = await subscribers.setProfile(tenant, imsi, profile ?? undefined);
      if (outcome === "set") return c.body(null, 204);
      return respondProblem(c, outcome === "absent" ? "not_found" : "conflict");
    },
  );

  routes.get(
    "/subscribers/:imsi/profile",
    validatePath(subscriberPath),
    validateQuery(tenantQuery),
    async (c) => {
      const { tenant } = c.req.valid("query");
      const subscriber = await subscribers.find(tenant, c.req.valid("param").imsi);
      if (subscriber === undefined) return respondProblem(c, "not_found");
      const { msisdn } = subscriber;
      const profile = msisdn && (await subscribers.findProfile(tenant, msisdn));
      return c.json({ profile: profile || null } satisfies SubscriberProfileView);
    },
  );
}

/** What is replaced at a subscriber that is there. */
function addReplacementRoutes(routes: Hono, dependencies: Dependencies): void {
  const { subscribers } = dependencies.repositories;

  routes.put(
    "/subscribers/:imsi/keys",
    validatePath(subscriberPath),
    validateJson(subscriberKeyReplacement(dependencies)),
    async (c) => {
      const { tenant, profile } = c.req.valid("json");
      const { imsi } = c.req.valid("param");
      const subscriber = await subscribers.find(tenant, imsi);
      if (subscriber === undefined) return respondProblem(c, "not_found");
      if (subscriber.centre !== EMBEDDED_CENTRE) return respondProblem(c, "conflict");
      const { name: algorithm, algorithm: row, keys } = profile;
      const stored = { algorithm, ...wrapKeys(dependencies, { tenant, imsi }, row, keys) };
      const found = await subscribers.replaceKeys(tenant, imsi, stored);
      return found ? c.body(null, 204) : respondProblem(c, "not_found");
    },
  );

  routes.put(
    "/subscribers/:imsi/number",
    validatePath(subscriberPath),
    validateJson(subscriberNumberUpdate),
    async (c) => {
      const { tenant, msisdn } = c.req.valid("json");
      const { imsi } = c.req.valid("param");
      const found = await subscribers.setNumber(tenant, imsi, msisdn ?? undefined);
      return found ? c.body(null, 204) : respondProblem(c, "not_found");
    },
  );

  routes.put(
    "/subscribers/:imsi/ssd-update",
    validatePath(subscriberPath),
    validateJson(ssdUpdateOrder),
    async (c) => {
      const { tenant } = c.req.valid("json");
      const { imsi } = c.req.valid("param");
      const subscriber = await subscribers.find(tenant, imsi);
      if (subscriber === undefined) return respondProblem(c, "not_found");
      const algorithm = dependencies.algorithms.find(subscriber.algorithm);
      const isCave = algorithm?.family === "cdma" && algorithm.sharedSecretData !== undefined;
      if (!isCave) return respondProblem(c, "conflict");
      const ordered = await subscribers.orderSsdUpdate(tenant, imsi, subscriber.algorithm);
      return ordered ? c.body(null, 204) : respondProblem(c, "conflict");
    },
  );
}

/** The keys are cleared once the wrapped ones are there. */
function toRecord(dependencies: Dependencies, enrolment: Enrolment): SubscriberRecord {
  const { tenant, imsi, mncLength, msisdn, amf, indBits, profile } = enrolment;
  return {
    tenant,
    imsi,
    operator: imsi.slice(0, MCC_DIGITS + mncLength),
    msisdn,
    status: "active",
    ...("keys" in profile
      ? {
          centre: EMBEDDED_CENTRE,
          algorithm: profile.name,
          ...wrapKeys(dependencies, { tenant, imsi }, profile.algorithm, profile.keys),
        }
      : { centre: profile.centre, algorithm: profile.proves, ...NO_STORED_KEYS }),
    amf,
    indBits,
    keyVersion: FIRST_KEY_VERSION,
    ssdUpdates: 0,
    seqFloor: 0,
  };
}

function viewSubscriber(
  { algorithms }: Dependencies,
  { tenant, imsi, operator, msisdn, status, centre, algorithm, keyVersion }: SubscriberRecord,
): SubscriberView {
  const profile = algorithms.findProfile(algorithm);
  if (profile === undefined) throw new Error("a subscriber's algorithm is not known");
  const moduleKind = moduleKindOf(profile);
  return {
    tenant,
    imsi,
    operator,
    msisdn: msisdn ?? null,
    status,
    centre,
    algorithm,
    moduleKind,
    keyVersion,
  };
}

/** Enrolment and status of subscribers. */
import { Hono } from "hono";
import type { InferOutput } from "valibot";

import type { SubscriberView } from "#protocol/admin";

import { wrapKeys } from "../access-authentication/authentication-centre/embedded.ts";
import type { Dependencies, SubscriberRecord } from "../dependencies.ts";
import type { Writers } from "../state/writers.ts";
import { orderAtSlots } from "../subscriber-orders.ts";
import {
  MCC_DIGITS,
  subscriberEnrolment,
  subscriberPath,
  subscriberStatusUpdate,
  tenantQuery,
} from "./admin-schemas.ts";
import { respondProblem, validateJson, validatePath, validateQuery } from "./problem.ts";

type Enrolment = InferOutput<typeof subscriberEnrolment>;

export function createSubscriberRoutes(dependencies: Dependencies, { slots }: Writers): Hono {
  const { subscribers, tenants } = dependencies.repositories;
  const routes = new Hono();

  routes.post("/subscribers", validateJson(subscriberEnrolment), async (c) => {
    const enrolment = c.req.valid("json");
    // Every slot in use must have an IND of its own in this profile (TS 33.102, C.1.1.1).
    if (2 ** enrolment.indBits < dependencies.slots) return respondProblem(c, "malformed");
    if ((await tenants.find(enrolment.tenant)) === undefined) {
      return respondProblem(c, "not_found");
    }
    const record = toRecord(dependencies, enrolment);
    const outcome = await subscribers.insert(record);
    if (outcome === "taken") return respondProblem(c, "conflict");
    return c.json(viewSubscriber(record), 201);
  });

  routes.get(
    "/subscribers/:imsi",
    validatePath(subscriberPath),
    validateQuery(tenantQuery),
    async (c) => {
      const { tenant } = c.req.valid("query");
      const found = await subscribers.find(tenant, c.req.valid("param").imsi);
      return found === undefined ? respondProblem(c, "not_found") : c.json(viewSubscriber(found));
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

  return routes;
}

/** K, OP and OPc are cleared once the wrapped ones are there. */
function toRecord({ core, vault }: Dependencies, enrolment: Enrolment): SubscriberRecord {
  const { tenant, imsi, mncLength, k, op, amf, indBits } = enrolment;
  const opc = op === undefined ? enrolment.opc : core.deriveOpc(k, op);
  if (opc === undefined) throw new RangeError("neither OP nor OPc");
  const wrapped = wrapKeys({ vault }, { tenant, imsi }, k, opc);
  for (const secret of [k, op, opc]) secret?.fill(0);
  return {
    tenant,
    imsi,
    operator: imsi.slice(0, MCC_DIGITS + mncLength),
    status: "active",
    algorithm: "milenage",
    ...wrapped,
    amf,
    indBits,
    keyVersion: 1,
  };
}

function viewSubscriber(record: SubscriberRecord): SubscriberView {
  const { tenant, imsi, operator, status, algorithm } = record;
  return { tenant, imsi, operator, status, algorithm };
}

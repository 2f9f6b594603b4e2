/** Binding rules, and the audit index that tells what they did. */
import { Hono } from "hono";

import type { AuditEventView } from "#protocol/admin";

import { openRule, sealRule } from "../binding-verification/sealed-rules.ts";
import type { AuditEvent, Dependencies } from "../dependencies.ts";
import { auditQuery, rulePath, ruleUpdate, tenantQuery } from "./admin-schemas.ts";
import { respondProblem, validateJson, validatePath, validateQuery } from "./problem.ts";

/** More than any session and a day of one card; the newest are shown. */
const AUDIT_EVENTS_MAX = 1000;

export function createRuleRoutes(dependencies: Dependencies): Hono {
  const { rules, tenants, audit } = dependencies.repositories;
  const routes = new Hono();

  routes.get("/rules", validateQuery(tenantQuery), async (c) => {
    const { tenant } = c.req.valid("query");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    const { version, rules: stored } = await rules.list(tenant);
    return c.json({ version, rules: stored.map((rule) => openRule(dependencies, tenant, rule)) });
  });

  routes.put("/rules/:id", validatePath(rulePath), validateJson(ruleUpdate), async (c) => {
    const { tenant, ...rule } = c.req.valid("json");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    const { id } = c.req.valid("param");
    await rules.save(tenant, sealRule(dependencies, tenant, { id, ...rule }));
    return c.body(null, 204);
  });

  routes.delete("/rules/:id", validatePath(rulePath), validateQuery(tenantQuery), async (c) => {
    const { tenant } = c.req.valid("query");
    const removed = await rules.remove(tenant, c.req.valid("param").id);
    return removed ? c.body(null, 204) : respondProblem(c, "not_found");
  });

  routes.get("/audit", validateQuery(auditQuery), async (c) => {
    const { tenant, ...by } = c.req.valid("query");
    const subject = "card" in by ? { cardId: by.card } : { session: by.session };
    const events = await audit.find(tenant, subject, AUDIT_EVENTS_MAX);
    return c.json({ events: events.map(viewEvent) });
  });

  return routes;
}

function viewEvent(event: AuditEvent): AuditEventView {
  const { writer, number, at, type, cardId, session, reason, trail } = event;
  return { writer, number, at, type, cardId, session, reason, trail };
}

/** Binding rules and their versions, and the audit index that tells what they did. */
import { Hono } from "hono";
import { stream } from "hono/streaming";

import type { AuditEventView } from "#protocol/admin";
import type { DryRunLine, RuleList, RuleSetView } from "#protocol/admin-rules";

import { openRule, sealRule } from "../binding-verification/sealed-rules.ts";
import type { AuditEvent, Dependencies } from "../dependencies.ts";
import { dryRun } from "../rule-dry-run.ts";
import { activateRules, checkDraft, rollBackRules } from "../rule-activation.ts";
import { auditQuery, tenantQuery } from "./admin-schemas.ts";
import {
  reportError,
  respondProblem,
  validateJson,
  validatePath,
  validateQuery,
} from "./problem.ts";
import {
  activationRequest,
  dryRunRequest,
  rollbackRequest,
  ruleListQuery,
  rulePath,
  ruleSetRequest,
  ruleUpdate,
} from "./rule-schemas.ts";

/** More than any session and a day of one card; the newest are shown. */
const AUDIT_EVENTS_MAX = 1000;
const VERSIONS_MAX = 100;

export function createRuleRoutes(dependencies: Dependencies): Hono {
  const { rules, tenants, audit } = dependencies.repositories;
  const routes = new Hono();

  routes.get("/rules", validateQuery(ruleListQuery), async (c) => {
    const { tenant, version: asked, ...page } = c.req.valid("query");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    const { active, draft } = await rules.findState(tenant);
    const version = asked === "draft" ? draft : (asked ?? active);
    const stored = await rules.list(tenant, version, page);
    const opened = stored.map((rule) => openRule(dependencies, tenant, rule));
    return c.json({ version, rules: opened } satisfies RuleList);
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

  addRuleSetRoutes(routes, dependencies);
  return routes;
}

function addRuleSetRoutes(routes: Hono, dependencies: Dependencies): void {
  const { rules, tenants } = dependencies.repositories;

  routes.get("/rule-set", validateQuery(tenantQuery), async (c) => {
    const { tenant } = c.req.valid("query");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    const { active, floor, draft } = await rules.findState(tenant);
    const versions = await rules.listVersions(tenant, VERSIONS_MAX);
    return c.json({ active, floor, draft, versions } satisfies RuleSetView);
  });

  routes.post("/rule-set/check", validateJson(ruleSetRequest), async (c) => {
    const { tenant } = c.req.valid("json");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    return c.json(await checkDraft(dependencies, tenant));
  });

  routes.post("/rule-set/dry-run", validateJson(dryRunRequest), async (c) => {
    const { tenant, ...bounds } = c.req.valid("json");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    c.header("Content-Type", "application/x-ndjson");
    return stream(
      c,
      async (body) => {
        for await (const line of dryRun(dependencies, tenant, bounds)) {
          if (body.aborted) return;
          await body.writeln(JSON.stringify(line satisfies DryRunLine));
        }
      },
      // The status has left: the client sees that there is no summary.
      async (error) => void reportError(dependencies.log, error),
    );
  });

  routes.post("/rule-set/activate", validateJson(activationRequest), async (c) => {
    const { tenant, ...request } = c.req.valid("json");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    const activated = await activateRules(dependencies, tenant, request);
    return activated.ok ? c.json(activated.value) : respondProblem(c, activated.reason);
  });

  routes.post("/rule-set/rollback", validateJson(rollbackRequest), async (c) => {
    const { tenant, ...request } = c.req.valid("json");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    const activated = await rollBackRules(dependencies, tenant, request);
    return activated.ok ? c.json(activated.value) : respondProblem(c, activated.reason);
  });
}

function viewEvent(event: AuditEvent): AuditEventView {
  const { writer, number, at, type, cardId, session, reason, trail } = event;
  return { writer, number, at, type, cardId, session, reason, trail };
}

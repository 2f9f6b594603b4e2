/** Enrolment, status and revocation of cards. */
import { Hono } from "hono";

import type { CardRecordView, CardState } from "#protocol/admin";
import { encodeBase64Url } from "#protocol/bytes";

import type { CardRecord, Dependencies } from "../dependencies.ts";
import { enrolCard, issueEnrolmentChallenge } from "../enrolment.ts";
import { issueMtmChallenge } from "../mtm-enrolment.ts";
import type { CardStanding } from "../state/card-orders.ts";
import { cardObject } from "../state/card-writer.ts";
import type { Writers } from "../state/writers.ts";
import {
  cardDetailsUpdate,
  cardEnrolment,
  cardPath,
  cardStatusUpdate,
  enrolmentRequest,
  revocation,
  tenantQuery,
} from "./admin-schemas.ts";
import { respondProblem, validateJson, validatePath, validateQuery } from "./problem.ts";

export function createCardRoutes(dependencies: Dependencies, writers: Writers): Hono {
  const { cards, tenants } = dependencies.repositories;
  const routes = new Hono();

  routes.post("/enrolments", validateJson(enrolmentRequest), async (c) => {
    const { tenant, cardId, mtm } = c.req.valid("json");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    if (mtm === undefined) {
      return c.json(issueEnrolmentChallenge(dependencies, tenant, cardId), 201);
    }
    const challenge = issueMtmChallenge(dependencies, { tenant, cardId }, mtm);
    return challenge.ok ? c.json(challenge.value, 201) : respondProblem(c, challenge.reason);
  });

  routes.post("/cards", validateJson(cardEnrolment), async (c) => {
    const enrolled = await enrolCard(dependencies, c.req.valid("json"));
    if (!enrolled.ok) return respondProblem(c, enrolled.reason);
    return c.json(viewCard(enrolled.value, NEW_CARD), 201);
  });

  routes.get("/cards/:cardId", validatePath(cardPath), validateQuery(tenantQuery), async (c) => {
    const { tenant } = c.req.valid("query");
    const card = await cards.find(tenant, c.req.valid("param").cardId);
    if (card === undefined) return respondProblem(c, "not_found");
    return c.json(viewCard(card, await writers.cards.describe(cardObject(tenant, card.cardId))));
  });

  routes.put(
    "/cards/:cardId/details",
    validatePath(cardPath),
    validateJson(cardDetailsUpdate),
    async (c) => {
      const { tenant, groups, company } = c.req.valid("json");
      const details = { groups, company: company ?? undefined };
      const found = await cards.setDetails(tenant, c.req.valid("param").cardId, details);
      return found ? c.body(null, 204) : respondProblem(c, "not_found");
    },
  );

  routes.put(
    "/cards/:cardId/status",
    validatePath(cardPath),
    validateJson(cardStatusUpdate),
    async (c) => {
      const { tenant, status } = c.req.valid("json");
      const { cardId } = c.req.valid("param");
      if (!(await cards.setStatus(tenant, cardId, status))) return respondProblem(c, "not_found");
      const order = { tenant, cardId, order: "status", status } as const;
      const told = await writers.cards.order(cardObject(tenant, cardId), order);
      return told.ok ? c.body(null, 204) : respondProblem(c, told.reason);
    },
  );

  routes.post("/revocations", validateJson(revocation), async (c) => {
    const { tenant, fingerprint } = c.req.valid("json");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    await cards.revokeCertificate(tenant, fingerprint);
    return c.body(null, 204);
  });

  return routes;
}

/** 9999-12-31T23:59:59Z, as X.509 writes "never" (RFC 5280, 4.1.2.5). */
const LAST_DATE_MS = 253_402_300_799_000;

const NEW_CARD: CardStanding = { report: "", isLocked: false, isUsed: false };

function viewCard(
  card: Omit<CardRecord, "certificates" | "fingerprints">,
  standing: CardStanding,
): CardRecordView {
  return { ...viewRecord(card), state: stateOf(card, standing) };
}

/** What the registry alone says of a card. */
export function viewRecord(
  card: Omit<CardRecord, "certificates" | "fingerprints" | "wrappedKey">,
): Omit<CardRecordView, "state"> {
  return {
    tenant: card.tenant,
    cardId: card.cardId,
    kind: card.kind,
    suite: card.suite,
    modes: card.modes,
    status: card.status,
    groups: card.groups,
    company: card.company ?? null,
    publicKey: card.keyVersion === 0 ? encodeBase64Url(card.pinnedKey) : "",
    keyVersion: card.keyVersion,
    servicePublicKey: encodeBase64Url(card.servicePublicKey),
    notBefore: new Date(card.notBefore).toISOString(),
    notAfter: new Date(Math.min(card.notAfter, LAST_DATE_MS)).toISOString(),
  };
}

/**
 * One word for where a card is in its life. Registry and writer each keep their own part of it, and
 * what stops a SUCCESS is read from them, not from this (invariant I11).
 */
function stateOf({ status }: Pick<CardRecord, "status">, standing: CardStanding): CardState {
  if (status === "revoked") return "retired";
  if (standing.report !== "") return standing.report;
  if (standing.isLocked) return "locked";
  return standing.isUsed ? "active" : "issued";
}

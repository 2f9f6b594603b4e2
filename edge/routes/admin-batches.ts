/** Import in batches and export in pages (protocol/import.ts). */
import { Hono } from "hono";
import { safeParse } from "valibot";

import { encodeHex } from "#protocol/bytes";
import {
  type BatchAnswer,
  CARD_BATCH_BYTES_MAX,
  type CardPage,
  type RowFault,
  type RowOutcome,
  SUBSCRIBER_BATCH_BYTES_MAX,
  type SubscriberPage,
} from "#protocol/import";
import { suiteNamed } from "#protocol/suites";

import { importCard } from "../card-import.ts";
import type { Dependencies, SubscriberListing } from "../dependencies.ts";
import type { EnrolmentInput } from "../enrolment.ts";
import { importSubscribers } from "../subscriber-import.ts";
import { MCC_DIGITS } from "../subscriber-enrolment.ts";
import { viewRecord } from "./admin-cards.ts";
import {
  cardBatch,
  cardPageQuery,
  certificateCard,
  mtmCard,
  sharedKeyCard,
  subscriberBatch,
  subscriberPageQuery,
} from "./admin-schemas.ts";
import { respondProblem, validateJson, validateQuery } from "./problem.ts";

export function createBatchRoutes(dependencies: Dependencies): Hono {
  const { tenants, subscribers, cards } = dependencies.repositories;
  const routes = new Hono();

  routes.post(
    "/subscribers/batch",
    validateJson(subscriberBatch, SUBSCRIBER_BATCH_BYTES_MAX),
    async (c) => {
      const batch = c.req.valid("json");
      if ((await tenants.find(batch.tenant)) === undefined) return respondProblem(c, "not_found");
      const answer: BatchAnswer = { outcomes: await importSubscribers(dependencies, batch) };
      return c.json(answer);
    },
  );

  routes.post("/cards/batch", validateJson(cardBatch, CARD_BATCH_BYTES_MAX), async (c) => {
    const { tenant, dryRun, rows } = c.req.valid("json");
    if ((await tenants.find(tenant)) === undefined) return respondProblem(c, "not_found");
    const outcomes: RowOutcome[] = [];
    for (const value of rows) {
      const read = readCardRow(tenant, value);
      outcomes.push(
        "card" in read
          ? await importCard(dependencies, read.card, { dryRun })
          : { outcome: "refused", ...read },
      );
    }
    const answer: BatchAnswer = { outcomes };
    return c.json(answer);
  });

  routes.get("/subscribers", validateQuery(subscriberPageQuery), async (c) => {
    const { tenant, after = "", limit } = c.req.valid("query");
    const found = await subscribers.list(tenant, { after, limit });
    const rows = found.map((listing) => viewListing(dependencies, listing));
    const next = rows.length < limit ? null : (rows.at(-1)?.imsi ?? null);
    const page: SubscriberPage = { rows, next };
    return c.json(page);
  });

  routes.get("/cards", validateQuery(cardPageQuery), async (c) => {
    const { tenant, after = "", limit } = c.req.valid("query");
    const found = await cards.list(tenant, { after, limit });
    const rows = found.map((card) => {
      const { tenant: _tenant, ...view } = viewRecord({ tenant, ...card });
      return view;
    });
    const page: CardPage = {
      rows,
      next: rows.length < limit ? null : (rows.at(-1)?.cardId ?? null),
    };
    return c.json(page);
  });

  return routes;
}

function viewListing(
  { algorithms }: Pick<Dependencies, "algorithms">,
  listing: SubscriberListing,
): SubscriberPage["rows"][number] {
  const { operator, msisdn, amf, indBits, profile, ...rest } = listing;
  const hasSqn = algorithms.findProfile(rest.algorithm)?.family === "aka";
  return {
    ...rest,
    mncLength: operator.length - MCC_DIGITS,
    msisdn: msisdn ?? null,
    amf: hasSqn ? encodeHex(amf) : null,
    indBits: hasSqn ? indBits : null,
    profile: (msisdn === undefined ? undefined : profile) ?? null,
  };
}

type CardRowRead = { readonly card: EnrolmentInput } | RowFault;

/** As POST /v1/admin/cards takes it. */
function readCardRow(tenant: string, value: unknown): CardRowRead {
  if (typeof value !== "object" || value === null || Array.isArray(value) || "tenant" in value) {
    return { column: "", reason: "not_a_row" };
  }
  const parsed = safeParse(schemaOf(value), { ...value, tenant });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    if (issue.expected === "never") return { column: "", reason: "unknown_member" };
    const keys = issue.path?.map(({ key }) => String(key)) ?? [];
    return placeFault(value, keys);
  }
  const { output: card } = parsed;
  if ("mtm" in card || card.kind === "MTM") return checkMtmRow(card);
  const suite = suiteNamed(card.suite);
  if ("key" in card !== (suite.credential === "shared key")) {
    return "key" in card
      ? { column: "key", reason: "malformed" }
      : { column: "key", reason: "missing" };
  }
  return card.proof.length === suite.proofBytes
    ? { card }
    : { column: "proof", reason: "wrong_length" };
}

function schemaOf(row: object) {
  if ("mtm" in row || ("kind" in row && row.kind === "MTM")) return mtmCard;
  return "key" in row ? sharedKeyCard : certificateCard;
}

/** Members of `mtm` have columns of their own; of others that hold several the column is one. */
function placeFault(row: object, [name = "", inner]: readonly string[]): RowFault {
  const given = Object.entries(row).find(([member]) => member === name)?.[1];
  if (name !== "mtm")
    return { column: name, reason: given === undefined ? "missing" : "malformed" };
  if (given === undefined) return { column: "mtm.endorsementKey", reason: "missing" };
  if (inner === undefined) return { column: name, reason: "malformed" };
  const isThere = Object.hasOwn(Object(given), inner);
  return { column: `${name}.${inner}`, reason: isThere ? "malformed" : "missing" };
}

/** Of a TPM: its kind, its suite and the one mode that it has (docs/protocol.md, section 8). */
function checkMtmRow(card: EnrolmentInput): CardRowRead {
  const { kind, suite, modes, mtm } = card;
  if (kind !== "MTM" || mtm === undefined) return { column: "kind", reason: "out_of_range" };
  if (suite !== "P-256") return { column: "suite", reason: "out_of_range" };
  return modes?.includes("signed") === false
    ? { column: "modes", reason: "out_of_range" }
    : { card };
}

/** The four exchanges of docs/protocol.md, section 4: HTTP in and out, nothing else. */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { verifyCardResponse } from "../secure-connection/card-authentication.ts";
import { revealImsi } from "../secure-connection/concealed-imsi.ts";
import type { ProtectedAnswer } from "../secure-connection/critical-information.ts";
import { issueCardChallenge } from "../secure-connection/establish.ts";
import { wrapSecrets } from "../secure-connection/session-secrets.ts";
import { openSessionToken } from "../secure-connection/token.ts";
import type { Dependencies } from "../dependencies.ts";
import { secretsContext } from "../state/card-connection.ts";
import { cardObject, type CardWriters } from "../state/card-writer.ts";
import type { FailureReason } from "../wire-error.ts";
import { encodeAscii } from "#protocol/bytes";
import { failure, type Result } from "#protocol/result";
import { findMode, MODULE_KIND_NUMBERS } from "#protocol/suites";
import {
  accessRequestSchema,
  type AnswerBody,
  answerRequestSchema,
  type CardProofBody,
  cardProofRequestSchema,
  type ReceiptBody,
  receiptRequestSchema,
} from "./binding-schemas.ts";
import { callerNetwork } from "./caller-network.ts";
import { respondProblem, validateJson } from "./problem.ts";
import { createRateLimit } from "./rate-limit.ts";

type Reply = Promise<Result<string, FailureReason>>;

/** What the entry knows about a request and the request itself does not say. */
export interface CallerBindings {
  /** Network address of the caller; absent in tests that have none. */
  readonly address?: string;
  /** ISO 3166-1 alpha-2: where the caller reached us, if the network says so. */
  readonly country?: string;
}

export function createBindingRoutes(dependencies: Dependencies, cards: CardWriters) {
  const { log, clock, limits } = dependencies;
  const unproven = createRateLimit(clock, limits.unauthenticatedPerMinute);

  /** Before anything that costs more than a look at the address. */
  const limitUnproven: MiddlewareHandler<{ Bindings: CallerBindings }> = async (c, next) => {
    const step = c.req.path.endsWith("/card") ? "card" : "access";
    const caller = callerNetwork(c.env?.address ?? "");
    if (!unproven.take(`${step} ${caller}`)) return refuse(c, "quota_exceeded");
    await next();
    return undefined;
  };

  /** `card` is a card id that has the right form; whether it is that card is what was refused. */
  function refuse(c: Context, reason: FailureReason, card = ""): Response {
    log("binding_refused", card === "" ? { reason } : { reason, card });
    return respondProblem(c, reason);
  }

  async function respond(c: Context, reply: Reply, card?: string): Promise<Response> {
    const outcome = await reply;
    if (!outcome.ok) return refuse(c, outcome.reason, card);
    if (outcome.value === "") return c.body(null, 204);
    return c.body(outcome.value, 200, { "Content-Type": "application/json" });
  }

  return new Hono<{ Bindings: CallerBindings }>()
    .post("/", limitUnproven, validateJson(accessRequestSchema), async (c) => {
      const offer = c.req.valid("json");
      const challenge = await issueCardChallenge(dependencies, offer);
      if (!challenge.ok) return refuse(c, challenge.reason, offer.cardId);
      return c.json(challenge.value, 201);
    })
    .post("/:sid/card", limitUnproven, validateJson(cardProofRequestSchema), (c) => {
      const body = c.req.valid("json");
      const sid = c.req.param("sid");
      return respond(c, proveCard(dependencies, cards, sid, body), body.cardId);
    })
    .post("/:sid/answer", validateJson(answerRequestSchema), (c) => {
      const country = dependencies.country ?? c.env?.country;
      const sid = c.req.param("sid");
      return respond(c, answer(dependencies, cards, sid, c.req.valid("json"), country));
    })
    .post("/:sid/receipt", validateJson(receiptRequestSchema), (c) =>
      respond(c, acknowledge(dependencies, cards, c.req.param("sid"), c.req.valid("json"))),
    );
}

/** Step 2: 316 to 320. The card's writer is called only for a card that proved itself. */
async function proveCard(
  dependencies: Dependencies,
  cards: CardWriters,
  sid: string,
  body: CardProofBody,
): Reply {
  const { cardId, token } = body;
  const response = { sid, cardId, token, proof: body.proof };
  const authenticated = await verifyCardResponse(dependencies, response);
  if (!authenticated.ok) return authenticated;
  const { card, terms, mode, proof, h1, mac } = authenticated.value;
  if ("imsi" in body !== (mode === "signed")) return failure("malformed");
  const { tenant } = terms;
  const imsi =
    "imsi" in body ? body.imsi : await revealImsi(dependencies, tenant, body.concealedImsi, token);
  const object = cardObject(tenant, cardId);
  return cards.open(object, {
    sid,
    digest: bodyDigest(dependencies, "card", body),
    cardId,
    pinnedKey: card.pinnedKey,
    wrappedKey: card.wrappedKey,
    terms,
    proof,
    h1,
    secrets: wrapSecrets(dependencies, secretsContext(object, sid), {
      // What cannot be revealed is nobody's IMSI: a dummy challenge, and FAILURE.
      imsi: imsi ?? "",
      imei: body.claims?.imei,
      ...(mac === undefined ? {} : { mac }),
    }),
    moduleKind: MODULE_KIND_NUMBERS[body.moduleKind],
  });
}

/** Step 3: 327 to 332, 430 to 435. */
async function answer(
  dependencies: Dependencies,
  cards: CardWriters,
  sid: string,
  body: AnswerBody,
  country: string | undefined,
): Reply {
  const opened = openSessionToken(dependencies, sid, body.token, dependencies.clock());
  if (opened === undefined) return failure("token_invalid");
  const { cardId, terms } = opened;
  const protectedAnswer: ProtectedAnswer =
    "sealed" in body
      ? { mode: "encrypted", sealed: body.sealed }
      : { mode: "signed", statement: body.statement, proof: body.proof };
  if (protectedAnswer.mode !== findMode(terms.mode)) return failure("malformed");
  const digest = bodyDigest(dependencies, "answer", body);
  const request = { sid, digest, answer: protectedAnswer, country };
  return cards.answer(cardObject(terms.tenant, cardId), request);
}

/** Step 4: the card's receipt. */
async function acknowledge(
  dependencies: Dependencies,
  cards: CardWriters,
  sid: string,
  body: ReceiptBody,
): Reply {
  const opened = openSessionToken(dependencies, sid, body.token, dependencies.clock());
  if (opened === undefined) return failure("token_invalid");
  const { cardId, terms } = opened;
  const digest = bodyDigest(dependencies, "receipt", body);
  return cards.receipt(cardObject(terms.tenant, cardId), { sid, digest, receipt: body.receipt });
}

/** Keyed, because bodies hold an IMSI and a RES that a plain hash would give away to guessing. */
function bodyDigest(
  { vault }: Dependencies,
  step: string,
  body: Readonly<Record<string, unknown>>,
): Uint8Array {
  return vault.mac(`${step} body`, encodeAscii(JSON.stringify(body, bytesAsArrays)));
}

function bytesAsArrays(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Array.from(value) : value;
}

/** The four exchanges of docs/protocol.md, section 4: HTTP in and out, nothing else. */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { issueCardChallenge } from "../secure-connection/establish.ts";
import { verifyCardResponse } from "../secure-connection/card-authentication.ts";
import { openSessionToken } from "../secure-connection/token.ts";
import type { Dependencies } from "../dependencies.ts";
import { cardObject, type CardWriters } from "../state/card-writer.ts";
import type { FailureReason } from "../wire-error.ts";
import { encodeAscii } from "#protocol/bytes";
import { decodeAnswerStatement, decodeReceipt, decodeSignature } from "#protocol/messages";
import { failure, type Result } from "#protocol/result";
import { MODULE_KIND_NUMBERS } from "#protocol/suites";
import {
  accessRequestSchema,
  type AnswerBody,
  answerRequestSchema,
  type CardProofBody,
  cardProofRequestSchema,
  type ReceiptBody,
  receiptRequestSchema,
} from "./binding-schemas.ts";
import { respondProblem, validateJson } from "./problem.ts";
import { createRateLimit } from "./rate-limit.ts";

type Reply = Promise<Result<string, FailureReason>>;

/** What the entry knows about a request and the request itself does not say. */
export interface CallerBindings {
  /** Network address of the caller; absent in tests that have none. */
  readonly address?: string;
}

export function createBindingRoutes(dependencies: Dependencies, cards: CardWriters) {
  const { log, clock, limits } = dependencies;
  const unproven = createRateLimit(clock, limits.unauthenticatedPerMinute);

  /** Before anything that costs more than a look at the address. */
  const limitUnproven: MiddlewareHandler<{ Bindings: CallerBindings }> = async (c, next) => {
    const step = c.req.path.endsWith("/card") ? "card" : "access";
    if (!unproven.take(`${step} ${c.env?.address ?? ""}`)) return refuse(c, "quota_exceeded");
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
      return respond(c, proveCard(dependencies, cards, c.req.param("sid"), body), body.cardId);
    })
    .post("/:sid/answer", validateJson(answerRequestSchema), (c) =>
      respond(c, answer(dependencies, cards, c.req.param("sid"), c.req.valid("json"))),
    )
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
  const { cardId, token, imsi } = body;
  const response = { sid, cardId, token, proof: body.proof };
  const authenticated = await verifyCardResponse(dependencies, response);
  if (!authenticated.ok) return authenticated;
  const { card, terms, proof, h1 } = authenticated.value;
  return cards.open(cardObject(terms.tenant, cardId), {
    sid,
    digest: bodyDigest(dependencies, "card", body),
    cardId,
    publicKey: card.publicKey,
    terms,
    proof,
    h1,
    imsi,
    moduleKind: MODULE_KIND_NUMBERS[body.moduleKind],
  });
}

/** Step 3: 327 to 332. */
async function answer(
  dependencies: Dependencies,
  cards: CardWriters,
  sid: string,
  body: AnswerBody,
): Reply {
  const object = sessionObject(dependencies, sid, body.token);
  if (object === undefined) return failure("token_invalid");
  const statement = decodeAnswerStatement(body.statement);
  const signature = decodeSignature(body.proof);
  if (statement === undefined || signature === undefined) return failure("malformed");
  const digest = bodyDigest(dependencies, "answer", body);
  return cards.answer(object, {
    sid,
    digest,
    statement,
    statementBytes: body.statement,
    signature,
  });
}

/** Step 4: the card's receipt. */
async function acknowledge(
  dependencies: Dependencies,
  cards: CardWriters,
  sid: string,
  body: ReceiptBody,
): Reply {
  const object = sessionObject(dependencies, sid, body.token);
  if (object === undefined) return failure("token_invalid");
  const receipt = decodeReceipt(body.receipt);
  if (receipt === undefined) return failure("malformed");
  return cards.receipt(object, { sid, digest: bodyDigest(dependencies, "receipt", body), receipt });
}

/** The card's writer that T2 names; without a valid T2 no writer is called. */
function sessionObject(
  dependencies: Dependencies,
  sid: string,
  token: Uint8Array,
): string | undefined {
  const opened = openSessionToken(dependencies, sid, token, dependencies.clock());
  return opened === undefined ? undefined : cardObject(opened.terms.tenant, opened.cardId);
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

/** Three bindings stopped half-way, so that every step has something to be wrong about. */
import { issueSessionToken, issueToken } from "#edge/secure-connection/token";
import { encodeBase64Url } from "#protocol/bytes";
import { HOME } from "#tests/invariants/bench";
import {
  type AnswerBody,
  bytesOf,
  type CardBody,
  createExchange,
  type Exchange,
  textOf,
  SUITE,
} from "#tests/platform/exchange";
import type { Answer } from "#tests/platform/rig";
import { posting, type Target } from "./targets.ts";

interface ReceiptBody {
  readonly token: string;
  readonly receipt: string;
}

export interface Scene {
  readonly offer: Readonly<Record<string, unknown>>;
  /** Step 2 is next. */
  readonly opened: { readonly exchange: Exchange; readonly body: CardBody };
  /** Step 3 is next. */
  readonly challenged: {
    readonly exchange: Exchange;
    readonly sid: string;
    readonly body: CardBody;
    readonly signed: AnswerBody;
  };
  /** The receipt is next. */
  readonly decided: {
    readonly sid: string;
    readonly cardId: string;
    readonly card: Omit<CardBody, "sid">;
    readonly signed: AnswerBody;
    readonly reply: Answer;
    readonly receipt: ReceiptBody;
  };
  readonly tokens: {
    readonly expiredChallenge: string;
    readonly expiredSession: string;
    readonly expiredDecided: string;
    /** Right for a session that no card opened. */
    readonly unopened: string;
    readonly garbage: string;
  };
}

async function createPair(target: Target) {
  const card = await target.fleet.addCard();
  const subscriber = await target.fleet.addSubscriber({ operator: HOME });
  await target.fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  return createExchange(posting(target), card, subscriber);
}

export async function createScene(target: Target): Promise<Scene> {
  const one = await createPair(target);
  const two = await createPair(target);
  const three = await createPair(target);
  const { sid, ...card } = await three.start();
  const signed = await three.sign(await three.prove({ sid, ...card }));
  const reply = await three.answer(sid, signed);
  const receipt = await three.applet.deliverResult(SUITE, bytesOf(reply.json["result"]));
  const body = await two.start();
  const challenge = await two.prove(body);
  const opened = { exchange: one, body: await one.start() };
  return {
    offer: {
      tenant: "default",
      cardId: opened.body.cardId,
      suites: ["P-256"],
      modes: ["signed"],
      moduleKind: "USIM",
    },
    opened,
    challenged: { exchange: two, sid: body.sid, body, signed: await two.sign(challenge) },
    decided: {
      sid,
      cardId: card.cardId,
      card,
      signed,
      reply,
      receipt: { token: textOf(signed.token), receipt: encodeBase64Url(receipt.bytes) },
    },
    tokens: forgeTokens(target, opened.body, body, { sid, ...card }),
  };
}

const termsOf = ({ sid }: CardBody) => ({
  tenant: "default",
  sid: bytesOf(sid),
  suite: 1,
  mode: 1,
  generation: 1,
  credentialId: new Uint8Array(32),
});

/** Tokens under the platform's own key, which no client has: only the one defect is wrong. */
function forgeTokens(
  { tools, now }: Target,
  opened: CardBody,
  challenged: CardBody,
  decided: CardBody,
): Scene["tokens"] {
  const past = { now: now(), expiresAt: now() - 2000 };
  const future = { now: now(), expiresAt: now() + 100_000 };
  const session = (body: CardBody, time: typeof past): string =>
    encodeBase64Url(issueSessionToken(tools, body.cardId, termsOf(body), time));
  return {
    expiredChallenge: encodeBase64Url(
      issueToken(tools, "challenge", opened.cardId, termsOf(opened), past),
    ),
    expiredSession: session(challenged, past),
    expiredDecided: session(decided, past),
    unopened: session(opened, future),
    garbage: encodeBase64Url(crypto.getRandomValues(new Uint8Array(180))),
  };
}

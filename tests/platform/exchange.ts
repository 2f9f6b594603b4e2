/**
 * One binding taken apart: each message of the exchange made by the emulated card and module, sent
 * when and as the test wants it.
 */
import { decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import {
  type AnswerStatement,
  decodeChallenge,
  encodeAnswerStatement,
  type ModuleAnswer,
} from "#protocol/messages";
import { MODULE_KIND_NUMBERS, suiteNamed } from "#protocol/suites";
import { connectCard, type FleetCard, type FleetSubscriber } from "#tests/fleet/fleet";
import { type CardApplet, createCardApplet } from "#terminal/card";
import type { IdentityModule } from "#terminal/module";
import { createUsimModule } from "#terminal/usim";
import type { Answer, Rig } from "./rig.ts";

/** Of the fleet's cards unless a test says otherwise. */
export const SUITE = suiteNamed("P-256");

export interface Exchange {
  readonly applet: CardApplet;
  readonly imsi: string;
  /** Steps 311 to 315: the body of step 2, ready to send. */
  readonly start: () => Promise<CardBody>;
  /** Steps 316 to 320. */
  readonly prove: (body: CardBody) => Promise<Answer>;
  /** Steps 321 to 326 for the challenge in `reply`: the body of step 3. */
  readonly sign: (reply: Answer, change?: Partial<AnswerStatement>) => Promise<AnswerBody>;
  /** What the module says to the challenge in `reply`. */
  readonly ask: (reply: Answer) => Promise<ModuleAnswer>;
  /** Steps 327 to 332. */
  readonly answer: (sid: string, body: AnswerBody) => Promise<Answer>;
  /** Steps 333 and 334 and the receipt. */
  readonly finish: (sid: string, token: string, reply: Answer) => Promise<Answer>;
  /** All of it; the answer to step 3. */
  readonly run: () => Promise<Run>;
}

export interface Run {
  readonly sid: string;
  readonly token: string;
  readonly reply: Answer;
}

export interface CardBody {
  readonly sid: string;
  readonly token: string;
  readonly cardId: string;
  readonly proof: string;
  readonly imsi: string;
  readonly moduleKind: "USIM";
}

export interface AnswerBody {
  readonly token: string;
  readonly statement: string;
  readonly proof: string;
}

export function bytesOf(text: unknown): Uint8Array<ArrayBuffer> {
  const bytes = typeof text === "string" ? decodeBase64Url(text) : undefined;
  if (bytes === undefined) throw new Error("not base64url");
  return bytes;
}

export function textOf(value: unknown): string {
  if (typeof value !== "string") throw new Error("not a text");
  return value;
}

export async function createExchange(
  rig: Pick<Rig, "post">,
  card: FleetCard,
  subscriber: FleetSubscriber,
): Promise<Exchange> {
  const applet = createCardApplet(connectCard(card));
  await applet.select();
  const module = createUsimModule({ transmit: async (apdu) => subscriber.device.transmit(apdu) });
  const imsi = await module.readImsi();
  const phone: Phone = { rig, applet, module, cardId: card.cardId, imsi };
  const exchange: Exchange = {
    applet,
    imsi,
    start: () => startSession(phone),
    prove: ({ sid, ...body }) => rig.post(`/${sid}/card`, body),
    ask: (reply) => askModule(phone, reply),
    sign: (reply, change = {}) => signAnswer(phone, reply, change),
    answer: (sid, body) => rig.post(`/${sid}/answer`, body),
    async finish(sid, token, reply) {
      const receipt = await applet.deliverResult(SUITE, bytesOf(reply.json["result"]));
      return rig.post(`/${sid}/receipt`, { token, receipt: encodeBase64Url(receipt.bytes) });
    },
    async run() {
      const body = await exchange.start();
      const challenge = await exchange.prove(body);
      const signed = await exchange.sign(challenge);
      const reply = await exchange.answer(body.sid, signed);
      return { sid: body.sid, token: signed.token, reply };
    },
  };
  return exchange;
}

interface Phone {
  readonly rig: Pick<Rig, "post">;
  readonly applet: CardApplet;
  readonly module: IdentityModule;
  readonly cardId: string;
  readonly imsi: string;
}

async function startSession({ rig, applet, cardId, imsi }: Phone): Promise<CardBody> {
  const offer = { cardId, suites: ["P-256"], modes: ["signed"], moduleKind: "USIM" };
  const access = await rig.post("", offer);
  if (access.status !== 201) throw new Error(`step 1: ${access.status} ${access.text}`);
  const { sid, token, credential } = access.json;
  const proof = await applet.startSession({
    token: bytesOf(token),
    credential: bytesOf(credential),
    suite: SUITE,
    mode: "signed",
  });
  return {
    sid: textOf(sid),
    token: textOf(token),
    cardId,
    proof: encodeBase64Url(proof.bytes),
    imsi,
    moduleKind: "USIM",
  };
}

async function askModule({ module }: Phone, reply: Answer): Promise<ModuleAnswer> {
  const challenge = decodeChallenge(bytesOf(reply.json["challenge"]));
  if (challenge === undefined) throw new Error("no challenge");
  return (await module.authenticate(challenge)).answer;
}

async function signAnswer(
  phone: Phone,
  reply: Answer,
  change: Partial<AnswerStatement>,
): Promise<AnswerBody> {
  const statement = encodeAnswerStatement({
    imsi: phone.imsi,
    moduleKind: MODULE_KIND_NUMBERS.USIM,
    confirmationTag: new Uint8Array(0),
    ...change,
    answer: change.answer ?? (await askModule(phone, reply)),
  });
  const challenge = bytesOf(reply.json["challenge"]);
  const proof = await phone.applet.signAnswer(SUITE, challenge, statement);
  return {
    token: textOf(reply.json["token"]),
    statement: encodeBase64Url(statement),
    proof: encodeBase64Url(proof),
  };
}

/**
 * One binding in either mode, message by message: each request's body is made by the emulated card
 * and module and sent when and as the test wants it.
 */
import { encodeBase64Url } from "#protocol/bytes";
import { decodeChallenge, encodeAnswerStatement } from "#protocol/messages";
import { MODULE_KIND_NUMBERS, SUITES } from "#protocol/suites";
import type { FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import { connectCard } from "#tests/fleet/fleet";
import { type CardApplet, createCardApplet } from "#terminal/card";
import { concealImsi, type Concealment } from "#terminal/conceal";
import type { IdentityModule } from "#terminal/module";
import { bytesOf, textOf } from "./exchange.ts";
import type { Answer, Rig } from "./rig.ts";

export type Body = Readonly<Record<string, string>>;

export interface Dialogue {
  readonly applet: CardApplet;
  readonly imsi: string;
  /** Steps 311 to 315: the session and the body of step 2. */
  readonly start: () => Promise<{ readonly sid: string; readonly body: Body }>;
  readonly prove: (sid: string, body: Body) => Promise<Answer>;
  /** Steps 321 to 326 for the challenge in `reply`: the body of step 3. */
  readonly answer: (reply: Answer) => Promise<Body>;
  readonly send: (sid: string, body: Body) => Promise<Answer>;
  /** Steps 333 and 334 for the result in `reply`: the body of the receipt. */
  readonly conclude: (token: string, reply: Answer) => Promise<Body>;
  readonly acknowledge: (sid: string, body: Body) => Promise<Answer>;
}

export interface Participants {
  readonly rig: Pick<Rig, "post">;
  readonly card: FleetCard;
  readonly subscriber: FleetSubscriber;
  readonly concealment: Concealment;
}

export async function createDialogue(participants: Participants): Promise<Dialogue> {
  const { rig, card, subscriber } = participants;
  const applet = createCardApplet(connectCard(card));
  await applet.select();
  const module = subscriber.connect();
  const imsi = await module.readImsi();
  return {
    applet,
    imsi,
    start: () => start(participants, applet, module, imsi),
    prove: (sid, body) => rig.post(`/${sid}/card`, body),
    answer: (reply) => answer(card, applet, module, imsi, reply),
    send: (sid, body) => rig.post(`/${sid}/answer`, body),
    conclude: async (token, reply) => {
      const result = bytesOf(reply.json["result"]);
      const receipt =
        card.mode === "signed"
          ? (await applet.deliverResult(card.suite, result)).bytes
          : await applet.deliverSealedResult(result);
      return { token, receipt: encodeBase64Url(receipt) };
    },
    acknowledge: (sid, body) => rig.post(`/${sid}/receipt`, body),
  };
}

async function start(
  { rig, card, concealment }: Participants,
  applet: CardApplet,
  module: IdentityModule,
  imsi: string,
): Promise<{ readonly sid: string; readonly body: Body }> {
  const { cardId, suite, mode } = card;
  const moduleKind = module.kind;
  const suites = SUITES.map(({ name }) => name);
  const offer = { cardId, suites, modes: ["encrypted", "signed"], moduleKind };
  const access = await rig.post("", offer);
  if (access.status !== 201) throw new Error(`step 1: ${access.status} ${access.text}`);
  const token = bytesOf(access.json["token"]);
  const credential = bytesOf(access.json["credential"]);
  const proof = await applet.startSession({ token, credential, suite, mode });
  const identity: Body =
    mode === "signed"
      ? { imsi }
      : { concealedImsi: encodeBase64Url(await concealImsi(concealment, imsi, token)) };
  const body = {
    token: encodeBase64Url(token),
    cardId,
    proof: encodeBase64Url(proof.bytes),
    moduleKind,
    ...identity,
  };
  return { sid: textOf(access.json["sid"]), body };
}

async function answer(
  { mode, suite }: FleetCard,
  applet: CardApplet,
  module: IdentityModule,
  imsi: string,
  reply: Answer,
): Promise<Body> {
  const token = textOf(reply.json["token"]);
  const message = bytesOf(reply.json["challenge"]);
  const bytes = mode === "signed" ? message : (await applet.openChallenge(message)).bytes;
  const challenge = decodeChallenge(bytes);
  if (challenge === undefined) throw new Error("no challenge");
  const statement = encodeAnswerStatement({
    imsi,
    moduleKind: MODULE_KIND_NUMBERS[module.kind],
    answer: (await module.authenticate(challenge)).answer,
    confirmationTag: new Uint8Array(0),
  });
  if (mode === "encrypted") {
    return { token, sealed: encodeBase64Url(await applet.sealAnswer(statement)) };
  }
  const proof = await applet.signAnswer(suite, bytes, statement);
  return { token, statement: encodeBase64Url(statement), proof: encodeBase64Url(proof) };
}

/**
 * A handset in the attacker's hands: the honest steps of a binding in either mode, one by one, each
 * of whose messages the attacker may change, keep, repeat or send elsewhere.
 */
import { TAG } from "#protocol/assigned-numbers";
import { concatBytes, encodeAscii, encodeBase64Url } from "#protocol/bytes";
import {
  type Challenge,
  decodeChallenge,
  encodeAnswerStatement,
  encodeModuleAnswer,
  type ModuleAnswer,
} from "#protocol/messages";
import { MODULE_KIND_NUMBERS, SUITES } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import { connectCard, type FleetCard, type FleetSubscriber } from "#tests/fleet/fleet";
import { bytesOf, textOf } from "#tests/platform/exchange";
import type { Answer } from "#tests/platform/rig";
import { type CardApplet, createCardApplet } from "#terminal/card";
import { concealImsi } from "#terminal/conceal";
import type { CardTransport } from "#terminal/transport";
import type { IdentityModule, ModuleResponse } from "#terminal/module";
import type { Front, World } from "./world.ts";

/** Shorter ones turn up by chance. */
export const SECRET_BYTES_MIN = 8;

export type Body = Readonly<Record<string, string>>;

export interface Pair {
  readonly card: FleetCard;
  readonly subscriber: FleetSubscriber;
}

/** Step 312. */
export interface Terms {
  readonly sid: string;
  readonly token: Uint8Array;
  readonly credential: Uint8Array;
}

/** Step 316, and the session that it opens. */
export interface Opening {
  readonly sid: string;
  readonly body: Body;
}

/** Step 320 as the client sees it after the card opened it. */
export interface Asked {
  readonly sid: string;
  readonly token: string;
  /** As the platform sent it. */
  readonly message: Uint8Array;
  /** 90 B1 92. */
  readonly bytes: Uint8Array;
  readonly challenge: Challenge;
}

/** Step 327, and the session that it answers. */
export interface Reply {
  readonly sid: string;
  readonly body: Body;
}

export interface Decided extends Reply {
  readonly opening: Opening;
  readonly asked: Asked;
  /** 2xx. */
  readonly answer: Answer;
  /** For the card. */
  readonly result: Uint8Array;
}

export class PhoneError extends Error {
  override readonly name = "PhoneError";
}

export class Phone {
  readonly world: World;
  readonly pair: Pair;
  readonly transport: CardTransport;
  readonly applet: CardApplet;
  module: IdentityModule;
  readonly imsi: string;
  /** What becomes of each APDU on its way to the card. */
  alter: ((apdu: Uint8Array) => Uint8Array) | undefined;

  private constructor(world: World, pair: Pair, module: IdentityModule, imsi: string) {
    this.world = world;
    this.pair = pair;
    const slot = connectCard(pair.card);
    const transmit = (apdu: Uint8Array): Promise<Uint8Array> =>
      slot.transmit(this.alter?.(apdu) ?? apdu);
    this.transport = { ...slot, transmit };
    this.applet = createCardApplet(this.transport);
    this.module = module;
    this.imsi = imsi;
  }

  /** The card powered up, its applet selected. */
  static async assemble(world: World, pair: Pair): Promise<Phone> {
    await pair.card.device.reset();
    pair.subscriber.device.reset();
    const module = pair.subscriber.connect();
    const phone = new Phone(world, pair, module, await module.readImsi());
    await phone.applet.select();
    return phone;
  }

  get isEncrypted(): boolean {
    return this.pair.card.mode === "encrypted";
  }

  get offer() {
    const suites: readonly string[] = SUITES.map(({ name }) => name);
    const { cardId } = this.pair.card;
    return { cardId, suites, modes: ["encrypted", "signed"], moduleKind: this.module.kind };
  }

  async ask(change: object = {}, front: Front = 0): Promise<Terms> {
    const reply = await this.world.post(front, "", { ...this.offer, ...change });
    if (reply.status !== 201) throw new PhoneError(`step 1: ${reply.status} ${reply.text}`);
    const { sid, token, credential } = reply.json;
    return { sid: textOf(sid), token: bytesOf(token), credential: bytesOf(credential) };
  }

  /** START SESSION under `terms`, and step 2 as an honest client would send it. */
  async open(terms: Terms): Promise<Opening> {
    const { cardId, suite, mode } = this.pair.card;
    const { sid, token, credential } = terms;
    const proof = await this.applet.startSession({ token, credential, suite, mode });
    const body = {
      token: encodeBase64Url(token),
      cardId,
      proof: encodeBase64Url(proof.bytes),
      moduleKind: this.module.kind,
      ...(await this.nameImsi(this.imsi, token)),
    };
    return { sid, body };
  }

  /** The member that names an IMSI in step 2. */
  async nameImsi(imsi: string, token: Uint8Array): Promise<Body> {
    if (!this.isEncrypted) return { imsi };
    const { concealment } = this.world.fleet;
    return { concealedImsi: encodeBase64Url(await concealImsi(concealment, imsi, token)) };
  }

  async start(): Promise<Opening> {
    return this.open(await this.ask());
  }

  prove({ sid, body }: Opening, front: Front = 0): Promise<Answer> {
    return this.world.post(front, `/${sid}/card`, body);
  }

  /** Reads step 320; in encrypted mode the card opens it. */
  async receive(sid: string, reply: Answer): Promise<Asked> {
    if (reply.json["challenge"] === undefined)
      throw new PhoneError(`no challenge: ${reply.status} ${reply.text.slice(0, 80)}`);
    const message = bytesOf(reply.json["challenge"]);
    const bytes = this.isEncrypted ? (await this.applet.openChallenge(message)).bytes : message;
    const challenge = decodeChallenge(bytes);
    if (challenge === undefined) throw new PhoneError("no challenge");
    return { sid, token: textOf(reply.json["token"]), message, bytes, challenge };
  }

  async begin(): Promise<Asked> {
    const opening = await this.start();
    return this.receive(opening.sid, await this.prove(opening));
  }

  async respond({ challenge }: Pick<Asked, "challenge">): Promise<ModuleAnswer> {
    return (await this.authenticate(challenge)).answer;
  }

  /** The answer, with CK and IK of a USIM; all of it is nothing that the platform may say. */
  async authenticate(challenge: Challenge): Promise<ModuleResponse> {
    const response = await this.module.authenticate(challenge);
    const { answer, keys } = response;
    const values = answer.kind === "res" ? answer.values : [];
    this.world.secrets.push(...values.filter(({ length }) => length >= SECRET_BYTES_MIN));
    if (keys !== undefined) this.world.secrets.push(keys.ck, keys.ik);
    return response;
  }

  statement(answer: ModuleAnswer, imsi = this.imsi): Uint8Array {
    return encodeAnswerStatement({
      imsi,
      moduleKind: MODULE_KIND_NUMBERS[this.module.kind],
      answer,
      confirmationTag: new Uint8Array(0),
    });
  }

  /** A statement whose element B5 holds whatever the attacker likes. */
  rawStatement(answer: Uint8Array, imsi = this.imsi): Uint8Array {
    return concatBytes(
      encodeTlv(TAG.imsi, encodeAscii(imsi)),
      encodeTlv(TAG.moduleKind, Uint8Array.of(MODULE_KIND_NUMBERS[this.module.kind])),
      encodeTlv(TAG.answer, answer),
      encodeTlv(TAG.confirmationTag),
    );
  }

  /** ANSWER at the card: step 327. */
  async sign(asked: Asked, statement: Uint8Array): Promise<Reply> {
    const { sid, token } = asked;
    if (this.isEncrypted) {
      const sealed = encodeBase64Url(await this.applet.sealAnswer(statement));
      return { sid, body: { token, sealed } };
    }
    const proof = await this.applet.signAnswer(this.pair.card.suite, asked.bytes, statement);
    const signed = { statement: encodeBase64Url(statement), proof: encodeBase64Url(proof) };
    return { sid, body: { token, ...signed } };
  }

  async reply(asked: Asked): Promise<Reply> {
    return this.sign(asked, this.statement(await this.respond(asked)));
  }

  send({ sid, body }: Reply, front: Front = 0): Promise<Answer> {
    return this.world.post(front, `/${sid}/answer`, body);
  }

  /** RESULT at the card; the receipt. */
  async deliver(result: Uint8Array): Promise<Uint8Array> {
    const { applet, pair } = this;
    if (this.isEncrypted) return applet.deliverSealedResult(result);
    return (await applet.deliverResult(pair.card.suite, result)).bytes;
  }

  acknowledge(sid: string, body: Body, front: Front = 0): Promise<Answer> {
    return this.world.post(front, `/${sid}/receipt`, body);
  }

  /** As far as the decision. */
  async decide(): Promise<Decided> {
    const opening = await this.start();
    const asked = await this.receive(opening.sid, await this.prove(opening));
    const reply = await this.reply(asked);
    const answer = await this.send(reply);
    if (answer.json["result"] === undefined)
      throw new PhoneError(`no result: ${answer.status} ${answer.text.slice(0, 80)}`);
    return { ...reply, opening, asked, answer, result: bytesOf(answer.json["result"]) };
  }

  /** A whole binding; the receipt that was delivered. */
  async bind(): Promise<Decided & { readonly receipt: Body }> {
    const decided = await this.decide();
    const receipt = await this.deliver(decided.result);
    const body = { token: textOf(decided.body["token"]), receipt: encodeBase64Url(receipt) };
    const { status } = await this.acknowledge(decided.sid, body);
    if (status !== 204) throw new PhoneError(`receipt: ${status}`);
    return { ...decided, receipt: body };
  }

  async state(): Promise<string> {
    return (await this.applet.readStatus()).state.name;
  }
}

export function withMember(body: Body, name: string, value: string): Body {
  return { ...body, [name]: value };
}

/** The content of element B5 with these values as RES, whatever their lengths. */
export function rawRes(values: readonly Uint8Array[]): Uint8Array {
  return encodeModuleAnswer({ kind: "res", values });
}

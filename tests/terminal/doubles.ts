/**
 * A card, a module and a platform that say what the protocol has them say and verify nothing: what
 * the SDK makes of well-formed and of ill-formed messages can be seen without any cryptography.
 */
import { encodeBase64Url } from "#protocol/bytes";
import { type CardState, encodeCardState, type ModuleAnswer } from "#protocol/messages";
import { type CardKindName, type ModeName, type Suite, suiteNamed } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import type { IdentityModule, ModuleResponse } from "#terminal/module";
import type { Fetch } from "#terminal/platform-client";

export const CARD_ID = "0123456789ABCDEF";
export const IMSI = "460011234567890";
export const SID = encodeBase64Url(new Uint8Array(16).fill(7));
export const LOCKED: CardState = { name: "locked", lockId: new Uint8Array(16).fill(9) };
/** P-256 base point: a point on the curve whose private half is 1. */
export const BASE_POINT: Uint8Array<ArrayBuffer> = Uint8Array.fromHex(
  "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
);
export const CONCEALMENT = { keyId: 3, publicKey: BASE_POINT };

export interface Terms {
  readonly suite: Suite;
  readonly mode: ModeName;
}

export const SIGNED: Terms = { suite: suiteNamed("P-256"), mode: "signed" };
export const ENCRYPTED: Terms = { suite: suiteNamed("P-256"), mode: "encrypted" };

export type CardCommand = "status" | "start" | "open" | "answer" | "result" | "unlock" | "other";

export interface CardDoubleOptions extends Terms {
  readonly kind?: CardKindName;
  /** At first; idle unless given. */
  readonly state?: CardState;
  /** After RESULT; serving unless given. */
  readonly next?: CardState;
  /** What the card says instead of `parts`: bytes, or a status word. */
  readonly onAnswer?: (command: CardCommand, parts: readonly Uint8Array[]) => Uint8Array | number;
}

export interface CardDouble {
  /** One command, whole, for a test that has a transport of its own. */
  readonly commands: { readonly name: CardCommand; readonly data: string }[];
  transmit(message: Uint8Array): Promise<Uint8Array>;
  reset(): void;
}

const COMMANDS: Readonly<Record<number, CardCommand>> = {
  0xca: "status",
  0x10: "start",
  0x16: "open",
  0x12: "answer",
  0x14: "result",
  0x1a: "unlock",
};

/** Element `tag` with `length` bytes of the tag's own value. */
export function filled(tag: number, length: number): Uint8Array {
  return encodeTlv(tag, new Uint8Array(length).fill(tag));
}

export function challengeParts(round: number): Uint8Array[] {
  return [
    encodeTlv(0x90, Uint8Array.of(round)),
    encodeTlv(0xb1, encodeTlv(0x91, new Uint8Array(16).fill(round))),
    encodeTlv(0x92, new Uint8Array(16).fill(0xa0 + round)),
  ];
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function createCardDouble(options: CardDoubleOptions): CardDouble {
  const commands: CardDouble["commands"][number][] = [];
  let state = options.state ?? { name: "idle" };
  const run = (ins: number, data: Uint8Array): Uint8Array => {
    const name = COMMANDS[ins] ?? "other";
    commands.push({ name, data: data.toHex() });
    if (name === "result") state = options.next ?? { name: "serving" };
    if (name === "unlock") state = { name: "idle" };
    const parts = answerParts(options, name, state, data);
    const answer = options.onAnswer?.(name, parts) ?? concat(parts);
    if (typeof answer === "number") return Uint8Array.of(answer >> 8, answer & 0xff);
    return Uint8Array.from([...answer, 0x90, 0x00]);
  };
  const transmit = options.kind === "SD" ? overBlocks(run) : overShortApdus(run);
  return { commands, transmit, reset: () => undefined };
}

function answerParts(
  { suite, mode }: Terms,
  name: CardCommand,
  state: CardState,
  data: Uint8Array,
): Uint8Array[] {
  const stateElement = encodeTlv(0x8d, encodeCardState(state));
  const epoch = filled(0x8c, 4);
  const proof = filled(0x8e, suite.proofBytes);
  switch (name) {
    case "status": {
      const lease = [filled(0x9b, 4), filled(0x9c, 4), filled(0x9d, 1)];
      const cardId = encodeTlv(0x85, Uint8Array.fromHex(CARD_ID));
      const kind = encodeTlv(0x86, Uint8Array.of(1));
      return [cardId, kind, epoch, stateElement, filled(0x9e, 4), encodeTlv(0xbb, ...lease)];
    }
    case "start": {
      const opening = [encodeTlv(0x86, Uint8Array.of(1)), filled(0x8b, 16), epoch, stateElement];
      const hasKey = mode === "encrypted" && suite.credential === "certificate";
      return [...opening, ...(hasKey ? [filled(0xca, 65)] : []), proof];
    }
    case "open":
      return challengeParts(data[2] ?? 0);
    case "answer":
      return [mode === "signed" ? proof : filled(0xd0, data.length + 16)];
    case "result":
      return mode === "signed" ? [stateElement, epoch, proof] : [filled(0xd0, 9 + 16)];
    case "unlock":
      return [stateElement, epoch, proof];
    case "other":
      return [];
  }
}

type RunCommand = (ins: number, data: Uint8Array) => Uint8Array;

/** T=0 style: chaining, and 61xx for what is longer than 256 bytes. */
function overShortApdus(run: RunCommand): CardDouble["transmit"] {
  let chain: number[] = [];
  let waiting: number[] = [];
  const hand = (): Uint8Array => {
    const part = waiting.splice(0, 256);
    const left = waiting.length;
    const sw = left === 0 ? [0x90, 0x00] : [0x61, left < 256 ? left : 0];
    return Uint8Array.from([...part, ...sw]);
  };
  return async (apdu) => {
    const [cla = 0, ins = 0] = apdu;
    if (ins === 0xc0) return hand();
    chain.push(...apdu.subarray(5, 5 + (apdu[4] ?? 0)));
    if ((cla & 0x10) !== 0) return Uint8Array.of(0x90, 0x00);
    const answer = run(ins, Uint8Array.from(chain));
    chain = [];
    if (answer.length <= 258) return answer;
    waiting = [...answer.subarray(0, -2)];
    return Uint8Array.of(0x61, 0x00);
  };
}

/** Blocks of 512 bytes around extended APDUs. */
function overBlocks(run: RunCommand): CardDouble["transmit"] {
  return async (blocks) => {
    if (blocks.length % 512 !== 0) throw new Error("not in blocks");
    const apdu = blocks.subarray(2, 2 + (blocks[0] ?? 0) * 256 + (blocks[1] ?? 0));
    const lc = apdu.length > 7 ? (apdu[5] ?? 0) * 256 + (apdu[6] ?? 0) : 0;
    const answer = run(apdu[1] ?? 0, apdu.subarray(7, 7 + lc));
    const frame = new Uint8Array(Math.ceil((2 + answer.length) / 512) * 512);
    frame.set([answer.length >> 8, answer.length & 0xff]);
    frame.set(answer, 2);
    return frame;
  };
}

export type PlatformReply = Readonly<Record<string, unknown>>;

export interface PlatformDoubleOptions extends Terms {
  /** What step 316 or 416 is answered with; a challenge unless given. */
  readonly cardReply?: PlatformReply;
  /** What each round is answered with, in turn; the verdict unless given. */
  readonly answers?: readonly PlatformReply[];
  /** What the platform says instead of `reply`. */
  readonly onReply?: (route: Route, reply: PlatformReply) => PlatformReply | Response;
}

export type Route = "access" | "card" | "answer" | "receipt";

export interface PlatformDouble {
  readonly requests: { readonly route: Route; readonly body: PlatformReply }[];
  readonly fetch: Fetch;
}

const RESULT = Uint8Array.of(0xe5, 0x01, 0x02);
export const UNLOCK = { token: base64(0x75), unlock: base64(0xe6, 0x03) };
export const LOCKED_REPLY = { verdict: "FAILURE" };

export function base64(...bytes: readonly number[]): string {
  return encodeBase64Url(Uint8Array.from(bytes));
}

/** T2 of round r is the byte 50 + r. */
export function challengeReply({ mode }: Terms, round: number): PlatformReply {
  const challenge = mode === "signed" ? concat(challengeParts(round)) : sealedChallenge(round);
  return { token: base64(0x50 + round), challenge: encodeBase64Url(challenge) };
}

/** Opaque to the client: a round and whatever. */
export function sealedChallenge(round: number): Uint8Array {
  return concat([encodeTlv(0x90, Uint8Array.of(round)), filled(0xd0, 60)]);
}

export function verdictReply({ mode }: Terms, verdict = "SUCCESS"): PlatformReply {
  const result = encodeBase64Url(RESULT);
  return mode === "signed" ? { verdict, result } : { result };
}

export function createPlatformDouble(options: PlatformDoubleOptions): PlatformDouble {
  const requests: PlatformDouble["requests"][number][] = [];
  let answered = 0;
  const { suite, mode } = options;
  const grant = {
    sid: SID,
    token: base64(1),
    credential: base64(0xe2, 0),
    suite: suite.name,
    mode,
  };
  const replyTo = (route: Route): PlatformReply => {
    if (route === "access") return grant;
    if (route === "card") return options.cardReply ?? challengeReply(options, 0);
    return options.answers?.[answered++] ?? verdictReply(options);
  };
  const fetch: Fetch = async (url, init) => {
    const last = url.split("/").at(-1);
    const route = last === "card" || last === "answer" || last === "receipt" ? last : "access";
    const body: unknown = JSON.parse(typeof init.body === "string" ? init.body : "{}");
    requests.push({ route, body: { ...(typeof body === "object" ? body : {}) } });
    if (route === "receipt" && options.onReply === undefined)
      return new Response(null, { status: 204 });
    const reply = replyTo(route);
    const said = options.onReply?.(route, reply) ?? reply;
    if (said instanceof Response) return said;
    if (route === "receipt") return new Response(null, { status: 204 });
    return Response.json(said, { status: route === "access" ? 201 : 200 });
  };
  return { requests, fetch };
}

export const RES: ModuleAnswer = { kind: "res", values: [new Uint8Array(8).fill(1)] };
export const AUTS: ModuleAnswer = { kind: "auts", auts: new Uint8Array(14).fill(2) };

export interface ModuleDouble extends IdentityModule {
  /** What it handed out; the SDK has to wipe the keys. */
  readonly responses: ModuleResponse[];
}

/** A USIM that gives these answers in turn, CK and IK with each RES. */
export function createModuleDouble(answers: readonly ModuleAnswer[] = []): ModuleDouble {
  const responses: ModuleResponse[] = [];
  return {
    kind: "USIM",
    responses,
    readImsi: async () => IMSI,
    async authenticate() {
      const answer = answers[responses.length] ?? RES;
      const keys = { ck: new Uint8Array(16).fill(0xcc), ik: new Uint8Array(16).fill(0x1c) };
      const response = answer.kind === "res" ? { answer, keys } : { answer };
      responses.push(response);
      return response;
    },
  };
}

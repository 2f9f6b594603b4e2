/**
 * Test helper: plays platform, operator and terminal against the card and checks every
 * signature of the card against its own transcript.
 */
import { APPLET_AID, CARD_KIND, CLA, INS, LABEL, SW, TAG } from "#protocol/assigned-numbers";
import { type Card, createCard } from "./card.ts";
import type { CardProfile } from "./context.ts";
import {
  createSigningKey,
  element,
  hash,
  isSignature,
  labelled,
  seededRandom,
  signRaw,
  type SigningKey,
  uint32,
  valueAt,
  values,
} from "./encoding-double.ts";
import { generateCardKeys } from "./keys.ts";
import { createNonVolatileMemory, type SimulatedMemory } from "./non-volatile-memory.ts";

export const CARD_ID = "00A1B2C3D4E5F607";
export const TENANT = "acme";
const IMSI = "001010123456789";

export type Answer = { readonly sw: number; readonly data: Buffer };

export type Bench = {
  readonly card: Card;
  readonly memory: SimulatedMemory;
  readonly profile: CardProfile;
  readonly random: (byteCount: number) => Uint8Array;
  readonly anchor: SigningKey;
  readonly platformKey: SigningKey;
  readonly deployment: Buffer;
};

/** A personalised card, selected unless told otherwise. */
export async function createBench(
  options: { readonly seed?: string; readonly cardId?: string; readonly anchor?: SigningKey } = {},
): Promise<Bench> {
  const seed = options.seed ?? "bench";
  const random = seededRandom(`${seed} card`);
  const anchor = options.anchor ?? createSigningKey();
  const memory = createNonVolatileMemory();
  const profile: CardProfile = {
    cardId: options.cardId ?? CARD_ID,
    deployment: seededRandom("deployment")(16),
    tenant: TENANT,
    anchorPublicKey: anchor.publicKey,
    keys: await generateCardKeys({ random }),
    certificate: seededRandom("certificate")(600),
  };
  const card = await createCard(profile, { random, nonVolatile: memory });
  const bench = {
    card,
    memory,
    profile,
    random,
    anchor,
    platformKey: createSigningKey(),
    deployment: Buffer.from(profile.deployment),
  };
  await select(bench);
  return bench;
}

type CredentialOptions = {
  readonly generation?: number;
  readonly tenant?: string;
  readonly deployment?: Uint8Array;
  readonly suite?: number;
  readonly anchor?: SigningKey;
  readonly platformKey?: SigningKey;
};

/** Element E2. */
function issueCredential(bench: Bench, options: CredentialOptions = {}): Buffer {
  const generation = element(TAG.generation, uint32(options.generation ?? 1));
  const suite = element(TAG.suite, [options.suite ?? 1]);
  const publicKey = element(TAG.publicKey, (options.platformKey ?? bench.platformKey).publicKey);
  const statement = labelled(
    LABEL.credential,
    element(TAG.deployment, options.deployment ?? bench.deployment),
    element(TAG.tenant, Buffer.from(options.tenant ?? TENANT)),
    generation,
    suite,
    publicKey,
  );
  const signature = signRaw(options.anchor ?? bench.anchor, statement);
  return element(TAG.credential, generation, suite, publicKey, element(TAG.signature, signature));
}

export type CommandInput = {
  readonly cla: number;
  readonly ins: number;
  readonly p1p2: number;
  readonly data?: Uint8Array;
};

/** The APDUs of one command, chained when its data needs it. */
export function encodeApdus(command: CommandInput): Buffer[] {
  const data = Buffer.from(command.data ?? []);
  const apdus: Buffer[] = [];
  for (let start = 0; start === 0 || start < data.length; start += 255) {
    const part = data.subarray(start, start + 255);
    const isLast = start + 255 >= data.length;
    const cla = command.cla | (isLast ? 0 : CLA.chaining);
    const header = [cla, command.ins, command.p1p2 >> 8, command.p1p2 & 0xff];
    apdus.push(Buffer.concat([Uint8Array.from([...header, part.length]), part]));
  }
  return apdus;
}

export async function transmit(card: Card, apdu: Uint8Array): Promise<Answer> {
  const response = Buffer.from(await card.transmit(apdu));
  return { sw: response.readUInt16BE(response.length - 2), data: response.subarray(0, -2) };
}

/** One command to its end: chain, 6Cxx, 61xx. `sw` is the last status word. */
export async function exchange(bench: Bench, command: CommandInput): Promise<Answer> {
  let answer: Answer = { sw: 0, data: Buffer.alloc(0) };
  for (const apdu of encodeApdus(command)) {
    answer = await transmit(bench.card, apdu);
    if ((answer.sw & 0xff00) === SW.wrongLe) {
      const corrected = Uint8Array.from(apdu);
      corrected[4] = answer.sw & 0xff;
      answer = await transmit(bench.card, corrected);
    }
  }
  const parts = [answer.data];
  while ((answer.sw & 0xff00) === SW.bytesRemaining) {
    const le = answer.sw & 0xff;
    answer = await transmit(
      bench.card,
      Uint8Array.of(CLA.interindustry, INS.getResponse, 0, 0, le),
    );
    parts.push(answer.data);
  }
  return { sw: answer.sw, data: Buffer.concat(parts) };
}

export function select(bench: Bench, aid: readonly number[] = APPLET_AID): Promise<Answer> {
  return exchange(bench, { cla: 0, ins: INS.select, p1p2: 0x0400, data: Uint8Array.from(aid) });
}

export type Status = {
  readonly cardId: string;
  readonly epoch: number;
  /** Value of 8D in hex. */
  readonly state: string;
  readonly floor: number;
};

export async function readStatus(bench: Bench): Promise<Status> {
  const answer = await exchange(bench, { cla: 0, ins: INS.getData, p1p2: 0x0080 });
  if (answer.sw !== SW.success) throw new Error(`GET DATA gave ${answer.sw.toString(16)}`);
  const list = values(answer.data);
  return {
    cardId: valueAt(list, 0).toString("hex").toUpperCase(),
    epoch: valueAt(list, 2).readUInt32BE(),
    state: valueAt(list, 3).toString("hex"),
    floor: valueAt(list, 4).readUInt32BE(),
  };
}

/** What the platform knows of a session: the newest transcript hash, and the card's nonce. */
export type PlatformSession = {
  readonly sw: number;
  readonly nonce: Buffer;
  readonly epoch: number;
  readonly state: Buffer;
  /** h1, then h3[r]. */
  readonly transcript: Buffer;
  readonly signature: Buffer;
};

export type StartOptions = CredentialOptions & {
  readonly token?: Uint8Array;
  readonly namedSuite?: number;
  readonly namedMode?: number;
};

/** Data field of START SESSION. */
export function startData(bench: Bench, options: StartOptions = {}): Buffer {
  return Buffer.concat([
    element(TAG.token, options.token ?? Buffer.alloc(90, 0x54)),
    issueCredential(bench, options),
    element(TAG.suite, [options.namedSuite ?? 1]),
    element(TAG.mode, [options.namedMode ?? 1]),
  ]);
}

/** START SESSION; throws when S2 does not verify against the platform's own h1. */
export async function startSession(
  bench: Bench,
  options: StartOptions = {},
): Promise<PlatformSession> {
  const data = startData(bench, options);
  const answer = await exchange(bench, { cla: 0x80, ins: INS.startSession, p1p2: 0, data });
  if (answer.sw !== SW.success) {
    const none = Buffer.alloc(0);
    const nothing = { nonce: none, epoch: 0, state: none, transcript: none, signature: none };
    return { sw: answer.sw, ...nothing };
  }
  const list = values(answer.data);
  const [nonce, epoch, state, signature] = [1, 2, 3, 4].map((index) => valueAt(list, index));
  if (nonce === undefined || epoch === undefined || state === undefined) throw new Error("S2");
  if (signature === undefined) throw new Error("S2");
  const token = element(TAG.token, options.token ?? Buffer.alloc(90, 0x54));
  const credential = data.subarray(token.length, data.length - 6);
  const transcript = openingHash(bench, { token, credential, nonce, epoch, state });
  const message = labelled(LABEL.cardProof, element(TAG.hash, transcript));
  if (!isSignature(bench.profile.keys.credentialPublicKey, message, signature)) {
    throw new Error("S2 does not verify");
  }
  const session = { nonce, epoch: epoch.readUInt32BE(), state, transcript, signature };
  return { sw: answer.sw, ...session };
}

function openingHash(
  bench: Bench,
  parts: { token: Buffer; credential: Buffer; nonce: Buffer; epoch: Buffer; state: Buffer },
): Buffer {
  const publicKey = element(TAG.publicKey, bench.profile.keys.credentialPublicKey);
  return hash(
    LABEL.h1,
    element(TAG.version, [1]),
    element(TAG.deployment, bench.deployment),
    element(TAG.tenant, Buffer.from(TENANT)),
    element(TAG.credentialId, hash(LABEL.credentialId, parts.credential)),
    element(TAG.cardId, Buffer.from(bench.profile.cardId, "hex")),
    element(TAG.cardKind, [CARD_KIND.tf]),
    element(TAG.cardKeyHash, hash(LABEL.cardKey, publicKey)),
    element(TAG.suite, [1]),
    element(TAG.mode, [1]),
    parts.token,
    element(TAG.cardNonce, parts.nonce),
    element(TAG.epoch, parts.epoch),
    element(TAG.cardState, parts.state),
  );
}

export const RES = element(TAG.res, Buffer.alloc(8, 0x52));
export const AUTS = element(TAG.auts, Buffer.alloc(14, 0x41));
export const REFUSAL = element(TAG.statusWord, [0x98, 0x62]);

/** Elements 90 B1 92 and 93 94 B5 98 of round `round`. */
export function answerParts(round: number, answer: Uint8Array): [Buffer, Buffer] {
  const rand = element(TAG.rand, Buffer.alloc(16, 0x10 + round));
  const autn = element(TAG.autn, Buffer.alloc(16, 0x20 + round));
  return [
    Buffer.concat([element(TAG.round, [round]), element(TAG.rands, rand), autn]),
    Buffer.concat([
      element(TAG.imsi, Buffer.from(IMSI)),
      element(TAG.moduleKind, [2]),
      element(TAG.answer, answer),
      element(TAG.confirmationTag),
    ]),
  ];
}

/** ANSWER; throws when S3 does not verify against the platform's own h3. */
export async function answerRound(
  bench: Bench,
  session: PlatformSession,
  round = 0,
  answer: Uint8Array = RES,
): Promise<PlatformSession> {
  const [challenge, statement] = answerParts(round, answer);
  const data = Buffer.concat([challenge, statement]);
  const response = await exchange(bench, { cla: 0x80, ins: INS.answer, p1p2: 0, data });
  if (response.sw !== SW.success) return { ...session, sw: response.sw };
  const h2 = hash(LABEL.h2, element(TAG.hash, session.transcript), challenge);
  const transcript = hash(LABEL.h3, element(TAG.hash, h2), statement);
  const signature = valueAt(values(response.data), 0);
  const message = labelled(LABEL.answerProof, element(TAG.hash, transcript));
  if (!isSignature(bench.profile.keys.credentialPublicKey, message, signature)) {
    throw new Error("S3 does not verify");
  }
  return { ...session, sw: response.sw, transcript, signature };
}

export type ResultOptions = {
  readonly verdict?: number;
  readonly cardId?: string;
  readonly nonce?: Uint8Array;
  readonly epoch?: number;
  readonly lock?: number;
  readonly uses?: number;
  readonly services?: number;
  readonly floor?: number;
  readonly platformKey?: SigningKey;
  readonly label?: string;
};

/** Data field of RESULT, and h4. */
export function issueResult(
  bench: Bench,
  session: PlatformSession,
  options: ResultOptions = {},
): { readonly data: Buffer; readonly h4: Buffer; readonly epoch: number } {
  const epoch = options.epoch ?? session.epoch + 1;
  const result = element(
    TAG.result,
    element(TAG.verdict, [options.verdict ?? 1]),
    element(TAG.cardId, Buffer.from(options.cardId ?? bench.profile.cardId, "hex")),
    element(TAG.cardNonce, options.nonce ?? session.nonce),
    element(TAG.epoch, uint32(epoch)),
    element(TAG.lockInstruction, [options.lock ?? 0]),
    element(
      TAG.lease,
      element(TAG.leaseUses, uint32(options.uses ?? 10)),
      element(TAG.leaseSeconds, uint32(3600)),
      element(TAG.leaseServices, [options.services ?? 7]),
    ),
    element(TAG.floor, uint32(options.floor ?? 0)),
  );
  const h4 = hash(LABEL.h4, element(TAG.hash, session.transcript), result);
  const message = labelled(options.label ?? LABEL.result, element(TAG.hash, h4));
  const signature = signRaw(options.platformKey ?? bench.platformKey, message);
  return { data: Buffer.concat([result, element(TAG.signature, signature)]), h4, epoch };
}

/** RESULT; the state that the receipt names in hex, and throws when the receipt is not good. */
export async function sendResult(
  bench: Bench,
  issued: { readonly data: Uint8Array; readonly h4: Uint8Array; readonly epoch: number },
): Promise<{ readonly sw: number; readonly state: string }> {
  const command = { cla: 0x80, ins: INS.result, p1p2: 0, data: issued.data };
  const answer = await exchange(bench, command);
  if (answer.sw !== SW.success) return { sw: answer.sw, state: "" };
  const list = values(answer.data);
  const state = valueAt(list, 0);
  const epoch = valueAt(list, 1);
  const h5 = hash(
    LABEL.h5,
    element(TAG.hash, issued.h4),
    element(TAG.cardState, state),
    element(TAG.epoch, epoch),
  );
  const message = labelled(LABEL.receipt, element(TAG.hash, h5));
  const publicKey = bench.profile.keys.credentialPublicKey;
  if (!isSignature(publicKey, message, valueAt(list, 2))) throw new Error("receipt is not good");
  if (epoch.readUInt32BE() !== issued.epoch) throw new Error("receipt names another epoch");
  return { sw: answer.sw, state: state.toString("hex") };
}

/** START SESSION and ANSWER with RES. */
export async function reachAnswered(
  bench: Bench,
  options: StartOptions = {},
): Promise<PlatformSession> {
  return answerRound(bench, await startSession(bench, options));
}

/** A whole session up to the receipt. */
export async function bind(
  bench: Bench,
  options: ResultOptions = {},
): Promise<{ readonly sw: number; readonly state: string }> {
  return sendResult(bench, issueResult(bench, await reachAnswered(bench), options));
}

export function signDocument(bench: Bench, document: Uint8Array): Promise<Answer> {
  const ins = INS.performSecurityOperation;
  return exchange(bench, { cla: 0, ins, p1p2: 0x9e9a, data: document });
}

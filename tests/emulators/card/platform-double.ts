/**
 * Test helper: plays platform and operator against the card, in every suite and mode, and checks
 * whatever the card proves or seals against its own transcript.
 */
import { INS, LABEL, MODE, SW, TAG } from "#protocol/assigned-numbers";
import { type Bench, command, TENANT } from "./bench-double.ts";
import { element, elements, labelled, uint32, valueOf } from "./encoding-double.ts";
import type { Mode } from "./session.ts";
import {
  createEphemeral,
  deriveDirections,
  deriveShared,
  type Direction,
  hash,
  mac,
  nonceOf,
  open,
  seal,
  sessionContext,
  type Signer,
} from "./suites-double.ts";

const IMSI = "001010123456789";

type Names = { readonly generation: number; readonly h1: Buffer };
export type Directions = { readonly toPlatform: Direction; readonly toCard: Direction };

/** What the platform knows of a session: the newest transcript hash, and the card's nonce. */
export type PlatformSession = Names & {
  readonly sw: number;
  readonly mode: Mode;
  readonly nonce: Buffer;
  readonly epoch: number;
  readonly state: Buffer;
  /** E_C; empty where there is none. */
  readonly cardKey: Buffer;
  /** h1; after OPEN CHALLENGE what h2 follows; then h3[r]. */
  readonly transcript: Buffer;
  readonly directions: Directions | undefined;
  /** Of the newest answer; -1 before the first. */
  readonly round: number;
  /** The card's newest 8E or D0. */
  readonly proof: Buffer;
};

type CredentialOptions = {
  readonly generation?: number;
  readonly tenant?: string;
  readonly deployment?: Uint8Array;
  readonly suite?: number;
  readonly anchor?: Signer | undefined;
};

/** Element E2. */
function issueCredential(bench: Bench, options: CredentialOptions = {}): Buffer {
  const generation = element(TAG.generation, uint32(options.generation ?? 1));
  const suite = element(TAG.suite, [options.suite ?? bench.suite.number]);
  const { platformKey } = bench;
  const anchor = options.anchor ?? bench.anchor;
  if (platformKey === undefined || anchor === undefined) {
    return element(TAG.credential, generation, suite);
  }
  const publicKey = element(TAG.publicKey, platformKey.publicKey);
  const statement = labelled(
    LABEL.credential,
    element(TAG.deployment, options.deployment ?? bench.profile.deployment),
    element(TAG.tenant, Buffer.from(options.tenant ?? TENANT)),
    generation,
    suite,
    publicKey,
  );
  const signature = element(TAG.signature, anchor.sign(statement));
  return element(TAG.credential, generation, suite, publicKey, signature);
}

export type StartOptions = CredentialOptions & {
  readonly token?: Uint8Array;
  readonly namedSuite?: number;
  readonly namedMode?: number;
  readonly mode?: Mode;
};

/** Elements of START SESSION: 8A, E2, 88, 89. */
export function startParts(bench: Bench, options: StartOptions = {}): Buffer[] {
  const mode = options.mode ?? bench.variant.mode;
  return [
    element(TAG.token, options.token ?? Buffer.alloc(90, 0x54)),
    issueCredential(bench, options),
    element(TAG.suite, [options.namedSuite ?? bench.suite.number]),
    element(TAG.mode, [options.namedMode ?? MODE[mode]]),
  ];
}

export function startData(bench: Bench, options: StartOptions = {}): Buffer {
  return Buffer.concat(startParts(bench, options));
}

/** START SESSION; throws when S2 does not verify against the platform's own h1. */
export async function startSession(
  bench: Bench,
  options: StartOptions = {},
): Promise<PlatformSession> {
  const parts = startParts(bench, options);
  const mode = options.mode ?? bench.variant.mode;
  const generation = options.generation ?? 1;
  const { sw, data } = await command(bench, INS.startSession, Buffer.concat(parts));
  const none = Buffer.alloc(0);
  const nothing = { sw, mode, generation, directions: undefined, round: -1, epoch: 0 };
  if (sw !== SW.success) {
    const empty = { nonce: none, state: none, cardKey: none, h1: none, proof: none };
    return { ...nothing, ...empty, transcript: none };
  }
  const hasKey = mode === "encrypted" && bench.suite.scheme !== undefined;
  const tags = [0x86, 0x8b, 0x8c, 0x8d, ...(hasKey ? [0xca] : []), 0x8e];
  if (elements(data).some(({ tag }, index) => tag !== tags[index])) throw new Error("order");
  const nonce = valueOf(data, TAG.cardNonce);
  const state = valueOf(data, TAG.cardState);
  const cardKey = hasKey ? valueOf(data, TAG.cardEphemeralKey) : none;
  const h1 = openingHash(bench, parts, data);
  const proof = valueOf(data, TAG.signature);
  if (!isCardProof(bench, { generation, h1 }, LABEL.cardProof, h1, proof)) {
    throw new Error("S2 does not verify");
  }
  const epoch = valueOf(data, TAG.epoch).readUInt32BE();
  return { ...nothing, nonce, epoch, state, cardKey, h1, transcript: h1, proof };
}

function openingHash(bench: Bench, parts: readonly Buffer[], answer: Buffer): Buffer {
  const { suite, profile } = bench;
  const [token, credential, suiteElement, mode] = parts;
  if (token === undefined || credential === undefined) throw new Error("no token");
  if (suiteElement === undefined || mode === undefined) throw new Error("no mode");
  const key =
    suite.scheme === undefined
      ? element(TAG.keyVersion, uint32(7))
      : element(TAG.publicKey, profile.keys.credentialPublicKey);
  const reported = elements(answer).slice(1, -1);
  return hash(
    suite,
    LABEL.h1,
    element(TAG.version, [1]),
    element(TAG.deployment, profile.deployment),
    element(TAG.tenant, Buffer.from(TENANT)),
    element(TAG.credentialId, hash(suite, LABEL.credentialId, credential)),
    element(TAG.cardId, Buffer.from(profile.cardId, "hex")),
    element(TAG.cardKind, [profile.kind === "TF" ? 1 : 2]),
    element(TAG.cardKeyHash, hash(suite, LABEL.cardKey, key)),
    suiteElement,
    mode,
    token,
    ...reported.map(({ tag, value }) => element(tag, value)),
  );
}

export function isCardProof(
  bench: Bench,
  names: Names,
  label: string,
  transcript: Uint8Array,
  proof: Buffer,
): boolean {
  const { suite, profile, sharedKey } = bench;
  const message = labelled(label, element(TAG.hash, transcript));
  if (suite.scheme !== undefined) {
    return suite.scheme.isSigned(profile.keys.credentialPublicKey, message, proof);
  }
  const context = sessionContext(names.generation, names.h1);
  return mac(suite, deriveShared(suite, sharedKey, LABEL.cardMac, context, 16), message).equals(
    proof,
  );
}

/** Value of 8E; forged by a key that nobody vouched for. */
export function platformProof(
  bench: Bench,
  names: Names,
  label: string,
  transcript: Uint8Array,
  isForged: boolean,
): Buffer {
  const { suite, platformKey, sharedKey } = bench;
  const message = labelled(label, element(TAG.hash, transcript));
  if (suite.scheme !== undefined && platformKey !== undefined) {
    return (isForged ? suite.scheme.createSigner() : platformKey).sign(message);
  }
  const context = sessionContext(names.generation, names.h1);
  const secret = isForged ? Buffer.alloc(16, 1) : sharedKey;
  return mac(suite, deriveShared(suite, secret, LABEL.platformMac, context, 16), message);
}

export const RES = element(TAG.res, Buffer.alloc(8, 0x52));
export const AUTS = element(TAG.auts, Buffer.alloc(14, 0x41));
export const REFUSAL = element(TAG.statusWord, [0x98, 0x62]);
export const RANDBS = element(TAG.randbs, Buffer.alloc(4, 0x42));

/** Elements 90, B1 92 and 93 94 B5 98 of round `round`. */
export function answerParts(round: number, answer: Uint8Array): [Buffer, Buffer, Buffer] {
  const rand = element(TAG.rand, Buffer.alloc(16, 0x10 + round));
  const autn = element(TAG.autn, Buffer.alloc(16, 0x20 + round));
  return [
    element(TAG.round, [round]),
    Buffer.concat([element(TAG.rands, rand), autn]),
    Buffer.concat([
      element(TAG.imsi, Buffer.from(IMSI)),
      element(TAG.moduleKind, [2]),
      element(TAG.answer, answer),
      element(TAG.confirmationTag),
    ]),
  ];
}

export type ChallengeOptions = {
  readonly isForged?: boolean;
  readonly label?: string;
  /** Value of CB or CC in place of a good one. */
  readonly contribution?: Uint8Array;
  /** In place of B1 92. */
  readonly body?: Uint8Array;
  /** Number that the message is sealed under. */
  readonly number?: number;
  readonly direction?: keyof Directions;
  readonly associatedData?: Uint8Array;
};

export type IssuedChallenge = {
  readonly data: Buffer;
  /** hk or h3[r-1]. */
  readonly previous: Buffer;
  readonly directions: Directions;
};

/** Data field of OPEN CHALLENGE. Round 0 draws a new E_P or N_P. */
export function issueChallenge(
  bench: Bench,
  session: PlatformSession,
  round: number,
  options: ChallengeOptions = {},
): IssuedChallenge {
  const { suite } = bench;
  const agreed =
    session.directions === undefined
      ? agree(bench, session, options)
      : { previous: session.transcript, directions: session.directions, prefix: Buffer.alloc(0) };
  const { previous, directions, prefix } = agreed;
  const [roundElement, body] = answerParts(round, RES);
  const aad = options.associatedData ?? previous;
  const direction = directions[options.direction ?? "toCard"];
  const sealed = seal(suite, direction, options.number ?? round, aad, options.body ?? body);
  const data = Buffer.concat([roundElement, prefix, element(TAG.sealed, sealed)]);
  return { data, previous, directions };
}

function agree(
  bench: Bench,
  session: PlatformSession,
  options: ChallengeOptions,
): { previous: Buffer; directions: Directions; prefix: Buffer } {
  const { suite } = bench;
  const isShared = suite.scheme === undefined;
  const ephemeral = createEphemeral(suite);
  const value = options.contribution ?? (isShared ? Buffer.alloc(16, 9) : ephemeral.publicKey);
  const tag = isShared ? TAG.platformNonce : TAG.platformEphemeralKey;
  const contribution = element(tag, value);
  const hk = hash(suite, LABEL.hk, element(TAG.hash, session.h1), contribution);
  // A session of signed mode has no E_C: whatever is sealed then, the card must not look at it.
  const z = session.cardKey.length === 0 ? Buffer.alloc(32) : ephemeral.agree(session.cardKey);
  const secret = isShared ? { key: bench.sharedKey, generation: session.generation } : { z };
  const label = options.label ?? LABEL.keyAgreement;
  const proof = platformProof(bench, session, label, hk, options.isForged ?? false);
  return {
    previous: hk,
    directions: deriveDirections(suite, hk, secret),
    prefix: Buffer.concat([contribution, element(TAG.signature, proof)]),
  };
}

/** OPEN CHALLENGE; throws when the card hands out anything but 90 B1 92. */
export async function openRound(
  bench: Bench,
  session: PlatformSession,
  round = 0,
  options: ChallengeOptions = {},
): Promise<PlatformSession> {
  const { data, previous, directions } = issueChallenge(bench, session, round, options);
  const answer = await command(bench, INS.openChallenge, data);
  if (answer.sw !== SW.success) return { ...session, sw: answer.sw };
  const [roundElement, body] = answerParts(round, RES);
  const expected = Buffer.concat([roundElement, options.body ?? body]);
  if (!answer.data.equals(expected)) throw new Error("the card opened something else");
  return { ...session, sw: answer.sw, transcript: previous, directions };
}

/** Data field of ANSWER. */
export function answerData(session: PlatformSession, round: number, answer: Uint8Array): Buffer {
  const [roundElement, body, statement] = answerParts(round, answer);
  return session.mode === "signed" ? Buffer.concat([roundElement, body, statement]) : statement;
}

/** ANSWER; throws when S3 or the sealed answer does not fit the platform's own h3. */
export async function giveAnswer(
  bench: Bench,
  session: PlatformSession,
  round = 0,
  answer: Uint8Array = RES,
): Promise<PlatformSession> {
  const { suite } = bench;
  const response = await command(bench, INS.answer, answerData(session, round, answer));
  if (response.sw !== SW.success) return { ...session, sw: response.sw };
  const [roundElement, body, statement] = answerParts(round, answer);
  const h2 = hash(suite, LABEL.h2, element(TAG.hash, session.transcript), roundElement, body);
  const transcript = hash(suite, LABEL.h3, element(TAG.hash, h2), statement);
  const next = { ...session, sw: response.sw, transcript, round };
  if (session.mode === "encrypted") {
    const proof = valueOf(response.data, TAG.sealed);
    const opened = openFromCard(bench, session, round, h2, proof);
    if (!opened.equals(statement)) throw new Error("the card sealed another answer");
    return { ...next, proof };
  }
  const proof = valueOf(response.data, TAG.signature);
  if (!isCardProof(bench, session, LABEL.answerProof, transcript, proof)) {
    throw new Error("S3 does not verify");
  }
  return { ...next, proof };
}

export function openFromCard(
  bench: Bench,
  session: PlatformSession,
  number: number,
  aad: Buffer,
  sealed: Buffer,
): Buffer {
  const direction = session.directions?.toPlatform;
  if (direction === undefined) throw new Error("there are no keys yet");
  const nonce = nonceOf(direction, number).toString("hex");
  bench.nonces.push(`${Buffer.from(direction.key).toString("hex")} ${nonce}`);
  return open(bench.suite, direction, number, aad, sealed);
}

/** One round: the challenge is opened in encrypted mode, then answered. */
export async function answerRound(
  bench: Bench,
  session: PlatformSession,
  round = 0,
  answer: Uint8Array = RES,
): Promise<PlatformSession> {
  if (session.mode === "signed") return giveAnswer(bench, session, round, answer);
  const opened = await openRound(bench, session, round);
  return opened.sw === SW.success ? giveAnswer(bench, opened, round, answer) : opened;
}

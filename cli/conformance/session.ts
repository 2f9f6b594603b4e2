/**
 * One session with the card, the platform's side of it, up to the answers (docs/protocol.md,
 * sections 3, 5 and 7). The steps do not judge what the card proves, so that a row which asks
 * something else is not lost on it; `isS2` and `isAnswer` judge.
 */
import {
  deriveMacKeys,
  deriveSealingKeys,
  type DirectionKeys,
  expandAgreedKeys,
} from "#edge/secure-connection/key-schedule";
import { INS, LABEL, LENGTH, MODULE_KIND, TAG } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, equalBytes } from "#protocol/bytes";
import {
  type CardProof,
  decodeCardProof,
  decodeProof,
  encodeAnswerStatement,
  encodeChallenge,
  encodeStartSession,
  type ModuleAnswer,
} from "#protocol/messages";
import { decodeSealed, encodeSealedChallenge, sealedPart } from "#protocol/sealed-messages";
import { CARD_KIND_NUMBERS, MODE_NUMBERS, type ModeName } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import {
  hashAnswer,
  hashCardKey,
  hashChallenge,
  hashCredential,
  hashKeyAgreement,
  hashOpening,
  type ProofLabel,
} from "#protocol/transcript";
import { TEST_DEPLOYMENT, TEST_TENANT } from "#cli/test-card/test-keys";
import { type Bench, reach, send, UnreachedError } from "./bench.ts";
import {
  cardKeyName,
  type CredentialChange,
  isCardProof,
  issueCredential,
  provePlatform,
} from "./platform.ts";
import { drawRandom } from "./slot.ts";

/** START SESSION on its way. */
export interface Start {
  /** Data field: 8A E2 88 89. */
  readonly data: Bytes;
  readonly token: Uint8Array;
  /** Element E2. */
  readonly credential: Bytes;
  readonly mode: ModeName;
  readonly generation: number;
}

export interface Session {
  readonly mode: ModeName;
  readonly generation: number;
  /** What START SESSION answered. */
  readonly opening: CardProof;
  readonly h1: Uint8Array;
  /** h1; after OPEN CHALLENGE what h2 follows; then h3[r]. */
  readonly transcript: Uint8Array;
  /** Of the newest answer, and its statement, 93 94 B5 98. */
  readonly h2: Uint8Array;
  readonly statement: Uint8Array;
  /** Symmetric suites. */
  readonly mac: DirectionKeys | undefined;
  /** Encrypted mode, once a challenge was issued. */
  readonly sealing: DirectionKeys | undefined;
  /** Of the newest answer; -1 before the first. */
  readonly round: number;
  /** What the card gave in the newest answer: 8E or D0, whole. */
  readonly answer: Bytes;
}

export interface StartChange extends CredentialChange {
  readonly token?: Uint8Array;
  /** Value of 88 in the command. */
  readonly namedSuite?: number;
  /** Value of 89. */
  readonly namedMode?: number;
  readonly mode?: ModeName;
}

const NOTHING = new Uint8Array(0);
const TOKEN = new Uint8Array(90).fill(0x54);
const IMSI = "001010123456789";
export const RES: ModuleAnswer = { kind: "res", values: [new Uint8Array(8).fill(0x52)] };
export const AUTS: ModuleAnswer = { kind: "auts", auts: new Uint8Array(LENGTH.auts).fill(0x41) };
export const RANDBS: ModuleAnswer = { kind: "randbs", randbs: new Uint8Array(4).fill(0x42) };
export const REFUSAL: ModuleAnswer = { kind: "refusal", statusWord: 0x9862 };

export function prepareStart(bench: Bench, change: StartChange = {}): Start {
  const { keys } = bench;
  const generation = change.generation ?? bench.generation;
  const credential = issueCredential(keys, generation, change);
  const mode = change.mode ?? bench.mode;
  const token = change.token ?? TOKEN;
  const data = encodeStartSession({
    token,
    credential,
    suite: change.namedSuite ?? keys.tools.suite.number,
    mode: change.namedMode ?? MODE_NUMBERS[mode],
  });
  return { data, token, credential, mode, generation };
}

/** START SESSION that is to succeed. Throws UnreachedError. */
export async function startSession(bench: Bench, change: StartChange = {}): Promise<Session> {
  const start = prepareStart(bench, change);
  const answer = reach("START SESSION", await send(bench, INS.startSession, start.data));
  return readOpening(bench, start, answer);
}

/** The session that this answer opens. Throws UnreachedError for one of another form. */
export function readOpening(bench: Bench, start: Start, answer: Bytes): Session {
  const { keys } = bench;
  const { mode, generation } = start;
  const opening = decodeCardProof(answer, keys.tools.suite, mode);
  if (opening === undefined) throw new UnreachedError("START SESSION: answer not as in section 7");
  const h1 = hashStart(bench, start, opening);
  const mac = "anchor" in keys ? undefined : deriveMacKeys(keys.tools, keys.key, generation, h1);
  const none = { h2: NOTHING, statement: NOTHING, answer: NOTHING, sealing: undefined, round: -1 };
  return { mode, generation, opening, h1, transcript: h1, mac, ...none };
}

/** h1, of this card unless another id is given. */
export function hashStart(
  { keys, kind, publicKey, cardId }: Bench,
  { credential, mode, token }: Start,
  opening: CardProof,
  id: Uint8Array = cardId,
): Uint8Array {
  const { hash, suite } = keys.tools;
  return hashOpening(hash, {
    ...opening,
    deployment: TEST_DEPLOYMENT,
    tenant: TEST_TENANT,
    credentialId: hashCredential(hash, credential),
    cardId: id,
    cardKind: CARD_KIND_NUMBERS[kind],
    cardKeyHash: hashCardKey(hash, cardKeyName(keys, publicKey)),
    suite: suite.number,
    mode: MODE_NUMBERS[mode],
    token,
  });
}

/** Whether S2 is the card's over h1. */
export function isS2(bench: Bench, session: Session): boolean {
  return isProven(bench, session, LABEL.cardProof, session.h1, session.opening.signature);
}

export function isProven(
  { keys, publicKey }: Bench,
  { mac }: Session,
  label: ProofLabel,
  hash: Uint8Array,
  proof: Uint8Array,
): boolean {
  return isCardProof(keys, { publicKey, mac }, label, hash, proof);
}

/** Elements 90 B1 92: a RAND and an AUTN of their own each round. */
export function challengeOf(round: number): Bytes {
  const rands = [new Uint8Array(LENGTH.rand).fill(0x10 + round)];
  return encodeChallenge({ round, rands, autn: new Uint8Array(LENGTH.autn).fill(0x20 + round) });
}

/** Elements 93 94 B5 98. */
export function statementOf(answer: ModuleAnswer): Bytes {
  const moduleKind = MODULE_KIND.usim;
  return encodeAnswerStatement({ imsi: IMSI, moduleKind, answer, confirmationTag: NOTHING });
}

export interface ChallengeChange {
  readonly isForged?: boolean;
  /** Of the proof over hk. */
  readonly label?: ProofLabel;
  /** Value of CB or CC. */
  readonly contribution?: Uint8Array;
  /** In place of B1 92. */
  readonly body?: Uint8Array;
  /** What the message is sealed as. */
  readonly number?: number;
  readonly direction?: keyof DirectionKeys;
  readonly associatedData?: Uint8Array;
}

export interface IssuedChallenge {
  /** Data field of OPEN CHALLENGE. */
  readonly data: Bytes;
  /** hk or h3[r-1]. */
  readonly previous: Uint8Array;
  readonly sealing: DirectionKeys;
}

/** A challenge of encrypted mode. Round 0 draws a new E_P or N_P. */
export function issueChallenge(
  bench: Bench,
  session: Session,
  change: ChallengeChange = {},
  round: number = session.round + 1,
): IssuedChallenge {
  const agreed =
    session.sealing === undefined
      ? agree(bench, session, change)
      : { previous: session.transcript, sealing: session.sealing, agreement: undefined };
  const { previous, sealing, agreement } = agreed;
  const sealed = seal(bench, sealing[change.direction ?? "platform"], {
    number: change.number ?? round,
    associatedData: change.associatedData ?? previous,
    plaintext: change.body ?? sealedPart(challengeOf(round)),
  });
  return { data: encodeSealedChallenge({ round, agreement, sealed }), previous, sealing };
}

function agree(bench: Bench, session: Session, change: ChallengeChange) {
  const { keys } = bench;
  const { h1, generation, mac } = session;
  const { hash } = keys.tools;
  const { contribution, derive } =
    "anchor" in keys
      ? agreeEphemeral(keys.tools, session.opening.ephemeralKey, change.contribution)
      : {
          contribution: encodeTlv(
            TAG.platformNonce,
            change.contribution ?? drawRandom(LENGTH.nonce),
          ),
          derive: (hk: Uint8Array) => deriveSealingKeys(keys.tools, keys.key, generation, hk),
        };
  const hk = hashKeyAgreement(hash, h1, contribution);
  const label = change.label ?? LABEL.keyAgreement;
  const proof = provePlatform(keys, mac, label, hk, change.isForged);
  return { previous: hk, sealing: derive(hk), agreement: { contribution, proof } };
}

type Certified = Extract<Bench["keys"], { readonly anchor: unknown }>["tools"];

/** Another contribution than E_P leads nowhere; the keys are then of no use, as they should be. */
function agreeEphemeral(tools: Certified, cardKey: Uint8Array, other: Uint8Array | undefined) {
  // In signed mode there is no E_C: whatever is sealed then, the card must not look at it.
  const nobody = { publicKey: new Uint8Array(LENGTH.point), secret: new Uint8Array(LENGTH.hash) };
  const agreed = cardKey.length === 0 ? nobody : tools.agree(cardKey);
  if (agreed === undefined) throw new UnreachedError("E_C is not on the curve");
  const contribution = encodeTlv(TAG.platformEphemeralKey, other ?? agreed.publicKey);
  return { contribution, derive: (hk: Uint8Array) => expandAgreedKeys(tools, agreed.secret, hk) };
}

interface Message {
  readonly number: number;
  readonly associatedData: Uint8Array;
  readonly plaintext: Uint8Array;
}

/** Ciphertext and tag, under key and IV of one direction (28 bytes). */
export function seal({ keys }: Bench, direction: Uint8Array, message: Message): Uint8Array {
  const { key, nonce } = splitDirection(direction, message.number);
  return keys.tools.seal(key, nonce, message.associatedData, message.plaintext);
}

/** The plaintext of the card's message `number`; undefined when `element` is not that. */
export function openFromCard(
  { keys }: Bench,
  { sealing }: Session,
  number: number,
  associatedData: Uint8Array,
  element: Uint8Array,
): Uint8Array | undefined {
  const sealed = decodeSealed(element, 0xffff);
  if (sealing === undefined || sealed === undefined) return undefined;
  const { key, nonce } = splitDirection(sealing.card, number);
  return keys.tools.open(key, nonce, associatedData, sealed);
}

function splitDirection(direction: Uint8Array, number: number) {
  const nonce = direction.slice(LENGTH.aeadKey);
  const last = LENGTH.aeadIv - 1;
  nonce[last] = (nonce[last] ?? 0) ^ number;
  return { key: direction.slice(0, LENGTH.aeadKey), nonce };
}

/** OPEN CHALLENGE that is to succeed; nothing in signed mode. Throws UnreachedError. */
export async function openRound(bench: Bench, session: Session): Promise<Session> {
  if (session.mode === "signed") return session;
  const { data, previous, sealing } = issueChallenge(bench, session);
  reach("OPEN CHALLENGE", await send(bench, INS.openChallenge, data));
  return { ...session, transcript: previous, sealing };
}

/** Data field of ANSWER. */
export function answerData(
  { mode }: Pick<Session, "mode">,
  statement: Uint8Array,
  round: number,
): Bytes {
  const challenge = mode === "signed" ? challengeOf(round) : NOTHING;
  return concatBytes(challenge, statement);
}

/** The next round, opened and answered. Throws UnreachedError. */
export async function answerRound(
  bench: Bench,
  session: Session,
  answer: ModuleAnswer = RES,
): Promise<Session> {
  const opened = await openRound(bench, session);
  const round = session.round + 1;
  const statement = statementOf(answer);
  const data = answerData(opened, statement, round);
  const given = reach("ANSWER", await send(bench, INS.answer, data));
  return { ...answered(bench, opened, round, statement), answer: given };
}

/** The session after an ANSWER with this statement. */
export function answered(
  { keys }: Bench,
  opened: Session,
  round: number,
  statement: Uint8Array,
): Session {
  const { hash } = keys.tools;
  const h2 = hashChallenge(hash, opened.transcript, challengeOf(round));
  return { ...opened, round, statement, h2, transcript: hashAnswer(hash, h2, statement) };
}

/** Whether the newest answer is the card's: S3 over h3, or what was answered, sealed. */
export function isAnswer(bench: Bench, session: Session): boolean {
  const { mode, answer, round, h2, transcript, statement } = session;
  if (mode === "encrypted") {
    const opened = openFromCard(bench, session, round, h2, answer);
    return opened !== undefined && equalBytes(opened, statement);
  }
  const proof = decodeProof(answer, bench.keys.tools.suite.proofBytes);
  return proof !== undefined && isProven(bench, session, LABEL.answerProof, transcript, proof);
}

/** START SESSION and one round with RES. Throws UnreachedError. */
export async function reachAnswered(bench: Bench, change: StartChange = {}): Promise<Session> {
  return answerRound(bench, await startSession(bench, change));
}

/**
 * The messages of the exchange as bytes: what the card sees, what the platform sees, one encoding
 * each. A decoder gives undefined for everything that its encoder would not have written.
 */
import { CARD_STATE, LENGTH, LOCK_INSTRUCTION, TAG, VERDICT } from "./assigned-numbers.ts";
import {
  type Bytes,
  concatBytes,
  decodeAscii,
  decodeCounter,
  encodeAscii,
  encodeCounter,
} from "./bytes.ts";
import { IMSI_PATTERN } from "./identifiers.ts";
import { decodeFields, decodeRepeated, encodeTlv, type Field } from "./tlv.ts";

/** RES is 4 to 16 bytes (TS 33.102, 6.3.7). */
const RES_BYTES_MIN = 4;
const RES_BYTES_MAX = 16;
/** CAVE needs four RANDs; room for that many and no more. */
const RANDS_MAX = 4;
const CONFIRMATION_TAG_BYTES_MAX = 32;
/** Of T and T2 (docs/protocol.md, section 2, element 8A). */
export const TOKEN_BYTES_MAX = 255;

const field = (tag: number, bytesMin: number, bytesMax = bytesMin): Field => [
  tag,
  bytesMin,
  bytesMax,
];

const COUNTER = LENGTH.counter;
const SIGNATURE = field(TAG.signature, LENGTH.signature);
const STATE = field(TAG.cardState, 1, 1 + LENGTH.lockId);
const EPOCH = field(TAG.epoch, COUNTER);

export type CardState =
  | { readonly name: "idle" }
  | { readonly name: "serving" }
  | { readonly name: "locked"; readonly lockId: Uint8Array };

/** Platform key credential (PKC): a signing key of the platform, vouched for by the anchor. */
export interface PlatformCredential {
  readonly generation: number;
  readonly suite: number;
  /** 65 bytes, 04 || X || Y. */
  readonly publicKey: Uint8Array;
  /** 64 bytes, r || s, by the tenant's anchor. */
  readonly signature: Uint8Array;
}

/** What a card answers to START SESSION; step 2 carries it unchanged. */
export interface CardProof {
  readonly cardKind: number;
  /** N_C, 16 bytes. */
  readonly cardNonce: Uint8Array;
  readonly epoch: number;
  readonly state: CardState;
  /** S2, 64 bytes, r || s. */
  readonly signature: Uint8Array;
}

/** The access authentication request (step 320). */
export interface Challenge {
  readonly round: number;
  /** 16 bytes each. */
  readonly rands: readonly Uint8Array[];
  /** 16 bytes, or none for a module without AUTN. */
  readonly autn: Uint8Array;
}

export type ModuleAnswer =
  | { readonly kind: "res"; readonly values: readonly Uint8Array[] }
  | { readonly kind: "auts"; readonly auts: Uint8Array }
  | { readonly kind: "refusal"; readonly statusWord: number };

/** What the card signs in step 325, besides the challenge. */
export interface AnswerStatement {
  readonly imsi: string;
  readonly moduleKind: number;
  readonly answer: ModuleAnswer;
  readonly confirmationTag: Uint8Array;
}

export interface Lease {
  readonly uses: number;
  readonly seconds: number;
  /** Bits of SERVICE. */
  readonly services: number;
}

/** R, the binding result: `RESULT=SUCCESS` or `RESULT=FAILURE` and what follows from it. */
export interface BindingResult {
  readonly success: boolean;
  readonly cardId: Uint8Array;
  readonly cardNonce: Uint8Array;
  readonly epoch: number;
  readonly lock: boolean;
  readonly lease: Lease;
  readonly floor: number;
}

export interface Receipt {
  readonly state: CardState;
  readonly epoch: number;
  readonly signature: Uint8Array;
}

export function encodeCardState(state: CardState): Bytes {
  return state.name === "locked"
    ? concatBytes(Uint8Array.of(CARD_STATE.locked), state.lockId)
    : Uint8Array.of(CARD_STATE[state.name]);
}

export function decodeCardState(bytes: Uint8Array): CardState | undefined {
  if (bytes.length === 1 && bytes[0] === CARD_STATE.idle) return { name: "idle" };
  if (bytes.length === 1 && bytes[0] === CARD_STATE.serving) return { name: "serving" };
  if (bytes.length !== 1 + LENGTH.lockId || bytes[0] !== CARD_STATE.locked) return undefined;
  return { name: "locked", lockId: bytes.slice(1) };
}

export function encodeCredential(credential: PlatformCredential): Bytes {
  return encodeTlv(
    TAG.credential,
    encodeTlv(TAG.generation, encodeCounter(credential.generation)),
    encodeTlv(TAG.suite, Uint8Array.of(credential.suite)),
    encodeTlv(TAG.publicKey, credential.publicKey),
    encodeTlv(TAG.signature, credential.signature),
  );
}

/** Data field of START SESSION (step 313). */
export function encodeStartSession(start: {
  readonly token: Uint8Array;
  /** As encodeCredential wrote it. */
  readonly credential: Uint8Array;
  readonly suite: number;
  readonly mode: number;
}): Bytes {
  return concatBytes(
    encodeTlv(TAG.token, start.token),
    start.credential,
    encodeTlv(TAG.suite, Uint8Array.of(start.suite)),
    encodeTlv(TAG.mode, Uint8Array.of(start.mode)),
  );
}

export function decodeCardProof(bytes: Uint8Array): CardProof | undefined {
  const values = decodeFields(bytes, [
    field(TAG.cardKind, 1),
    field(TAG.cardNonce, LENGTH.nonce),
    EPOCH,
    STATE,
    SIGNATURE,
  ]);
  if (values === undefined) return undefined;
  const [kind, cardNonce, epoch, stateBytes, signature] = values;
  const state = decodeCardState(stateBytes);
  if (state === undefined) return undefined;
  return { cardKind: kind[0] ?? 0, cardNonce, epoch: decodeCounter(epoch), state, signature };
}

export function encodeChallenge(challenge: Challenge): Bytes {
  return concatBytes(
    encodeTlv(TAG.round, Uint8Array.of(challenge.round)),
    encodeTlv(TAG.rands, ...challenge.rands.map((rand) => encodeTlv(TAG.rand, rand))),
    encodeTlv(TAG.autn, challenge.autn),
  );
}

export function decodeChallenge(bytes: Uint8Array): Challenge | undefined {
  const values = decodeFields(bytes, [
    field(TAG.round, 1),
    field(TAG.rands, 0, 0xff),
    field(TAG.autn, 0, LENGTH.autn),
  ]);
  if (values === undefined) return undefined;
  const [round, randList, autn] = values;
  const rands = decodeRepeated(randList, field(TAG.rand, LENGTH.rand), 1, RANDS_MAX);
  if (rands === undefined || (autn.length !== 0 && autn.length !== LENGTH.autn)) return undefined;
  return { round: round[0] ?? 0, rands, autn };
}

/** Step 3 sends these bytes; the card hashes the same ones. */
export function encodeAnswerStatement(statement: AnswerStatement): Bytes {
  return concatBytes(
    encodeTlv(TAG.imsi, encodeAscii(statement.imsi)),
    encodeTlv(TAG.moduleKind, Uint8Array.of(statement.moduleKind)),
    encodeTlv(TAG.answer, encodeModuleAnswer(statement.answer)),
    encodeTlv(TAG.confirmationTag, statement.confirmationTag),
  );
}

function encodeModuleAnswer(answer: ModuleAnswer): Bytes {
  switch (answer.kind) {
    case "res":
      return concatBytes(...answer.values.map((value) => encodeTlv(TAG.res, value)));
    case "auts":
      return encodeTlv(TAG.auts, answer.auts);
    case "refusal":
      return encodeTlv(
        TAG.statusWord,
        Uint8Array.of(answer.statusWord >> 8, answer.statusWord & 0xff),
      );
  }
}

export function decodeAnswerStatement(bytes: Uint8Array): AnswerStatement | undefined {
  const values = decodeFields(bytes, [
    field(TAG.imsi, 6, 15),
    field(TAG.moduleKind, 1),
    field(TAG.answer, 2, 0xff),
    field(TAG.confirmationTag, 0, CONFIRMATION_TAG_BYTES_MAX),
  ]);
  if (values === undefined) return undefined;
  const [imsiBytes, moduleKind, answerBytes, confirmationTag] = values;
  const imsi = decodeAscii(imsiBytes);
  const answer = decodeModuleAnswer(answerBytes);
  if (answer === undefined || !IMSI_PATTERN.test(imsi)) return undefined;
  return { imsi, moduleKind: moduleKind[0] ?? 0, answer, confirmationTag };
}

function decodeModuleAnswer(bytes: Uint8Array): ModuleAnswer | undefined {
  const values = decodeRepeated(bytes, field(TAG.res, RES_BYTES_MIN, RES_BYTES_MAX), 1, RANDS_MAX);
  if (values !== undefined) return { kind: "res", values };
  const auts = decodeFields(bytes, [field(TAG.auts, LENGTH.auts)]);
  if (auts !== undefined) return { kind: "auts", auts: auts[0] };
  const refusal = decodeFields(bytes, [field(TAG.statusWord, 2)]);
  if (refusal === undefined) return undefined;
  return { kind: "refusal", statusWord: (refusal[0][0] ?? 0) * 256 + (refusal[0][1] ?? 0) };
}

/** A lone signature: the card's answer to ANSWER (S3) and to PROVE POSSESSION. */
export function decodeSignature(bytes: Uint8Array): Bytes | undefined {
  return decodeFields(bytes, [SIGNATURE])?.[0];
}

export function encodeResult(result: BindingResult): Bytes {
  const { lease } = result;
  return encodeTlv(
    TAG.result,
    encodeTlv(TAG.verdict, Uint8Array.of(result.success ? VERDICT.success : VERDICT.failure)),
    encodeTlv(TAG.cardId, result.cardId),
    encodeTlv(TAG.cardNonce, result.cardNonce),
    encodeTlv(TAG.epoch, encodeCounter(result.epoch)),
    encodeTlv(
      TAG.lockInstruction,
      Uint8Array.of(result.lock ? LOCK_INSTRUCTION.lock : LOCK_INSTRUCTION.none),
    ),
    encodeTlv(
      TAG.lease,
      encodeTlv(TAG.leaseUses, encodeCounter(lease.uses)),
      encodeTlv(TAG.leaseSeconds, encodeCounter(lease.seconds)),
      encodeTlv(TAG.leaseServices, Uint8Array.of(lease.services)),
    ),
    encodeTlv(TAG.floor, encodeCounter(result.floor)),
  );
}

/** Step 332: the committed result and SIG_P; also the data field of RESULT (step 333). */
export function encodeSignedResult(result: Uint8Array, signature: Uint8Array): Bytes {
  return concatBytes(result, encodeTlv(TAG.signature, signature));
}

export function decodeReceipt(bytes: Uint8Array): Receipt | undefined {
  const values = decodeFields(bytes, [STATE, EPOCH, SIGNATURE]);
  if (values === undefined) return undefined;
  const [stateBytes, epoch, signature] = values;
  const state = decodeCardState(stateBytes);
  if (state === undefined) return undefined;
  return { state, epoch: decodeCounter(epoch), signature };
}

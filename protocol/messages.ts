/**
 * The messages of the exchange as bytes: what the card sees, what the platform sees, one encoding
 * each. A decoder gives undefined for everything that its encoder would not have written.
 */
import {
  CARD_KIND,
  CARD_STATE,
  LENGTH,
  LOCK_INSTRUCTION,
  TAG,
  VERDICT,
} from "./assigned-numbers.ts";
import {
  type Bytes,
  concatBytes,
  decodeAscii,
  decodeCounter,
  encodeAscii,
  encodeCounter,
} from "./bytes.ts";
import { IMSI_PATTERN } from "./identifiers.ts";
import type { CertificateSuite, ModeName, Suite } from "./suites.ts";
import { decodeFields, decodeRepeated, encodeTlv, type Field } from "./tlv.ts";

/** AUTHR has 3 bytes, RES 4 to 16 (TS 33.102, 6.3.7). */
const RES_BYTES_MIN = 3;
const RES_BYTES_MAX = 16;
/** A challenge of CAVE, RANDSSD, a RAND of 3GPP, and identifier and challenge of CHAP. */
const RAND_LENGTHS: ReadonlySet<number> = new Set([
  LENGTH.caveRand,
  LENGTH.randssd,
  LENGTH.rand,
  LENGTH.chapChallenge,
]);
const AUTN_LENGTHS: ReadonlySet<number> = new Set([0, LENGTH.caveSignature, LENGTH.autn]);
/** CAVE needs four RANDs; room for that many and no more. */
const RANDS_MAX = 4;
/** Of T and T2 (docs/protocol.md, section 2, element 8A). */
export const TOKEN_BYTES_MAX = 255;

export const field = (tag: number, bytesMin: number, bytesMax = bytesMin): Field => [
  tag,
  bytesMin,
  bytesMax,
];

const COUNTER = LENGTH.counter;
const proofField = (bytes: number): Field => field(TAG.signature, bytes);
const ATTESTATION = field(TAG.signature, LENGTH.attestationMin, LENGTH.attestationMax);
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
  /** As the suite writes it; empty in the symmetric suites, like the signature. */
  readonly publicKey: Uint8Array;
  /** By the tenant's anchor for this suite. */
  readonly signature: Uint8Array;
}

/** What a card answers to START SESSION; step 2 carries it unchanged. */
export interface CardProof {
  readonly cardKind: number;
  /** N_C, 16 bytes. */
  readonly cardNonce: Uint8Array;
  readonly epoch: number;
  readonly state: CardState;
  /** E_C, 65 bytes, in encrypted mode of a certificate suite; else empty. */
  readonly ephemeralKey: Uint8Array;
  /** S2, as long as the suite's proofs are; of an MTM card an attestation. */
  readonly signature: Uint8Array;
}

/** The access authentication request (step 320). */
export interface Challenge {
  readonly round: number;
  /**
   * All of one length. 16: RAND of a SIM or USIM. A UIM: 4, RAND of CAVE; 7, RANDSSD; 17, the
   * identifier and the challenge of CHAP.
   */
  readonly rands: readonly Uint8Array[];
  /** AUTN (16 bytes); AUTHBS (3) after an update of SSD; else empty. */
  readonly autn: Uint8Array;
}

export type ModuleAnswer =
  | { readonly kind: "res"; readonly values: readonly Uint8Array[] }
  | { readonly kind: "auts"; readonly auts: Uint8Array }
  /** A UIM's challenge to the network, 4 bytes: the answer to RANDSSD. */
  | { readonly kind: "randbs"; readonly randbs: Uint8Array }
  | { readonly kind: "refusal"; readonly statusWord: number };

/** What the card signs in step 325, besides the challenge. */
export interface AnswerStatement {
  readonly imsi: string;
  readonly moduleKind: number;
  readonly answer: ModuleAnswer;
  /** 32 bytes, or none. */
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

/** What a card says it became: the receipt's content in both modes. */
export interface CardReport {
  readonly state: CardState;
  readonly epoch: number;
}

/** Signed mode, and after an unlock. */
export interface Receipt extends CardReport {
  readonly signature: Uint8Array;
}

/** What lifts a lock: it names the card, its nonce and the very lock. */
export interface UnlockBody {
  readonly cardId: Uint8Array;
  readonly cardNonce: Uint8Array;
  readonly lockId: Uint8Array;
  /** The card's epoch from then on. */
  readonly epoch: number;
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

/** With key and signature in the certificate suites, without both in the symmetric ones. */
export function encodeCredential(credential: PlatformCredential): Bytes {
  const key =
    credential.publicKey.length === 0
      ? new Uint8Array(0)
      : concatBytes(
          encodeTlv(TAG.publicKey, credential.publicKey),
          encodeTlv(TAG.signature, credential.signature),
        );
  return encodeTlv(
    TAG.credential,
    encodeTlv(TAG.generation, encodeCounter(credential.generation)),
    encodeTlv(TAG.suite, Uint8Array.of(credential.suite)),
    key,
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

/** In encrypted mode of a certificate suite the card names an ephemeral key. */
export function hasEphemeralKey(suite: Suite, mode: ModeName): suite is CertificateSuite {
  return suite.credential === "certificate" && mode === "encrypted";
}

export function decodeCardProof(
  bytes: Uint8Array,
  suite: Suite,
  mode: ModeName,
): CardProof | undefined {
  const opening = [
    field(TAG.cardKind, 1),
    field(TAG.cardNonce, LENGTH.nonce),
    EPOCH,
    STATE,
  ] as const;
  const isMtm = bytes[2] === CARD_KIND.mtm;
  const signatureField = isMtm ? ATTESTATION : proofField(suite.proofBytes);
  const values = hasEphemeralKey(suite, mode)
    ? decodeFields(bytes, [...opening, field(TAG.cardEphemeralKey, LENGTH.point), signatureField])
    : decodeFields(bytes, [...opening, signatureField]);
  if (values === undefined) return undefined;
  const [kind, cardNonce, epoch, stateBytes] = values;
  const state = decodeCardState(stateBytes);
  const signature = values.at(-1);
  if (state === undefined || signature === undefined) return undefined;
  const ephemeralKey = values.length === 6 ? values[4] : new Uint8Array(0);
  const cardKind = kind[0] ?? 0;
  return { cardKind, cardNonce, epoch: decodeCounter(epoch), state, ephemeralKey, signature };
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
  const rands = decodeRands(randList);
  if (rands === undefined || !AUTN_LENGTHS.has(autn.length)) return undefined;
  return { round: round[0] ?? 0, rands, autn };
}

/** One to four, all of one length. */
function decodeRands(bytes: Uint8Array): Bytes[] | undefined {
  const rands = decodeRepeated(bytes, field(TAG.rand, 1, LENGTH.chapChallenge), 1, RANDS_MAX);
  const length = rands?.[0]?.length ?? 0;
  if (!RAND_LENGTHS.has(length)) return undefined;
  return rands?.every((rand) => rand.length === length) === true ? rands : undefined;
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

/** The content of element B5. */
export function encodeModuleAnswer(answer: ModuleAnswer): Bytes {
  switch (answer.kind) {
    case "res":
      return concatBytes(...answer.values.map((value) => encodeTlv(TAG.res, value)));
    case "auts":
      return encodeTlv(TAG.auts, answer.auts);
    case "randbs":
      return encodeTlv(TAG.randbs, answer.randbs);
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
    field(TAG.confirmationTag, 0, LENGTH.confirmationTag),
  ]);
  if (values === undefined) return undefined;
  const [imsiBytes, moduleKind, answerBytes, confirmationTag] = values;
  const tagBytes = confirmationTag.length;
  if (tagBytes !== 0 && tagBytes !== LENGTH.confirmationTag) return undefined;
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
  const randbs = decodeFields(bytes, [field(TAG.randbs, LENGTH.randbs)]);
  if (randbs !== undefined) return { kind: "randbs", randbs: randbs[0] };
  const refusal = decodeFields(bytes, [field(TAG.statusWord, 2)]);
  if (refusal === undefined) return undefined;
  return { kind: "refusal", statusWord: (refusal[0][0] ?? 0) * 256 + (refusal[0][1] ?? 0) };
}

/** A lone proof: the card's answer to ANSWER (S3) and to PROVE POSSESSION. */
export function decodeProof(
  bytes: Uint8Array,
  proofBytes: number | "attestation",
): Bytes | undefined {
  return decodeFields(bytes, [anyProofField(proofBytes)])?.[0];
}

function anyProofField(proofBytes: number | "attestation"): Field {
  return proofBytes === "attestation" ? ATTESTATION : proofField(proofBytes);
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

/**
 * Step 332 in signed mode: the committed result and SIG_P; also the data field of RESULT (333).
 * Likewise an unlock body and its proof.
 */
export function encodeSigned(body: Uint8Array, proof: Uint8Array): Bytes {
  return concatBytes(body, encodeTlv(TAG.signature, proof));
}

export function encodeUnlock(body: UnlockBody): Bytes {
  return encodeTlv(
    TAG.unlock,
    encodeTlv(TAG.cardId, body.cardId),
    encodeTlv(TAG.cardNonce, body.cardNonce),
    encodeTlv(TAG.lockId, body.lockId),
    encodeTlv(TAG.epoch, encodeCounter(body.epoch)),
  );
}

export function decodeReceipt(
  bytes: Uint8Array,
  proofBytes: number | "attestation",
): Receipt | undefined {
  const values = decodeFields(bytes, [STATE, EPOCH, anyProofField(proofBytes)]);
  if (values === undefined) return undefined;
  const [stateBytes, epoch, signature] = values;
  const state = decodeCardState(stateBytes);
  if (state === undefined) return undefined;
  return { state, epoch: decodeCounter(epoch), signature };
}

/** The plaintext of a receipt in encrypted mode. */
export function decodeCardReport(bytes: Uint8Array): CardReport | undefined {
  const values = decodeFields(bytes, [STATE, EPOCH]);
  if (values === undefined) return undefined;
  const state = decodeCardState(values[0]);
  return state === undefined ? undefined : { state, epoch: decodeCounter(values[1]) };
}

/**
 * The applet as a terminal drives it: the commands of docs/protocol.md, section 7, one method each.
 */
import type { Command } from "#protocol/apdu";
import {
  APPLET_AID,
  CLA,
  DATA_OBJECT,
  INS,
  LENGTH,
  PSO,
  SW,
  TAG,
} from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, decodeCounter, encodeHex } from "#protocol/bytes";
import {
  type CardProof,
  type CardState,
  type Challenge,
  decodeCardProof,
  decodeCardState,
  decodeChallenge,
  decodeProof,
  decodeReceipt,
  encodeStartSession,
  field,
  type Lease,
  type Receipt,
} from "#protocol/messages";
import { decodeSealed } from "#protocol/sealed-messages";
import { MODE_NUMBERS, type ModeName, type Suite } from "#protocol/suites";
import { decodeFields, encodeTlv } from "#protocol/tlv";
import { type CardTransport, exchangeApdu } from "./transport.ts";

/** Elements 9B, 9C and 9D. */
const LEASE_BYTES = 15;
/** What a receipt says when it is opened: 8D of a locked card and 8C. */
const REPORT_BYTES_MAX = 25;

export type CardErrorCode = "refused" | "malformed" | "transport";

/** The card said no (`sw` says why), answered nonsense, or could not be reached. */
export class CardError extends Error {
  readonly code: CardErrorCode;
  readonly command: string;
  /** The status word of a refusal; undefined when there was none. */
  readonly sw: number | undefined;

  constructor(code: CardErrorCode, command: string, sw?: number, cause?: unknown) {
    const detail = sw === undefined ? code : `refused ${formatSw(sw)}`;
    super(`${command}: ${detail}`, { cause });
    this.name = "CardError";
    this.code = code;
    this.command = command;
    this.sw = sw;
  }
}

/** GET DATA status. */
export interface CardStatus {
  /** 16 upper-case hex digits. */
  readonly cardId: string;
  readonly cardKind: number;
  readonly epoch: number;
  readonly state: CardState;
  readonly floor: number;
  /** What is left; zeros unless the card serves. */
  readonly lease: Lease;
}

/** START SESSION, as platform and card agreed on it. */
export interface SessionStart {
  readonly token: Uint8Array;
  /** As the platform sent it. */
  readonly credential: Uint8Array;
  readonly suite: Suite;
  readonly mode: ModeName;
}

/** What the card gave, decoded, and the very bytes that the platform must see. */
export interface Encoded<T> {
  readonly value: T;
  readonly bytes: Bytes;
}

/**
 * Every method throws CardError. Commands run one after the other, in the order of the calls: a
 * service that is used while a session is on its way never falls into another command's chain.
 * Nothing else is remembered between calls.
 */
export interface CardApplet {
  /** Ends serving and session: never call it on a card that is to go on serving. */
  select(): Promise<void>;
  readStatus(): Promise<CardStatus>;
  /** 65 bytes, 04 || X || Y. */
  readServiceKey(): Promise<Bytes>;
  /** DER; a card of a symmetric suite has none and refuses with 6A88. */
  readCertificate(): Promise<Bytes>;
  /** S2 and what it is made over; with E_C in encrypted mode of a certificate suite. */
  startSession(start: SessionStart): Promise<Encoded<CardProof>>;
  /** Encrypted mode: the challenge as the platform sent it; `bytes` are 90 B1 92. */
  openChallenge(challenge: Uint8Array): Promise<Encoded<Challenge>>;
  /**
   * Signed mode: `challenge` as the platform sent it, `statement` as encodeAnswerStatement wrote
   * it; gives element 8E with S3.
   */
  signAnswer(suite: Suite, challenge: Uint8Array, statement: Uint8Array): Promise<Bytes>;
  /** Encrypted mode: the answer to the challenge that was opened last; gives element D0. */
  sealAnswer(statement: Uint8Array): Promise<Bytes>;
  /** Signed mode: `result` is R and SIG_P as the platform sent them. */
  deliverResult(suite: Suite, result: Uint8Array): Promise<Encoded<Receipt>>;
  /** Encrypted mode: `result` is element D0; gives the receipt, element D0, for the platform. */
  deliverSealedResult(result: Uint8Array): Promise<Bytes>;
  /** `unlock` is E6 and the platform's proof as it sent them. */
  unlock(suite: Suite, unlock: Uint8Array): Promise<Encoded<Receipt>>;
  /** The proof alone, as long as the suite's; works for one challenge in the card's life. */
  provePossession(suite: Suite, challenge: Uint8Array): Promise<Bytes>;
  /** 64 bytes, r || s, by the service key; `document` is 1 to 1,024 bytes. Costs a use. */
  sign(document: Uint8Array): Promise<Bytes>;
  /** Nonce (12), ciphertext, tag (16); `plaintext` is 1 to 1,024 bytes. Costs a use. */
  encipher(plaintext: Uint8Array): Promise<Bytes>;
  /** The plaintext of what `encipher` gave. Costs a use, also when the tag is wrong (6A80). */
  decipher(sealed: Uint8Array): Promise<Bytes>;
}

/** Status word as a person reads it: four hex digits. */
export function formatSw(sw: number): string {
  return sw.toString(16).toUpperCase().padStart(4, "0");
}

export function createCardApplet(transport: CardTransport): CardApplet {
  const run = runInTurn(transport);
  const getData = (name: string, p1p2: number): Promise<Bytes> =>
    run(name, { cla: CLA.interindustry, ins: INS.getData, p1p2, le: 256 });
  const send = (name: string, ins: number, data: Uint8Array): Promise<Bytes> =>
    run(name, { cla: CLA.proprietary, ins, p1p2: 0, data });
  return {
    async select() {
      const data = Uint8Array.from(APPLET_AID);
      await run("SELECT", { cla: CLA.interindustry, ins: INS.select, p1p2: 0x0400, data });
    },
    async readStatus() {
      const name = "GET DATA status";
      return decodeWith(name, await getData(name, DATA_OBJECT.status), decodeCardStatus).value;
    },
    async readServiceKey() {
      const name = "GET DATA service key";
      const bytes = await getData(name, DATA_OBJECT.servicePublicKey);
      return decodeWith(name, bytes, decodeServiceKey).value;
    },
    readCertificate: () => getData("GET DATA certificate", DATA_OBJECT.certificate),
    async provePossession({ proofBytes }, challenge) {
      const name = "PROVE POSSESSION";
      const bytes = await send(
        name,
        INS.provePossession,
        encodeTlv(TAG.enrolmentChallenge, challenge),
      );
      return decodeWith(name, bytes, (answer) => decodeProof(answer, proofBytes)).value;
    },
    ...sessionCommands(send),
    ...serviceCommands(run),
  };
}

type Run = (name: string, command: Command) => Promise<Bytes>;
type Send = (name: string, ins: number, data: Uint8Array) => Promise<Bytes>;

/** A command waits for the one before it, however that one ended. */
function runInTurn(transport: CardTransport): Run {
  let last: Promise<unknown> = Promise.resolve();
  return (name, command) => {
    const turn = last.then(() => runCommand(transport, name, command));
    last = turn.catch(() => undefined);
    return turn;
  };
}

function sessionCommands(
  send: Send,
): Pick<
  CardApplet,
  | "startSession"
  | "openChallenge"
  | "signAnswer"
  | "sealAnswer"
  | "deliverResult"
  | "deliverSealedResult"
  | "unlock"
> {
  return {
    async startSession({ token, credential, suite, mode }) {
      const name = "START SESSION";
      const start = { token, credential, suite: suite.number, mode: MODE_NUMBERS[mode] };
      const bytes = await send(name, INS.startSession, encodeStartSession(start));
      return decodeWith(name, bytes, (proof) => decodeCardProof(proof, suite, mode));
    },
    async openChallenge(challenge) {
      const name = "OPEN CHALLENGE";
      return decodeWith(name, await send(name, INS.openChallenge, challenge), decodeChallenge);
    },
    async signAnswer({ proofBytes }, challenge, statement) {
      const bytes = await send("ANSWER", INS.answer, concatBytes(challenge, statement));
      return decodeWith("ANSWER", bytes, (proof) => decodeProof(proof, proofBytes)).bytes;
    },
    async sealAnswer(statement) {
      const bytes = await send("ANSWER", INS.answer, statement);
      return takeSealed("ANSWER", bytes, statement.length);
    },
    async deliverResult({ proofBytes }, result) {
      const bytes = await send("RESULT", INS.result, result);
      return decodeWith("RESULT", bytes, (receipt) => decodeReceipt(receipt, proofBytes));
    },
    async deliverSealedResult(result) {
      return takeSealed("RESULT", await send("RESULT", INS.result, result), REPORT_BYTES_MAX);
    },
    async unlock({ proofBytes }, unlock) {
      const bytes = await send("UNLOCK", INS.unlock, unlock);
      return decodeWith("UNLOCK", bytes, (receipt) => decodeReceipt(receipt, proofBytes));
    },
  };
}

function serviceCommands(run: Run): Pick<CardApplet, "sign" | "encipher" | "decipher"> {
  const perform = (name: string, p1p2: number, data: Uint8Array): Promise<Bytes> =>
    run(name, { cla: CLA.interindustry, ins: INS.performSecurityOperation, p1p2, data });
  return {
    async sign(document) {
      const name = "PSO: COMPUTE DIGITAL SIGNATURE";
      return decodeWith(name, await perform(name, PSO.sign, document), takeSignature).value;
    },
    encipher: (plaintext) => perform("PSO: ENCIPHER", PSO.encipher, plaintext),
    decipher: (sealed) => perform("PSO: DECIPHER", PSO.decipher, sealed),
  };
}

async function runCommand(
  transport: CardTransport,
  name: string,
  command: Command,
): Promise<Bytes> {
  let response;
  try {
    response = await exchangeApdu(transport, command);
  } catch (error) {
    throw new CardError("transport", name, undefined, error);
  }
  if (response === undefined) throw new CardError("malformed", name);
  if (response.sw !== SW.success) throw new CardError("refused", name, response.sw);
  return response.data;
}

function decodeWith<T>(
  name: string,
  bytes: Bytes,
  decode: (bytes: Bytes) => T | undefined,
): Encoded<T> {
  const value = decode(bytes);
  if (value === undefined) throw new CardError("malformed", name);
  return { value, bytes };
}

/** 85 86 8C 8D 9E BB; undefined for anything else. */
export function decodeCardStatus(bytes: Uint8Array): CardStatus | undefined {
  const values = decodeFields(bytes, [
    field(TAG.cardId, LENGTH.cardId),
    field(TAG.cardKind, 1),
    field(TAG.epoch, LENGTH.counter),
    field(TAG.cardState, 1, 1 + LENGTH.lockId),
    field(TAG.floor, LENGTH.counter),
    field(TAG.lease, LEASE_BYTES),
  ]);
  if (values === undefined) return undefined;
  const [cardId, kind, epoch, stateBytes, floor, leaseBytes] = values;
  const state = decodeCardState(stateBytes);
  const lease = decodeLease(leaseBytes);
  if (state === undefined || lease === undefined) return undefined;
  return {
    cardId: encodeHex(cardId).toUpperCase(),
    cardKind: kind[0] ?? 0,
    epoch: decodeCounter(epoch),
    state,
    floor: decodeCounter(floor),
    lease,
  };
}

function decodeLease(bytes: Uint8Array): Lease | undefined {
  const values = decodeFields(bytes, [
    field(TAG.leaseUses, LENGTH.counter),
    field(TAG.leaseSeconds, LENGTH.counter),
    field(TAG.leaseServices, 1),
  ]);
  if (values === undefined) return undefined;
  const [uses, seconds, services] = values;
  return {
    uses: decodeCounter(uses),
    seconds: decodeCounter(seconds),
    services: services[0] ?? 0,
  };
}

/** Element D0 as it is, for the platform. */
function takeSealed(name: string, bytes: Bytes, bytesMax: number): Bytes {
  return decodeWith(name, bytes, (answer) => decodeSealed(answer, bytesMax)).bytes;
}

function decodeServiceKey(bytes: Uint8Array): Bytes | undefined {
  return decodeFields(bytes, [field(TAG.servicePublicKey, LENGTH.point)])?.[0];
}

/** PSO answers the bare 64 bytes, without a tag (ISO 7816-8, 11.6). */
function takeSignature(bytes: Bytes): Bytes | undefined {
  return bytes.length === LENGTH.signature ? bytes : undefined;
}

/**
 * The applet as a terminal drives it: the commands of docs/protocol.md, section 6, one method each.
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
  decodeCardProof,
  decodeCardState,
  decodeReceipt,
  decodeSignature,
  encodeStartSession,
  type Receipt,
} from "#protocol/messages";
import { decodeFields, encodeTlv } from "#protocol/tlv";
import { type CardTransport, exchangeApdu } from "./transport.ts";

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
}

/** START SESSION, as platform and card agreed on it. */
interface SessionStart {
  readonly token: Uint8Array;
  /** As the platform sent it. */
  readonly credential: Uint8Array;
  readonly suite: number;
  readonly mode: number;
}

/** What the card gave, decoded, and the very bytes that the platform must see. */
interface Encoded<T> {
  readonly value: T;
  readonly bytes: Bytes;
}

/** Every method throws CardError; nothing else is remembered between calls. */
export interface CardApplet {
  /** Ends serving and session: never call it on a card that is to go on serving. */
  select(): Promise<void>;
  readStatus(): Promise<CardStatus>;
  /** 65 bytes, 04 || X || Y. */
  readServiceKey(): Promise<Bytes>;
  /** DER. */
  readCertificate(): Promise<Bytes>;
  startSession(start: SessionStart): Promise<Encoded<CardProof>>;
  /**
   * `challenge` as the platform sent it, `statement` as encodeAnswerStatement wrote it; gives S3.
   */
  answer(challenge: Uint8Array, statement: Uint8Array): Promise<Encoded<Bytes>>;
  /** `result` is R and SIG_P as the platform sent them. */
  deliverResult(result: Uint8Array): Promise<Encoded<Receipt>>;
  /** 64 bytes, r || s; works for one challenge in the card's life. */
  provePossession(challenge: Uint8Array): Promise<Bytes>;
  /** 64 bytes, r || s, by the service key. */
  sign(document: Uint8Array): Promise<Bytes>;
  /** Nonce (12), ciphertext, tag (16). */
  encipher(plaintext: Uint8Array): Promise<Bytes>;
  decipher(sealed: Uint8Array): Promise<Bytes>;
}

/** Status word as a person reads it: four hex digits. */
export function formatSw(sw: number): string {
  return sw.toString(16).toUpperCase().padStart(4, "0");
}

export function createCardApplet(transport: CardTransport): CardApplet {
  const run = (name: string, command: Command): Promise<Bytes> =>
    runCommand(transport, name, command);
  const getData = (name: string, p1p2: number): Promise<Bytes> =>
    run(name, { cla: CLA.interindustry, ins: INS.getData, p1p2, le: 256 });
  const send = (name: string, ins: number, data: Uint8Array): Promise<Bytes> =>
    run(name, { cla: CLA.proprietary, ins, p1p2: 0, data });
  const perform = (name: string, p1p2: number, data: Uint8Array): Promise<Bytes> =>
    run(name, { cla: CLA.interindustry, ins: INS.performSecurityOperation, p1p2, data });
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
    async startSession(start) {
      const bytes = await send("START SESSION", INS.startSession, encodeStartSession(start));
      return decodeWith("START SESSION", bytes, decodeCardProof);
    },
    async answer(challenge, statement) {
      const bytes = await send("ANSWER", INS.answer, concatBytes(challenge, statement));
      return decodeWith("ANSWER", bytes, decodeSignature);
    },
    async deliverResult(result) {
      return decodeWith("RESULT", await send("RESULT", INS.result, result), decodeReceipt);
    },
    async provePossession(challenge) {
      const name = "PROVE POSSESSION";
      const data = encodeTlv(TAG.enrolmentChallenge, challenge);
      return decodeWith(name, await send(name, INS.provePossession, data), decodeSignature).value;
    },
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

/** 85 86 8C 8D 9E; undefined for anything else. */
export function decodeCardStatus(bytes: Uint8Array): CardStatus | undefined {
  const values = decodeFields(bytes, [
    [TAG.cardId, LENGTH.cardId, LENGTH.cardId],
    [TAG.cardKind, 1, 1],
    [TAG.epoch, LENGTH.counter, LENGTH.counter],
    [TAG.cardState, 1, 1 + LENGTH.lockId],
    [TAG.floor, LENGTH.counter, LENGTH.counter],
  ]);
  if (values === undefined) return undefined;
  const [cardId, kind, epoch, stateBytes, floor] = values;
  const state = decodeCardState(stateBytes);
  if (state === undefined) return undefined;
  return {
    cardId: encodeHex(cardId).toUpperCase(),
    cardKind: kind[0] ?? 0,
    epoch: decodeCounter(epoch),
    state,
    floor: decodeCounter(floor),
  };
}

function decodeServiceKey(bytes: Uint8Array): Bytes | undefined {
  return decodeFields(bytes, [[TAG.servicePublicKey, LENGTH.point, LENGTH.point]])?.[0];
}

/** PSO answers the bare 64 bytes, without a tag (ISO 7816-8, 11.6). */
function takeSignature(bytes: Bytes): Bytes | undefined {
  return bytes.length === LENGTH.signature ? bytes : undefined;
}

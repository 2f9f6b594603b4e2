/**
 * The IPA multiplex under GSUP on TCP, as osmo-hlr has it: frames of a length, 2 bytes big-endian,
 * which counts what follows the stream identifier; the identifier, 1 byte; and the payload. A TCP
 * segment may hold part of a frame or several.
 */
import { type Bytes, concatBytes, encodeAscii } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";

const HEADER_BYTES = 3;
/** What libosmocore's receiver takes; an answer of five vectors has 505 bytes. */
const FRAME_PAYLOAD_BYTES_MAX = 1200;

const STREAM = { ccm: 0xfe, osmo: 0xee } as const;
/** First byte of an Osmocom payload. */
const EXTENSION_GSUP = 0x05;
/** First byte of a CCM payload: connection and link control. */
const CCM = { ping: 0x00, pong: 0x01, idGet: 0x04, idResponse: 0x05, idAck: 0x06 } as const;
const ID_TAG = { serialNumber: 0x00, unitName: 0x01, unitId: 0x08 } as const;
/** Site, BTS and TRX of an access point; a client that has none sends these. */
const UNIT_ID = "0/0/0";

export type CcmMessage = keyof typeof CCM;

/** What a frame holds, as far as GSUP is concerned. */
export type IpaMessage =
  | { readonly kind: "ccm"; readonly message: CcmMessage }
  /** To be wiped by whoever reads it. */
  | { readonly kind: "gsup"; readonly payload: Uint8Array }
  /** Of another protocol or extension: nothing was asked there, and nothing is answered. */
  | { readonly kind: "other" };

export type IpaDefect = "frame_too_long" | "frame_empty";

export interface IpaReader {
  /** The messages that `bytes` completes; after a defect the stream cannot be read any further. */
  push(bytes: Uint8Array): Result<readonly IpaMessage[], IpaDefect>;
}

/** Holds no more than one incomplete frame. */
export function createIpaReader(): IpaReader {
  let held: Bytes = new Uint8Array(0);
  return {
    push(bytes) {
      const all = concatBytes(held, bytes);
      held.fill(0);
      const messages: IpaMessage[] = [];
      let offset = 0;
      while (all.length - offset >= HEADER_BYTES) {
        const length = ((all[offset] ?? 0) << 8) | (all[offset + 1] ?? 0);
        if (length > FRAME_PAYLOAD_BYTES_MAX) return failure("frame_too_long");
        if (length === 0) return failure("frame_empty");
        const start = offset + HEADER_BYTES;
        if (all.length - start < length) break;
        messages.push(readMessage(all[offset + 2] ?? 0, all.subarray(start, start + length)));
        offset = start + length;
      }
      held = all.slice(offset);
      return success(messages);
    },
  };
}

function readMessage(stream: number, payload: Uint8Array): IpaMessage {
  const [first] = payload;
  if (stream === STREAM.osmo && first === EXTENSION_GSUP) {
    return { kind: "gsup", payload: payload.subarray(1) };
  }
  if (stream !== STREAM.ccm) return { kind: "other" };
  switch (first) {
    case CCM.ping:
      return { kind: "ccm", message: "ping" };
    case CCM.pong:
      return { kind: "ccm", message: "pong" };
    case CCM.idGet:
      return { kind: "ccm", message: "idGet" };
    case CCM.idResponse:
      return { kind: "ccm", message: "idResponse" };
    case CCM.idAck:
      return { kind: "ccm", message: "idAck" };
    case undefined:
    default:
      return { kind: "other" };
  }
}

export function encodeGsupFrame(payload: Uint8Array): Bytes {
  return encodeFrame(STREAM.osmo, Uint8Array.of(EXTENSION_GSUP), payload);
}

export function encodeCcmFrame(message: Exclude<CcmMessage, "idGet" | "idResponse">): Bytes {
  return encodeFrame(STREAM.ccm, Uint8Array.of(CCM[message]));
}

/**
 * The answer to ID_GET. osmo-hlr takes the client's name from the serial number, and closes the
 * connection when the unit id is missing. `name` is ASCII.
 */
export function encodeIdResponse(name: string): Bytes {
  return encodeFrame(
    STREAM.ccm,
    Uint8Array.of(CCM.idResponse),
    encodeIdentity(ID_TAG.unitId, UNIT_ID),
    encodeIdentity(ID_TAG.unitName, name),
    encodeIdentity(ID_TAG.serialNumber, name),
  );
}

/** Length, 2 bytes, of tag, text and NUL. */
function encodeIdentity(tag: number, text: string): Bytes {
  const length = 1 + text.length + 1;
  const head = Uint8Array.of(length >> 8, length & 0xff, tag);
  return concatBytes(head, encodeAscii(text), Uint8Array.of(0));
}

function encodeFrame(stream: number, ...parts: readonly Uint8Array[]): Bytes {
  const payload = concatBytes(...parts);
  if (payload.length > FRAME_PAYLOAD_BYTES_MAX) throw new RangeError("an IPA frame is too long");
  const head = Uint8Array.of(payload.length >> 8, payload.length & 0xff, stream);
  return concatBytes(head, payload);
}

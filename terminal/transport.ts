/**
 * One command and its whole answer. A TF card or an identity module, T=0 style: chained commands
 * out (ISO 7816-4, 5.3.3), 6Cxx answered by the same command with the right Le (5.6), 61xx by GET
 * RESPONSE (7.6.1). An SD card: one APDU with extended lengths each way, in blocks of 512 bytes
 * (docs/protocol.md, section 7).
 */
import {
  chainCommand,
  type Command,
  continuation,
  decodeResponse,
  encodeExtendedCommand,
  type Response,
} from "#protocol/apdu";
import { SD_BLOCK_BYTES, SW } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes } from "#protocol/bytes";

/** A card slot: one command APDU in, one response APDU out, in order. */
export interface CardTransport {
  transmit(apdu: Uint8Array): Promise<Uint8Array>;
  /** Whole commands and answers with extended lengths; no chaining, no GET RESPONSE. */
  readonly extendedLengths?: true;
}

/** Where an SD card takes APDUs: whole blocks of 512 bytes in, whole blocks out. */
export interface BlockDevice {
  transmit(blocks: Uint8Array): Promise<Uint8Array>;
}

/** The longest answer is a certificate of 4 KiB. */
const RESPONSE_BYTES_MAX = 8192;
/** A card that keeps saying 61xx without sending anything is cut off here. */
const GET_RESPONSES_MAX = 64;
/** CLA INS P1 P2 and one length byte. */
const HEADER_BYTES = 5;
/** Before an APDU in blocks: its length. */
const FRAME_LENGTH_BYTES = 2;

/**
 * The slot of an SD card. A frame that is not as the card must write it reads as an empty answer,
 * which is no valid APDU.
 */
export function createSdTransport(device: BlockDevice): CardTransport {
  return {
    extendedLengths: true,
    transmit: async (apdu) => unframeBlocks(await device.transmit(frameBlocks(apdu))),
  };
}

function frameBlocks(apdu: Uint8Array): Bytes {
  const blocks = Math.ceil((FRAME_LENGTH_BYTES + apdu.length) / SD_BLOCK_BYTES);
  const frame = new Uint8Array(blocks * SD_BLOCK_BYTES);
  frame.set([apdu.length >> 8, apdu.length & 0xff]);
  frame.set(apdu, FRAME_LENGTH_BYTES);
  return frame;
}

/** As many blocks as the length needs, zeros behind the APDU; else empty. */
function unframeBlocks(frame: Uint8Array): Uint8Array {
  const [high = 0, low = 0] = frame;
  const end = FRAME_LENGTH_BYTES + high * 256 + low;
  const isWhole = frame.length === Math.ceil(end / SD_BLOCK_BYTES) * SD_BLOCK_BYTES;
  if (!isWhole || frame.subarray(end).some((byte) => byte !== 0)) return new Uint8Array(0);
  return frame.subarray(FRAME_LENGTH_BYTES, end);
}

/** The answer to `command` with all its parts; undefined when the card answers no valid APDU. */
export async function exchangeApdu(
  transport: CardTransport,
  command: Command,
): Promise<Response | undefined> {
  if (transport.extendedLengths === undefined) return exchangeInParts(transport, command);
  const response = decodeResponse(await transport.transmit(encodeExtendedCommand(command)));
  return (response?.data.length ?? 0) > RESPONSE_BYTES_MAX ? undefined : response;
}

async function exchangeInParts(
  transport: CardTransport,
  command: Command,
): Promise<Response | undefined> {
  const apdus = chainCommand(command);
  const last = apdus.pop();
  for (const apdu of apdus) {
    const part = decodeResponse(await transport.transmit(apdu));
    if (part === undefined || part.sw !== SW.success) return part;
  }
  if (last === undefined) return undefined;
  const first = await transmitWithRightLe(transport, last);
  return first === undefined ? undefined : collectAnswer(transport, command.cla, first);
}

async function collectAnswer(
  transport: CardTransport,
  cla: number,
  first: Response,
): Promise<Response | undefined> {
  let answer = first;
  for (let count = 0; ; count++) {
    const next = continuation(cla, answer.sw);
    if (next === undefined) return answer;
    if (count === GET_RESPONSES_MAX || answer.data.length > RESPONSE_BYTES_MAX) return undefined;
    const part = await transmitWithRightLe(transport, next);
    if (part === undefined) return undefined;
    const data = concatBytes(answer.data, part.data);
    // What a module answers holds CK and IK, so no copy but the returned one is left behind.
    answer.data.fill(0);
    part.data.fill(0);
    answer = { data, sw: part.sw };
  }
}

async function transmitWithRightLe(
  transport: CardTransport,
  apdu: Bytes,
): Promise<Response | undefined> {
  const response = decodeResponse(await transport.transmit(apdu));
  if (response === undefined || (response.sw & 0xff00) !== SW.wrongLe) return response;
  return decodeResponse(await transport.transmit(replaceLe(apdu, response.sw & 0xff)));
}

/** `apdu` with Le `le`, whether it had one (cases 2 and 4) or not (1 and 3). */
function replaceLe(apdu: Bytes, le: number): Bytes {
  const dataEnd = apdu.length <= HEADER_BYTES ? HEADER_BYTES - 1 : HEADER_BYTES + (apdu[4] ?? 0);
  return concatBytes(apdu.subarray(0, dataEnd), Uint8Array.of(le));
}

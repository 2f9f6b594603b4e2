/**
 * Command and response APDUs (ISO 7816-4, 5.1 and 5.4) as a terminal sends them: short lengths,
 * command chaining for long data, GET RESPONSE for long answers; or extended lengths.
 */
import { CLA, INS, SW } from "./assigned-numbers.ts";
import { type Bytes, concatBytes } from "./bytes.ts";

/** Lc of a short command is one byte. */
const SHORT_DATA_BYTES_MAX = 255;
/** Lc of an extended command is two bytes after a zero. */
const EXTENDED_DATA_BYTES_MAX = 0xffff;

export interface Command {
  readonly cla: number;
  readonly ins: number;
  /** P1 in the high byte, P2 in the low byte. */
  readonly p1p2: number;
  readonly data?: Uint8Array;
  /** Expected length of a short answer, 1 to 256; absent when none is expected. */
  readonly le?: number;
}

export interface Response {
  readonly data: Bytes;
  readonly sw: number;
}

function encodeCommand(command: Command): Bytes {
  const data = command.data ?? new Uint8Array(0);
  if (data.length > SHORT_DATA_BYTES_MAX) throw new RangeError("data exceeds a short APDU");
  return concatBytes(
    Uint8Array.of(command.cla, command.ins, command.p1p2 >> 8, command.p1p2 & 0xff),
    data.length > 0 ? concatBytes(Uint8Array.of(data.length), data) : data,
    command.le === undefined ? new Uint8Array(0) : Uint8Array.of(command.le & 0xff),
  );
}

/** The commands that carry `command`, all but the last with the chaining bit (5.3.3). */
export function chainCommand(command: Command): Bytes[] {
  const data = command.data ?? new Uint8Array(0);
  const commands: Bytes[] = [];
  let offset = 0;
  while (data.length - offset > SHORT_DATA_BYTES_MAX) {
    const part = data.subarray(offset, offset + SHORT_DATA_BYTES_MAX);
    const { ins, p1p2 } = command;
    commands.push(encodeCommand({ cla: command.cla | CLA.chaining, ins, p1p2, data: part }));
    offset += SHORT_DATA_BYTES_MAX;
  }
  commands.push(encodeCommand({ ...command, data: data.subarray(offset) }));
  return commands;
}

/**
 * The whole command in one APDU with extended lengths: case 1, 2E, 3E or 4E (5.1, table 5). Le,
 * where an answer is expected, is 0000: as long as the answer is.
 */
export function encodeExtendedCommand(command: Command): Bytes {
  const data = command.data ?? new Uint8Array(0);
  if (data.length > EXTENDED_DATA_BYTES_MAX) throw new RangeError("data exceeds an extended APDU");
  const lc =
    data.length === 0 ? [] : [Uint8Array.of(0, data.length >> 8, data.length & 0xff), data];
  const leBytes = data.length === 0 ? 3 : 2;
  return concatBytes(
    Uint8Array.of(command.cla, command.ins, command.p1p2 >> 8, command.p1p2 & 0xff),
    ...lc,
    new Uint8Array(command.le === undefined ? 0 : leBytes),
  );
}

export function decodeResponse(bytes: Uint8Array): Response | undefined {
  if (bytes.length < 2) return undefined;
  const end = bytes.length - 2;
  return {
    data: new Uint8Array(bytes.subarray(0, end)),
    sw: (bytes[end] ?? 0) * 256 + (bytes[end + 1] ?? 0),
  };
}

/** What to send next when a card has more to say: 61xx asks for GET RESPONSE. */
export function continuation(cla: number, sw: number): Bytes | undefined {
  if ((sw & 0xff00) !== SW.bytesRemaining) return undefined;
  const le = sw & 0xff;
  return encodeCommand({
    cla: cla & ~CLA.proprietary,
    ins: INS.getResponse,
    p1p2: 0,
    le: le === 0 ? 256 : le,
  });
}

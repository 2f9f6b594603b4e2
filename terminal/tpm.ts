/**
 * TPM 2.0 commands and responses as bytes (Trusted Platform Module Library, Part 1, section 18;
 * codes in Part 2, 6.6). What carries them is injected: a socket, a device file, anything.
 */
import { type Bytes, concatBytes } from "#protocol/bytes";
import { encodeSized, encodeU16, encodeU32, TPM_RH } from "#protocol/tpm";
import { CardError } from "./card.ts";

/** One whole command to the TPM; gives its whole response. */
export interface TpmTransport {
  transmit(command: Uint8Array): Promise<Uint8Array>;
}

const TAG_NO_SESSIONS = 0x8001;
const TAG_SESSIONS = 0x8002;
const HEADER_BYTES = 10;

/** TPM_RC of format one, the low six bits (Part 2, table 16), as far as this card can meet them. */
const FORMAT_ONE: Readonly<Record<number, string>> = {
  0x04: "TPM_RC_VALUE",
  0x05: "TPM_RC_HIERARCHY",
  0x0b: "TPM_RC_HANDLE",
  0x0e: "TPM_RC_AUTH_FAIL",
  0x15: "TPM_RC_SIZE",
  0x18: "TPM_RC_BINDING",
  0x1a: "TPM_RC_INSUFFICIENT",
  0x1b: "TPM_RC_SIGNATURE",
  0x1c: "TPM_RC_KEY",
  0x1d: "TPM_RC_POLICY_FAIL",
  0x1f: "TPM_RC_INTEGRITY",
  0x20: "TPM_RC_TICKET",
  0x22: "TPM_RC_BAD_AUTH",
  0x23: "TPM_RC_EXPIRED",
  0x24: "TPM_RC_POLICY_CC",
};

/** TPM_RC of format zero: version 2 errors (table 15) and warnings (table 17). */
const FORMAT_ZERO: Readonly<Record<number, string>> = {
  0x100: "TPM_RC_INITIALIZE",
  0x101: "TPM_RC_FAILURE",
  0x124: "TPM_RC_AUTH_TYPE",
  0x125: "TPM_RC_AUTH_MISSING",
  0x126: "TPM_RC_POLICY",
  0x12f: "TPM_RC_AUTH_UNAVAILABLE",
  0x143: "TPM_RC_COMMAND_CODE",
  0x146: "TPM_RC_NV_RANGE",
  0x148: "TPM_RC_NV_LOCKED",
  0x149: "TPM_RC_NV_AUTHORIZATION",
  0x14a: "TPM_RC_NV_UNINITIALIZED",
  0x14b: "TPM_RC_NV_SPACE",
  0x14c: "TPM_RC_NV_DEFINED",
  0x901: "TPM_RC_CONTEXT_GAP",
  0x902: "TPM_RC_OBJECT_MEMORY",
  0x903: "TPM_RC_SESSION_MEMORY",
  0x904: "TPM_RC_MEMORY",
  0x905: "TPM_RC_SESSION_HANDLES",
  0x910: "TPM_RC_REFERENCE_H0",
  0x918: "TPM_RC_REFERENCE_S0",
  0x920: "TPM_RC_NV_RATE",
  0x921: "TPM_RC_LOCKOUT",
  0x922: "TPM_RC_RETRY",
  0x923: "TPM_RC_NV_UNAVAILABLE",
};

/** The TPM_RC's name, without the number of the handle, session or parameter that it is about. */
export function nameTpmRc(rc: number): string {
  const isFormatOne = (rc & 0x080) !== 0;
  const name = isFormatOne ? FORMAT_ONE[rc & 0x3f] : FORMAT_ZERO[rc];
  return name ?? `TPM_RC 0x${rc.toString(16)}`;
}

/** The TPM said no; a CardError, so that whoever drives any card need not know of TPMs. */
export class TpmError extends CardError {
  readonly rc: number;
  readonly rcName: string;

  constructor(command: string, rc: number) {
    const rcName = nameTpmRc(rc);
    super("refused", command, undefined, new Error(`${rcName} (0x${rc.toString(16)})`));
    this.name = "TpmError";
    this.rc = rc;
    this.rcName = rcName;
  }
}

/** Reads a response front to back; each read gives undefined past the end. */
export class TpmReader {
  private offset = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  take(length: number): Bytes | undefined {
    const end = this.offset + length;
    if (end > this.bytes.length) return undefined;
    const out = new Uint8Array(this.bytes.subarray(this.offset, end));
    this.offset = end;
    return out;
  }

  integer(length: 1 | 2 | 4): number | undefined {
    return this.take(length)?.reduce((value, byte) => value * 256 + byte, 0);
  }

  sized(): Bytes | undefined {
    const length = this.integer(2);
    return length === undefined ? undefined : this.take(length);
  }

  rest(): Bytes {
    return this.take(this.bytes.length - this.offset) ?? new Uint8Array(0);
  }
}

export interface TpmCommand {
  readonly name: string;
  readonly code: number;
  readonly handles?: readonly number[];
  /** Sessions that authorise the first handles, in order; TPM_RH.password stands for no value. */
  readonly sessions?: readonly number[];
  readonly parameters?: readonly Uint8Array[];
  /** The response starts with a handle. */
  readonly hasHandle?: boolean;
}

export interface TpmResponse {
  /** 0 when there is none. */
  readonly handle: number;
  readonly parameters: TpmReader;
}

/** TPMS_AUTH_COMMAND (Part 2, 10.13.2) of a password or policy session that needs no HMAC. */
function encodeSession(handle: number): Bytes {
  const nothing = encodeSized(new Uint8Array(0));
  const isPassword = handle === TPM_RH.password;
  return concatBytes(encodeU32(handle), nothing, Uint8Array.of(isPassword ? 0 : 1), nothing);
}

export function encodeTpmCommand(command: TpmCommand): Bytes {
  const { sessions = [], handles = [], parameters = [] } = command;
  const area = concatBytes(...sessions.map(encodeSession));
  const body = concatBytes(
    ...handles.map(encodeU32),
    ...(sessions.length === 0 ? [] : [encodeU32(area.length), area]),
    ...parameters,
  );
  const tag = sessions.length === 0 ? TAG_NO_SESSIONS : TAG_SESSIONS;
  const size = encodeU32(HEADER_BYTES + body.length);
  return concatBytes(encodeU16(tag), size, encodeU32(command.code), body);
}

/** Throws TpmError for a TPM_RC, CardError for what is no response or never came. */
export async function runTpmCommand(
  transport: TpmTransport,
  command: TpmCommand,
): Promise<TpmResponse> {
  let bytes;
  try {
    bytes = await transport.transmit(encodeTpmCommand(command));
  } catch (error) {
    throw new CardError("transport", command.name, undefined, error);
  }
  return decodeTpmResponse(command, bytes);
}

export function decodeTpmResponse(command: TpmCommand, bytes: Uint8Array): TpmResponse {
  const reader = new TpmReader(bytes);
  const tag = reader.integer(2);
  const size = reader.integer(4);
  const rc = reader.integer(4);
  if (tag === undefined || rc === undefined || size !== bytes.length) throw malformed(command);
  if (rc !== 0) throw new TpmError(command.name, rc);
  const hasSessions = (command.sessions ?? []).length > 0;
  if (tag !== (hasSessions ? TAG_SESSIONS : TAG_NO_SESSIONS)) throw malformed(command);
  const handle = command.hasHandle === true ? reader.integer(4) : 0;
  if (handle === undefined) throw malformed(command);
  if (!hasSessions) return { handle, parameters: reader };
  const length = reader.integer(4);
  const parameters = length === undefined ? undefined : reader.take(length);
  if (parameters === undefined) throw malformed(command);
  return { handle, parameters: new TpmReader(parameters) };
}

function malformed({ name }: TpmCommand): CardError {
  return new CardError("malformed", name);
}

/** The value, or the error of a response that ended too early. */
export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new CardError("malformed", name);
  return value;
}

/**
 * Command and response APDUs as they cross a T=0 interface (ISO 7816-3 section 12.2, TS 102 221
 * section 7.3).
 *
 *   case 1, 2  CLA INS P1 P2 [P3]            P3 = Le, absent means 00 as ISO 7816-3 maps case 1
 *   case 3     CLA INS P1 P2 P3 data         P3 = Lc
 *   case 4     CLA INS P1 P2 P3 data [Le]    Le never reaches a T=0 card; accepted and ignored
 */

/** Status words of TS 102 221 section 10.2.1 and TS 31.102 section 7.3 that this card gives. */
export const SW = {
  ok: 0x9000,
  wrongLength: 0x6700,
  logicalChannelNotSupported: 0x6881,
  secureMessagingNotSupported: 0x6882,
  incompatibleWithFileStructure: 0x6981,
  securityStatusNotSatisfied: 0x6982,
  pinBlocked: 0x6983,
  pinDisabled: 0x6984,
  conditionsNotSatisfied: 0x6985,
  noEfSelected: 0x6986,
  wrongData: 0x6a80,
  fileNotFound: 0x6a82,
  recordNotFound: 0x6a83,
  wrongP1P2: 0x6a86,
  referencedDataNotFound: 0x6a88,
  offsetOutsideEf: 0x6b00,
  instructionNotSupported: 0x6d00,
  classNotSupported: 0x6e00,
  macFailure: 0x9862,
  securityContextNotSupported: 0x9864,
} as const;

/** 61xx: xx bytes wait for GET RESPONSE. */
export const SW_RESPONSE_WAITING = 0x6100;
/** 6Cxx: wrong Le, the right one is xx. */
export const SW_WRONG_LE = 0x6c00;
/** 63Cx: x further tries. */
export const SW_TRIES_LEFT = 0x63c0;

const HEADER_BYTES = 4;
/** Header with P3. */
const COMMAND_HEADER_BYTES = 5;

export type CommandApdu = {
  readonly cla: number;
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  /** Lc or Le, 00 to FF as sent; as Le, 00 stands for 256. */
  readonly p3: number;
  /** Everything after P3, not yet compared with P3. */
  readonly body: Uint8Array;
};

/** The four ISO 7816-4 command cases, of which a USIM's commands are 2, 3 or 4. */
export type CommandCase = 2 | 3 | 4;

/** Returns undefined when there is no complete header. */
export function parseApdu(bytes: Uint8Array): CommandApdu | undefined {
  const [cla, ins, p1, p2, p3 = 0] = bytes;
  if (bytes.length < HEADER_BYTES) return undefined;
  if (cla === undefined || ins === undefined || p1 === undefined || p2 === undefined) {
    return undefined;
  }
  return { cla, ins, p1, p2, p3, body: bytes.slice(COMMAND_HEADER_BYTES) };
}

/** Whether P3 and the body agree for a command of this case. */
export function isFramed(apdu: CommandApdu, commandCase: CommandCase): boolean {
  const length = apdu.body.length;
  if (commandCase === 2) return length === 0;
  if (length === apdu.p3) return true;
  return commandCase === 4 && apdu.p3 > 0 && length === apdu.p3 + 1;
}

/** The Lc bytes of a command of case 3 or 4. */
export function commandData(apdu: CommandApdu): Uint8Array {
  return apdu.body.subarray(0, apdu.p3);
}

/** Response APDU: data, then SW1 SW2. */
export function respond(sw: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  return new Uint8Array([...data, sw >> 8, sw & 0xff]);
}

/** Answers a case 2 command whose Le must be the whole length of `data` (1 to 255 bytes). */
export function respondExactly(le: number, data: Uint8Array): Uint8Array {
  return le === data.length ? respond(SW.ok, data) : respond(SW_WRONG_LE | data.length);
}

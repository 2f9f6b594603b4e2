/**
 * A USIM on a UICC, as seen across its T=0 interface (TS 31.102, ETSI TS 102 221).
 *
 * It stands for a real card and shares no code with the platform. What it does differently from a
 * real one, on purpose:
 * - data of a case 4 command (SELECT, AUTHENTICATE) never comes back directly: the answer is 61xx
 *   and GET RESPONSE fetches it, also when the caller appends Le as under T=1;
 * - one logical channel (others, and MANAGE CHANNEL, 6881) and no secure messaging (6882);
 * - class A0, the SIM of TS 51.011, is answered 6E00 unless the profile asks for it; then both
 *   classes share the PIN's value and counters, and each keeps its own current files and VERIFY;
 * - files are read-only, and there is no toolkit: such commands are answered 6D00.
 */
import { createA0Card } from "./a0-card.ts";
import { resetA0, transmitA0 } from "./a0-commands.ts";
import { createAkaFunctions } from "./aka-functions.ts";
import type { AkaProfile } from "./aka-functions.ts";
import { SW, isFramed, parseApdu, respond } from "./apdu.ts";
import type { CommandApdu, CommandCase } from "./apdu.ts";
import { authenticate } from "./authenticate.ts";
import { createSession } from "./card.ts";
import type { Card } from "./card.ts";
import { convertKeys, convertRes } from "./conversions.ts";
import { createFileSystem } from "./file-system.ts";
import { getResponse } from "./get-response.ts";
import { createGsmCommands, createGsmFiles } from "./gsm-application.ts";
import { createPinState, snapshotPin, unblockPin, verifyPin } from "./pin.ts";
import type { PinSnapshot } from "./pin.ts";
import { readBinary, readRecord } from "./read.ts";
import { select, status } from "./select.ts";
import { createSqnArray } from "./sqn-array.ts";

/** A subscription as the operator personalises it. */
export type UsimProfile = AkaProfile & {
  /** 6 to 15 digits. */
  readonly imsi: string;
  /** 18 to 20 digits. */
  readonly iccid: string;
  readonly mncLength: 2 | 3;
  /** Bits of IND in SQN, 5 by default. */
  readonly indBits?: number | undefined;
  /** Delta of TS 33.102 Annex C.2.1, 2^28 by default; null switches the check off. */
  readonly deltaSeq?: number | null | undefined;
  /** L of TS 33.102 Annex C.2.3; off by default. */
  readonly ageLimitSeq?: number | null | undefined;
  /** SEQ_MS of a card that was used before, 2^indBits values; all zero by default. */
  readonly seqMs?: readonly number[] | undefined;
  /** PIN1, 4 to 8 digits; without it PIN1 is disabled. */
  readonly pin?: string | undefined;
  /** Unblock key of PIN1, 8 digits; without it UNBLOCK PIN is answered 6A88. */
  readonly puk?: string | undefined;
  /** EF_SPN, 1 to 16 letters or digits. */
  readonly spn?: string | undefined;
  /** UST service 27: AUTHENTICATE in the 3G context also returns Kc. Off by default. */
  readonly gsmAccess?: boolean | undefined;
  /** UST service 38: AUTHENTICATE in the GSM context is allowed. Off by default. */
  readonly gsmSecurityContext?: boolean | undefined;
  /** The card is a SIM in class A0 (TS 102 221, annex B). Off by default. */
  readonly gsmMode?: boolean | undefined;
};

/** The non-volatile state, plain JSON. `pin` is null when PIN1 is disabled. */
export type UsimState = { readonly seqMs: readonly number[]; readonly pin: PinSnapshot | null };

export type Usim = {
  /**
   * Answers any bytes with response data, then SW1 SW2; never throws, keeps no reference to `apdu`.
   */
  readonly transmit: (apdu: Uint8Array) => Uint8Array;
  /** Ends the card session and returns the ATR; SEQ_MS and the PIN counters stay. */
  readonly reset: () => Uint8Array;
  /** A copy of the non-volatile state, to persist or to compare. */
  readonly snapshot: () => UsimState;
};

type Command = {
  readonly commandCase: CommandCase;
  readonly run: (card: Card, apdu: CommandApdu) => Uint8Array;
};

/** Commands of the interindustry class 00 by instruction. */
const COMMANDS_CLASS_00: ReadonlyMap<number, Command> = new Map<number, Command>([
  [0x20, { commandCase: 3, run: verifyPin }],
  [0x2c, { commandCase: 3, run: unblockPin }],
  [0x88, { commandCase: 4, run: authenticate }],
  [0xa4, { commandCase: 4, run: select }],
  [0xb0, { commandCase: 2, run: readBinary }],
  [0xb2, { commandCase: 2, run: readRecord }],
  [0xc0, { commandCase: 2, run: getResponse }],
]);
/** Commands of the class 80 of TS 102 221. */
const COMMANDS_CLASS_80: ReadonlyMap<number, Command> = new Map<number, Command>([
  [0xf2, { commandCase: 2, run: status }],
]);

const CLA_A0 = 0xa0;
const INS_MANAGE_CHANNEL = 0x70;
const INS_GET_RESPONSE = 0xc0;

/**
 * Makes a card; `state` continues one that `snapshot` was taken of.
 * Throws when the profile is no valid personalisation.
 */
export function createUsim(profile: UsimProfile, state?: UsimState): Usim {
  const card = createCard(profile, state);
  const sim = profile.gsmMode === true ? createSimSide(card, profile) : undefined;
  return {
    transmit: (bytes) =>
      sim !== undefined && bytes[0] === CLA_A0 ? sim.transmit(bytes) : transmit(card, bytes),
    reset: () => {
      Object.assign(card.session, createSession(card.fileSystem));
      sim?.reset();
      return encodeAtr();
    },
    snapshot: () => snapshotCard(card),
  };
}

function createCard(profile: UsimProfile, state: UsimState | undefined): Card {
  const gsmAccess = profile.gsmAccess ?? false;
  const gsmSecurityContext = profile.gsmSecurityContext ?? false;
  const fileSystem = createFileSystem({ ...profile, gsmAccess, gsmSecurityContext });
  return {
    aka: createAkaFunctions(profile),
    fileSystem,
    sqnArray: createSqnArray({ ...profile, seqMs: state?.seqMs ?? profile.seqMs }),
    pin:
      profile.pin === undefined
        ? undefined
        : createPinState(profile.pin, profile.puk, state?.pin ?? undefined),
    gsmAccess,
    gsmSecurityContext,
    session: createSession(fileSystem),
  };
}

/** The SIM beside the USIM: the same subscription and PIN; SRES and Kc by c2 and c3 (TS 33.102). */
function createSimSide(
  { aka, pin }: Card,
  profile: UsimProfile,
): { readonly transmit: (bytes: Uint8Array) => Uint8Array; readonly reset: () => void } {
  const a0 = createA0Card(createGsmFiles(profile), pin);
  const commands = createGsmCommands(a0, (rand) => ({
    sres: convertRes(aka.f2(rand)),
    kc: convertKeys(aka.f3(rand), aka.f4(rand)),
  }));
  return {
    transmit: (bytes) => transmitA0(a0, commands, bytes),
    reset: () => void resetA0(a0),
  };
}

function snapshotCard(card: Card): UsimState {
  return { seqMs: [...card.sqnArray.seqMs], pin: snapshotPin(card.pin) };
}

/** Checks in the order a card sees the header: length, class, instruction, P3; then the command. */
function transmit(card: Card, bytes: Uint8Array): Uint8Array {
  const apdu = parseApdu(bytes);
  if (!isGetResponse(apdu)) card.session.pendingResponse = undefined;
  if (apdu === undefined) return respond(SW.wrongLength);
  const refusal = checkClass(apdu.cla);
  if (refusal !== undefined) return respond(refusal);
  if (apdu.cla === 0x00 && apdu.ins === INS_MANAGE_CHANNEL) {
    return respond(SW.logicalChannelNotSupported);
  }
  const commands = apdu.cla === 0x00 ? COMMANDS_CLASS_00 : COMMANDS_CLASS_80;
  const command = commands.get(apdu.ins);
  if (command === undefined) return respond(SW.instructionNotSupported);
  if (!isFramed(apdu, command.commandCase)) return respond(SW.wrongLength);
  return command.run(card, apdu);
}

/** The response data outlive only a GET RESPONSE, and one of the right shape and class. */
function isGetResponse(apdu: CommandApdu | undefined): boolean {
  return apdu?.cla === 0x00 && apdu.ins === INS_GET_RESPONSE && apdu.body.length === 0;
}

/**
 * Class byte of TS 102 221 section 10.1.1: 0X and 8X carry secure messaging in bits 4 and 3 and
 * channels 0 to 3 in bits 2 and 1; 4X, 6X, CX and EX address channels 4 to 19.
 */
function checkClass(cla: number): number | undefined {
  switch (cla & 0xf0) {
    case 0x00:
    case 0x80:
      if ((cla & 0x03) !== 0) return SW.logicalChannelNotSupported;
      return (cla & 0x0c) === 0 ? undefined : SW.secureMessagingNotSupported;
    case 0x40:
    case 0x60:
    case 0xc0:
    case 0xe0:
      return SW.logicalChannelNotSupported;
    default:
      return SW.classNotSupported;
  }
}

/**
 * ATR (ISO 7816-3 section 8, TS 102 221 section 6.3): direct convention, TA1 96 (F 512, D 32), T=0,
 * T=15 with TA3 C7 (clock stop, classes A, B, C), historical bytes, TCK.
 */
function encodeAtr(): Uint8Array {
  // ISO 7816-4 section 12.1.1: 80, compact TLV objects follow and no status.
  // 31, card service data: selection by full and partial AID, EF_DIR in BER-TLV, read by record.
  const cardServiceData = [0x31, 0xe0];
  // 73, capabilities: selection by AID, path and identifier; SFI; record numbers; no channels.
  const cardCapabilities = [0x73, 0xf6, 0x21, 0x00];
  const historicalBytes = [0x80, ...cardServiceData, ...cardCapabilities];
  const interfaceBytes = [0x96, 0x80, 0x1f, 0xc7];
  const checked = [0x90 | historicalBytes.length, ...interfaceBytes, ...historicalBytes];
  const tck = checked.reduce((sum, byte) => sum ^ byte, 0);
  return new Uint8Array([0x3b, ...checked, tck]);
}

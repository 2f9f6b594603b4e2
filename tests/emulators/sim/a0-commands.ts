/** How a card of the class A0 takes a command (TS 51.011 section 9). */
import { SW_A0, createA0Session } from "./a0-card.ts";
import type { A0Card } from "./a0-card.ts";
import { unblockChv, verifyChv } from "./a0-chv.ts";
import { getResponseA0, readBinaryA0, selectA0, statusA0 } from "./a0-files.ts";
import { isFramed, parseApdu, respond } from "./apdu.ts";
import type { CommandApdu, CommandCase } from "./apdu.ts";

const CLA_A0 = 0xa0;
const INS_GET_RESPONSE = 0xc0;

export type A0Command = {
  readonly commandCase: CommandCase;
  readonly run: (apdu: CommandApdu) => Uint8Array;
};

/** The commands of every card of this class, by instruction. */
export function createA0Commands(card: A0Card): [number, A0Command][] {
  return [
    [0x20, { commandCase: 3, run: (apdu) => verifyChv(card, apdu) }],
    [0x2c, { commandCase: 3, run: (apdu) => unblockChv(card, apdu) }],
    [0xa4, { commandCase: 4, run: (apdu) => selectA0(card, apdu) }],
    [0xb0, { commandCase: 2, run: (apdu) => readBinaryA0(card, apdu) }],
    [INS_GET_RESPONSE, { commandCase: 2, run: (apdu) => getResponseA0(card, apdu) }],
    [0xf2, { commandCase: 2, run: (apdu) => statusA0(card, apdu) }],
  ];
}

/** Checks in the order a card sees the header: length, class, instruction, P3; then the command. */
export function transmitA0(
  card: A0Card,
  commands: ReadonlyMap<number, A0Command>,
  bytes: Uint8Array,
): Uint8Array {
  const apdu = parseApdu(bytes);
  if (!isGetResponse(apdu)) card.session.pendingResponse = undefined;
  if (apdu === undefined) return respond(SW_A0.wrongP3);
  if (apdu.cla !== CLA_A0) return respond(SW_A0.classNotSupported);
  const command = commands.get(apdu.ins);
  if (command === undefined) return respond(SW_A0.instructionNotSupported);
  if (!isFramed(apdu, command.commandCase)) return respond(SW_A0.wrongP3);
  return command.run(apdu);
}

/** Ends the card session; returns the ATR (ISO 7816-3 section 8): direct convention, T=0. */
export function resetA0(card: A0Card): Uint8Array {
  Object.assign(card.session, createA0Session(card.mf));
  return Uint8Array.of(0x3b, 0x00);
}

/** The response data outlive only a GET RESPONSE, and one of the right shape and class. */
function isGetResponse(apdu: CommandApdu | undefined): boolean {
  return apdu?.cla === CLA_A0 && apdu.ins === INS_GET_RESPONSE && apdu.body.length === 0;
}

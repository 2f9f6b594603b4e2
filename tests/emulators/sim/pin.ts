/**
 * VERIFY PIN and UNBLOCK PIN (TS 102 221 sections 11.1.9 and 11.1.13) for PIN1, key reference 01.
 *
 * A command without data asks for the counter: 63Cx while verification is needed, 9000 when it is
 * not (ISO 7816-4 section 11.5.6), 6983 when blocked.
 */
import { SW, SW_TRIES_LEFT, commandData, respond } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import type { Card, PinState } from "./card.ts";
import { encodeAscii, padBytes } from "./ef-coding.ts";

const KEY_REFERENCE_PIN1 = 0x01;
export const PIN_BYTES = 8;
/** TS 102 221 section 9.5.2. */
export const PIN_TRIES = 3;
export const PUK_TRIES = 10;

/** A PIN as persisted: the value may differ from the profile's after UNBLOCK PIN. */
export type PinSnapshot = {
  readonly value: string;
  readonly triesLeft: number;
  readonly pukTriesLeft: number;
};

/** Throws when `pin` is not 4 to 8 digits or `puk` not 8 digits. */
export function createPinState(
  pin: string,
  puk: string | undefined,
  snapshot: PinSnapshot | undefined,
): PinState {
  const value = snapshot?.value ?? pin;
  if (!/^\d{4,8}$/u.test(value)) throw new Error("pin must be 4 to 8 digits");
  if (puk !== undefined && !/^\d{8}$/u.test(puk)) throw new Error("puk must be 8 digits");
  return {
    value,
    triesLeft: snapshot?.triesLeft ?? PIN_TRIES,
    puk,
    pukTriesLeft: snapshot?.pukTriesLeft ?? PUK_TRIES,
  };
}

/** Null when PIN1 is disabled. */
export function snapshotPin(pin: PinState | undefined): PinSnapshot | null {
  if (pin === undefined) return null;
  return { value: pin.value, triesLeft: pin.triesLeft, pukTriesLeft: pin.pukTriesLeft };
}

export function verifyPin(card: Card, apdu: CommandApdu): Uint8Array {
  const refusal = checkReference(apdu);
  if (refusal !== undefined) return respond(refusal);
  const { pin, session } = card;
  const data = commandData(apdu);
  if (data.length === 0) {
    return pin === undefined || session.pinVerified
      ? respond(SW.ok)
      : respondTriesLeft(pin.triesLeft);
  }
  if (data.length !== PIN_BYTES) return respond(SW.wrongLength);
  if (pin === undefined) return respond(SW.pinDisabled);
  if (pin.triesLeft === 0) return respond(SW.pinBlocked);
  session.pinVerified = matchesPin(data, pin.value);
  pin.triesLeft = session.pinVerified ? PIN_TRIES : pin.triesLeft - 1;
  return respond(session.pinVerified ? SW.ok : SW_TRIES_LEFT | pin.triesLeft);
}

/** Data: PUK (8 bytes), new PIN (8 bytes). Success also verifies the PIN. */
export function unblockPin(card: Card, apdu: CommandApdu): Uint8Array {
  const refusal = checkReference(apdu);
  if (refusal !== undefined) return respond(refusal);
  const { pin, session } = card;
  const data = commandData(apdu);
  if (data.length !== 0 && data.length !== 2 * PIN_BYTES) return respond(SW.wrongLength);
  if (pin === undefined) return respond(SW.pinDisabled);
  if (pin.puk === undefined) return respond(SW.referencedDataNotFound);
  if (data.length === 0 || pin.pukTriesLeft === 0) return respondTriesLeft(pin.pukTriesLeft);
  const newPin = decodePin(data.subarray(PIN_BYTES));
  if (newPin === undefined) return respond(SW.wrongData);
  if (!matchesPin(data.subarray(0, PIN_BYTES), pin.puk)) {
    pin.pukTriesLeft -= 1;
    return respond(SW_TRIES_LEFT | pin.pukTriesLeft);
  }
  pin.value = newPin;
  pin.triesLeft = PIN_TRIES;
  pin.pukTriesLeft = PUK_TRIES;
  session.pinVerified = true;
  return respond(SW.ok);
}

/** P1 is 00; P2 names a key, of which this card has only PIN1. */
function checkReference(apdu: CommandApdu): number | undefined {
  if (apdu.p1 !== 0x00) return SW.wrongP1P2;
  return apdu.p2 === KEY_REFERENCE_PIN1 ? undefined : SW.referencedDataNotFound;
}

function respondTriesLeft(triesLeft: number): Uint8Array {
  return respond(triesLeft === 0 ? SW.pinBlocked : SW_TRIES_LEFT | triesLeft);
}

export function matchesPin(presented: Uint8Array, value: string): boolean {
  return presented.toHex() === padBytes(encodeAscii(value), PIN_BYTES).toHex();
}

/** 4 to 8 ASCII digits followed by FF filler, 8 bytes; undefined for anything else. */
export function decodePin(bytes: Uint8Array): string | undefined {
  const match = /^((?:3\d){4,8})(?:ff)*$/u.exec(bytes.toHex());
  return match?.[1]?.replaceAll(/3(\d)/gu, "$1");
}

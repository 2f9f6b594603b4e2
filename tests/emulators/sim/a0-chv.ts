/** VERIFY CHV and UNBLOCK CHV (TS 51.011 sections 8.9 and 8.13) for CHV1. There is no CHV2. */
import { SW_A0 } from "./a0-card.ts";
import type { A0Card } from "./a0-card.ts";
import { commandData, respond } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import { PIN_BYTES, PIN_TRIES, PUK_TRIES, decodePin, matchesPin } from "./pin.ts";

/** P2 of VERIFY CHV. */
const CHV1 = 0x01;
/** P2 of UNBLOCK CHV: "CHV1" is 00 here (section 9.2.13). */
const UNBLOCK_CHV1 = 0x00;

export function verifyChv(card: A0Card, apdu: CommandApdu): Uint8Array {
  const { chv, session } = card;
  const refusal = checkReference(apdu, CHV1);
  if (refusal !== undefined) return respond(refusal);
  const data = commandData(apdu);
  if (data.length !== PIN_BYTES) return respond(SW_A0.wrongP3 | PIN_BYTES);
  if (chv === undefined) return respond(SW_A0.contradictsChvStatus);
  if (chv.triesLeft === 0) return respond(SW_A0.chvBlocked);
  session.chvVerified = matchesPin(data, chv.value);
  chv.triesLeft = session.chvVerified ? PIN_TRIES : chv.triesLeft - 1;
  return respond(session.chvVerified ? SW_A0.ok : refuseWith(chv.triesLeft));
}

/** Data: UNBLOCK CHV (8 bytes), new CHV1 (8 bytes). Success also verifies CHV1. */
export function unblockChv(card: A0Card, apdu: CommandApdu): Uint8Array {
  const { chv, session } = card;
  const refusal = checkReference(apdu, UNBLOCK_CHV1);
  if (refusal !== undefined) return respond(refusal);
  const data = commandData(apdu);
  if (data.length !== 2 * PIN_BYTES) return respond(SW_A0.wrongP3 | (2 * PIN_BYTES));
  if (chv === undefined) return respond(SW_A0.contradictsChvStatus);
  if (chv.puk === undefined) return respond(SW_A0.noChvInitialised);
  if (chv.pukTriesLeft === 0) return respond(SW_A0.chvBlocked);
  const newValue = decodePin(data.subarray(PIN_BYTES));
  if (newValue === undefined) return respond(SW_A0.noDiagnostic);
  if (!matchesPin(data.subarray(0, PIN_BYTES), chv.puk)) {
    chv.pukTriesLeft -= 1;
    return respond(refuseWith(chv.pukTriesLeft));
  }
  Object.assign(chv, { value: newValue, triesLeft: PIN_TRIES, pukTriesLeft: PUK_TRIES });
  session.chvVerified = true;
  return respond(SW_A0.ok);
}

/** P1 is 00; P2 names a CHV, of which this card has only CHV1. */
function checkReference(apdu: CommandApdu, chv1: number): number | undefined {
  if (apdu.p1 !== 0x00) return SW_A0.wrongP1P2;
  return apdu.p2 === chv1 ? undefined : SW_A0.noChvInitialised;
}

function refuseWith(triesLeft: number): number {
  return triesLeft === 0 ? SW_A0.chvBlocked : SW_A0.accessDenied;
}

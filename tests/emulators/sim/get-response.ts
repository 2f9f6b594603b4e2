/** GET RESPONSE: how a T=0 card hands over data of case 4 commands (TS 102 221 section 7.3.1.1). */
import { SW, SW_RESPONSE_WAITING, SW_WRONG_LE, respond } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import type { Card } from "./card.ts";

/** Keeps `data` (1 to 255 bytes) for GET RESPONSE and answers 61xx. */
export function respondLater(card: Card, data: Uint8Array): Uint8Array {
  card.session.pendingResponse = data;
  return respond(SW_RESPONSE_WAITING | data.length);
}

/** Only the exact Le is served; 6Cxx keeps the data waiting, every other answer drops it. */
export function getResponse(card: Card, apdu: CommandApdu): Uint8Array {
  const pending = card.session.pendingResponse;
  card.session.pendingResponse = undefined;
  if (apdu.p1 !== 0x00 || apdu.p2 !== 0x00) return respond(SW.wrongP1P2);
  if (pending === undefined) return respond(SW.conditionsNotSatisfied);
  if (apdu.p3 === pending.length) return respond(SW.ok, pending);
  card.session.pendingResponse = pending;
  return respond(SW_WRONG_LE | pending.length);
}

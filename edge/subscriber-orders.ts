/**
 * A report on a subscriber, its withdrawal, or a move, at every IND slot of the IMSI (invariant
 * I11). Gives the highest SEQ of each slot. Done when each slot has recorded it and every
 * "verified" that one of them said before has run out: until then a card's writer somewhere may
 * still commit a SUCCESS on such a word.
 */
import { subscriberObject } from "./access-authentication/authenticate.ts";
import type { SlotOrder, SlotOrders } from "./access-authentication/authentication-centre/slot.ts";
import type { Dependencies } from "./dependencies.ts";

export async function orderAtSlots(
  { vault, slots: slotCount, clock, sleep }: Dependencies,
  slots: SlotOrders,
  imsi: string,
  order: SlotOrder,
): Promise<readonly number[]> {
  const objects = Array.from({ length: slotCount }, (_, slot) =>
    subscriberObject({ vault, slot }, order.tenant, imsi),
  );
  const done = await Promise.all(objects.map((object) => slots.order(object, order)));
  const end = clock() + Math.max(...done.map(({ goodForMs }) => goodForMs));
  // A timer may ring early by what its clock was rounded.
  for (let now = clock(); now < end; now = clock()) await sleep(end - now);
  return done.map(({ seq }) => seq);
}

/** Stories of the lease: renewed while it serves, and a lock that two people lift. */
import { SW } from "#protocol/assigned-numbers";
import { encodeAscii } from "#protocol/bytes";
import type { RenewalEvent } from "#terminal/renewal";
import type { Fleet } from "./fleet.ts";
import {
  type Check,
  checkRefusal,
  delivered,
  HOME_OPERATOR,
  type Story,
  type Told,
} from "./story.ts";

export const LEASE_STORIES: readonly Story[] = [
  {
    name: "renewal",
    title: "the lease is renewed when half of it is used up, and never stops serving",
    verdict: "SUCCESS",
    cardState: "serving",
    run: tellRenewal,
  },
  {
    name: "unlock",
    title: "a locked card is unlocked at the order of two people, and binds again",
    verdict: "SUCCESS",
    cardState: "serving",
    run: tellUnlock,
  },
];

async function tellRenewal(fleet: Fleet): Promise<Told> {
  const card = await fleet.addCard();
  const subscriber = await fleet.addSubscriber({ operator: HOME_OPERATOR });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const phone = await fleet.assemblePhone(card, subscriber);
  const first = await phone.bind();
  const granted = (await phone.card().readStatus()).lease.uses;
  const stop = new AbortController();
  const renewed = Promise.withResolvers<RenewalEvent>();
  const renewal = phone.createRenewal({
    onEvent: (event) => {
      if (event.kind !== "renewing") renewed.resolve(event);
    },
  });
  const watching = renewal.keepServing(stop.signal);
  // One more than half: every one of them is answered, also while the new session runs.
  let served = 0;
  for (; served * 2 <= granted; served++) await renewal.card.sign(encodeAscii("a payment"));
  const event = await renewed.promise;
  const left = (await phone.card().readStatus()).lease.uses;
  stop.abort();
  await watching;
  const checks: Check[] = [
    { what: "half of the lease was used up without a refusal", holds: served * 2 > granted },
    {
      what: "the SDK started a session of its own, and the card took its lease",
      holds: event.kind === "renewed" && left > granted / 2,
    },
    {
      what: "it was another session",
      holds: event.kind === "renewed" && event.outcome.sid !== first.outcome.sid,
    },
  ];
  return { binding: first, checks: [...checks, delivered(first)] };
}

async function tellUnlock(fleet: Fleet): Promise<Told> {
  const card = await fleet.addCard();
  const owner = await fleet.addSubscriber({ operator: HOME_OPERATOR });
  const stranger = await fleet.addSubscriber({ operator: HOME_OPERATOR });
  await fleet.addRule(card, { imsi: owner.imsi }, "lock");
  const wrongPhone = await fleet.assemblePhone(card, stranger);
  const locking = await wrongPhone.bind();
  const locked = await checkRefusal(wrongPhone, SW.blocked);
  const isLocked = {
    what: "the card locked beside another SIM",
    holds: locking.outcome.cardState === "locked",
  };
  // Nobody unlocks what is not locked.
  if (!isLocked.holds) return { binding: locking, checks: [isLocked] };
  const by = ["Ada Lovelace", "Grace Hopper"] as const;
  await fleet.admin.orderCard(card.cardId, { tenant: fleet.tenant, order: "unlock", by });
  const phone = await fleet.assemblePhone(card, owner);
  const unlocking = await phone.bind();
  const binding = await phone.bind();
  const checks: Check[] = [
    isLocked,
    locked,
    { what: "it lifted its lock", holds: unlocking.outcome.verdict === "UNLOCKED" },
  ];
  return { binding, checks: [...checks, delivered(unlocking), delivered(binding)] };
}

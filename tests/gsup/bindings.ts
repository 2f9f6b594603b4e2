/** Whole bindings on vectors of an HLR, wherever the platform runs. */
import { expect } from "bun:test";
import type { ModeName } from "#protocol/suites";
import type { BindingOutcome } from "#terminal/bind";
import type { Fleet, FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import type { SubscriberKind } from "#tests/fleet/modules";
import type { OsmoHlr } from "./osmo-hlr.ts";

const HOME = "00101";

export interface Pair {
  readonly card: FleetCard;
  readonly subscriber: FleetSubscriber;
  readonly bind: () => Promise<BindingOutcome>;
}

interface PairOptions {
  readonly kind?: SubscriberKind;
  readonly seqMs?: number;
  readonly modes?: readonly ModeName[];
}

/** A card bound to a subscriber whose keys the HLR has. */
export async function makePair(
  fleet: Fleet,
  hlr: OsmoHlr,
  { kind = "USIM/Milenage", seqMs = 0, modes = ["signed"] }: PairOptions = {},
): Promise<Pair> {
  const card = await fleet.addCard({ modes });
  const subscriber = await fleet.addSubscriber({ operator: HOME, kind, seqMs, centre: hlr });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  return { card, subscriber, bind: () => bindOnce(fleet, card, subscriber) };
}

export async function bindOnce(
  fleet: Fleet,
  card: FleetCard,
  subscriber: FleetSubscriber,
): Promise<BindingOutcome> {
  const phone = await fleet.assemblePhone(card, subscriber);
  return (await phone.bind()).outcome;
}

export async function expectVerdict(
  bound: Promise<BindingOutcome>,
  verdict: string,
): Promise<void> {
  expect(await bound).toMatchObject({ verdict, receipt: "delivered" });
}

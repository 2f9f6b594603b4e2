/** Stories of encrypted mode (Fig. 4), other suites, cards and modules. */
import type { Tamper } from "#tests/emulators/terminal/terminal";
import type { CardOptions, Fleet, FleetCard, FleetSubscriber } from "./fleet.ts";
import type { SubscriberKind } from "./modules.ts";
import {
  type Check,
  checkServices,
  delivered,
  HOME_OPERATOR,
  readReasons,
  type Sleep,
  type Story,
  type Told,
} from "./story.ts";

export const SUITE_STORIES: readonly Story[] = [
  {
    name: "encrypted",
    title: "encrypted mode (Fig. 4): IMSI and result are for platform and card alone",
    verdict: "SUCCESS",
    cardState: "serving",
    run: tellEncrypted,
  },
  {
    name: "sm-card",
    title: "an SM card: SM2 certificate, SM3, SM4, encrypted mode",
    verdict: "SUCCESS",
    cardState: "serving",
    run: async (fleet, sleep) =>
      tellPair(fleet, sleep, { suite: "SM", modes: ["encrypted"] }, "USIM/TUAK"),
  },
  {
    name: "sim",
    title: "an SD card with a shared AES key beside a SIM with COMP128-3",
    verdict: "SUCCESS",
    cardState: "serving",
    run: async (fleet, sleep) => tellPair(fleet, sleep, { suite: "AES", kind: "SD" }, "SIM", "SIM"),
  },
  {
    name: "uim",
    title: "an RSA card beside an R-UIM with CAVE, whose shared secret data is updated first",
    verdict: "SUCCESS",
    cardState: "serving",
    run: tellUim,
  },
];

async function makePair(
  fleet: Fleet,
  options: CardOptions,
  kind: SubscriberKind,
): Promise<{ readonly card: FleetCard; readonly subscriber: FleetSubscriber }> {
  const card = await fleet.addCard(options);
  const subscriber = await fleet.addSubscriber({ operator: HOME_OPERATOR, kind });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  return { card, subscriber };
}

/** `strength` is what the audit is to say of the module's proof. */
async function tellPair(
  fleet: Fleet,
  sleep: Sleep,
  options: CardOptions,
  kind: SubscriberKind,
  strength = "USIM",
): Promise<Told> {
  const { card, subscriber } = await makePair(fleet, options, kind);
  const phone = await fleet.assemblePhone(card, subscriber);
  const binding = await phone.bind();
  const reasons = await readReasons(fleet, binding, sleep);
  const recorded: Check = {
    what: `the audit records the strength of the proof: ${strength}`,
    holds: reasons.some((reason) => reason.endsWith(` ${strength}`)),
  };
  return {
    binding,
    checks: [...(await checkServices(fleet, phone, card)), recorded, delivered(binding)],
  };
}

/** Three messages more than elsewhere: RANDSSD, the module's own challenge, AUTHBS. */
async function tellUim(fleet: Fleet, sleep: Sleep): Promise<Told> {
  const { card, subscriber } = await makePair(fleet, { suite: "RSA-2048" }, "UIM");
  await fleet.admin.orderSsdUpdate(subscriber.imsi, { tenant: fleet.tenant });
  const before = subscriber.device.snapshot();
  const phone = await fleet.assemblePhone(card, subscriber);
  const binding = await phone.bind();
  const reasons = await readReasons(fleet, binding, sleep);
  const checks: Check[] = [
    {
      what: "the module took new shared secret data from the network that proved itself",
      holds: JSON.stringify(before) !== JSON.stringify(subscriber.device.snapshot()),
    },
    {
      what: "the audit records the strength of the proof: CAVE",
      holds: reasons.some((reason) => reason.endsWith(" CAVE")),
    },
  ];
  return { binding, checks: [...checks, delivered(binding)] };
}

async function tellEncrypted(fleet: Fleet): Promise<Told> {
  const { card, subscriber } = await makePair(fleet, { modes: ["encrypted"] }, "USIM/Milenage");
  const seen: string[] = [];
  const phone = await fleet.assemblePhone(card, subscriber, record(seen));
  const binding = await phone.bind();
  const text = seen.join("\n");
  const opaque: Check = {
    what: "neither IMSI nor verdict is readable in what the client carried",
    holds: seen.length >= 8 && !text.includes(subscriber.imsi) && !text.includes("verdict"),
  };
  return {
    binding,
    checks: [...(await checkServices(fleet, phone, card)), opaque, delivered(binding)],
  };
}

/** Keeps every request and every answer as it passes. */
function record(seen: string[]): Tamper {
  return {
    async http(request, next) {
      const answer = await next(request);
      seen.push(request.body, answer.body);
      return answer;
    },
  };
}

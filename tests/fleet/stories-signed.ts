/** Stories of signed mode (Fig. 3): a TF card of suite P-256 beside a USIM. */
import { SW } from "#protocol/assigned-numbers";
import type { HttpAnswer, Tamper } from "#tests/emulators/terminal/terminal";
import type { Fleet } from "./fleet.ts";
import {
  checkRefusal,
  checkServices,
  delivered,
  HOME_OPERATOR,
  OTHER_OPERATOR,
  type Story,
  type Told,
} from "./story.ts";

/** Where a SIM stands that was used elsewhere for years. */
const SEQ_AHEAD = 5000;

export const SIGNED_STORIES: readonly Story[] = [
  {
    name: "good-binding",
    title: "the card beside its own SIM",
    verdict: "SUCCESS",
    cardState: "serving",
    run: tellGoodBinding,
  },
  {
    name: "other-phone",
    title: "the card moved into a phone with another SIM",
    verdict: "FAILURE",
    cardState: "locked",
    run: tellOtherPhone,
  },
  {
    name: "not-allowed",
    title: "a SIM of an operator that the card's rule does not name",
    verdict: "FAILURE",
    cardState: "idle",
    run: tellNotAllowed,
  },
  {
    name: "out-of-step",
    title: "the SIM's sequence number is ahead of the operator's",
    verdict: "SUCCESS",
    cardState: "serving",
    run: tellOutOfStep,
  },
  {
    name: "replayed-result",
    title: "a hostile client hands the card the result of an earlier session",
    verdict: "REFUSED",
    cardState: "idle",
    run: tellReplayedResult,
  },
];

async function tellGoodBinding(fleet: Fleet): Promise<Told> {
  const card = await fleet.addCard();
  const subscriber = await fleet.addSubscriber({ operator: HOME_OPERATOR });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const phone = await fleet.assemblePhone(card, subscriber);
  const binding = await phone.bind();
  return { binding, checks: [...(await checkServices(fleet, phone, card)), delivered(binding)] };
}

async function tellOtherPhone(fleet: Fleet): Promise<Told> {
  const card = await fleet.addCard();
  const owner = await fleet.addSubscriber({ operator: HOME_OPERATOR });
  const stranger = await fleet.addSubscriber({ operator: HOME_OPERATOR });
  await fleet.addRule(card, { imsi: owner.imsi }, "lock");
  const phone = await fleet.assemblePhone(card, stranger);
  const binding = await phone.bind();
  return { binding, checks: [await checkRefusal(phone, SW.blocked), delivered(binding)] };
}

async function tellNotAllowed(fleet: Fleet): Promise<Told> {
  const card = await fleet.addCard();
  const visitor = await fleet.addSubscriber({ operator: OTHER_OPERATOR });
  await fleet.addRule(card, { operator: HOME_OPERATOR }, "refuse");
  const phone = await fleet.assemblePhone(card, visitor);
  const binding = await phone.bind();
  const refusal = await checkRefusal(phone, SW.securityStatusNotSatisfied);
  return { binding, checks: [refusal, delivered(binding)] };
}

async function tellOutOfStep(fleet: Fleet): Promise<Told> {
  const card = await fleet.addCard();
  const subscriber = await fleet.addSubscriber({ operator: HOME_OPERATOR, seqMs: SEQ_AHEAD });
  await fleet.addRule(card, { operator: HOME_OPERATOR }, "refuse");
  const phone = await fleet.assemblePhone(card, subscriber);
  const binding = await phone.bind();
  const answers = binding.steps.filter(({ step }) => step === 322);
  const resynchronised = {
    what: "the SIM answered AUTS first and RES to the second challenge",
    holds: answers.map(({ outcome }) => outcome).join(" ") === "synchronisation_failure done",
  };
  return { binding, checks: [resynchronised, delivered(binding)] };
}

async function tellReplayedResult(fleet: Fleet): Promise<Told> {
  const card = await fleet.addCard();
  const subscriber = await fleet.addSubscriber({ operator: HOME_OPERATOR });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const phone = await fleet.assemblePhone(card, subscriber, replayFirstResult());
  const first = await phone.bind();
  // Out and in again: the lease of the first session is gone, its result is still with the client.
  await phone.insertCard(card.device);
  const binding = await phone.bind();
  const recorded = {
    what: "the replayed result was a SUCCESS that the card had accepted before",
    holds: first.outcome.verdict === "SUCCESS" && first.outcome.sid !== binding.outcome.sid,
  };
  const refusal = await checkRefusal(phone, SW.securityStatusNotSatisfied);
  return { binding, checks: [recorded, refusal] };
}

/** Answers every step 327 with what the first one was answered. */
function replayFirstResult(): Tamper {
  let recorded: HttpAnswer | undefined;
  return {
    async http(request, next) {
      const answer = await next(request);
      if (!request.url.endsWith("/answer")) return answer;
      recorded ??= answer;
      return recorded;
    },
  };
}

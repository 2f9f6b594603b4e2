/** Five stories that show what a binding is for; quickstart tells them, tests run them. */
import { SW } from "#protocol/assigned-numbers";
import { encodeAscii, equalBytes } from "#protocol/bytes";
import type { StepReport } from "#protocol/steps";
import type { Tamper, Terminal, TerminalBinding } from "#tests/emulators/terminal/terminal";
import type { HttpAnswer } from "#tests/emulators/terminal/terminal";
import type { BindingOutcome } from "#terminal/bind";
import { CardError } from "#terminal/card";
import { createFleet, type Fleet, type FleetCard, type FleetOptions } from "./fleet.ts";
import { countTrailsExpected, describeStep, mergeSteps, type StepLine } from "./step-trail.ts";

export const SCENARIO_NAMES = [
  "good-binding",
  "other-phone",
  "not-allowed",
  "out-of-step",
  "replayed-result",
] as const;
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

/** Something that must hold besides verdict and card state. */
interface Check {
  readonly what: string;
  readonly holds: boolean;
}

export interface ScenarioResult {
  readonly name: ScenarioName;
  /** One line for a person. */
  readonly title: string;
  readonly verdict: BindingOutcome["verdict"];
  readonly cardState: BindingOutcome["cardState"];
  /** Session id, for the audit. */
  readonly session: string;
  /** Verdict, card state and every check are what they should be. */
  readonly expected: boolean;
  readonly checks: readonly Check[];
  readonly steps: readonly StepLine[];
  /** When each step was, from the first one on; parallel to `steps`. */
  readonly milliseconds: readonly number[];
}

interface Story {
  readonly name: ScenarioName;
  readonly title: string;
  readonly verdict: BindingOutcome["verdict"];
  readonly cardState: BindingOutcome["cardState"];
  readonly run: (fleet: Fleet) => Promise<Told>;
}

interface Told {
  readonly binding: TerminalBinding;
  readonly checks: readonly Check[];
}

/** MCC and MNC of the two operators in these stories. */
const HOME_OPERATOR = "46001";
const OTHER_OPERATOR = "46003";
/** Where a SIM stands that was used elsewhere for years. */
const SEQ_AHEAD = 5000;
/** Audit events travel behind the answers; longer than this means that one is lost. */
const AUDIT_POLLS_MAX = 50;
const AUDIT_POLL_MS = 100;

const STORIES: readonly Story[] = [
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

export interface ScenarioOptions extends FleetOptions {
  /** Called as each story ends. */
  readonly onResult?: (result: ScenarioResult) => void;
  /** Between looks at the audit index; setTimeout unless given. */
  readonly sleep?: (milliseconds: number) => Promise<void>;
}

/** Enrols a fleet of its own and runs all stories on it, in order. */
export async function runScenarios(options: ScenarioOptions): Promise<ScenarioResult[]> {
  const fleet = await createFleet(options);
  const results: ScenarioResult[] = [];
  for (const story of STORIES) {
    const result = await runStory(fleet, story, options.sleep ?? sleepMilliseconds);
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

async function runStory(
  fleet: Fleet,
  story: Story,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<ScenarioResult> {
  const { binding, checks } = await story.run(fleet);
  const { verdict, cardState, sid } = binding.outcome;
  const trails = await readTrails(fleet, binding, sleep);
  const complete = {
    what: `the platform's audit holds the trail of session ${sid.slice(0, 6)}`,
    holds: trails.length === countTrailsExpected(binding.steps),
  };
  const steps = mergeSteps(binding.steps, trails);
  const startedAt = steps[0]?.at ?? 0;
  const isAsExpected = verdict === story.verdict && cardState === story.cardState;
  return {
    name: story.name,
    title: story.title,
    verdict,
    cardState,
    session: sid,
    expected: isAsExpected && [...checks, complete].every(({ holds }) => holds),
    checks: [...checks, complete],
    steps: steps.map(describeStep),
    milliseconds: steps.map(({ at }) => at - startedAt),
  };
}

/** The session's events that have steps, waited for until there is one for each answer we got. */
async function readTrails(
  fleet: Fleet,
  { outcome, steps }: TerminalBinding,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<{ readonly trail: readonly StepReport[] }[]> {
  const { tenant, admin } = fleet;
  for (let poll = 1; ; poll++) {
    const events = await admin.getAudit({ session: outcome.sid, tenant });
    const trails = events.filter(({ trail }) => trail.length > 0);
    if (trails.length >= countTrailsExpected(steps) || poll === AUDIT_POLLS_MAX) return trails;
    await sleep(AUDIT_POLL_MS);
  }
}

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

async function checkServices(fleet: Fleet, phone: Terminal, card: FleetCard): Promise<Check[]> {
  const document = encodeAscii("pay 100 to the plumber");
  const applet = phone.card();
  const signature = await settle(applet.sign(document));
  const sealed = await settle(applet.encipher(document));
  const opened = sealed === undefined ? undefined : await settle(applet.decipher(sealed));
  const { servicePublicKey } = await fleet.admin.getCard(card.cardId, fleet.tenant);
  return [
    {
      what: "the card signs a document; the registered service key verifies it",
      holds: signature !== undefined && (await verify(servicePublicKey, signature, document)),
    },
    {
      what: "the card enciphers the document and deciphers it again",
      holds:
        sealed !== undefined &&
        opened !== undefined &&
        equalBytes(opened, document) &&
        !equalBytes(sealed.subarray(12, -16), document),
    },
  ];
}

async function checkRefusal(phone: Terminal, sw: number): Promise<Check> {
  const what = `the card refuses to sign: ${sw.toString(16).toUpperCase()}`;
  try {
    await phone.card().sign(encodeAscii("pay 100 to the thief"));
    return { what, holds: false };
  } catch (error) {
    return { what, holds: error instanceof CardError && error.sw === sw };
  }
}

function delivered(binding: TerminalBinding): Check {
  const { receipt } = binding.outcome;
  return { what: "the platform took the card's receipt", holds: receipt === "delivered" };
}

/** The value, or nothing when the card refused. */
async function settle<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CardError) return undefined;
    throw error;
  }
}

async function verify(
  publicKeyText: string,
  signature: Uint8Array<ArrayBuffer>,
  document: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const point = Uint8Array.fromBase64(publicKeyText, { alphabet: "base64url" });
  const key = await crypto.subtle.importKey("raw", point, curve, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, document);
}

function sleepMilliseconds(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** A platform whose rules a test writes, one card, and bindings beside subscribers it enrols. */
import type { SubscriberProfileUpdate } from "#protocol/admin";
import type { RuleUpdate } from "#protocol/admin-rules";
import type { Fleet, FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import { readDurable } from "#tests/invariants/bench";
import { createExchange } from "#tests/platform/exchange";
import { createRig, type Rig, type RigOptions } from "#tests/platform/rig";

export const HOME = "46001";
export const AWAY = "46003";

export interface Decision {
  readonly verdict: unknown;
  /** The audit's word on it, without verdict, version and strength. */
  readonly why: string;
}

export interface RuleBench {
  readonly rig: Rig;
  readonly fleet: Fleet;
  readonly card: FleetCard;
  addSubscriber(what?: {
    readonly operator?: string;
    readonly msisdn?: string;
    readonly profile?: SubscriberProfileUpdate["profile"];
  }): Promise<FleetSubscriber>;
  /** Into use at once; for the card unless it names a target. */
  rule(id: string, rule: Partial<RuleUpdate> & Pick<RuleUpdate, "condition">): Promise<void>;
  activate(): Promise<void>;
  /** `finish`: the card takes the result, and its receipt goes back. */
  bind(
    subscriber: FleetSubscriber,
    options?: { readonly card?: FleetCard; readonly imei?: string; readonly finish?: boolean },
  ): Promise<Decision>;
  lockPhase(): unknown;
}

let numbers = 0;

export async function openRules(options: RigOptions = {}): Promise<RuleBench> {
  const quotas = {
    SIMLATCH_CHALLENGES_PER_CARD_HOUR: "10000",
    SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "10000",
    SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "10000",
    SIMLATCH_IMSIS_PER_CARD_HOUR: "10000",
  };
  const rig = await createRig({ ...options, environment: { ...quotas, ...options.environment } });
  const fleet = await rig.fleet();
  const { admin } = fleet;
  const card = await fleet.addCard();

  async function activate(): Promise<void> {
    await admin.activateRules({ force: true });
  }

  return {
    rig,
    fleet,
    card,
    activate,
    async addSubscriber({ operator = HOME, msisdn, profile } = {}) {
      const subscriber = await fleet.addSubscriber({ operator });
      const number = msisdn ?? `86138${String((numbers += 1)).padStart(8, "0")}`;
      if (msisdn !== "") await admin.setNumber(subscriber.imsi, { msisdn: number });
      if (profile !== undefined) await admin.setProfile(subscriber.imsi, { profile });
      return subscriber;
    },
    async rule(id, rule) {
      await admin.putRule(id, { target: { card: card.cardId }, onMismatch: "lock", ...rule });
      await activate();
    },
    async bind(subscriber, { card: other = card, imei, finish = false } = {}) {
      const exchange = await createExchange(rig, other, subscriber);
      const body = await exchange.start();
      const claimed = imei === undefined ? body : { ...body, claims: { imei } };
      const signed = await exchange.sign(await exchange.prove(claimed));
      const reply = await exchange.answer(body.sid, signed);
      if (finish) await exchange.finish(body.sid, signed.token, reply);
      const why = await readReason(rig, body.sid);
      return { verdict: reply.json["verdict"] ?? reply.json["code"], why };
    },
    lockPhase: () => readDurable(rig, "SELECT lock_phase FROM card")[0]?.["lock_phase"],
  };
}

async function readReason(rig: Rig, session: string): Promise<string> {
  await rig.host.recover();
  const { audit } = rig.dependencies.repositories;
  const events = await audit.find("default", { session }, 100);
  const reason = events.find(({ type }) => type === "decided")?.reason ?? "";
  return reason.replace(/^RESULT=\w+ /, "").replace(/ version \d+.*$/, "");
}

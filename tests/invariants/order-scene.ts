/** What tests of reports, unlocks and pairings need besides the bench. */
import { createApp } from "#edge/app";
import type { Dependencies, SubscriberRecord } from "#edge/dependencies";
import { suiteNamed } from "#protocol/suites";
import type { Exchange, Run } from "#tests/platform/exchange";
import { ADMIN_KEY, type Answer, type Rig, type RigOptions } from "#tests/platform/rig";
import { type Bench, readDurable, untilIndexed } from "./bench.ts";

export const SUITE = suiteNamed("P-256");
export const TWO = ["Ada Lovelace", "Grace Hopper"] as const;

type Wrap = NonNullable<RigOptions["wrap"]>;

/** POST of an order to /v1/admin by way of `front`, the rig's own or another point of presence. */
export async function order(
  front: Pick<Rig, "fetch">,
  path: string,
  body: unknown,
): Promise<Pick<Answer, "status" | "text">> {
  const response = await front.fetch(`http://rig.test/v1/admin/${path}/orders`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

export const reportCard = (bench: Bench, reason: "lost" | "stolen", front = frontOf(bench.rig)) =>
  order(front, `cards/${bench.card.cardId}`, { order: "report", reason, by: ["Ada"] });

export const unlockCard = ({ rig, card }: Bench) =>
  order(rig, `cards/${card.cardId}`, { order: "unlock", by: TWO });

export const reportSwap = ({ rig, subscriber }: Bench) =>
  order(rig, `subscribers/${subscriber.imsi}`, { order: "report", reason: "swapped", by: ["Ada"] });

/** Another point of presence: a composition of its own over the same single writers. */
export function frontOf(rig: Rig): Pick<Rig, "fetch"> {
  const composition = { dependencies: { ...rig.dependencies }, adminKey: ADMIN_KEY };
  const app = createApp(composition, rig.host);
  return { fetch: async (url, init) => app.request(url, init) };
}

/** Runs `now.act`, once, when the slot has given its word and the rules are read to decide. */
export function pauseAtRules(now: { act?: () => unknown }): Wrap {
  return (dependencies) => {
    const { rules } = dependencies.repositories;
    const findState: typeof rules.findState = async (tenant) => {
      const { act } = now;
      delete now.act;
      await act?.();
      return rules.findState(tenant);
    };
    const repositories = { ...dependencies.repositories, rules: { ...rules, findState } };
    // Nothing is kept, so that every decision reads them, and before its last look at the pair.
    const limits = { ...dependencies.limits, ruleStalenessSeconds: 0 };
    return { ...dependencies, repositories, limits };
  };
}

/** The platform dies where it would sign: `now.kills` times. */
export function dieAtSigning(now: { kills: number }): Wrap {
  return (dependencies) => ({
    ...dependencies,
    suites(name) {
      const tools = dependencies.suites(name);
      if (!("sign" in tools)) return tools;
      return {
        ...tools,
        sign(...input: Parameters<typeof tools.sign>) {
          if (now.kills-- > 0) throw new Error("killed before signing");
          return tools.sign(...input);
        },
      };
    },
  });
}

/** What the centre knows of each subscriber, as `change` has it at that moment. */
export function changeSubscribers(change: (record: SubscriberRecord) => SubscriberRecord): Wrap {
  return (dependencies: Dependencies) => {
    const { subscribers } = dependencies.repositories;
    const find: typeof subscribers.find = async (tenant, imsi) => {
      const record = await subscribers.find(tenant, imsi);
      return record && change(record);
    };
    const repositories = { ...dependencies.repositories, subscribers: { ...subscribers, find } };
    return { ...dependencies, repositories };
  };
}

/** A whole binding with its receipt; the verdict. */
export async function bind(exchange: Exchange): Promise<unknown> {
  const run: Run = await exchange.run();
  await exchange.finish(run.sid, run.token, run.reply);
  return run.reply.json["verdict"];
}

/** Why the newest decision was as it was, and what was ordered: in the order of the audit. */
export async function reasonsOf({ rig, fleet, card }: Bench, type: string): Promise<string[]> {
  await untilIndexed(rig);
  const events = await fleet.admin.getAudit({ card: card.cardId });
  return events.filter((event) => event.type === type).map(({ reason }) => reason);
}

export const lockPhase = (rig: Rig): unknown =>
  readDurable(rig, "SELECT lock_phase FROM card")[0]?.["lock_phase"];

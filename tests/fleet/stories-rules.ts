/**
 * Stories of binding rules: each kind of the patent alone, a subscriber whom it refuses, then one
 * whom it allows, and what the audit says of both.
 */
import type { SubscriberProfileUpdate } from "#protocol/admin";
import type { RuleUpdate } from "#protocol/admin-rules";
import type { Fleet, FleetSubscriber } from "./fleet.ts";
import {
  type Check,
  delivered,
  HOME_OPERATOR,
  OTHER_OPERATOR,
  readReasons,
  type Sleep,
  type Story,
  type Told,
} from "./story.ts";

/** What sets one subscriber apart from the other; everything else is alike. */
interface Person {
  readonly operator?: string;
  readonly profile?: NonNullable<SubscriberProfileUpdate["profile"]>;
}

interface RuleKind {
  readonly name: string;
  readonly title: string;
  readonly allowed: Person;
  readonly refused: Person;
  readonly field: keyof RuleUpdate["condition"];
  readonly condition: (allowed: FleetSubscriber, number: string) => RuleUpdate["condition"];
}

const KINDS: readonly RuleKind[] = [
  {
    name: "rule-imsi",
    title: "rule: one subscriber, by IMSI",
    allowed: {},
    refused: {},
    field: "imsi",
    condition: ({ imsi }) => ({ imsi }),
  },
  {
    name: "rule-number",
    title: "rule: one subscriber, by number",
    allowed: {},
    refused: {},
    field: "msisdn",
    condition: (_subscriber, msisdn) => ({ msisdn }),
  },
  {
    name: "rule-operator",
    title: "rule: subscribers of one operator",
    allowed: {},
    refused: { operator: OTHER_OPERATOR },
    field: "operator",
    condition: () => ({ operator: HOME_OPERATOR }),
  },
  {
    name: "rule-region",
    title: "rule: subscribers of a home region",
    allowed: { profile: { homeRegion: "Guangdong" } },
    refused: { profile: { homeRegion: "Sichuan" } },
    field: "homeRegion",
    condition: () => ({ homeRegion: "Guangdong" }),
  },
  {
    name: "rule-group",
    title: "rule: subscribers of a user group",
    allowed: { profile: { userGroups: ["drivers", "night shift"] } },
    refused: { profile: { userGroups: ["office"] } },
    field: "userGroup",
    condition: () => ({ userGroup: "drivers" }),
  },
  {
    name: "rule-level",
    title: "rule: subscribers of a customer level",
    allowed: { profile: { level: "diamond" } },
    refused: { profile: { level: "gold" } },
    field: "level",
    condition: () => ({ level: "diamond" }),
  },
  {
    name: "rule-company",
    title: "rule: subscribers of a company customer",
    allowed: { profile: { company: "ACME" } },
    refused: { profile: { company: "Initech" } },
    field: "company",
    condition: () => ({ company: "ACME" }),
  },
  {
    name: "rule-services",
    title: "rule: subscribers with certain services",
    allowed: { profile: { services: ["mobile payment", "VPN"] } },
    refused: { profile: { services: ["VPN"] } },
    field: "services",
    condition: () => ({ services: ["mobile payment"] }),
  },
];

export const RULE_STORIES: readonly Story[] = KINDS.map((kind) => ({
  name: kind.name,
  title: kind.title,
  verdict: "SUCCESS",
  cardState: "serving",
  run: async (fleet, sleep) => tellRule(fleet, sleep, kind),
}));

async function tellRule(fleet: Fleet, sleep: Sleep, kind: RuleKind): Promise<Told> {
  const card = await fleet.addCard();
  const refused = await addPerson(fleet, kind.refused);
  const allowed = await addPerson(fleet, kind.allowed);
  await fleet.addRule(card, kind.condition(allowed, numberOf(allowed)), "refuse");
  const elsewhere = await (await fleet.assemblePhone(card, refused)).bind();
  const binding = await (await fleet.assemblePhone(card, allowed)).bind();
  const why = await readReasons(fleet, elsewhere, sleep);
  const checks: Check[] = [
    {
      what: "beside another subscriber the card was told FAILURE and stayed idle",
      holds: elsewhere.outcome.verdict === "FAILURE" && elsewhere.outcome.cardState === "idle",
    },
    {
      what: `the audit names the rule and its field: ${kind.field}`,
      holds: why.some((reason) => reason.includes(` field ${kind.field} `)),
    },
    delivered(elsewhere),
    delivered(binding),
  ];
  return { binding, checks };
}

/** A number of its own, since profiles are looked up by number. */
function numberOf({ imsi }: FleetSubscriber): string {
  return `86${imsi.slice(-11)}`;
}

async function addPerson(
  fleet: Fleet,
  { operator = HOME_OPERATOR, profile }: Person,
): Promise<FleetSubscriber> {
  const { admin, tenant } = fleet;
  const subscriber = await fleet.addSubscriber({ operator });
  const { imsi } = subscriber;
  await admin.setNumber(imsi, { tenant, msisdn: numberOf(subscriber) });
  if (profile !== undefined) await admin.setProfile(imsi, { tenant, profile });
  return subscriber;
}

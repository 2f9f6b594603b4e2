/** Rules and subjects over few values each, so that they meet often. */
import type { RuleSubject } from "#edge/binding-verification/rule-match";
import { failure, success } from "#protocol/result";
import type { BindingRule, RuleClaims, RuleCondition } from "#protocol/rules";
import type { SubscriberProfile } from "#protocol/subscriber-profile";
import { STRENGTHS } from "#protocol/suites";
import type { Seeded } from "#tests/terminal/seeded";
import { CARD_ID, makeSubject, NOON } from "./scene.ts";

const GROUPS = ["sales", "field", "board"];
const LEVELS = ["gold", "diamond"];
const COMPANIES = ["ACME", "Initech"];
const SERVICES = ["pay", "mail", "sign"];
const COUNTRIES = ["CN", "DE"];
const IMEIS = ["35000000000001", "350000000000025"];
const DAY_MS = 86_400_000;

type Chance = Pick<Seeded, "below">;

const pick = <T>(seeded: Chance, values: readonly T[]): T => {
  const value = values[seeded.below(values.length)];
  if (value === undefined) throw new Error("nothing to pick");
  return value;
};
const maybe = <T>(seeded: Chance, oneIn: number, make: () => T): T | undefined =>
  seeded.below(oneIn) === 0 ? make() : undefined;
const imsiOf = (seeded: Chance): string =>
  `4600${pick(seeded, ["1", "3"])}${String(seeded.below(40)).padStart(10, "0")}`;

function makeCondition(seeded: Chance): RuleCondition {
  const made: RuleCondition = {
    imsi: maybe(seeded, 8, () => imsiOf(seeded)),
    imsiRange: maybe(seeded, 4, () => {
      const [from = "", to = ""] = [imsiOf(seeded), imsiOf(seeded)].toSorted();
      return maybe(seeded, 12, () => ({ from: to, to: from })) ?? { from, to };
    }),
    msisdn: maybe(seeded, 10, () => pick(seeded, ["8613800138000", "8613800138001"])),
    operator: maybe(seeded, 4, () => pick(seeded, ["46001", "46003"])),
    networkSubset: maybe(seeded, 12, () => pick(seeded, ["00", "77"])),
    serviceProvider: maybe(seeded, 14, () => pick(seeded, ["01", "02"])),
    corporate: maybe(seeded, 14, () => pick(seeded, ["0A", "0B"])),
    homeRegion: maybe(seeded, 12, () => pick(seeded, ["north", "south"])),
    userGroup: maybe(seeded, 10, () => pick(seeded, GROUPS)),
    level: maybe(seeded, 10, () => pick(seeded, LEVELS)),
    company: maybe(seeded, 10, () => pick(seeded, COMPANIES)),
    sameCompany: maybe(seeded, 14, () => true as const),
    services: maybe(seeded, 10, () => SERVICES.slice(seeded.below(2), 1 + seeded.below(3))),
    moduleKind: maybe(seeded, 12, () => pick(seeded, ["USIM", "SIM"] as const)),
  };
  return made.services?.length === 0 ? { ...made, services: undefined } : made;
}

function makeClaims(seeded: Chance): RuleClaims {
  return {
    imeis: maybe(seeded, 2, () => [pick(seeded, IMEIS)]),
    countries: maybe(seeded, 2, () => [pick(seeded, COUNTRIES)]),
    window: maybe(seeded, 2, () => ({
      days: maybe(seeded, 2, () => [1 + seeded.below(7), 3]),
      from: seeded.below(1440),
      to: seeded.below(1441),
      utcOffset: 60 * (seeded.below(24) - 11),
    })),
  };
}

export function makeRandomRule(seeded: Chance, id: number): BindingRule {
  return {
    id: `r${String(id).padStart(4, "0")}`,
    target: pick<BindingRule["target"]>(seeded, [
      { card: CARD_ID },
      { card: "00112233445566BB" },
      { group: pick(seeded, GROUPS) },
      { all: true },
      { all: true },
    ]),
    effect: maybe(seeded, 2, () => pick(seeded, ["allow", "deny"] as const)),
    priority: maybe(seeded, 2, () => seeded.below(3)),
    condition: makeCondition(seeded),
    claims: maybe(seeded, 5, () => makeClaims(seeded)),
    onMismatch: pick<BindingRule["onMismatch"]>(seeded, [
      "lock",
      "refuse",
      { lockAfter: 2 + seeded.below(3) },
    ]),
    minimumStrength: maybe(seeded, 6, () => pick(seeded, STRENGTHS)),
    validFrom: maybe(seeded, 8, () => NOON + DAY_MS * (seeded.below(5) - 3)),
    validUntil: maybe(seeded, 8, () => NOON + DAY_MS * (seeded.below(5) - 1)),
    lease: maybe(seeded, 4, () => ({ uses: 1 + seeded.below(9) })),
  };
}

function makeProfile(seeded: Chance): SubscriberProfile {
  return {
    homeRegion: maybe(seeded, 2, () => pick(seeded, ["north", "south"])),
    userGroups: GROUPS.slice(seeded.below(3), seeded.below(4)),
    level: maybe(seeded, 2, () => pick(seeded, LEVELS)),
    company: maybe(seeded, 2, () => pick(seeded, COMPANIES)),
    services: SERVICES.slice(seeded.below(3), seeded.below(4)),
    networkSubset: maybe(seeded, 4, () => "77"),
    serviceProvider: maybe(seeded, 2, () => pick(seeded, ["01", "02"])),
    corporate: maybe(seeded, 2, () => pick(seeded, ["0A", "0B"])),
  };
}

export function makeRandomSubject(seeded: Chance): RuleSubject {
  const imsi = imsiOf(seeded);
  return makeSubject({
    cardGroups: GROUPS.slice(seeded.below(3), seeded.below(4)),
    cardCompany: maybe(seeded, 2, () => pick(seeded, COMPANIES)),
    imsi,
    operator: imsi.slice(0, 5),
    msisdn: maybe(seeded, 2, () => pick(seeded, ["8613800138000", "8613800138001"])),
    moduleKind: pick(seeded, ["USIM", "SIM"] as const),
    strength: pick(seeded, STRENGTHS),
    provisionedStrength: pick(seeded, STRENGTHS),
    profile: pick(seeded, [
      success(makeProfile(seeded)),
      success(makeProfile(seeded)),
      failure("number_unknown"),
      failure("directory_unavailable"),
    ] as const),
    claims: {
      imei: maybe(seeded, 2, () => pick(seeded, IMEIS)),
      country: maybe(seeded, 2, () => pick(seeded, COUNTRIES)),
    },
  });
}

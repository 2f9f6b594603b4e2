/**
 * As many cards as rules and subscribers: half of the rules name one card each, the others
 * overlapping IMSI ranges, groups of cards and attributes; one in a hundred denies.
 */
import type { RuleSubject } from "#edge/binding-verification/rule-match";
import { success } from "#protocol/result";
import type { BindingRule, RuleCondition, RuleTarget } from "#protocol/rules";
import type { SubscriberProfile } from "#protocol/subscriber-profile";

export interface RuleFleet {
  readonly size: number;
  rule(index: number): BindingRule;
  /** A card beside a subscriber, its own one as often as not. */
  subject(random: () => number): RuleSubject;
}

const OPERATOR = "46001";
const MSIN_DIGITS = 10;
const CARD_ID_DIGITS = 16;
/** Cards of one group. */
const GROUP_SIZE = 100;
/** Subscribers of one company, and of one user group. */
const COMPANY_SIZE = 10;
const REGIONS = 30;
const LEVELS = ["diamond", "gold", "silver", "basic"];
const SERVICES = ["pay", "vpn", "mail", "roaming", "sign"];
/** Every hundredth rule denies. */
const DENY_EVERY = 100;
/** A range holds up to so many subscribers, so that a subscriber is in about four of them. */
const RANGE_SIZE_MAX = 60;

const numbered = (prefix: string, number: number): string => `${prefix}-${Math.floor(number)}`;
const imsiOf = (number: number): string =>
  OPERATOR + String(Math.floor(number)).padStart(MSIN_DIGITS, "0");
export const cardOf = (number: number): string =>
  Math.floor(number).toString(16).toUpperCase().padStart(CARD_ID_DIGITS, "0");

/** Spreads an index over 0 to 1, the same for the same index. */
function spread(index: number): number {
  return ((index * 0x9e37_79b1) >>> 0) / 2 ** 32;
}

export function createRuleFleet(size: number): RuleFleet {
  const groups = Math.max(1, size / GROUP_SIZE);
  const companies = Math.max(1, size / COMPANY_SIZE);

  function profileOf(subscriber: number): SubscriberProfile {
    const pick = <T>(list: readonly T[], step: number): T | undefined =>
      list[(subscriber * step) % list.length];
    return {
      homeRegion: numbered("region", subscriber % REGIONS),
      userGroups: [numbered("users", spread(subscriber) * companies)],
      level: pick(LEVELS, 1),
      company: numbered("company", spread(subscriber + 1) * companies),
      services: [pick(SERVICES, 1) ?? "", pick(SERVICES, 3) ?? ""],
    };
  }

  function sharedCondition(index: number): RuleCondition {
    const subscriber = spread(index) * size;
    switch (index % 8) {
      case 1: {
        const width = Math.ceil(spread(index + 7) * RANGE_SIZE_MAX);
        const imsiRange = { from: imsiOf(subscriber), to: imsiOf(subscriber + width) };
        return index % 3 === 0 ? { imsiRange, level: "gold" } : { imsiRange };
      }
      case 3:
        return { company: numbered("company", spread(index) * companies) };
      case 5:
        return { userGroup: numbered("users", spread(index) * companies), services: ["pay"] };
      default:
        return { imsi: imsiOf(subscriber), homeRegion: numbered("region", index % REGIONS) };
    }
  }

  function rule(index: number): BindingRule {
    const isOwn = index % 2 === 0;
    const deny = index % DENY_EVERY === DENY_EVERY - 1 ? { effect: "deny" as const } : {};
    const group: RuleTarget = { group: numbered("group", spread(index + 3) * groups) };
    return {
      id: numbered("rule", index),
      target: isOwn ? { card: cardOf(index) } : index % 4 === 1 ? { all: true } : group,
      condition: isOwn ? { imsi: imsiOf(index) } : sharedCondition(index),
      onMismatch: index % 3 === 0 ? "lock" : "refuse",
      ...deny,
    };
  }

  function subject(random: () => number): RuleSubject {
    const card = Math.floor(random() * size);
    const subscriber = random() < 0.5 ? card : Math.floor(random() * size);
    return {
      cardId: cardOf(card),
      cardGroups: [numbered("group", spread(card) * groups)],
      cardCompany: undefined,
      imsi: imsiOf(subscriber),
      operator: OPERATOR,
      msisdn: undefined,
      moduleKind: "USIM",
      strength: "USIM",
      provisionedStrength: "USIM",
      profile: success(profileOf(subscriber)),
      claims: {},
    };
  }

  return { size, rule, subject };
}

/** One card with this many rules of its own, none of which is like another. */
export function createCandidates(count: number): BindingRule[] {
  return Array.from({ length: count }, (_, index) => ({
    id: numbered("candidate", index),
    target: { card: cardOf(0) },
    condition: index % 2 === 0 ? { imsi: imsiOf(index) } : { company: numbered("company", index) },
    onMismatch: "refuse" as const,
  }));
}

/** Rules judged without a platform around them. */
import { compileRules } from "#edge/binding-verification/rule-index";
import type { RuleSubject } from "#edge/binding-verification/rule-match";
import {
  type RuleSet,
  type RuleVerdict,
  verifyRules,
} from "#edge/binding-verification/rule-verification";
import { success } from "#protocol/result";
import type { BindingRule } from "#protocol/rules";

export const CARD_ID = "00112233445566AA";
/** A Wednesday, 12:00 UTC. */
export const NOON = Date.UTC(2026, 10, 25, 12);

export function makeSubject(changes: Partial<RuleSubject> = {}): RuleSubject {
  return {
    cardId: CARD_ID,
    cardGroups: [],
    cardCompany: undefined,
    imsi: "460010000000001",
    operator: "46001",
    msisdn: "8613800138000",
    moduleKind: "USIM",
    strength: "USIM",
    provisionedStrength: "USIM",
    profile: success({ userGroups: [], services: [] }),
    claims: {},
    ...changes,
  };
}

export function makeRule(changes: Partial<BindingRule> = {}): BindingRule {
  const condition = { operator: "46001" };
  return { id: "r", target: { card: CARD_ID }, condition, onMismatch: "lock", ...changes };
}

/** The rules that may name this card, compiled as a point of presence has them. */
export function compileFor(
  rules: readonly BindingRule[],
  { cardId }: Pick<RuleSubject, "cardId">,
  at: number,
): RuleSet {
  const own = rules.filter(({ target }) => "card" in target && target.card === cardId);
  const shared = rules.filter(({ target }) => !("card" in target));
  return { own: compileRules(own, at, at), shared: compileRules(shared, at, at) };
}

export function verifyRuleList(
  rules: readonly BindingRule[],
  subject: RuleSubject,
  at = NOON,
): RuleVerdict {
  return verifyRules(compileFor(rules, subject, at), subject, at);
}

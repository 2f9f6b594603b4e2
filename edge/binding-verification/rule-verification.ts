/**
 * Rule verification, pure: the rules that name a card against the subscriber it was found beside.
 */
import type { BindingRule } from "#protocol/rules";

/** What the module has proved and the registry adds; a rule may ask about nothing else. */
export interface ProvenSubscriber {
  readonly imsi: string;
  /** MCC and MNC. */
  readonly operator: string;
}

export type RuleVerdict =
  | { readonly allowed: true; readonly rule: string }
  | { readonly allowed: false; readonly lock: boolean; readonly reason: RuleRefusal };

export type RuleRefusal = "no_rule_for_card" | "no_rule_allows";

/**
 * Default deny. When no rule allows, the rules that name this very card decide whether it locks,
 * before those for all cards; among equals one that says refuse wins, because a lock is the harder
 * error to undo. A card that no rule names never locks.
 */
export function verifyRules(
  rules: readonly BindingRule[],
  subscriber: ProvenSubscriber,
): RuleVerdict {
  const match = rules.find((rule) => allows(rule, subscriber));
  if (match !== undefined) return { allowed: true, rule: match.id };
  if (rules.length === 0) return { allowed: false, lock: false, reason: "no_rule_for_card" };
  const own = rules.filter((rule) => "card" in rule.target);
  const deciding = own.length > 0 ? own : rules;
  const lock = deciding.every((rule) => rule.onMismatch === "lock");
  return { allowed: false, lock, reason: "no_rule_allows" };
}

function allows({ condition }: BindingRule, subscriber: ProvenSubscriber): boolean {
  return "imsi" in condition
    ? condition.imsi === subscriber.imsi
    : condition.operator === subscriber.operator;
}

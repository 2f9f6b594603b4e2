/**
 * Rule verification, pure: the rules that name a card against the subscriber it was found beside.
 */
import type { BindingRule } from "#protocol/rules";
import { type Strength, STRENGTHS } from "#protocol/suites";

/** What the module has proved and the registry adds; a rule may ask about nothing else. */
export interface ProvenSubscriber {
  readonly imsi: string;
  /** MCC and MNC. */
  readonly operator: string;
  /** What the answer of this session is worth. */
  readonly strength: Strength;
  /** What the subscriber's module proves when it is used as provisioned. */
  readonly provisionedStrength: Strength;
}

export type RuleVerdict =
  | { readonly allowed: true; readonly rule: string }
  | { readonly allowed: false; readonly lock: boolean; readonly reason: RuleRefusal };

export type RuleRefusal = "no_rule_for_card" | "no_rule_allows" | "strength_too_low";

/**
 * Default deny. When no rule allows, the rules that name this very card decide whether it locks,
 * before those for all cards; among equals one that says refuse wins, because a lock is the harder
 * error to undo. A card that no rule names never locks, nor does one whose subscriber is allowed
 * and has only proved too little.
 */
export function verifyRules(
  rules: readonly BindingRule[],
  subscriber: ProvenSubscriber,
): RuleVerdict {
  const matching = rules.filter((rule) => allows(rule, subscriber));
  const match = matching.find((rule) => isStrongEnough(rule, subscriber));
  if (match !== undefined) return { allowed: true, rule: match.id };
  if (matching.length > 0) return { allowed: false, lock: false, reason: "strength_too_low" };
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

/**
 * A rule that names no strength asks for what the subscriber's own module proves; COMP128-1 is
 * broken and never enough unless a rule names it.
 */
function isStrongEnough({ minimumStrength }: BindingRule, subscriber: ProvenSubscriber): boolean {
  const { strength, provisionedStrength } = subscriber;
  const own = provisionedStrength === "COMP128-1" ? "SIM" : provisionedStrength;
  return STRENGTHS.indexOf(strength) >= STRENGTHS.indexOf(minimumStrength ?? own);
}

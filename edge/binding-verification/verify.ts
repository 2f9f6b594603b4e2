/** Binding verification, step 331: the decision and what it was based on. */
import type { Dependencies } from "../dependencies.ts";
import { SERVICE } from "#protocol/assigned-numbers";
import type { Lease } from "#protocol/messages";
import { type LeaseTerms, type MismatchAction, SERVICE_NAMES } from "#protocol/rules";
import type { RuleSubject } from "./rule-match.ts";
import type { LoadedRules } from "./rule-source.ts";
import { type RuleVerdict, verifyRules } from "./rule-verification.ts";

export interface BindingDecision {
  readonly success: boolean;
  /** A proven subscriber whom rules do not want, and what they say to do then. */
  readonly mismatch: MismatchAction | undefined;
  readonly lease: Lease;
  /** Which rule decided and which field of it, or why none did; for the audit trail only. */
  readonly reason: string;
  readonly ruleVersion: number;
}

/** What a failure grants. */
export const NO_LEASE: Lease = { uses: 0, seconds: 0, services: 0 };

/** `at` in Unix milliseconds. */
export function verifyBinding(
  { limits }: Pick<Dependencies, "limits">,
  rules: LoadedRules,
  subject: RuleSubject,
  at: number,
): BindingDecision {
  const { version: ruleVersion, set } = rules;
  const verdict = verifyRules(set, subject, at);
  const reason = explain(verdict);
  if (verdict.allowed) {
    const lease = leaseOf(limits, verdict.lease);
    return { success: true, mismatch: undefined, lease, reason, ruleVersion };
  }
  const mismatch = verdict.isMismatch ? verdict.action : undefined;
  return { success: false, mismatch, lease: NO_LEASE, reason, ruleVersion };
}

/** Names of rules and fields, never what stands in them. */
export function explain(verdict: RuleVerdict): string {
  if (verdict.allowed) return `rule ${verdict.rule}`;
  const { reason, rule, field } = verdict;
  const parts: string[] = [reason];
  if (rule !== undefined) parts.push(`rule ${rule}`);
  if (field !== undefined) parts.push(`field ${field}`);
  return parts.join(" ");
}

/** A rule's terms never exceed the platform's limits. */
function leaseOf(limits: Dependencies["limits"], terms: LeaseTerms): Lease {
  const services = terms.services ?? SERVICE_NAMES;
  return {
    uses: Math.min(terms.uses ?? limits.leaseUses, limits.leaseUses),
    seconds: Math.min(terms.seconds ?? limits.leaseSeconds, limits.leaseSeconds),
    services: services.reduce((bits, name) => bits | SERVICE[name], 0),
  };
}

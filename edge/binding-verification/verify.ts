/** Binding verification, step 331: the decision and what it was based on. */
import type { Dependencies } from "../dependencies.ts";
import { SERVICE } from "#protocol/assigned-numbers";
import type { Lease } from "#protocol/messages";
import { openRule } from "./sealed-rules.ts";
import { type ProvenSubscriber, type RuleRefusal, verifyRules } from "./rule-verification.ts";

export interface BindingDecision {
  readonly success: boolean;
  readonly lock: boolean;
  readonly lease: Lease;
  /** The rule that allowed, or why none did; for the audit trail only. */
  readonly reason: string;
  readonly ruleVersion: number;
}

/** What a failure grants. */
export const NO_LEASE: Lease = { uses: 0, seconds: 0, services: 0 };

export async function verifyBinding(
  { repositories, limits, vault }: Pick<Dependencies, "repositories" | "limits" | "vault">,
  binding: {
    readonly tenant: string;
    readonly cardId: string;
    readonly subscriber: ProvenSubscriber;
  },
): Promise<BindingDecision> {
  const { tenant, cardId, subscriber } = binding;
  const { rules, version } = await repositories.rules.findApplicable(tenant, cardId);
  const opened = rules.map((rule) => openRule({ vault }, tenant, rule));
  const verdict = verifyRules(opened, subscriber);
  if (!verdict.allowed) {
    const reason: RuleRefusal = verdict.reason;
    return { success: false, lock: verdict.lock, lease: NO_LEASE, reason, ruleVersion: version };
  }
  const services = SERVICE.sign | SERVICE.decipher | SERVICE.encipher;
  const lease = { uses: limits.leaseUses, seconds: limits.leaseSeconds, services };
  const reason = `rule ${verdict.rule}`;
  return { success: true, lock: false, lease, reason, ruleVersion: version };
}

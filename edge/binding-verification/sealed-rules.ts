/**
 * Rules on their way into storage and back: IMSI, IMSI range, number and IMEIs are kept wrapped
 * (I13), all of a rule's in one piece.
 */
import type { Dependencies, StoredRule, Wrapping } from "../dependencies.ts";
import type { BindingRule, RuleClaims, RuleCondition } from "#protocol/rules";

type Tools = Pick<Dependencies, "vault">;

type Identities = Pick<RuleCondition, "imsi" | "imsiRange" | "msisdn"> & Pick<RuleClaims, "imeis">;

const PURPOSE = "rule identities";

/** The versions of a rule share its name, so that a rollback copies rows as they are. */
export const ruleIdentitiesWrapping: Wrapping<{ readonly tenant: string; readonly id: string }> = {
  purpose: PURPOSE,
  context: ({ tenant, id }) => `${tenant}/${id}`,
};

function contextOf(tenant: string, { id }: { readonly id: string }): string {
  return ruleIdentitiesWrapping.context({ tenant, id });
}

export function sealRule({ vault }: Tools, tenant: string, rule: BindingRule): StoredRule {
  const { condition, claims, ...rest } = rule;
  const { imsi, imsiRange, msisdn, ...attributes } = condition;
  const { imeis, ...circumstances } = claims ?? {};
  const stored = {
    ...rest,
    condition: attributes,
    ...(claims === undefined ? {} : { claims: circumstances }),
  };
  const identities: Identities = { imsi, imsiRange, msisdn, imeis };
  if (Object.values(identities).every((value) => value === undefined)) return stored;
  const text = new TextEncoder().encode(JSON.stringify(identities));
  return { ...stored, wrappedIdentities: vault.wrap(PURPOSE, contextOf(tenant, rule), text) };
}

export function openRule({ vault }: Tools, tenant: string, stored: StoredRule): BindingRule {
  const { wrappedIdentities, ...rule } = stored;
  if (wrappedIdentities === undefined) return rule;
  const text = vault.unwrap(PURPOSE, contextOf(tenant, rule), wrappedIdentities);
  if (text === undefined) throw new Error("a rule's identities do not unwrap");
  const { imeis, ...identities }: Identities = JSON.parse(new TextDecoder().decode(text));
  return {
    ...rule,
    condition: { ...rule.condition, ...identities },
    ...(imeis === undefined ? {} : { claims: { ...rule.claims, imeis } }),
  };
}

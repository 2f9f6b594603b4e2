/** Rules on their way into storage and back: the IMSI of a condition is kept wrapped (I13). */
import type { Dependencies, StoredRule, Wrapping } from "../dependencies.ts";
import { decodeAscii, encodeAscii } from "#protocol/bytes";
import type { BindingRule } from "#protocol/rules";

type Tools = Pick<Dependencies, "vault">;

const PURPOSE = "rule imsi";

export const ruleImsiWrapping: Wrapping<{ readonly tenant: string; readonly id: string }> = {
  purpose: PURPOSE,
  context: ({ tenant, id }) => `${tenant}/${id}`,
};

export function sealRule({ vault }: Tools, tenant: string, rule: BindingRule): StoredRule {
  const { condition, ...rest } = rule;
  if (!("imsi" in condition)) return { ...rest, condition };
  const context = ruleImsiWrapping.context({ tenant, id: rule.id });
  const wrappedImsi = vault.wrap(PURPOSE, context, encodeAscii(condition.imsi));
  return { ...rest, condition: { wrappedImsi } };
}

export function openRule({ vault }: Tools, tenant: string, rule: StoredRule): BindingRule {
  const { condition, ...rest } = rule;
  if (!("wrappedImsi" in condition)) return { ...rest, condition };
  const context = ruleImsiWrapping.context({ tenant, id: rule.id });
  const imsi = vault.unwrap(PURPOSE, context, condition.wrappedImsi);
  if (imsi === undefined) throw new Error("a rule's IMSI does not unwrap");
  return { ...rest, condition: { imsi: decodeAscii(imsi) } };
}

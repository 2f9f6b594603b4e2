/** Rules on their way into storage and back: the IMSI of a condition is kept wrapped (I13). */
import type { Dependencies, StoredRule } from "../dependencies.ts";
import { decodeAscii, encodeAscii } from "#protocol/bytes";
import type { BindingRule } from "#protocol/rules";

type Tools = Pick<Dependencies, "vault">;

const PURPOSE = "rule imsi";

export function sealRule({ vault }: Tools, tenant: string, rule: BindingRule): StoredRule {
  const { condition, ...rest } = rule;
  if (!("imsi" in condition)) return { ...rest, condition };
  const wrappedImsi = vault.wrap(PURPOSE, rowOf(tenant, rule.id), encodeAscii(condition.imsi));
  return { ...rest, condition: { wrappedImsi } };
}

export function openRule({ vault }: Tools, tenant: string, rule: StoredRule): BindingRule {
  const { condition, ...rest } = rule;
  if (!("wrappedImsi" in condition)) return { ...rest, condition };
  const imsi = vault.unwrap(PURPOSE, rowOf(tenant, rule.id), condition.wrappedImsi);
  if (imsi === undefined) throw new Error("a rule's IMSI does not unwrap");
  return { ...rest, condition: { imsi: decodeAscii(imsi) } };
}

function rowOf(tenant: string, id: string): string {
  return `${tenant}/${id}`;
}

/** A draft of rules on its way into use: looked through, then activated; and the way back. */
import { failure, type Result, success } from "#protocol/result";
import type { RuleActivationView, RuleCheck } from "#protocol/admin-rules";
import type { BindingRule } from "#protocol/rules";
import { analyseRules, locksOutEverybody } from "./binding-verification/rule-analysis.ts";
import { pagesOf } from "./binding-verification/rule-source.ts";
import { openRule } from "./binding-verification/sealed-rules.ts";
import type { Dependencies } from "./dependencies.ts";

/** What is in the draft, and what is odd about it. */
export async function checkDraft(dependencies: Dependencies, tenant: string): Promise<RuleCheck> {
  const { draft } = await dependencies.repositories.rules.findState(tenant);
  const rules = await readRules(dependencies, tenant, draft);
  const findings = await analyseRules(dependencies, tenant, rules);
  return { version: draft, rules: rules.length, findings };
}

/** "conflict": it would lock out everybody, or another change came between. */
export async function activateRules(
  dependencies: Dependencies,
  tenant: string,
  request: { readonly force: boolean; readonly raiseFloor: boolean },
): Promise<Result<RuleActivationView, "conflict">> {
  const { repositories } = dependencies;
  const { draft, revision } = await repositories.rules.findState(tenant);
  const rules = await readRules(dependencies, tenant, draft);
  const findings = await analyseRules(dependencies, tenant, rules);
  if (!request.force && locksOutEverybody(findings)) return failure("conflict");
  return activateRevision(dependencies, tenant, { ...request, revision, findings });
}

/** The draft as it was looked through, or nothing. */
async function activateRevision(
  { repositories, clock }: Dependencies,
  tenant: string,
  {
    revision,
    findings,
    raiseFloor: raisesFloor,
  }: {
    readonly revision: number;
    readonly findings: RuleActivationView["findings"];
    readonly raiseFloor: boolean;
  },
): Promise<Result<RuleActivationView, "conflict">> {
  const activation = { revision, at: clock(), raisesFloor };
  const version = await repositories.rules.activate(tenant, activation);
  return version === undefined ? failure("conflict") : success({ version, findings });
}

/**
 * The rules of an earlier version become a new one; what was in the draft is gone. "conflict" for a
 * version that was never active, for one that would lock out everybody now, and when somebody
 * changed the draft meanwhile.
 */
export async function rollBackRules(
  dependencies: Dependencies,
  tenant: string,
  { version, force }: { readonly version: number; readonly force: boolean },
): Promise<Result<RuleActivationView, "conflict">> {
  const { rules } = dependencies.repositories;
  const { active } = await rules.findState(tenant);
  if (version > active) return failure("conflict");
  const restored = await readRules(dependencies, tenant, version);
  const findings = await analyseRules(dependencies, tenant, restored);
  if (!force && locksOutEverybody(findings)) return failure("conflict");
  const revision = await rules.restore(tenant, version);
  if (revision === undefined) return failure("conflict");
  return activateRevision(dependencies, tenant, { revision, findings, raiseFloor: true });
}

export async function readRules(
  dependencies: Pick<Dependencies, "repositories" | "vault">,
  tenant: string,
  version: number,
): Promise<BindingRule[]> {
  const { rules } = dependencies.repositories;
  const read: BindingRule[] = [];
  for await (const page of pagesOf(
    (after) => rules.list(tenant, version, after),
    ({ id }) => id,
  )) {
    read.push(...page.map((rule) => openRule(dependencies, tenant, rule)));
  }
  return read;
}

/** What rules judged, as the audit index keeps it: wrapped, for dry runs of other rules (I13). */
import type { Dependencies, Wrapping } from "../dependencies.ts";
import { decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import type { RuleSubject } from "./rule-match.ts";

export interface DecisionFacts {
  readonly subject: RuleSubject;
  /** Unix milliseconds. */
  readonly at: number;
}

interface DecisionName {
  readonly tenant: string;
  /** Session id, base64url. */
  readonly session: string;
}

type Tools = Pick<Dependencies, "vault">;

export const decisionFactsWrapping: Wrapping<DecisionName> = {
  purpose: "decision facts",
  context: ({ tenant, session }) => `${tenant}/${session}`,
};

/** base64url. */
export function sealFacts({ vault }: Tools, name: DecisionName, facts: DecisionFacts): string {
  const text = new TextEncoder().encode(JSON.stringify(facts));
  const { purpose, context } = decisionFactsWrapping;
  return encodeBase64Url(vault.wrap(purpose, context(name), text));
}

/** Undefined for what was altered; throws as `unwrap` for a key that is not configured. */
export function openFacts(
  { vault }: Tools,
  name: DecisionName,
  sealed: string,
): DecisionFacts | undefined {
  const { purpose, context } = decisionFactsWrapping;
  const wrapped = decodeBase64Url(sealed);
  const text = wrapped && vault.unwrap(purpose, context(name), wrapped);
  if (text === undefined) return undefined;
  const facts: DecisionFacts = JSON.parse(new TextDecoder().decode(text));
  return facts;
}

/** What rules judged, as the audit index keeps it: wrapped, for dry runs of other rules (I13). */
import type { Dependencies } from "../dependencies.ts";
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

const PURPOSE = "decision facts";

/** base64url. */
export function sealFacts({ vault }: Tools, name: DecisionName, facts: DecisionFacts): string {
  const text = new TextEncoder().encode(JSON.stringify(facts));
  return encodeBase64Url(vault.wrap(PURPOSE, contextOf(name), text));
}

/** Undefined for what was wrapped under another master key. */
export function openFacts(
  { vault }: Tools,
  name: DecisionName,
  sealed: string,
): DecisionFacts | undefined {
  const wrapped = decodeBase64Url(sealed);
  const text = wrapped && vault.unwrap(PURPOSE, contextOf(name), wrapped);
  if (text === undefined) return undefined;
  const facts: DecisionFacts = JSON.parse(new TextDecoder().decode(text));
  return facts;
}

function contextOf({ tenant, session }: DecisionName): string {
  return `${tenant}/${session}`;
}

/**
 * Step 331 at the card's writer: which rules decide, what is known of card and subscriber at that
 * moment, and what the audit keeps of it. Nothing is committed here.
 */
import type { AccessOutcome } from "../access-authentication/authenticate.ts";
import { findModuleKind } from "../access-authentication/challenge-form.ts";
import type { Claims, RuleSubject } from "../binding-verification/rule-match.ts";
import type { LoadedRules } from "../binding-verification/rule-source.ts";
import { type BindingDecision, NO_LEASE, verifyBinding } from "../binding-verification/verify.ts";
import { sealFacts } from "../binding-verification/decision-facts.ts";
import type { Dependencies, RegisteredCard } from "../dependencies.ts";
import { findLapse } from "../secure-connection/card-authentication.ts";
import { failure } from "#protocol/result";
import { readSecrets } from "./card-connection.ts";
import { findCard, type Session } from "./card-store.ts";
import type { CardContext } from "./card-writer.ts";

export interface Judgement extends BindingDecision {
  readonly strength: string;
  /** What rules judged, wrapped for the audit; absent where they were not asked. */
  readonly facts?: string;
}

export type VerifiedAccess = Extract<AccessOutcome, { kind: "verified" }>;

/** Rules that changed while they were read are read again so often. */
const RULE_READS_MAX = 3;

export function refusal(reason: string): Judgement {
  const nothing = { success: false, mismatch: undefined, lease: NO_LEASE, ruleVersion: 0 };
  return { ...nothing, reason, strength: "" };
}

/**
 * The rules may come out of a cache; the last look at card and subscriber also says which versions
 * still count, so that an old one cannot allow what a newer one forbids.
 */
export async function judgeBinding(
  context: CardContext,
  session: Session,
  access: VerifiedAccess,
  country: string | undefined,
): Promise<Judgement> {
  const { sql, object, dependencies, rules: source } = context;
  const { tenant } = session.terms;
  const { cardId } = session;
  let atLeast = findCard(sql, object)?.ruleVersion ?? 0;
  for (let read = 1; read <= RULE_READS_MAX; read++) {
    const rules = await source.load(dependencies, tenant, cardId, atLeast);
    const profile = await findProfile(dependencies, rules, tenant, access);
    const look = await lookAtPair(dependencies, { tenant, cardId, imsi: access.subscriber.imsi });
    if ("lapse" in look) return refusal(look.lapse);
    atLeast = Math.max(atLeast, look.floor);
    if (rules.version < atLeast) continue;
    const claims = { imei: readSecrets(context, session).imei, country };
    const subject = describeSubject(session, access, look.card, profile, claims);
    return judge(dependencies, session, rules, subject);
  }
  return refusal("rules_stale");
}

function judge(
  dependencies: Dependencies,
  session: Session,
  rules: LoadedRules,
  subject: RuleSubject,
): Judgement {
  const at = dependencies.clock();
  const decision = verifyBinding(dependencies, rules, subject, at);
  const { tenant } = session.terms;
  const facts = { subject, at };
  return {
    ...decision,
    strength: subject.strength,
    facts: sealFacts(dependencies, { tenant, session: session.sid }, facts),
  };
}

async function findProfile(
  { directory }: Dependencies,
  { needsProfile }: LoadedRules,
  tenant: string,
  { subscriber: { msisdn } }: VerifiedAccess,
): Promise<RuleSubject["profile"]> {
  const isAsked = needsProfile && msisdn !== undefined;
  return isAsked ? directory.find(tenant, msisdn) : failure("number_unknown");
}

function describeSubject(
  { moduleKind: number, cardId }: Session,
  { subscriber, strength }: VerifiedAccess,
  { groups, company }: RegisteredCard,
  profile: RuleSubject["profile"],
  claims: Claims,
): RuleSubject {
  const { imsi, operator, msisdn, provisionedStrength } = subscriber;
  const moduleKind = findModuleKind(number);
  if (moduleKind === undefined) throw new Error("an answer of an unknown module kind was verified");
  const proven = { imsi, operator, msisdn, moduleKind, strength, provisionedStrength };
  return { ...proven, cardId, cardGroups: groups, cardCompany: company, profile, claims };
}

interface PairStanding {
  readonly card: RegisteredCard;
  /** The oldest version of the rules that still counts. */
  readonly floor: number;
}

/** Card or subscriber may have been withdrawn since step 2; this is the last look at both. */
export async function lookAtPair(
  { repositories, clock }: Pick<Dependencies, "repositories" | "clock">,
  pair: { readonly tenant: string; readonly cardId: string; readonly imsi: string },
): Promise<PairStanding | { readonly lapse: string }> {
  const [{ floor }, card, subscriber] = await Promise.all([
    repositories.rules.findState(pair.tenant),
    repositories.cards.find(pair.tenant, pair.cardId),
    repositories.subscribers.find(pair.tenant, pair.imsi),
  ]);
  if (card === undefined || subscriber === undefined) return { lapse: "pair_unknown" };
  if (subscriber.status !== "active") return { lapse: "imsi_barred" };
  const lapse = findLapse(card, clock());
  return lapse === undefined ? { card, floor } : { lapse };
}

/**
 * A draft of rules beside the rules in use: whose verdict would be another one. Registered cards
 * beside registered subscribers, as if each module proved what it is provisioned for and every
 * claim held; and past decisions, with the proof and the claims of then. Registries and directory
 * are asked as they are now. Nothing is written.
 */
import type { DryRunCount, DryRunLine } from "#protocol/admin-rules";
import { failure } from "#protocol/result";
import type { BindingRule } from "#protocol/rules";
import { moduleKindOf } from "./access-authentication/challenge-form.ts";
import { openFacts } from "./binding-verification/decision-facts.ts";
import type { RuleSubject } from "./binding-verification/rule-match.ts";
import { pagesOf } from "./binding-verification/rule-source.ts";
import {
  compileRules,
  indexOwn,
  indexShared,
  type OwnRules,
  type RuleVerdict,
  type SharedRules,
  verifyRules,
} from "./binding-verification/rule-verification.ts";
import { explain } from "./binding-verification/verify.ts";
import type { CardDetails, Dependencies } from "./dependencies.ts";
import { readRules } from "./rule-activation.ts";

interface Bounds {
  readonly pairs?: number | undefined;
  readonly bindings?: number | undefined;
  readonly changes?: number | undefined;
}

type Change = Extract<DryRunLine, { kind: "pair" | "binding" }>;

const PAIRS_DEFAULT = 100_000;
const BINDINGS_DEFAULT = 10_000;
const CHANGES_DEFAULT = 1000;
/** After so many everybody else has a turn: storage on one machine gives none by itself. */
const COMPARISONS_A_TURN = 1024;

/** A whole version, in memory. */
interface WholeSet {
  readonly own: ReadonlyMap<string, OwnRules | undefined>;
  readonly shared: SharedRules;
  readonly needsProfile: boolean;
}

/** The same version twice: as pairs are judged, and as decisions are. */
interface ComparedVersion {
  readonly forPairs: WholeSet;
  readonly forBindings: WholeSet;
}

interface Count {
  checked: number;
  changed: number;
  isPartial: boolean;
}

export async function* dryRun(
  dependencies: Dependencies,
  tenant: string,
  bounds: Bounds,
): AsyncGenerator<DryRunLine> {
  const { active, draft } = await dependencies.repositories.rules.findState(tenant);
  const before = await readVersion(dependencies, tenant, active);
  const after = await readVersion(dependencies, tenant, draft);
  const pairs: Count = { checked: 0, changed: 0, isPartial: false };
  const bindings: Count = { checked: 0, changed: 0, isPartial: false };
  const told = bounds.changes ?? CHANGES_DEFAULT;
  const run = { dependencies, tenant, before, after };
  for await (const change of comparePairs(run, bounds.pairs ?? PAIRS_DEFAULT, pairs)) {
    if (pairs.changed <= told) yield change;
  }
  for await (const change of compareBindings(run, bounds.bindings ?? BINDINGS_DEFAULT, bindings)) {
    if (bindings.changed <= told) yield change;
  }
  const counts: { pairs: DryRunCount; bindings: DryRunCount } = { pairs, bindings };
  yield { kind: "summary", active, draft, ...counts };
}

interface Run {
  readonly dependencies: Dependencies;
  readonly tenant: string;
  readonly before: ComparedVersion;
  readonly after: ComparedVersion;
}

async function readVersion(
  dependencies: Dependencies,
  tenant: string,
  version: number,
): Promise<ComparedVersion> {
  const now = dependencies.clock();
  const rules = await readRules(dependencies, tenant, version);
  const valid = rules
    .filter(
      ({ validFrom = 0, validUntil = Number.POSITIVE_INFINITY }) =>
        validFrom <= now && now < validUntil,
    )
    // A past decision is judged by the rules of now.
    .map(({ validFrom: _from, validUntil: _until, ...rule }) => rule);
  const unclaimed = valid
    .filter(({ effect, claims }) => effect !== "deny" || claims === undefined)
    .map(({ claims: _claims, ...rule }) => rule);
  return { forPairs: indexAll(unclaimed, now), forBindings: indexAll(valid, now) };
}

function indexAll(rules: readonly BindingRule[], now: number): WholeSet {
  const compiled = compileRules(rules, now, now);
  const byCard = Map.groupBy(compiled, ({ rule: { target } }) =>
    "card" in target ? target.card : "",
  );
  const shared = indexShared(byCard.get("") ?? []);
  byCard.delete("");
  const own = new Map([...byCard].map(([card, members]) => [card, indexOwn(members)] as const));
  return { own, shared, needsProfile: compiled.some((rule) => rule.needsProfile) };
}

function judge(set: WholeSet, subject: RuleSubject, at: number): RuleVerdict {
  return verifyRules({ own: set.own.get(subject.cardId), shared: set.shared }, subject, at);
}

/** As many cards as subscribers, or all there are of the fewer. */
async function* comparePairs(run: Run, bound: number, count: Count): AsyncGenerator<Change> {
  const { dependencies, tenant } = run;
  const { cards, subscribers } = dependencies.repositories;
  const side = Math.ceil(Math.sqrt(bound));
  const sample = [];
  for await (const page of pagesOf((after) => cards.list(tenant, after), cardKey)) {
    sample.push(...page.slice(0, side - sample.length));
    if (sample.length < side) continue;
    count.isPartial = true;
    break;
  }
  if (sample.length === 0) return;
  for await (const page of pagesOf((after) => subscribers.list(tenant, after), imsiKey)) {
    for (const subscriber of page) {
      if (count.checked + sample.length > bound) {
        count.isPartial = true;
        return;
      }
      yield* compareSubscriber(run, sample, subscriber, count);
    }
  }
}

const cardKey = ({ cardId }: { readonly cardId: string }): string => cardId;
const imsiKey = ({ imsi }: { readonly imsi: string }): string => imsi;

type SampleCard = CardDetails & { readonly cardId: string };
type SampleSubscriber = Awaited<
  ReturnType<Dependencies["repositories"]["subscribers"]["list"]>
>[number];

async function* compareSubscriber(
  run: Run,
  sample: readonly SampleCard[],
  { imsi, operator, msisdn, algorithm: name }: SampleSubscriber,
  count: Count,
): AsyncGenerator<Change> {
  const { dependencies } = run;
  const algorithm = dependencies.algorithms.findProfile(name);
  if (algorithm === undefined) throw new Error("a subscriber's algorithm is not known");
  const proves = algorithm.proves;
  const profile = await findProfile(run, msisdn);
  const at = dependencies.clock();
  for (const { cardId, groups, company } of sample) {
    const subject: RuleSubject = {
      cardId,
      cardGroups: groups,
      cardCompany: company,
      imsi,
      operator,
      msisdn,
      moduleKind: moduleKindOf(algorithm),
      strength: proves,
      provisionedStrength: proves,
      profile,
      claims: {},
    };
    const before = judge(run.before.forPairs, subject, at);
    const after = judge(run.after.forPairs, subject, at);
    const change = compare(before, after, count);
    if (change !== undefined) yield { kind: "pair", card: cardId, imsi, ...change };
    if (count.checked % COMPARISONS_A_TURN === 0) await dependencies.sleep(0);
  }
}

async function findProfile(
  { dependencies, tenant, before, after }: Run,
  msisdn: string | undefined,
): Promise<RuleSubject["profile"]> {
  const isAsked = before.forBindings.needsProfile || after.forBindings.needsProfile;
  if (!isAsked || msisdn === undefined) return failure("number_unknown");
  return dependencies.directory.find(tenant, msisdn);
}

async function* compareBindings(run: Run, bound: number, count: Count): AsyncGenerator<Change> {
  const { dependencies, tenant } = run;
  const { audit, cards } = dependencies.repositories;
  const events = await audit.findDecisions(tenant, bound + 1);
  count.isPartial = events.length > bound;
  for (const [index, { session, facts: sealed }] of events.slice(0, bound).entries()) {
    if (index % COMPARISONS_A_TURN === 0) await dependencies.sleep(0);
    const facts = openFacts(dependencies, { tenant, session }, sealed ?? "");
    if (facts === undefined) continue;
    const card = await cards.find(tenant, facts.subject.cardId);
    if (card === undefined) continue;
    const subject: RuleSubject = {
      ...facts.subject,
      cardGroups: card.groups,
      cardCompany: card.company,
      profile: await findProfile(run, facts.subject.msisdn),
    };
    const before = judge(run.before.forBindings, subject, facts.at);
    const after = judge(run.after.forBindings, subject, facts.at);
    const change = compare(before, after, count);
    const { cardId, imsi } = subject;
    if (change !== undefined) yield { kind: "binding", card: cardId, imsi, session, ...change };
  }
}

/** Undefined when both end alike, whichever rule it was. */
function compare(
  before: RuleVerdict,
  after: RuleVerdict,
  count: Count,
): Pick<Change, "before" | "after"> | undefined {
  count.checked += 1;
  if (outcomeOf(before) === outcomeOf(after)) return undefined;
  count.changed += 1;
  return {
    before: `${outcomeOf(before)}: ${explain(before)}`,
    after: `${outcomeOf(after)}: ${explain(after)}`,
  };
}

function outcomeOf(verdict: RuleVerdict): string {
  if (verdict.allowed) return "SUCCESS";
  const { action } = verdict;
  if (action === "refuse") return "FAILURE";
  return action === "lock" ? "FAILURE, lock" : `FAILURE, lock after ${action.lockAfter}`;
}

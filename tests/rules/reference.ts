/**
 * The decision as docs/rules.md tells it, without any index: every rule is looked at, in no order.
 * It shares no line with the platform's.
 */
import type { RuleSubject } from "#edge/binding-verification/rule-match";
import type { RuleVerdict } from "#edge/binding-verification/rule-verification";
import type { BindingRule, RuleCondition } from "#protocol/rules";
import { STRENGTHS } from "#protocol/suites";

type Truth = "yes" | "no" | "unknown";

export function referenceVerdict(
  rules: readonly BindingRule[],
  subject: RuleSubject,
  at: number,
): RuleVerdict {
  const applicable = rules.filter(
    (rule) =>
      covers(rule, subject) && (rule.validFrom ?? at) <= at && (rule.validUntil ?? at + 1) > at,
  );
  const relevant = applicable
    .map((rule) => ({ rule, truth: judge(rule, subject, at) }))
    .filter(({ truth }) => truth !== "no");
  if (relevant.length === 0) return mismatch(applicable, subject);
  const top = Math.max(...relevant.map(({ rule }) => rule.priority ?? 0));
  const deciding = relevant.filter(({ rule }) => (rule.priority ?? 0) === top);
  const pick = (effect: "allow" | "deny", truth: Truth): BindingRule[] =>
    deciding
      .filter((each) => (each.rule.effect ?? "allow") === effect && each.truth === truth)
      .map(({ rule }) => rule);
  const [denies] = pick("deny", "yes").toSorted(byMildness);
  if (denies !== undefined) {
    const [field] = membersOf(denies.condition);
    return { ...refused("rule_denies", denies, field), action: actionOf(denies), isMismatch: true };
  }
  const [mayDeny] = pick("deny", "unknown").toSorted(byMildness);
  if (mayDeny !== undefined) return unknownRefusal(mayDeny, subject, at);
  const allowing = pick("allow", "yes").toSorted(byCloseness);
  const strong = allowing.filter((rule) => isStrong(rule, subject));
  const granted = strong.find((rule) => claimsTruth(rule, subject, at).truth === "yes");
  if (granted !== undefined) return { allowed: true, rule: granted.id, lease: granted.lease ?? {} };
  const [unclaimed] = strong;
  if (unclaimed !== undefined) {
    return refused("claim_mismatch", unclaimed, claimsTruth(unclaimed, subject, at).field);
  }
  const [weak] = allowing;
  if (weak !== undefined) return refused("strength_too_low", weak, "minimumStrength");
  const [mayAllow] = pick("allow", "unknown").toSorted(byCloseness);
  if (mayAllow === undefined) throw new Error("nothing decides");
  return unknownRefusal(mayAllow, subject, at);
}

function covers({ target }: BindingRule, { cardId, cardGroups }: RuleSubject): boolean {
  if ("card" in target) return target.card === cardId;
  return "group" in target ? cardGroups.includes(target.group) : true;
}

function judge(rule: BindingRule, subject: RuleSubject, at: number): Truth {
  const truths = membersOf(rule.condition).map((member) =>
    truthOf(member, rule.condition, subject),
  );
  if (rule.effect === "deny") truths.push(claimsTruth(rule, subject, at).truth);
  if (truths.includes("no")) return "no";
  return truths.includes("unknown") ? "unknown" : "yes";
}

const is = (holds: boolean): Truth => (holds ? "yes" : "no");

function among(list: readonly string[], value: string | undefined): Truth {
  return value === undefined ? "unknown" : is(list.includes(value));
}

type Member = keyof RuleCondition;
const MEMBERS: readonly Member[] = [
  "imsi",
  "imsiRange",
  "msisdn",
  "operator",
  "networkSubset",
  "serviceProvider",
  "corporate",
  "homeRegion",
  "userGroup",
  "level",
  "company",
  "sameCompany",
  "services",
  "moduleKind",
];

function membersOf(condition: RuleCondition): Member[] {
  return MEMBERS.filter((member) => condition[member] !== undefined);
}

function truthOf(member: Member, condition: RuleCondition, subject: RuleSubject): Truth {
  const { imsi, profile } = subject;
  const wanted = condition[member];
  if (member === "imsi" || member === "operator" || member === "moduleKind") {
    return is(subject[member] === wanted);
  }
  if (member === "msisdn") {
    return subject.msisdn === undefined ? "unknown" : is(subject.msisdn === wanted);
  }
  if (member === "imsiRange") {
    const range = condition.imsiRange;
    if (range === undefined || range.from.length !== imsi.length) return "no";
    return is(BigInt(imsi) >= BigInt(range.from) && BigInt(imsi) <= BigInt(range.to));
  }
  if (member === "networkSubset") {
    if (!profile.ok && profile.reason === "directory_unavailable") return "unknown";
    const own = profile.ok ? profile.value.networkSubset : undefined;
    return is((own ?? `${imsi[5]}${imsi[6]}`) === wanted);
  }
  if (member === "sameCompany") {
    if (subject.cardCompany === undefined) return "no";
    return profile.ok ? is(profile.value.company === subject.cardCompany) : "unknown";
  }
  if (!profile.ok) return "unknown";
  const { userGroups, services } = profile.value;
  if (member === "userGroup") return is(userGroups.some((group) => group === wanted));
  if (member === "services") {
    return is((condition.services ?? []).every((service) => services.includes(service)));
  }
  return is(profile.value[member] === wanted);
}

function claimsTruth(
  { claims = {} }: BindingRule,
  { claims: said }: RuleSubject,
  at: number,
): { readonly truth: Truth; readonly field: "imei" | "country" | "window" | undefined } {
  const found: { readonly field: "imei" | "country" | "window"; readonly truth: Truth }[] = [];
  if (claims.imeis !== undefined) {
    const bare = claims.imeis.map((imei) => imei.substring(0, 14));
    found.push({ field: "imei", truth: among(bare, said.imei?.substring(0, 14)) });
  }
  if (claims.countries !== undefined) {
    found.push({ field: "country", truth: among(claims.countries, said.country) });
  }
  if (claims.window !== undefined) {
    found.push({ field: "window", truth: isInside(claims.window, at) ? "yes" : "no" });
  }
  const worst = (["no", "unknown"] as const).find((truth) =>
    found.some((each) => each.truth === truth),
  );
  if (worst === undefined) return { truth: "yes", field: undefined };
  return { truth: worst, field: found.find(({ truth }) => truth === worst)?.field };
}

type Window = NonNullable<NonNullable<BindingRule["claims"]>["window"]>;

/** Minute by minute: the window's start is looked for, going back a day at most. */
function isInside({ days, from, to, utcOffset }: Window, at: number): boolean {
  const local = new Date(at + utcOffset * 60_000);
  const minute = local.getUTCHours() * 60 + local.getUTCMinutes();
  const length = to > from ? to - from : to + 1440 - from;
  for (const back of [0, 1440]) {
    const since = minute + back - from;
    if (since < 0 || since >= length) continue;
    const start = new Date(local.getTime() - back * 60_000);
    const day = ((start.getUTCDay() + 6) % 7) + 1;
    return days === undefined || days.includes(day);
  }
  return false;
}

function isStrong({ minimumStrength }: BindingRule, subject: RuleSubject): boolean {
  const { strength, provisionedStrength: own } = subject;
  const needed = minimumStrength ?? (own === "COMP128-1" ? "SIM" : own);
  return STRENGTHS.indexOf(strength) >= STRENGTHS.indexOf(needed);
}

function actionOf(rule: BindingRule): BindingRule["onMismatch"] {
  return rule.effect === "deny" && rule.claims !== undefined ? "refuse" : rule.onMismatch;
}

function severity(rule: BindingRule): number {
  const action = actionOf(rule);
  if (action === "refuse") return 0;
  return action === "lock" ? 1 : 1 / action.lockAfter;
}

const byId = (one: BindingRule, other: BindingRule): number => (one.id < other.id ? -1 : 1);
const byMildness = (one: BindingRule, other: BindingRule): number =>
  severity(one) - severity(other) || byId(one, other);
const closeness = ({ target }: BindingRule): number =>
  "card" in target ? 0 : "group" in target ? 1 : 2;
const byCloseness = (one: BindingRule, other: BindingRule): number =>
  closeness(one) - closeness(other) || byId(one, other);

type Refused = Extract<RuleVerdict, { allowed: false }>;

function refused(reason: Refused["reason"], rule?: BindingRule, field?: Refused["field"]): Refused {
  return { allowed: false, reason, action: "refuse", isMismatch: false, rule: rule?.id, field };
}

function unknownRefusal(rule: BindingRule, subject: RuleSubject, at: number): Refused {
  const { condition } = rule;
  const member = membersOf(condition).find(
    (each) => truthOf(each, condition, subject) === "unknown",
  );
  return refused("attribute_unknown", rule, member ?? claimsTruth(rule, subject, at).field);
}

function mismatch(applicable: readonly BindingRule[], subject: RuleSubject): Refused {
  const allowing = applicable.filter(({ effect }) => effect !== "deny");
  const closest = Math.min(...allowing.map(closeness));
  const [rule] = allowing.filter((each) => closeness(each) === closest).toSorted(byMildness);
  if (rule === undefined) return refused("no_rule_for_card");
  const field = membersOf(rule.condition).find(
    (member) => truthOf(member, rule.condition, subject) === "no",
  );
  return { ...refused("no_rule_allows", rule, field), action: actionOf(rule), isMismatch: true };
}

/** I2, I8, I11 and I13 where rules decide: priorities, what is not known, versions, the floor. */
import type { Fault } from "./fault.ts";

const VERIFICATION = "edge/binding-verification/rule-verification.ts";
const MATCH = "edge/binding-verification/rule-match.ts";
const COMPILED = "edge/binding-verification/compiled-rule.ts";
const INDEX = "edge/binding-verification/rule-index.ts";
const STORAGE = "db/binding-rules.ts";
const JUDGING = "edge/state/card-judging.ts";
const DECIDING = "edge/state/card-deciding.ts";
const ACTIVATION = "edge/rule-activation.ts";
const DECISION = "tests/rules/decision.test.ts";
const VERSIONS = "tests/rules/versions.test.ts";
const TERMS = "tests/rules/terms.test.ts";
const RANDOM_RULES =
  "random rules and subjects: rule, field, lease and lock are those of the reference";

export const RULE_FAULTS: readonly Fault[] = [
  {
    invariant: "I2",
    what: "what denies a card of its own is not looked for",
    source: VERIFICATION,
    find: "if (own !== undefined) searchDenying(tally, own.index, subject, at);",
    replace: "",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule for a group counts for every card",
    source: VERIFICATION,
    find: "if (openGroup !== undefined && !subject.cardGroups.includes(openGroup)) continue;",
    replace: "",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule of lower priority decides",
    source: VERIFICATION,
    find: "if (rule.priority < tally.priority) return;",
    replace: "",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule that is skipped ends the search",
    source: VERIFICATION,
    find: 'if (claimed === MATCH.no) return "skipped";',
    replace: 'if (claimed === MATCH.no) return "last";',
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule with other members makes those behind it unreachable",
    source: INDEX,
    find: "return openChecks.length === 0 && isLasting;",
    replace: "return openChecks.length >= 0 && isLasting;",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "rules hold after their end",
    source: VERIFICATION,
    find: "if (at < rule.from || at >= rule.until) continue;",
    replace: "if (at < rule.from) continue;",
    file: VERSIONS,
    test: "rules begin and end by the clock",
  },
  {
    invariant: "I2",
    what: "a claim that nobody made counts as made",
    source: VERIFICATION,
    find: "else if (matchClaims(rule.rule.claims, subject.claims, at).match !== MATCH.yes) {",
    replace: "else if (matchClaims(rule.rule.claims, subject.claims, at).match === MATCH.no) {",
    file: TERMS,
    test: "I8: the IMEI is a claim: a wrong one or none refuses, and never locks",
  },
  {
    invariant: "I2",
    what: "a draft decides before it is activated",
    source: STORAGE,
    find: "  lte(bindingRules.since, version),\n",
    replace: "",
    file: VERSIONS,
    test: "a draft decides nothing until it is activated, a rollback brings an earlier version",
  },
  {
    invariant: "I2",
    what: "a draft is activated that nobody looked through",
    source: STORAGE,
    find: 'and(isThisSet, eq(ruleSets.revision, sql.placeholder("revision")))',
    replace: "isThisSet",
    file: "tests/admin/rules.test.ts",
    test: "a draft that changes while it is looked through is not activated",
  },
  {
    invariant: "I2",
    what: "everybody is locked out without a word",
    source: ACTIVATION,
    find: "if (!request.force && locksOutEverybody(findings))",
    replace: "if (!request.force && findings.length < 0)",
    file: VERSIONS,
    test: "what locks out everybody is activated by force alone",
  },
  {
    invariant: "I2",
    what: "kept rules decide below the floor",
    source: JUDGING,
    find: "if (rules.version < atLeast) continue;",
    replace: "",
    file: VERSIONS,
    test: "the floor: a tightened version counts at once, whatever is kept",
  },
  {
    invariant: "I2",
    what: "the card's writer forgets by which version it decided",
    source: DECIDING,
    find: "ruleVersion: Math.max(card.ruleVersion, decision.ruleVersion),",
    replace: "ruleVersion: 0,",
    file: VERSIONS,
    test: "the card's writer decides by no older version than it has decided by",
  },
  {
    invariant: "I8",
    what: "what a directory does not say counts as said",
    source: MATCH,
    find: "profile.ok ? known(test(condition, profile.value)) : MATCH.unknown,",
    replace: "profile.ok ? known(test(condition, profile.value)) : MATCH.no,",
    file: TERMS,
    test: "I8: a subscriber without a number, or of whom nothing is said, is refused and never locked",
  },
  {
    invariant: "I8",
    what: "a claim brings a lock about",
    source: COMPILED,
    find: 'isDeny && claims !== undefined ? "refuse" : rule.onMismatch',
    replace: "rule.onMismatch",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I8",
    what: "a SUCCESS leaves the count of mismatches",
    source: DECIDING,
    find: "if (isGranted) return { mismatches: 0, lock: false };",
    replace: "if (isGranted) return { mismatches: before, lock: false };",
    file: VERSIONS,
    test: "lock after n: counted at the card's writer, begun anew by a SUCCESS",
  },
  {
    invariant: "I8",
    what: "the first mismatch locks where the n-th should",
    source: DECIDING,
    find: "return { mismatches, lock: mismatches >= mismatch.lockAfter };",
    replace: "return { mismatches, lock: mismatches > 0 };",
    file: VERSIONS,
    test: "lock after n: counted at the card's writer, begun anew by a SUCCESS",
  },
  {
    invariant: "I13",
    what: "the audit keeps an IMSI in clear",
    source: "edge/binding-verification/decision-facts.ts",
    find: "return encodeBase64Url(vault.wrap(purpose, context(name), text));",
    replace:
      "return encodeBase64Url(text.length > 0 ? text : vault.wrap(purpose, context(name), text));",
    file: "tests/rules/dry-run.test.ts",
    test: "I13: what the audit keeps for it holds no IMSI in clear",
  },
];

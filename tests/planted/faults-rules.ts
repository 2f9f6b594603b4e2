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
    what: "of two that deny the closer one says what the card is told",
    source: VERIFICATION,
    find: "return isDenying && compareMildness(wider, closer) < 0 ? wider : closer;",
    replace: "return closer.outcome >= OUTCOME.denying ? closer : wider;",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule for a group counts for every card",
    source: COMPILED,
    find: 'if ("group" in target) writeText(units, "group", target.group);',
    replace: "",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule of lower priority decides",
    source: VERIFICATION,
    find: "if (higher !== 0) return higher > 0;",
    replace: "if (higher > 0) return false;",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule that denies under a claim that does not hold still counts",
    source: VERIFICATION,
    find: "if (claimed === MATCH.no) return OUTCOME.none;",
    replace: "if (claimed === MATCH.no) return OUTCOME.unknownDenying;",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule with other members makes those behind it unreachable",
    source: INDEX,
    find: 'return fieldsOf(condition).every((field) => field === found && field !== "services");',
    replace: "return fieldsOf(condition).length >= 0;",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "rules hold after their end",
    source: VERIFICATION,
    find: "return at >= validFrom && at < validUntil;",
    replace: "return at >= validFrom;",
    file: VERSIONS,
    test: "rules begin and end by the clock",
  },
  {
    invariant: "I2",
    what: "a claim that nobody made counts as made",
    source: VERIFICATION,
    find: "return claimed === MATCH.yes ? OUTCOME.allowing : OUTCOME.unclaimed;",
    replace: "return claimed !== MATCH.no ? OUTCOME.allowing : OUTCOME.unclaimed;",
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
    what: "two values of one hash are taken for each other",
    source: COMPILED,
    find: "if (text.charCodeAt(place) !== character) return false;",
    replace: "if (character < 0) return false;",
    file: DECISION,
    test: RANDOM_RULES,
  },
  {
    invariant: "I2",
    what: "a rule is called shadowed that reaches beyond the range around it",
    source: "edge/binding-verification/covering-ranges.ts",
    find: "if (range !== undefined && range.last >= asked.last)",
    replace: "if (range !== undefined)",
    file: "tests/rules/analysis.test.ts",
    test: "not shadowed: a range that reaches out, comes first, or is behind a stricter one",
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
    find: "level: ({ profile }) => (profile.ok ? (profile.value.level ?? NONE) : undefined),",
    replace: "level: ({ profile }) => (profile.ok ? (profile.value.level ?? NONE) : NONE),",
    file: TERMS,
    test: "I8: a subscriber without a number, or of whom nothing is said, is refused and never locked",
  },
  {
    invariant: "I8",
    what: "a claim brings a lock about",
    source: COMPILED,
    find: 'effect === "deny" && claims !== undefined ? "refuse" : onMismatch',
    replace: "onMismatch",
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

/** The compiled decision is the one that looking at every rule gives. */
import { expect, test } from "bun:test";
import { matchRecord, numberOf } from "#edge/binding-verification/compiled-rule";
import {
  cutRanges,
  findPiece,
  firstOf,
  restOf,
  tabulate,
} from "#edge/binding-verification/imsi-ranges";
import { compileRules } from "#edge/binding-verification/rule-index";
import { ATTRIBUTES, type RuleSubject } from "#edge/binding-verification/rule-match";
import { hashOf, RUN_HEAD } from "#edge/binding-verification/rule-table";
import { verifyRules } from "#edge/binding-verification/rule-verification";
import { success } from "#protocol/result";
import { createRuleFleet } from "./rule-fleet.ts";
import { createSeeded } from "#tests/terminal/seeded";
import { makeRandomRule, makeRandomSubject } from "./random-rules.ts";
import { referenceVerdict } from "./reference.ts";
import { compileFor, makeRule, makeSubject, NOON, verifyRuleList } from "./scene.ts";

const SETS = 1500;
const SUBJECTS = 12;

test("random rules and subjects: rule, field, lease and lock are those of the reference", () => {
  const reasons = new Map<string, number>();
  for (let seed = 1; seed <= SETS; seed++) {
    const seeded = createSeeded(seed);
    const rules = Array.from({ length: seeded.below(seed % 10 === 0 ? 200 : 40) }, (_, id) =>
      makeRandomRule(seeded, id),
    );
    const at = NOON + seeded.below(86_400_000);
    const sample = makeRandomSubject(seeded);
    const set = compileFor(rules, sample, at);
    const whole = compileRules(rules, at, at);
    for (let i = 0; i < SUBJECTS; i++) {
      const subject = makeRandomSubject(seeded);
      const verdict = verifyRules(set, subject, at);
      expect(verifyRules({ shared: whole }, subject, at)).toEqual(verdict);
      const expected = referenceVerdict(rules, subject, at);
      if (!Bun.deepEquals(verdict, expected)) {
        expect({ seed, i, subject, verdict }).toEqual({ seed, i, subject, verdict: expected });
      }
      const reason = verdict.allowed ? "allowed" : verdict.reason;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  // Each outcome came often enough to mean something.
  for (const reason of [
    "allowed",
    "no_rule_allows",
    "rule_denies",
    "strength_too_low",
    "claim_mismatch",
    "attribute_unknown",
    "no_rule_for_card",
  ]) {
    expect([reason, (reasons.get(reason) ?? 0) > 100]).toEqual([reason, true]);
  }
});

test("ranges: a number is found in exactly the ranges that it is in", () => {
  const seeded = createSeeded(7);
  const digits = (): string => String(100_000 + seeded.below(500));
  for (let round = 0; round < 200; round++) {
    const rules = Array.from({ length: 1 + seeded.below(120) }, (_, id) => {
      const [from = "", to = ""] = [digits(), digits()].toSorted();
      // With a second member none of them makes another one unreachable.
      return makeRule({ id: `r${id}`, condition: { imsiRange: { from, to }, level: "gold" } });
    });
    const { starts, covers } = cutRanges(rules, {
      rangeOf: ({ condition: { imsiRange: range } }) => ({
        first: numberOf(range?.from ?? "1"),
        last: numberOf(range?.to ?? "0"),
      }),
      order: (members) => members,
    });
    const table = tabulate(
      starts,
      covers.map((_cover, piece) => ({ first: piece + 1, rest: 2 * piece })),
    );
    for (let i = 0; i < 20; i++) {
      const imsi = String(99_990 + seeded.below(520));
      const found: string[] = [];
      const piece = findPiece(table, numberOf(imsi));
      expect([firstOf(table, piece), restOf(table, piece)]).toEqual([
        piece + 1,
        2 * Math.max(0, piece),
      ]);
      for (let cover = covers[piece]; cover !== undefined; cover = cover.next) {
        found.push(...cover.rules.map(({ id }) => id));
      }
      const inside = rules.filter(
        ({ condition: { imsiRange: range } }) =>
          range !== undefined && imsi.length === 6 && imsi >= range.from && imsi <= range.to,
      );
      expect(found.toSorted()).toEqual(inside.map(({ id }) => id).toSorted());
    }
    expect(covers[findPiece(table, numberOf("1000000"))]).toBe(undefined);
  }
});

test("default deny: without a rule, or without one that names the card, nothing is allowed", () => {
  const subject = makeSubject();
  const refused = { allowed: false, reason: "no_rule_for_card", isMismatch: false } as const;
  expect(verifyRuleList([], subject)).toMatchObject(refused);
  const other = makeRule({ target: { card: "00112233445566BB" } });
  expect(verifyRuleList([other], subject)).toMatchObject(refused);
  const deny = makeRule({ effect: "deny", condition: { operator: "46003" } });
  expect(verifyRuleList([deny], subject)).toMatchObject(refused);
});

test("at equal priority what denies wins; the higher priority decides", () => {
  const subject = makeSubject();
  const allow = makeRule({ id: "allow", target: { all: true }, onMismatch: "refuse" });
  const deny = makeRule({ id: "deny", effect: "deny", condition: { imsi: subject.imsi } });
  expect(verifyRuleList([allow, deny], subject)).toMatchObject({
    allowed: false,
    reason: "rule_denies",
    rule: "deny",
    field: "imsi",
    action: "lock",
  });
  expect(verifyRuleList([{ ...allow, priority: 1 }, deny], subject)).toMatchObject({
    allowed: true,
    rule: "allow",
  });
  expect(
    verifyRuleList(
      [
        { ...allow, priority: 1 },
        { ...deny, priority: 2 },
      ],
      subject,
    ).allowed,
  ).toBe(false);
});

test("a claim never opens what the same rules without it keep closed", () => {
  const seeded = createSeeded(99);
  for (let round = 0; round < 3000; round++) {
    const rules = Array.from({ length: seeded.below(30) }, (_, id) => makeRandomRule(seeded, id));
    const subject = makeRandomSubject(seeded);
    const unclaimed = rules.map((rule) =>
      rule.effect === "deny" ? rule : Object.assign({}, rule, { claims: undefined }),
    );
    if (verifyRuleList(rules, subject).allowed) {
      expect(verifyRuleList(unclaimed, subject).allowed).toBe(true);
    }
  }
});

test("I8: what is not known, not strong enough or only claimed never locks", () => {
  const seeded = createSeeded(3);
  for (let round = 0; round < 5000; round++) {
    const rules = Array.from({ length: seeded.below(30) }, (_, id) => makeRandomRule(seeded, id));
    const verdict = verifyRuleList(rules, makeRandomSubject(seeded));
    if (verdict.allowed || verdict.isMismatch) continue;
    expect(verdict.action).toBe("refuse");
  }
});

test("a match is the least of its members", () => {
  const rules = [makeRule({ condition: { operator: "46003", level: "gold" } })];
  const { code, rest } = compileRules(rules, NOON, NOON);
  const unknown = { ok: false, reason: "directory_unavailable" } as const;
  const match = (subject: RuleSubject): number => matchRecord(code, rest + RUN_HEAD, subject);
  // The operator is wrong whatever the level is.
  expect(match(makeSubject({ profile: unknown }))).toBe(0);
  expect(match(makeSubject({ operator: "46003", profile: unknown }))).toBe(1);
});

test("a decision looks at no more of the subject beside many rules than beside few", () => {
  const reads = [1000, 30_000].map((size) => {
    const fleet = createRuleFleet(size);
    const rules = Array.from({ length: size }, (_, index) => fleet.rule(index));
    const byCard = Map.groupBy(rules, ({ target }) => ("card" in target ? target.card : ""));
    const shared = compileRules(byCard.get("") ?? [], NOON, NOON);
    const seeded = createSeeded(5);
    let count = 0;
    const counting: ProxyHandler<RuleSubject> = {
      get: (subject, member, receiver) => {
        count += 1;
        return Reflect.get(subject, member, receiver);
      },
    };
    for (let i = 0; i < 500; i++) {
      const subject = fleet.subject(() => seeded.below(1 << 20) / (1 << 20));
      const own = compileRules(byCard.get(subject.cardId) ?? [], NOON, NOON);
      verifyRules({ own, shared }, new Proxy(subject, counting), NOON);
    }
    return count / 500;
  });
  const [few = 0, many = 0] = reads;
  expect(few).toBeGreaterThan(5);
  expect(many / few).toBeLessThan(1.2);
});

function employee(company: string, level = "gold"): RuleSubject {
  return makeSubject({ profile: success({ userGroups: [], services: [], company, level }) });
}

test("as many rules as there may be under one range, one value, and none", () => {
  const target = { all: true } as const;
  const imsiRange = { from: "460010000000000", to: "460019999999999" };
  const conditions = [{ imsiRange }, { company: "ACME" }, { moduleKind: "USIM" as const }];
  const rules = Array.from({ length: 210_000 }, (_, id) =>
    makeRule({
      id: `r${id}`,
      target,
      condition: { ...conditions[id % 3], level: id < 209_997 ? "gold" : "basic" },
    }),
  );
  const table = compileRules(rules, NOON, NOON);
  const decide = (level: string): unknown =>
    verifyRules({ shared: table }, employee("ACME", level), NOON);
  expect(decide("gold")).toMatchObject({ allowed: true, rule: "r0" });
  expect(decide("basic")).toMatchObject({ allowed: true, rule: "r209997" });
  expect(decide("silver")).toMatchObject({ allowed: false, reason: "no_rule_allows" });
});

/** Two names with one hash, by trying some. */
function findAlike(attribute: number): [string, string] {
  const known = new Map<number, string>();
  for (let number = 0; number < 2_000_000; number++) {
    const name = `name-${number}`;
    const hash = hashOf(attribute, name);
    const other = known.get(hash);
    if (other !== undefined) return [other, name];
    known.set(hash, name);
  }
  throw new Error("no two names with one hash");
}

test("values with one hash are not taken for each other", () => {
  const [one, other] = findAlike(ATTRIBUTES.indexOf("company"));
  const many = Array.from({ length: 20 }, (_, id) => `else-${id}`);
  const rules = [one, ...many].map((company, id) =>
    makeRule({ id: `r${id}`, target: { all: true }, condition: { company } }),
  );
  expect(verifyRuleList(rules, employee(one))).toMatchObject({ allowed: true, rule: "r0" });
  expect(verifyRuleList(rules, employee(other)).allowed).toBe(false);
  const both = [
    ...rules,
    makeRule({ id: "s", target: { all: true }, condition: { company: other } }),
  ];
  expect(verifyRuleList(both, employee(one))).toMatchObject({ allowed: true, rule: "r0" });
  expect(verifyRuleList(both, employee(other))).toMatchObject({ allowed: true, rule: "s" });
});

test("a compiled rule takes no more than 160 bytes", () => {
  const fleet = createRuleFleet(30_000);
  const rules = Array.from({ length: fleet.size }, (_, index) => fleet.rule(index));
  const { code, slots, covers, ranges, ids } = compileRules(rules, NOON, NOON);
  const pieces = (ranges?.numbers.byteLength ?? 0) + (ranges?.levels[0]?.byteLength ?? 0);
  const bytes = code.byteLength + slots.byteLength + covers.byteLength + pieces + ids.length;
  expect(bytes / fleet.size).toBeLessThan(160);
});

/** What is odd about a draft is said before it is in use, and nothing that is not so. */
import { expect, test } from "bun:test";
import { findAround } from "#edge/binding-verification/covering-ranges";
import { analyseRules } from "#edge/binding-verification/rule-analysis";
import type { Dependencies, RegisteredCard, SubscriberRecord } from "#edge/dependencies";
import type { RuleFinding } from "#protocol/admin-rules";
import type { BindingRule } from "#protocol/rules";
import { createSeeded } from "#tests/terminal/seeded";
import { makeRandomRule, makeRandomSubject } from "./random-rules.ts";
import { CARD_ID, makeRule, NOON, verifyRuleList } from "./scene.ts";

const DAY_MS = 86_400_000;
const KNOWN_CARD: Pick<RegisteredCard, "cardId"> = { cardId: CARD_ID };
const KNOWN_SUBSCRIBER: Pick<SubscriberRecord, "imsi"> = { imsi: "460010000000001" };

/** Turns that the analysis gave. */
let turns = 0;
const sleep = async (): Promise<void> => {
  turns += 1;
};

/** Registries that know one card, one subscriber and one group. */
async function analyse(rules: readonly BindingRule[], isAllKnown = false): Promise<RuleFinding[]> {
  const repositories = {
    cards: {
      find: async (_tenant: string, card: string) =>
        isAllKnown || card === CARD_ID ? KNOWN_CARD : undefined,
      hasGroup: async (_tenant: string, group: string) => isAllKnown || group === "sales",
    },
    subscribers: {
      find: async (_tenant: string, imsi: string) =>
        isAllKnown || imsi === KNOWN_SUBSCRIBER.imsi ? KNOWN_SUBSCRIBER : undefined,
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the analysis asks for
  const tools = { repositories, clock: () => NOON, sleep } as unknown as Dependencies;
  return analyseRules(tools, "default", rules);
}

const open = makeRule({ id: "open", condition: { operator: "46001" } });
const odd = (changes: Partial<BindingRule>): BindingRule => makeRule({ id: "odd", ...changes });

test.each<[RuleFinding["finding"], Partial<BindingRule>]>([
  ["never_valid", { validUntil: NOON }],
  ["never_valid", { validFrom: NOON + 2 * DAY_MS, validUntil: NOON + DAY_MS }],
  ["empty_range", { condition: { imsiRange: { from: "460012", to: "460011" } } }],
  ["contradicts_itself", { condition: { imsi: "460010000000001", operator: "46003" } }],
  [
    "contradicts_itself",
    { condition: { imsi: "460010000000001", imsiRange: { from: "460012", to: "460013" } } },
  ],
  [
    "contradicts_itself",
    { condition: { operator: "46001", imsiRange: { from: "460030000", to: "460039999" } } },
  ],
  ["card_unknown", { target: { card: "00112233445566BB" } }],
  ["group_unknown", { target: { group: "nobody's" } }],
  ["subscriber_unknown", { condition: { imsi: "460010000000002" } }],
])("%s: %j", async (finding, changes) => {
  expect(await analyse([open, odd(changes)])).toEqual([{ finding, rule: "odd" }]);
  expect(await analyse([odd(changes)])).toEqual([
    { finding, rule: "odd" },
    { finding: "locks_out_everybody" },
  ]);
});

test("nothing is said about rules that have their place", async () => {
  expect(
    await analyse([
      open,
      odd({ target: { group: "sales" }, condition: { level: "gold" }, priority: 3 }),
      odd({ id: "deny", effect: "deny", condition: { level: "basic" }, priority: 9 }),
      odd({ id: "later", validFrom: NOON + DAY_MS, condition: { company: "ACME" } }),
      odd({
        id: "inside",
        condition: { operator: "46001", imsiRange: { from: "46001000", to: "46001999" } },
      }),
    ]),
  ).toEqual([]);
});

test("shadowed: a wider rule of higher priority comes before it always", async () => {
  const narrow = odd({ condition: { operator: "46001", level: "gold" } });
  const wide = odd({
    id: "wide",
    target: { all: true },
    condition: { level: "gold" },
    priority: 1,
  });
  expect(await analyse([narrow, wide])).toEqual([{ finding: "shadowed", rule: "odd", by: "wide" }]);
  // Not while the wider one comes and goes.
  expect(await analyse([narrow, { ...wide, validUntil: NOON + DAY_MS }])).toEqual([]);
  expect(await analyse([narrow, { ...wide, claims: { countries: ["CN"] } }])).toEqual([]);
  expect(await analyse([narrow, { ...wide, condition: { level: "diamond" } }])).toEqual([]);
});

test("contradicted: at equal priority something denies all that it allows", async () => {
  const deny = odd({ id: "deny", effect: "deny", condition: {} });
  expect(await analyse([open, deny])).toEqual([
    { finding: "contradicted", rule: "open", by: "deny" },
    { finding: "locks_out_everybody" },
  ]);
  expect(await analyse([{ ...open, priority: 1 }, deny])).toEqual([]);
});

const range = (from: string, to: string) => ({ imsiRange: { from, to } });

test("shadowed: a range, or an IMSI, within a wider range of higher priority", async () => {
  const wide = odd({
    id: "wide",
    target: { all: true },
    condition: range("460010", "460019"),
    priority: 1,
  });
  const shadowed = [{ finding: "shadowed", rule: "odd", by: "wide" } as const];
  expect(await analyse([odd({ condition: range("460012", "460013") }), wide])).toEqual(shadowed);
  expect(await analyse([odd({ condition: range("460010", "460019") }), wide])).toEqual(shadowed);
  const narrower = { ...range("460012", "460013"), level: "gold" };
  expect(await analyse([odd({ condition: narrower }), wide])).toEqual(shadowed);
  const single = odd({ condition: { imsi: "460012", level: "gold" } });
  expect(await analyse([single, wide], true)).toEqual(shadowed);
});

test("not shadowed: a range that reaches out, comes first, or is behind a stricter one", async () => {
  const wide = odd({ id: "wide", condition: range("460010", "460019"), priority: 1 });
  const inside = odd({ condition: range("460012", "460013") });
  for (const rules of [
    [odd({ condition: range("460012", "460020") }), wide],
    [odd({ condition: range("4600120", "4600130") }), wide],
    [odd({ condition: { imsi: "460020" } }), wide],
    [{ ...inside, priority: 1 }, wide],
    [{ ...inside, target: { all: true } } as const, wide],
    [inside, { ...wide, condition: { ...wide.condition, level: "gold" } }],
    [inside, { ...wide, claims: { countries: ["CN"] } }],
    [inside, { ...wide, validUntil: NOON + DAY_MS }],
  ]) {
    expect(await analyse(rules, true)).toEqual([]);
  }
});

test("contradicted: a range within one of equal priority that denies", async () => {
  const deny = odd({ id: "deny", effect: "deny", condition: range("460010", "460019") });
  const contradicted = [{ finding: "contradicted", rule: "odd", by: "deny" } as const];
  expect(await analyse([open, odd({ condition: range("460012", "460013") }), deny])).toEqual(
    contradicted,
  );
  const single = odd({ condition: { imsi: "460012" } });
  expect(await analyse([open, single, deny], true)).toEqual(contradicted);
  // Two that deny do not contradict each other.
  expect(await analyse([open, { ...single, effect: "deny" }, deny], true)).toEqual([]);
});

test("ranges within ranges: those that looking at each pair finds", () => {
  const seeded = createSeeded(11);
  for (let round = 0; round < 200; round++) {
    const ranges = Array.from({ length: 40 }, (_, rule) => {
      const first = seeded.below(60);
      return { rule, first, last: first + seeded.below(20), rank: seeded.below(6) };
    });
    const isAround = (one: (typeof ranges)[number], other: (typeof ranges)[number]): boolean =>
      other.rank > one.rank && other.first <= one.first && other.last >= one.last;
    const found = findAround(ranges, ranges);
    for (const [place, one] of ranges.entries()) {
      const by = ranges[found.get(place) ?? -1];
      if (by !== undefined) expect(isAround(one, by)).toBe(true);
      expect(by !== undefined).toBe(ranges.some((other) => isAround(one, other)));
    }
  }
});

test("what is said to decide nothing decides nothing", async () => {
  let said = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const seeded = createSeeded(seed);
    const rules = Array.from({ length: 25 }, (_, id) => makeRandomRule(seeded, id));
    const findings = await analyse(rules, true);
    const dead = new Set(findings.map(({ rule }) => rule));
    said += dead.size;
    const living = rules.filter(({ id }) => !dead.has(id));
    for (let i = 0; i < 20; i++) {
      const subject = makeRandomSubject(seeded);
      const verdict = verifyRuleList(rules, subject);
      if (verdict.allowed) expect(dead.has(verdict.rule)).toBe(false);
      expect(verifyRuleList(living, subject).allowed).toBe(verdict.allowed);
      if (findings.some(({ finding }) => finding === "locks_out_everybody")) {
        expect(verdict.allowed).toBe(false);
      }
    }
  }
  expect(said).toBeGreaterThan(400);
});

test("of many alike the highest stands for all, and others have turns meanwhile", async () => {
  const rules = Array.from({ length: 2000 }, (_, index) =>
    makeRule({ id: `r${index}`, condition: { operator: "46001" }, priority: index % 3 }),
  );
  turns = 0;
  const findings = await analyse(rules, true);
  expect(turns).toBe(4);
  expect(findings).toHaveLength(rules.filter(({ priority }) => priority !== 2).length);
  for (const { finding, by } of findings) expect([finding, by]).toEqual(["shadowed", "r2"]);
});

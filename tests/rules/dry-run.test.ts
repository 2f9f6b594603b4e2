/** A draft beside the rules in use: whose verdict would change, among pairs and past bindings. */
import { afterEach, expect, spyOn, test } from "bun:test";
import type { DryRunLine } from "#protocol/admin-rules";
import { encodeAscii } from "#protocol/bytes";
import { readDurable } from "#tests/invariants/bench";
import { ADMIN_KEY } from "#tests/platform/rig";
import { AWAY, HOME, openRules, type RuleBench } from "./bench.ts";

let bench: RuleBench | undefined;
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

async function dryRun(bounds: object = {}): Promise<DryRunLine[]> {
  if (bench === undefined) throw new Error("no platform");
  const response = await bench.rig.fetch("http://rig.test/v1/admin/rule-set/dry-run", {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(bounds),
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  const lines = (await response.text()).trimEnd().split("\n");
  return lines.map((line): DryRunLine => JSON.parse(line));
}

const counts = (checked: number, changed: number, isPartial = false) => ({
  checked,
  changed,
  isPartial,
});

test("registered pairs and past bindings whose verdict would be another one, and why", async () => {
  bench = await openRules();
  const { fleet, card } = bench;
  const target = { card: card.cardId };
  const gold = await bench.addSubscriber({ profile: { level: "gold" } });
  const basic = await bench.addSubscriber({ profile: { level: "basic" } });
  const away = await bench.addSubscriber({ operator: AWAY });
  await bench.rule("home", { condition: { operator: HOME }, onMismatch: "refuse" });
  await bench.bind(gold);
  await bench.bind(basic);
  await bench.bind(away);
  expect(await dryRun()).toEqual([
    { kind: "summary", active: 1, draft: 2, pairs: counts(3, 0), bindings: counts(3, 0) },
  ]);
  await fleet.admin.putRule("home", {
    target,
    condition: { operator: HOME, level: "gold" },
    onMismatch: "lock",
  });
  const before = readDurable(bench.rig, "SELECT * FROM card");
  const lines = await dryRun();
  const ofBasic = {
    card: card.cardId,
    imsi: basic.imsi,
    before: "SUCCESS: rule home",
    after: "FAILURE, lock: no_rule_allows rule home field level",
  };
  // Nobody says anything of the number of the one of another operator, whom the operator rules out.
  const ofAway = {
    card: card.cardId,
    imsi: away.imsi,
    before: "FAILURE: no_rule_allows rule home field operator",
    after: "FAILURE, lock: no_rule_allows rule home field operator",
  };
  const session = expect.any(String);
  expect(lines).toHaveLength(5);
  expect(lines).toEqual(
    expect.arrayContaining([
      { kind: "binding", ...ofBasic, session },
      { kind: "binding", ...ofAway, session },
      { kind: "pair", ...ofBasic },
      { kind: "pair", ...ofAway },
      { kind: "summary", active: 1, draft: 2, pairs: counts(3, 2), bindings: counts(3, 2) },
    ]),
  );
  expect(readDurable(bench.rig, "SELECT * FROM card")).toEqual(before);
  expect(readDurable(bench.rig, "SELECT active FROM rule_set", "catalog.db")).toEqual([
    { active: 1 },
  ]);
});

test("claims of then count for a past binding; a pair is taken as favourable", async () => {
  bench = await openRules({ environment: { SIMLATCH_COUNTRY: "CN" } });
  const { fleet, card } = bench;
  const subscriber = await bench.addSubscriber();
  await bench.rule("home", { condition: { operator: HOME } });
  await bench.bind(subscriber, { imei: "350000000000011" });
  await bench.bind(subscriber);
  const put = async (claims: object) =>
    fleet.admin.putRule("home", {
      target: { card: card.cardId },
      condition: { operator: HOME },
      claims,
      onMismatch: "lock",
    });
  await put({ imeis: ["350000000000011"], countries: ["CN"] });
  const [changed, summary] = await dryRun();
  expect(changed).toMatchObject({
    kind: "binding",
    after: "FAILURE: claim_mismatch rule home field imei",
  });
  expect(summary).toMatchObject({ pairs: counts(1, 0), bindings: counts(2, 1) });
  await put({ countries: ["DE"] });
  expect((await dryRun()).at(-1)).toMatchObject({ pairs: counts(1, 0), bindings: counts(2, 2) });
});

test("bounds: of pairs, of past bindings, of what is told", async () => {
  bench = await openRules();
  const { fleet, card } = bench;
  const people = [];
  for (let i = 0; i < 4; i++) people.push(await bench.addSubscriber());
  await fleet.addCard();
  await bench.rule("home", { condition: { operator: HOME }, target: { all: true } });
  for (const person of people) await bench.bind(person);
  await fleet.admin.putRule("home", {
    target: { all: true },
    condition: { operator: AWAY },
    onMismatch: "refuse",
  });
  const summary = async (bounds: object) => (await dryRun(bounds)).at(-1);
  expect(await summary({ pairs: 4, bindings: 3 })).toMatchObject({
    pairs: counts(4, 4, true),
    bindings: counts(3, 3, true),
  });
  expect(await summary({ pairs: 0, bindings: 0 })).toMatchObject({
    pairs: counts(0, 0, true),
    bindings: counts(0, 0, true),
  });
  expect(await summary({})).toMatchObject({ pairs: counts(8, 8), bindings: counts(4, 4) });
  expect(await dryRun({ changes: 1 })).toHaveLength(3);
  expect(await dryRun({ changes: 0 })).toHaveLength(1);
  expect((await bench.bind(people[0] ?? (await bench.addSubscriber()))).verdict).toBe("SUCCESS");
  expect(card.cardId).not.toBe("");
});

test("a subscriber of an external centre is one of the pairs, by what its module proves", async () => {
  bench = await openRules();
  const { subscribers } = bench.rig.dependencies.repositories;
  const { imsi } = await bench.addSubscriber();
  const own = await subscribers.find("default", imsi);
  if (own === undefined) throw new Error("no subscriber");
  const keys = { wrappedKey: undefined, wrappedOperator: undefined };
  const ofCentre = { ...own, ...keys, imsi: `${HOME}9999999999`, centre: "hlr" };
  await subscribers.insert({ ...ofCentre, algorithm: "COMP128-1" });
  await bench.rule("home", { condition: { operator: HOME }, minimumStrength: "USIM" });
  await bench.fleet.admin.putRule("home", {
    target: { all: true },
    condition: { operator: HOME },
    minimumStrength: "COMP128-1",
    onMismatch: "lock",
  });
  expect(await dryRun()).toMatchObject([
    { kind: "pair", imsi: ofCentre.imsi, after: "SUCCESS: rule home" },
    { kind: "summary", pairs: counts(2, 1), bindings: counts(0, 0) },
  ]);
});

async function failWithAValue(): Promise<never> {
  throw new TypeError("a value of the query");
}

test("a part that fails in the middle ends the answer without a summary; its message is not logged", async () => {
  bench = await openRules({
    wrap: (dependencies) => {
      const { audit } = dependencies.repositories;
      const broken = { ...audit, findDecisions: failWithAValue };
      const repositories = { ...dependencies.repositories, audit: broken };
      return { ...dependencies, repositories };
    },
  });
  await bench.addSubscriber();
  await bench.fleet.admin.putRule("home", {
    target: { all: true },
    condition: { operator: HOME },
    onMismatch: "lock",
  });
  const printed = spyOn(console, "error");
  const lines = await dryRun();
  expect(lines.map(({ kind }) => kind)).toEqual(["pair"]);
  expect(printed).not.toHaveBeenCalled();
  printed.mockRestore();
  expect(bench.rig.log.join()).toContain('"event":"defect","name":"TypeError"');
  expect(bench.rig.log.join()).not.toContain("a value of the query");
});

test("others have a turn while it runs", async () => {
  let turns = 0;
  bench = await openRules({
    wrap: (dependencies) => ({
      ...dependencies,
      async sleep() {
        turns += 1;
      },
    }),
  });
  const { cards, subscribers } = bench.rig.dependencies.repositories;
  const card = await cards.find("default", bench.card.cardId);
  const own = await subscribers.find("default", (await bench.addSubscriber()).imsi);
  if (card === undefined || own === undefined) throw new Error("nobody is there");
  for (let i = 0; i < 49; i++) {
    const cardId = i.toString(16).toUpperCase().padStart(16, "0");
    const chain = { certificates: [], fingerprints: [] };
    await cards.insert({ ...card, ...chain, cardId, pinnedKey: encodeAscii(cardId) });
    await subscribers.insert({ ...own, imsi: `${HOME}${String(i).padStart(10, "9")}` });
  }
  expect((await dryRun()).at(-1)).toMatchObject({ pairs: counts(2500, 0) });
  expect(turns).toBeGreaterThanOrEqual(2);
});

const readable = (value: unknown): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value);

test("I13: what the audit keeps for it holds no IMSI in clear", async () => {
  bench = await openRules();
  const subscriber = await bench.addSubscriber({ msisdn: "8613912345678" });
  await bench.rule("home", { condition: { operator: HOME } });
  await bench.bind(subscriber, { imei: "350000000000011" });
  const rows = readDurable(bench.rig, "SELECT * FROM audit_event", "catalog.db");
  expect(rows.filter((row) => row["wrapped_facts"] !== null)).toHaveLength(1);
  const text = rows.flatMap(Object.values).map(readable).join("\n");
  for (const clear of [subscriber.imsi, "8613912345678", "350000000000011"]) {
    expect(text).not.toContain(clear);
  }
});

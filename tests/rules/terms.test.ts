/** Targets, claims, unknown attributes and lease terms, through the whole platform. */
import { afterEach, expect, test } from "bun:test";
import type { Dependencies } from "#edge/dependencies";
import { isInWindow } from "#edge/binding-verification/rule-match";
import { failure } from "#protocol/result";
import { HOME, openRules, type RuleBench } from "./bench.ts";
import { makeRule, makeSubject, NOON, verifyRuleList } from "./scene.ts";

let bench: RuleBench | undefined;
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

test("a group of cards, and the company of a card", async () => {
  bench = await openRules();
  const { fleet, card } = bench;
  const staff = await bench.addSubscriber({ profile: { company: "ACME" } });
  const other = await bench.addSubscriber({ profile: { company: "Initech" } });
  await bench.rule("staff", {
    target: { group: "pool" },
    condition: { sameCompany: true },
    onMismatch: "refuse",
  });
  expect((await bench.bind(staff)).why).toBe("no_rule_for_card");
  await fleet.admin.setCardDetails(card.cardId, { groups: ["pool"], company: null });
  expect((await bench.bind(staff)).why).toBe("no_rule_allows rule staff field sameCompany");
  await fleet.admin.setCardDetails(card.cardId, { groups: ["pool"], company: "ACME" });
  expect((await bench.bind(staff)).verdict).toBe("SUCCESS");
  expect((await bench.bind(other)).verdict).toBe("FAILURE");
});

test("I8: a subscriber without a number, or of whom nothing is said, is refused and never locked", async () => {
  bench = await openRules();
  const numberless = await bench.addSubscriber({ msisdn: "" });
  const silent = await bench.addSubscriber();
  await bench.rule("gold", { condition: { level: "gold" }, onMismatch: "lock" });
  const refused = { verdict: "FAILURE", why: "attribute_unknown rule gold field level" };
  expect(await bench.bind(numberless)).toEqual(refused);
  expect(await bench.bind(silent)).toEqual(refused);
  await bench.rule("gold", { condition: { msisdn: "8613900000009" }, onMismatch: "lock" });
  expect((await bench.bind(numberless)).why).toBe("attribute_unknown rule gold field msisdn");
  expect(bench.lockPhase()).toBe("none");
});

test("I8: a directory that does not answer refuses, never locks, and does not widen access", async () => {
  const directory = { find: async () => failure("directory_unavailable") } as const;
  const wrap = (dependencies: Dependencies): Dependencies => ({ ...dependencies, directory });
  bench = await openRules({ wrap });
  const subscriber = await bench.addSubscriber({ profile: { level: "gold", company: "ACME" } });
  await bench.rule("gold", { condition: { level: "gold" }, onMismatch: "lock" });
  expect((await bench.bind(subscriber)).why).toBe("attribute_unknown rule gold field level");
  // Who is barred by a company cannot be let in because nobody knows the company.
  await bench.rule("home", { condition: { operator: HOME } });
  await bench.rule("not-acme", { effect: "deny", priority: 1, condition: { company: "ACME" } });
  expect((await bench.bind(subscriber)).why).toBe("attribute_unknown rule not-acme field company");
  expect(bench.lockPhase()).toBe("none");
});

test("a directory is asked only where a rule needs it, by number", async () => {
  const asked: string[] = [];
  const wrap = (dependencies: Dependencies): Dependencies => ({
    ...dependencies,
    directory: {
      find: async (tenant, msisdn) => {
        asked.push(`${tenant} ${msisdn}`);
        return dependencies.directory.find(tenant, msisdn);
      },
    },
  });
  bench = await openRules({ wrap });
  const subscriber = await bench.addSubscriber({
    msisdn: "8613900000077",
    profile: { level: "gold" },
  });
  await bench.rule("home", { condition: { operator: HOME } });
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  expect(asked).toEqual([]);
  await bench.rule("home", { condition: { level: "gold" } });
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  expect(asked).toEqual(["default 8613900000077"]);
});

test("a number that two subscribers have is nobody's", async () => {
  bench = await openRules();
  const profile = { level: "gold" };
  const first = await bench.addSubscriber({ msisdn: "8613900000088", profile });
  await bench.rule("gold", { condition: { level: "gold" } });
  expect((await bench.bind(first)).verdict).toBe("SUCCESS");
  await bench.addSubscriber({ msisdn: "8613900000088", profile });
  expect((await bench.bind(first)).why).toBe("attribute_unknown rule gold field level");
});

const IMEI = "350000000000011";

test("I8: the IMEI is a claim: a wrong one or none refuses, and never locks", async () => {
  bench = await openRules();
  const subscriber = await bench.addSubscriber();
  const stranger = await bench.addSubscriber({ operator: "46003" });
  await bench.rule("handset", { condition: { operator: HOME }, claims: { imeis: [IMEI] } });
  const refused = { verdict: "FAILURE", why: "claim_mismatch rule handset field imei" };
  expect(await bench.bind(subscriber)).toEqual(refused);
  expect(await bench.bind(subscriber, { imei: "350000000000029" })).toEqual(refused);
  expect((await bench.bind(subscriber, { imei: IMEI })).verdict).toBe("SUCCESS");
  // With and without the check digit it is one terminal.
  expect((await bench.bind(subscriber, { imei: IMEI.slice(0, 14) })).verdict).toBe("SUCCESS");
  expect(bench.lockPhase()).toBe("none");
  // What nobody proved opens nothing.
  expect((await bench.bind(stranger, { imei: IMEI })).verdict).toBe("FAILURE");
});

test("an IMEI on its way: the SDK sends it, and no other form is taken", async () => {
  bench = await openRules();
  const { fleet, card, rig } = bench;
  const subscriber = await bench.addSubscriber();
  await bench.rule("handset", { condition: { operator: HOME }, claims: { imeis: [IMEI] } });
  const phone = await fleet.assemblePhone(card, subscriber, undefined, { imei: IMEI });
  expect((await phone.bind()).outcome.verdict).toBe("SUCCESS");
  for (const claims of [{ imei: "12" }, { imei: 35 }, { imsi: IMEI }, null, []]) {
    const reply = await rig.post("/AAAAAAAAAAAAAAAAAAAAAA/card", {
      token: "AAAA",
      cardId: card.cardId,
      proof: "AAAA",
      imsi: subscriber.imsi,
      moduleKind: "USIM",
      claims,
    });
    expect([reply.status, reply.json["code"]]).toEqual([400, "malformed"]);
  }
});

test("the country is that of the point of presence", async () => {
  bench = await openRules({ environment: { SIMLATCH_COUNTRY: "CN" } });
  const subscriber = await bench.addSubscriber();
  const condition = { operator: HOME };
  await bench.rule("home", { condition, claims: { countries: ["DE", "FR"] } });
  expect((await bench.bind(subscriber)).why).toBe("claim_mismatch rule home field country");
  await bench.rule("home", { condition, claims: { countries: ["DE", "CN"] } });
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  await bench.rule("abroad", {
    effect: "deny",
    condition: {},
    claims: { countries: ["CN"] },
    onMismatch: "refuse",
  });
  expect((await bench.bind(subscriber)).why).toBe("rule_denies rule abroad");
  expect(bench.lockPhase()).toBe("none");
});

test("a country that nobody knows counts as none of a rule's, and as one that is denied", () => {
  const claims = { countries: ["CN"] };
  const subject = makeSubject();
  expect(verifyRuleList([makeRule({ claims })], subject)).toMatchObject({
    reason: "claim_mismatch",
    field: "country",
    action: "refuse",
  });
  const deny = makeRule({ id: "d", effect: "deny", condition: {}, claims });
  expect(verifyRuleList([makeRule(), deny], subject)).toMatchObject({
    reason: "attribute_unknown",
    rule: "d",
    field: "country",
    action: "refuse",
  });
});

const minutes = (hour: number, minute = 0): number => hour * 60 + minute;

test("time windows: by day, over midnight, east and west of UTC", () => {
  const at = (day: number, hour: number, minute = 0): number =>
    NOON + (day - 3) * 86_400_000 + (minutes(hour, minute) - minutes(12)) * 60_000;
  const office = { days: [1, 2, 3, 4, 5], from: minutes(9), to: minutes(17), utcOffset: 0 };
  expect(isInWindow(office, at(3, 9))).toBe(true);
  expect(isInWindow(office, at(3, 8, 59))).toBe(false);
  expect(isInWindow(office, at(3, 17))).toBe(false);
  expect(isInWindow(office, at(6, 12))).toBe(false);
  expect(isInWindow({ ...office, utcOffset: 480 }, at(3, 1))).toBe(true);
  expect(isInWindow({ ...office, utcOffset: 480 }, at(7, 17, 30))).toBe(false);
  expect(isInWindow({ ...office, utcOffset: -300 }, at(3, 21, 59))).toBe(true);
  const night = { days: [5], from: minutes(22), to: minutes(6), utcOffset: 0 };
  expect(isInWindow(night, at(5, 23))).toBe(true);
  expect(isInWindow(night, at(6, 5, 59))).toBe(true);
  expect(isInWindow(night, at(6, 6))).toBe(false);
  expect(isInWindow(night, at(5, 5))).toBe(false);
  const always = { from: 0, to: 0, utcOffset: 0 };
  expect(isInWindow(always, at(1, 0))).toBe(true);
});

test("the lease: uses, seconds and services of the rule, never more than the platform's", async () => {
  bench = await openRules({
    environment: { SIMLATCH_LEASE_USES: "100", SIMLATCH_LEASE_SECONDS: "600" },
  });
  const { fleet, card } = bench;
  const subscriber = await bench.addSubscriber();
  const condition = { imsi: subscriber.imsi };
  await bench.rule("r", { condition, lease: { uses: 3, seconds: 9000, services: ["sign"] } });
  const phone = await fleet.assemblePhone(card, subscriber);
  expect((await phone.bind()).outcome.verdict).toBe("SUCCESS");
  const { lease } = await phone.card().readStatus();
  expect(lease).toEqual({ uses: 3, seconds: 600, services: 1 });
});

test("the kind of the module", () => {
  const rule = makeRule({ condition: { operator: "46001", moduleKind: "SIM" } });
  expect(verifyRuleList([rule], makeSubject())).toMatchObject({
    reason: "no_rule_allows",
    field: "moduleKind",
  });
  const sim = makeSubject({ moduleKind: "SIM", strength: "SIM", provisionedStrength: "SIM" });
  expect(verifyRuleList([rule], sim).allowed).toBe(true);
});

/** Binding rules, their versions, and the audit index, as requests. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import {
  CARD_ID,
  IMSI,
  K,
  makeEnrolment,
  OPC,
  openTenant,
  type Platform,
  TENANT,
} from "./platform.ts";
import { expectRefusal, MARKER } from "./refusal.ts";

let platform: Platform;
beforeEach(async () => {
  platform = await openTenant();
});
afterEach(() => platform.close());

const OWN = { target: { card: CARD_ID }, condition: { imsi: IMSI }, onMismatch: "lock" };
const ALL = { target: { all: true }, condition: { operator: "00101" }, onMismatch: "refuse" };
const FULL = {
  target: { group: "Vertrieb Süd" },
  effect: "allow",
  priority: 1000,
  condition: {
    imsi: IMSI,
    imsiRange: { from: "001010000000000", to: "001019999999999" },
    msisdn: "8613800138000",
    operator: "00101",
    networkSubset: "01",
    serviceProvider: "0A",
    corporate: "0B0C",
    homeRegion: "广东",
    userGroup: "drivers",
    level: "diamond",
    company: "ACME & Sons",
    sameCompany: true,
    services: ["mobile payment"],
    moduleKind: "USIM",
  },
  claims: {
    imeis: ["350000000000011"],
    countries: ["CN"],
    window: { days: [1, 7], from: 540, to: 1020, utcOffset: 480 },
  },
  onMismatch: { lockAfter: 3 },
  minimumStrength: "USIM with tag",
  validFrom: 0,
  validUntil: 1_900_000_000_000,
  lease: { uses: 5, seconds: 60, services: ["sign", "decipher"] },
};
const get = async (path: string) => (await platform.call("GET", path)).json;
const put = async (id: string, rule: unknown) => platform.call("PUT", `/rules/${id}`, rule);
const post = async (path: string, body: unknown) =>
  platform.call("POST", `/rule-set/${path}`, body);

describe("rules", () => {
  test("go into the draft; what is listed is the active version", async () => {
    expect(await get("/rules")).toEqual({ version: 0, rules: [] });
    expect((await put("own", OWN)).status).toBe(204);
    expect((await put("all.2027_a-b", ALL)).status).toBe(204);
    expect(await get("/rules")).toEqual({ version: 0, rules: [] });
    const rules = [
      { id: "all.2027_a-b", ...ALL },
      { id: "own", ...OWN },
    ];
    expect(await get("/rules?version=draft")).toEqual({ version: 1, rules });
    await post("activate", { force: true });
    expect(await get("/rules")).toEqual({ version: 1, rules });
    await put("own", ALL);
    expect((await platform.call("DELETE", "/rules/all.2027_a-b")).status).toBe(204);
    expect(await get("/rules")).toEqual({ version: 1, rules });
    expect(await get("/rules?version=draft")).toEqual({
      version: 2,
      rules: [{ id: "own", ...ALL }],
    });
    expect(await get("/rules?version=1&limit=1")).toEqual({ version: 1, rules: [rules[0]] });
    expect(await get("/rules?version=1&limit=1&after=all.2027_a-b")).toEqual({
      version: 1,
      rules: [rules[1]],
    });
    const now = platform.dependencies.clock();
    expect(await get("/rule-set")).toEqual({
      active: 1,
      floor: 1,
      draft: 2,
      versions: [{ version: 1, activatedAt: now }],
    });
  });

  test("come back as they were put, and what names a person is nowhere in clear", async () => {
    expect((await put("full", FULL)).status).toBe(204);
    expect(await get("/rules?version=draft")).toEqual({
      version: 1,
      rules: [{ id: "full", ...FULL }],
    });
    const dump = await platform.dump();
    for (const secret of [IMSI, "001010000000000", "8613800138000", "350000000000011"]) {
      expect(dump).not.toContain(secret);
    }
  });

  test("belong to a tenant", async () => {
    await put("own", OWN);
    await expectRefusal(platform, "not_found", async () =>
      put("own", { ...OWN, tenant: "nobody" }),
    );
    for (const [method, path, body] of [
      ["GET", "/rules?tenant=nobody", undefined],
      ["DELETE", "/rules/own?tenant=nobody", undefined],
      ["DELETE", "/rules/other", undefined],
      ["GET", "/rule-set?tenant=nobody", undefined],
      ["POST", "/rule-set/check", { tenant: "nobody" }],
      ["POST", "/rule-set/dry-run", { tenant: "nobody" }],
      ["POST", "/rule-set/activate", { tenant: "nobody", force: true }],
      ["POST", "/rule-set/rollback", { tenant: "nobody", version: 1 }],
    ] as const) {
      await expectRefusal(platform, "not_found", async () => platform.call(method, path, body));
    }
  });

  test.each([
    { ...OWN, target: { card: CARD_ID, all: true } },
    { ...OWN, target: { all: false } },
    { ...OWN, target: {} },
    { ...OWN, target: { group: "" } },
    { ...OWN, target: { card: CARD_ID.toLowerCase() } },
    { ...OWN, target: { [MARKER]: 1 } },
    { ...OWN, condition: {} },
    { ...OWN, effect: "deny", condition: [] },
    { ...OWN, condition: { imsi: "1" } },
    { ...OWN, condition: { operator: "0010" } },
    { ...OWN, condition: { operator: 101 } },
    { ...OWN, condition: { imsiRange: { from: IMSI } } },
    { ...OWN, condition: { imsiRange: { from: IMSI, to: IMSI.slice(1) } } },
    { ...OWN, condition: { msisdn: "+8613800138000" } },
    { ...OWN, condition: { networkSubset: "1" } },
    { ...OWN, condition: { serviceProvider: "0a" } },
    { ...OWN, condition: { corporate: "0" } },
    { ...OWN, condition: { level: " gold" } },
    { ...OWN, condition: { level: "gold\n" } },
    { ...OWN, condition: { company: "x".repeat(65) } },
    { ...OWN, condition: { sameCompany: false } },
    { ...OWN, condition: { services: [] } },
    { ...OWN, condition: { services: ["a", "a"] } },
    { ...OWN, condition: { services: Array.from({ length: 33 }, String) } },
    { ...OWN, condition: { moduleKind: "ESIM" } },
    { ...OWN, claims: {} },
    { ...OWN, claims: { imeis: [] } },
    { ...OWN, claims: { imeis: ["1234"] } },
    { ...OWN, claims: { countries: ["cn"] } },
    { ...OWN, claims: { window: { from: 0, to: 1441, utcOffset: 0 } } },
    { ...OWN, claims: { window: { from: 0, to: 60 } } },
    { ...OWN, claims: { window: { days: [0], from: 0, to: 60, utcOffset: 0 } } },
    { ...OWN, effect: "allow all" },
    { ...OWN, priority: 1001 },
    { ...OWN, priority: 0.5 },
    { ...OWN, onMismatch: "allow" },
    { ...OWN, onMismatch: { lockAfter: 1 } },
    { ...OWN, onMismatch: { lockAfter: 100 } },
    { ...OWN, effect: "deny", lease: { uses: 1 } },
    { ...OWN, effect: "deny", minimumStrength: "SIM" },
    { ...OWN, effect: "deny", claims: { countries: ["CN"] } },
    { ...OWN, lease: { uses: 0 } },
    { ...OWN, lease: { services: ["wrap"] } },
    { ...OWN, validFrom: "2027-01-01" },
    { ...OWN, id: "own" },
  ])("malformed: %j", async (rule) => {
    await expectRefusal(platform, "malformed", async () => put("own", rule));
  });

  test.each(["a".repeat(65), "-a", "%20", "a%2Fb", "é"])("id %s is malformed", async (id) => {
    await expectRefusal(platform, "malformed", async () => put(id, OWN));
    await expectRefusal(platform, "malformed", async () => platform.call("DELETE", `/rules/${id}`));
  });

  test.each(["version=0", "version=now", "limit=0", "limit=1001", "after=-", "before=a"])(
    "GET /rules?%s is malformed",
    async (query) => {
      await expectRefusal(platform, "malformed", async () =>
        platform.call("GET", `/rules?${query}`),
      );
    },
  );
});

describe("requests about versions", () => {
  test.each([
    ["check", []],
    ["check", { force: true }],
    ["activate", []],
    ["activate", { force: 1 }],
    ["activate", { raiseFloor: "no" }],
    ["activate", { [MARKER]: 1 }],
    ["rollback", {}],
    ["rollback", { version: 0 }],
    ["rollback", { version: "1" }],
    ["dry-run", []],
    ["dry-run", { pairs: -1 }],
    ["dry-run", { bindings: 1_000_001 }],
    ["dry-run", { changes: 1.5 }],
  ])("%s %j is malformed", async (what, body) => {
    await expectRefusal(platform, "malformed", async () => post(what, body));
  });
});

const details = async (body: unknown) => platform.call("PUT", `/cards/${CARD_ID}/details`, body);
const profile = async (body: unknown) => platform.call("PUT", `/subscribers/${IMSI}/profile`, body);
const viewCard = async () => get(`/cards/${CARD_ID}`);
const viewProfile = async () => get(`/subscribers/${IMSI}/profile`);

describe("what rules ask about", () => {
  const subscriber = { imsi: IMSI, mncLength: 2, k: K, opc: OPC };

  test("groups and company of a card, and what has become of it", async () => {
    await expectRefusal(platform, "not_found", async () => details({ groups: [], company: null }));
    await platform.call("POST", "/cards", await makeEnrolment(platform));
    expect((await details({ groups: ["Pool 7"], company: "ACME" })).status).toBe(204);
    expect(await viewCard()).toMatchObject({
      groups: ["Pool 7"],
      company: "ACME",
      state: "issued",
    });
    await platform.call("POST", `/cards/${CARD_ID}/orders`, {
      order: "report",
      reason: "lost",
      by: ["Ada"],
    });
    expect(await viewCard()).toMatchObject({ state: "lost", status: "active" });
    await platform.call("PUT", `/cards/${CARD_ID}/status`, { status: "revoked" });
    expect(await viewCard()).toMatchObject({ state: "retired", status: "revoked" });
  });

  test.each([
    {},
    { groups: ["a"] },
    { groups: "a", company: null },
    { groups: ["a", "a"], company: null },
    { groups: [""], company: null },
    { groups: Array.from({ length: 33 }, String), company: null },
    { groups: [], company: "" },
    { groups: [], company: `${MARKER}\u0000` },
  ])("details %j are malformed", async (body) => {
    await platform.call("POST", "/cards", await makeEnrolment(platform));
    await expectRefusal(platform, "malformed", async () => details(body));
  });

  test("the profile of a subscriber, by number", async () => {
    const given = { level: "diamond", homeRegion: "广东", services: ["pay"], corporate: "0A" };
    await expectRefusal(platform, "not_found", async () => profile({ profile: given }));
    await platform.call("POST", "/subscribers", subscriber);
    await expectRefusal(platform, "conflict", async () => profile({ profile: given }));
    await platform.call("PUT", `/subscribers/${IMSI}/number`, { msisdn: "8613800138000" });
    expect(await viewProfile()).toEqual({ profile: null });
    expect((await profile({ profile: given })).status).toBe(204);
    expect(await viewProfile()).toEqual({ profile: { ...given, userGroups: [] } });
    expect((await profile({ profile: null })).status).toBe(204);
    expect(await viewProfile()).toEqual({ profile: null });
    await expectRefusal(platform, "not_found", async () =>
      platform.call("GET", "/subscribers/001010000000009/profile"),
    );
  });

  test.each([
    {},
    { profile: [] },
    { profile: { level: 1 } },
    { profile: { userGroups: "drivers" } },
    { profile: { networkSubset: "123" } },
    { profile: { corporate: "xy" } },
    { profile: { [MARKER]: "x" } },
  ])("profile %j is malformed", async (body) => {
    await platform.call("POST", "/subscribers", { ...subscriber, msisdn: "8613800138000" });
    await expectRefusal(platform, "malformed", async () => profile(body));
  });
});

describe("activation", () => {
  test("an empty draft, and one that can allow nobody, locks out everybody", async () => {
    expect((await post("check", {})).json).toEqual({
      version: 1,
      rules: 0,
      findings: [{ finding: "locks_out_everybody" }],
    });
    await expectRefusal(platform, "conflict", async () => post("activate", {}));
    await put("own", OWN);
    expect((await post("check", {})).json).toEqual({
      version: 1,
      rules: 1,
      findings: [{ finding: "card_unknown", rule: "own" }, { finding: "locks_out_everybody" }],
    });
    await platform.call("POST", "/cards", await makeEnrolment(platform));
    expect((await post("check", {})).json).toMatchObject({
      findings: [
        { finding: "subscriber_unknown", rule: "own" },
        { finding: "locks_out_everybody" },
      ],
    });
    await platform.call("POST", "/subscribers", { imsi: IMSI, mncLength: 2, k: K, opc: OPC });
    expect((await post("activate", {})).json).toEqual({ version: 1, findings: [] });
  });

  test("a draft that changes while it is looked through is not activated", async () => {
    const { repositories } = platform.dependencies;
    await put("all", ALL);
    let changed = false;
    // The draft changes between the look at it and its activation.
    const rules = {
      ...repositories.rules,
      async list(...asked: Parameters<typeof repositories.rules.list>) {
        if (!changed) {
          changed = true;
          await put("late", ALL);
        }
        return repositories.rules.list(...asked);
      },
    };
    const dependencies = { ...platform.dependencies, repositories: { ...repositories, rules } };
    const { activateRules } = await import("#edge/rule-activation");
    const request = { force: false, raiseFloor: true };
    expect(await activateRules(dependencies, TENANT, request)).toEqual({
      ok: false,
      reason: "conflict",
    });
    expect(await get("/rule-set")).toMatchObject({ active: 0 });
  });
});

describe("GET /audit", () => {
  const session = "AAAAAAAAAAAAAAAAAAAAAA";
  const event = {
    writer: `${TENANT}:${CARD_ID}`,
    number: 1,
    at: 1_790_000_000_000,
    type: "binding",
    cardId: CARD_ID,
    session,
    reason: "allowed",
    trail: [{ step: 317 as const, at: 1, outcome: "done" }],
  };
  const second = { ...event, number: 2, session: "BBBBBBBBBBBBBBBBBBBBBB" };

  beforeEach(async () => {
    const { audit } = platform.dependencies.repositories;
    await audit.append([
      { tenant: TENANT, ...second },
      { tenant: TENANT, ...event, facts: "never shown" },
    ]);
  });

  test("by session and by card, in the order of the numbers", async () => {
    expect(await get(`/audit?session=${session}`)).toEqual({ events: [event] });
    expect(await get(`/audit?card=${CARD_ID}`)).toEqual({ events: [event, second] });
    const ofTenant = `/audit?card=${CARD_ID}&tenant`;
    expect(await get(`${ofTenant}=${TENANT}`)).toEqual({ events: [event, second] });
    expect(await get(`${ofTenant}=other`)).toEqual({ events: [] });
    expect(await get("/audit?card=0000000000000000")).toEqual({ events: [] });
  });

  test.each([
    "",
    "?",
    `?card=${CARD_ID}&session=${session}`,
    `?card=${MARKER}`,
    `?session=${MARKER}`,
    `?session=${session}A`,
    `?card=${CARD_ID}&tenant=${MARKER}`,
    `?card=${CARD_ID}&${MARKER}=1`,
  ])("%s is malformed", async (query) => {
    await expectRefusal(platform, "malformed", async () => platform.call("GET", `/audit${query}`));
  });
});

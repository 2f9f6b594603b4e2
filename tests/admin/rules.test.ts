/** Binding rules and the audit index. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import { CARD_ID, IMSI, openTenant, type Platform, TENANT } from "./platform.ts";
import { expectRefusal, MARKER } from "./refusal.ts";

let platform: Platform;
beforeEach(async () => {
  platform = await openTenant();
});
afterEach(() => platform.close());

const OWN = { target: { card: CARD_ID }, condition: { imsi: IMSI }, onMismatch: "lock" };
const ALL = { target: { all: true }, condition: { operator: "00101" }, onMismatch: "refuse" };
const get = async (query: string) => (await platform.call("GET", `/audit?${query}`)).json;
const put = async (id: string, rule: unknown) => platform.call("PUT", `/rules/${id}`, rule);

describe("rules", () => {
  test("are listed with the version of their set", async () => {
    expect((await platform.call("GET", "/rules")).json).toEqual({ version: 0, rules: [] });
    expect((await put("own", OWN)).status).toBe(204);
    expect((await put("all.2027_a-b", ALL)).status).toBe(204);
    expect((await platform.call("GET", "/rules")).json).toEqual({
      version: 2,
      rules: [
        { id: "all.2027_a-b", ...ALL },
        { id: "own", ...OWN },
      ],
    });
    await put("own", ALL);
    expect((await platform.call("DELETE", "/rules/all.2027_a-b")).status).toBe(204);
    const rules = [{ id: "own", ...ALL }];
    expect((await platform.call("GET", "/rules")).json).toEqual({ version: 4, rules });
  });

  test("belong to a tenant", async () => {
    await put("own", OWN);
    await expectRefusal(platform, "not_found", async () =>
      put("own", { ...OWN, tenant: "nobody" }),
    );
    for (const [method, path] of [
      ["GET", "/rules?tenant=nobody"],
      ["DELETE", "/rules/own?tenant=nobody"],
      ["DELETE", "/rules/other"],
    ] as const) {
      await expectRefusal(platform, "not_found", async () => platform.call(method, path));
    }
  });

  test.each([
    { ...OWN, target: { card: CARD_ID, all: true } },
    { ...OWN, target: { all: false } },
    { ...OWN, target: {} },
    { ...OWN, target: { card: CARD_ID.toLowerCase() } },
    { ...OWN, target: { [MARKER]: 1 } },
    { ...OWN, condition: { imsi: IMSI, operator: "00101" } },
    { ...OWN, condition: {} },
    { ...OWN, condition: { imsi: "1" } },
    { ...OWN, condition: { operator: "0010" } },
    { ...OWN, condition: { operator: 101 } },
    { ...OWN, onMismatch: "allow" },
    { ...OWN, id: "own" },
  ])("malformed: %j", async (rule) => {
    await expectRefusal(platform, "malformed", async () => put("own", rule));
  });

  test.each(["a".repeat(65), "-a", "%20", "a%2Fb", "é"])("id %s is malformed", async (id) => {
    await expectRefusal(platform, "malformed", async () => put(id, OWN));
    await expectRefusal(platform, "malformed", async () => platform.call("DELETE", `/rules/${id}`));
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
      { tenant: TENANT, ...event },
    ]);
  });

  test("by session and by card, in the order of the numbers", async () => {
    expect(await get(`session=${session}`)).toEqual({ events: [event] });
    expect(await get(`card=${CARD_ID}`)).toEqual({ events: [event, second] });
    expect(await get(`card=${CARD_ID}&tenant=${TENANT}`)).toEqual({ events: [event, second] });
    expect(await get(`card=${CARD_ID}&tenant=other`)).toEqual({ events: [] });
    expect(await get("card=0000000000000000")).toEqual({ events: [] });
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

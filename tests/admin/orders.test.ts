/** Orders: who may give them, what they must look like, what is told of them. */
import { afterEach, beforeEach, expect, test } from "bun:test";

import { CARD_ID, IMSI, K, makeEnrolment, OPC, openTenant, type Platform } from "./platform.ts";
import { expectRefusal, MARKER } from "./refusal.ts";

let platform: Platform;
beforeEach(async () => {
  platform = await openTenant();
  await platform.call("POST", "/cards", await makeEnrolment(platform));
  await platform.call("POST", "/subscribers", { imsi: IMSI, mncLength: 2, k: K, opc: OPC });
});
afterEach(() => platform.close());

const CARD = `/cards/${CARD_ID}/orders`;
const SUBSCRIBER = `/subscribers/${IMSI}/orders`;
const post = async (path: string, body: unknown) => platform.call("POST", path, body);
const clear = (by: unknown) => ({ order: "clear", by });

test("a report names one person, and the audit holds the name", async () => {
  const report = { order: "report", reason: "lost", by: ["  Ada Lovelace "] };
  expect((await post(CARD, report)).status).toBe(204);
  await platform.host.recover();
  const { json } = await platform.call("GET", `/audit?card=${CARD_ID}`);
  expect(json).toMatchObject({
    events: [{ type: "card_report", cardId: CARD_ID, session: "", reason: 'lost "Ada Lovelace"' }],
  });
});

test("names with quotes and commas stay apart in the audit", async () => {
  expect((await post(CARD, clear(['Ada", "Eve', "Grace"]))).status).toBe(204);
  await platform.host.recover();
  const { json } = await platform.call("GET", `/audit?card=${CARD_ID}`);
  expect(json).toMatchObject({ events: [{ reason: String.raw`"Ada\", \"Eve" "Grace"` }] });
});

test("cards and subscribers that are not there", async () => {
  for (const [path, body] of [
    ["/cards/0000000000000000/orders", clear(["Ada", "Grace"])],
    [CARD, { tenant: "nobody", ...clear(["Ada", "Grace"]) }],
    ["/subscribers/001010000000000/orders", clear(["Ada", "Grace"])],
    [SUBSCRIBER, { tenant: "nobody", ...clear(["Ada", "Grace"]) }],
  ] as const) {
    await expectRefusal(platform, "not_found", async () => post(path, body));
  }
  await expectRefusal(platform, "malformed", async () =>
    post(`/cards/${MARKER}/orders`, clear(["Ada", "Grace"])),
  );
  await expectRefusal(platform, "malformed", async () =>
    post(`/subscribers/${MARKER}/orders`, clear(["Ada", "Grace"])),
  );
});

test("an unlock of a card that is neither locked nor reported is a conflict", async () => {
  const unlock = { order: "unlock", by: ["Ada", "Grace"] };
  await expectRefusal(platform, "conflict", async () => post(CARD, unlock));
  await post(CARD, { order: "report", reason: "stolen", by: ["Ada"] });
  expect((await post(CARD, unlock)).status).toBe(204);
  await expectRefusal(platform, "conflict", async () => post(CARD, unlock));
});

const NOBODY = [
  [],
  ["Ada"],
  ["Ada", "Ada"],
  ["Ada", " ada\t"],
  ["Ada", "\uFF21da"],
  ["Ada", ""],
  ["Ada", "   "],
  ["Ada", "Gr\u0000ce"],
  ["Ada", "Gr\u200Bce"],
  ["Ada", "Gr\nce"],
  ["Ada", "x".repeat(65)],
  ["Ada", "Grace", "Joan"],
  ["Ada", 1],
  ["Ada", null],
  ["Ada", ["Grace"]],
  "Ada, Grace",
  { 0: "Ada", 1: "Grace", length: 2 },
];

test.each(NOBODY.map((by) => [by]))("by %j are not two people", async (by) => {
  await expectRefusal(platform, "malformed", async () => post(CARD, clear(by)));
  await expectRefusal(platform, "malformed", async () => post(CARD, { order: "unlock", by }));
  await expectRefusal(platform, "malformed", async () => post(SUBSCRIBER, clear(by)));
});

test.each([
  { order: "report", by: ["Ada"] },
  { order: "report", reason: "stolen", by: ["Ada", "Grace"] },
  { order: "report", reason: "stolen", by: [] },
  { order: "report", reason: "swapped", by: ["Ada"] },
  { order: "report", reason: MARKER, by: ["Ada"] },
  { order: "lock", by: ["Ada", "Grace"] },
  { order: "status", status: "active" },
  { order: "clear", reason: "lost", by: ["Ada", "Grace"] },
  { order: "clear", by: ["Ada", "Grace"], cardId: CARD_ID },
  { order: ["clear"], by: ["Ada", "Grace"] },
])("a card's order %j is malformed", async (body) => {
  await expectRefusal(platform, "malformed", async () => post(CARD, body));
});

test.each([
  { order: "report", by: ["Ada"] },
  { order: "report", reason: "stolen", by: ["Ada"] },
  { order: "unlock", by: ["Ada", "Grace"] },
  { order: "clear", reason: "swapped", by: ["Ada", "Grace"] },
  { order: "clear", by: ["Ada", "Grace"], set: false },
])("a subscriber's order %j is malformed", async (body) => {
  await expectRefusal(platform, "malformed", async () => post(SUBSCRIBER, body));
});

test("names of any script and of 64 characters are names", async () => {
  for (const by of [
    ["Ольга", "张伟"],
    ["x".repeat(64), "y".repeat(64)],
    ["Zoë", "Zoe"],
  ]) {
    expect((await post(CARD, clear(by))).status).toBe(204);
  }
});

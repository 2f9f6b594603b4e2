/** Reports, unlocks and clearings at the Durable Objects, under the real clock. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { encodeBase64Url } from "#protocol/bytes";
import { suiteNamed } from "#protocol/suites";
import type { FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import { createLiveRig, GENEROUS, type LiveRig } from "./live-rig.ts";
import { bytesOf, createExchange } from "./exchange.ts";

const TWO = ["Ada", "Grace"] as const;
let rig: LiveRig;
let card: FleetCard;
let own: FleetSubscriber;

beforeAll(async () => {
  rig = await createLiveRig(true, { SIMLATCH_SLOTS: "2", ...GENEROUS });
  card = await rig.fleet.addCard();
  own = await rig.fleet.addSubscriber({ operator: "46001" });
  await rig.fleet.addRule(card, { imsi: own.imsi }, "lock");
}, 60_000);
afterAll(() => rig.dispose(), 60_000);

async function bind(subscriber: FleetSubscriber): Promise<unknown> {
  const phone = await createExchange(rig, card, subscriber);
  const { sid, token, reply } = await phone.run();
  expect((await phone.finish(sid, token, reply)).status).toBe(204);
  return reply.json["verdict"];
}

test("workerd: a report on the subscriber waits for words and goes to every slot", async () => {
  const report = { order: "report", reason: "swapped", by: ["Ada"] } as const;
  expect(await bind(own)).toBe("SUCCESS");
  const asked = Date.now();
  await rig.fleet.admin.orderSubscriber(own.imsi, report);
  expect(Date.now() - asked).toBeGreaterThan(1000);
  expect(await bind(own)).toBe("FAILURE");
  const again = Date.now();
  await rig.fleet.admin.orderSubscriber(own.imsi, report);
  expect(Date.now() - again).toBeLessThan(1000);
  await rig.fleet.admin.orderSubscriber(own.imsi, { order: "clear", by: TWO });
  expect(await bind(own)).toBe("SUCCESS");
}, 60_000);

test("workerd: a card that is reported stolen locks, and two people unlock it", async () => {
  const { cardId } = card;
  const unlockOrder = { order: "unlock", by: TWO } as const;
  const early = rig.fleet.admin.orderCard(cardId, unlockOrder);
  expect(await early.catch((error: unknown) => error)).toMatchObject({ code: "conflict" });
  await rig.fleet.admin.orderCard(cardId, { order: "report", reason: "stolen", by: ["Ada"] });
  expect(await bind(own)).toBe("FAILURE");
  const phone = await createExchange(rig, card, own);
  expect((await phone.applet.readStatus()).state.name).toBe("locked");
  await rig.fleet.admin.orderCard(cardId, unlockOrder);
  const body = await phone.start();
  const answer = await phone.prove(body);
  expect((await phone.prove(body)).text).toBe(answer.text);
  const unlock = bytesOf(answer.json["unlock"]);
  const { bytes } = await phone.applet.unlock(suiteNamed("P-256"), unlock);
  const receipt = { token: answer.json["token"], receipt: encodeBase64Url(bytes) };
  expect((await rig.post(`/${body.sid}/receipt`, receipt)).status).toBe(204);
  expect(await bind(own)).toBe("SUCCESS");
  await rig.fleet.admin.orderCard(cardId, { order: "clear", by: TWO });
}, 60_000);

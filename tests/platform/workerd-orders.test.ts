/** Reports, unlocks and clearings at the Durable Objects, under the real clock. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEdge } from "#cli/edge-host";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { suiteNamed } from "#protocol/suites";
import { createFleet, type Fleet, type FleetCard, type FleetSubscriber } from "#tests/fleet/fleet";
import { bytesOf, createExchange } from "./exchange.ts";
import { type Answer, random } from "./rig.ts";

const deployment = random(16);
const adminKey = encodeBase64Url(random(32));
const environment = {
  SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
  SIMLATCH_DEPLOYMENT: encodeHex(deployment),
  SIMLATCH_ADMIN_KEY: adminKey,
  SIMLATCH_SLOTS: "2",
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "100",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "100",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "100",
};
const TWO = ["Ada", "Grace"] as const;
let folder = "";
let edge: Awaited<ReturnType<typeof startEdge>>;
let fleet: Fleet;
let card: FleetCard;
let own: FleetSubscriber;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "simlatch-workerd-"));
  edge = await startEdge({ environment, folder, port: 0, writeLine: () => undefined });
  fleet = await createFleet({
    platformUrl: edge.url,
    adminKey,
    deployment,
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    random,
  });
  card = await fleet.addCard();
  own = await fleet.addSubscriber({ operator: "46001" });
  await fleet.addRule(card, { imsi: own.imsi }, "lock");
}, 60_000);
afterAll(async () => {
  await edge.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function post(path: string, body: unknown): Promise<Answer> {
  const response = await fetch(`${edge.url}/v1/bindings${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
}

async function bind(subscriber: FleetSubscriber): Promise<unknown> {
  const phone = await createExchange({ post }, card, subscriber);
  const { sid, token, reply } = await phone.run();
  expect((await phone.finish(sid, token, reply)).status).toBe(204);
  return reply.json["verdict"];
}

test("workerd: a report on the subscriber waits for words and goes to every slot", async () => {
  const report = { order: "report", reason: "swapped", by: ["Ada"] } as const;
  expect(await bind(own)).toBe("SUCCESS");
  const asked = Date.now();
  await fleet.admin.orderSubscriber(own.imsi, report);
  expect(Date.now() - asked).toBeGreaterThan(1000);
  expect(await bind(own)).toBe("FAILURE");
  const again = Date.now();
  await fleet.admin.orderSubscriber(own.imsi, report);
  expect(Date.now() - again).toBeLessThan(1000);
  await fleet.admin.orderSubscriber(own.imsi, { order: "clear", by: TWO });
  expect(await bind(own)).toBe("SUCCESS");
}, 60_000);

test("workerd: a card that is reported stolen locks, and two people unlock it", async () => {
  const { cardId } = card;
  const unlockOrder = { order: "unlock", by: TWO } as const;
  const early = fleet.admin.orderCard(cardId, unlockOrder);
  expect(await early.catch((error: unknown) => error)).toMatchObject({ code: "conflict" });
  await fleet.admin.orderCard(cardId, { order: "report", reason: "stolen", by: ["Ada"] });
  expect(await bind(own)).toBe("FAILURE");
  const phone = await createExchange({ post }, card, own);
  expect((await phone.applet.readStatus()).state.name).toBe("locked");
  await fleet.admin.orderCard(cardId, unlockOrder);
  const body = await phone.start();
  const answer = await phone.prove(body);
  expect((await phone.prove(body)).text).toBe(answer.text);
  const unlock = bytesOf(answer.json["unlock"]);
  const { bytes } = await phone.applet.unlock(suiteNamed("P-256"), unlock);
  const receipt = { token: answer.json["token"], receipt: encodeBase64Url(bytes) };
  expect((await post(`/${body.sid}/receipt`, receipt)).status).toBe(204);
  expect(await bind(own)).toBe("SUCCESS");
  await fleet.admin.orderCard(cardId, { order: "clear", by: TWO });
}, 60_000);

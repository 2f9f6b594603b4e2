/** I2: the first SUCCESS pins IMSI, number and key version; what changed wants two people. */
import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SubscriberRecord } from "#edge/dependencies";
import { createExchange } from "#tests/platform/exchange";
import { type Bench, createBench, HOME, readDurable } from "./bench.ts";
import { bind, changeSubscribers, lockPhase, order, reasonsOf, TWO } from "./order-scene.ts";

interface Known {
  readonly keyVersion?: number;
  readonly msisdn?: string;
}

let bench: Bench | undefined;
/** A platform whose centre knows of each IMSI what `known` says at that moment. */
async function open(known: Map<string, Known>): Promise<Bench> {
  const change = (record: SubscriberRecord) => ({ ...record, ...known.get(record.imsi) });
  bench = await createBench({ wrap: changeSubscribers(change) });
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

const clear = ({ rig, card }: Bench) =>
  order(rig, `cards/${card.cardId}`, { order: "clear", by: TWO });

/** And `change` is an event of its own beside the decision, once for each refusal. */
async function expectRefused(scene: Bench, change: string): Promise<void> {
  const events = (await reasonsOf(scene, "pairing_changed")).length;
  const phone = await scene.exchange();
  expect(await bind(phone)).toBe("FAILURE");
  expect((await phone.applet.readStatus()).state.name).toBe("idle");
  expect(lockPhase(scene.rig)).toBe("none");
  expect((await reasonsOf(scene, "decided")).at(-1)).toContain("pairing_changed");
  const changes = await reasonsOf(scene, "pairing_changed");
  expect(changes).toHaveLength(events + 1);
  expect(changes.at(-1)).toBe(change);
}

test("I2: an IMSI with other keys is refused, not locked, until two people clear the card", async () => {
  const known = new Map<string, Known>();
  const scene = await open(known);
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  known.set(scene.subscriber.imsi, { keyVersion: 2 });
  await expectRefused(scene, "keys_replaced");
  await expectRefused(scene, "keys_replaced");
  expect((await clear(scene)).status).toBe(204);
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  expect(await reasonsOf(scene, "card_clear")).toEqual(['"Ada Lovelace" "Grace Hopper"']);
  known.delete(scene.subscriber.imsi);
  await expectRefused(scene, "keys_replaced");
});

test("I2: an IMSI with another number, or without the one it had, is refused", async () => {
  const known = new Map<string, Known>();
  const scene = await open(known);
  const { imsi } = scene.subscriber;
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  known.set(imsi, { msisdn: "8613800000001" });
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  known.set(imsi, { msisdn: "8613800000002" });
  await expectRefused(scene, "number_changed");
  known.delete(imsi);
  await expectRefused(scene, "number_changed");
  known.set(imsi, { msisdn: "8613800000001" });
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
});

test("I2: a number that moved to another IMSI is refused; two IMSIs with their own are not", async () => {
  const known = new Map<string, Known>();
  const scene = await open(known);
  const other = await scene.fleet.addSubscriber({ operator: HOME });
  await scene.fleet.addRule(scene.card, { imsi: other.imsi }, "refuse");
  const beside = () => createExchange(scene.rig, scene.card, other);
  known.set(scene.subscriber.imsi, { msisdn: "8613800000001" });
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  known.set(other.imsi, { msisdn: "8613800000001" });
  expect(await bind(await beside())).toBe("FAILURE");
  expect((await reasonsOf(scene, "decided")).at(-1)).toContain("pairing_changed");
  expect(await reasonsOf(scene, "pairing_changed")).toEqual(["number_moved"]);
  expect(lockPhase(scene.rig)).toBe("none");
  known.set(other.imsi, { msisdn: "8613800000002" });
  expect(await bind(await beside())).toBe("SUCCESS");
});

test("I2: a refused session pins nothing, and another card pins for itself", async () => {
  const known = new Map<string, Known>();
  const scene = await open(known);
  const { imsi } = scene.subscriber;
  known.set(imsi, { keyVersion: 7 });
  const phone = await scene.exchange();
  const body = await phone.start();
  const answer = { kind: "refusal", statusWord: 0x9862 } as const;
  const reply = await phone.answer(body.sid, await phone.sign(await phone.prove(body), { answer }));
  expect(reply.json["verdict"]).toBe("FAILURE");
  expect(readDurable(scene.rig, "SELECT * FROM card_pair")).toEqual([]);
  known.set(imsi, { keyVersion: 8 });
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  const card = await scene.fleet.addCard();
  await scene.fleet.addRule(card, { imsi }, "lock");
  known.set(imsi, { keyVersion: 9 });
  expect(await bind(await createExchange(scene.rig, card, scene.subscriber))).toBe("SUCCESS");
  const versions = readDurable(scene.rig, "SELECT key_version FROM card_pair ORDER BY 1");
  expect(versions).toEqual([{ key_version: 8 }, { key_version: 9 }]);
});

test("I13: a pinned number is readable nowhere", async () => {
  const msisdn = "8613800000001";
  const known = new Map<string, Known>();
  const scene = await open(known);
  known.set(scene.subscriber.imsi, { msisdn });
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  const [pair] = readDurable(scene.rig, "SELECT length(number_mac) AS bytes FROM card_pair");
  expect(pair).toEqual({ bytes: 32 });
  await scene.rig.close();
  for (const file of ["state.db", "catalog.db"]) {
    expect(readFileSync(join(scene.rig.folder, file)).includes(msisdn)).toBe(false);
  }
  expect(scene.rig.log.join("\n")).not.toContain(msisdn);
  bench = { ...scene, rig: await scene.rig.reopen() };
});

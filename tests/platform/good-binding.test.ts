import { afterAll, beforeAll, expect, test } from "bun:test";
import { createExchange, textOf } from "./exchange.ts";
import { createRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
});
afterAll(() => rig.dispose());

test("a card beside its own SIM: SUCCESS, serving, and it signs", async () => {
  const fleet = await rig.fleet();
  const card = await fleet.addCard();
  const subscriber = await fleet.addSubscriber({ operator: "46001" });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const exchange = await createExchange(rig, card, subscriber);
  const body = await exchange.start();
  const challenge = await exchange.prove(body);
  expect(challenge.status).toBe(200);
  const signed = await exchange.sign(challenge);
  const reply = await exchange.answer(body.sid, signed);
  expect(reply.text).toContain("SUCCESS");
  const receipt = await exchange.finish(body.sid, textOf(challenge.json["token"]), reply);
  expect(receipt.status).toBe(204);
  expect((await exchange.applet.readStatus()).state.name).toBe("serving");
  expect(await exchange.applet.sign(new Uint8Array([1, 2, 3]))).toHaveLength(64);
});

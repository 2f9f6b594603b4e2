/** The single writers in workerd: what was acknowledged is there after a restart, byte for byte. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createLiveRig, type LiveRig } from "./live-rig.ts";
import { createExchange } from "./exchange.ts";

let rig: LiveRig;

beforeAll(async () => {
  rig = await createLiveRig(true);
}, 60_000);
afterAll(() => rig.dispose(), 60_000);

test("workerd: consumed ids, stored bytes, epochs and SQNs survive a restart", async () => {
  const { fleet } = rig;
  const card = await fleet.addCard();
  const subscriber = await fleet.addSubscriber({ operator: "46001" });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const exchange = await createExchange(rig, card, subscriber);
  const body = await exchange.start();
  const [challenge, twin] = await Promise.all([exchange.prove(body), exchange.prove(body)]);
  expect(twin.text).toBe(challenge.text);
  const signed = await exchange.sign(challenge);
  const reply = await exchange.answer(body.sid, signed);
  expect(reply.json["verdict"]).toBe("SUCCESS");

  await rig.restart();

  expect((await exchange.prove(body)).text).toBe(challenge.text);
  expect((await exchange.answer(body.sid, signed)).text).toBe(reply.text);
  const other = await exchange.answer(body.sid, {
    ...signed,
    proof: signed.proof.replace(/..$/, "AA"),
  });
  expect(other.json["code"]).toBe("out_of_order");
  expect((await exchange.finish(body.sid, signed.token, reply)).status).toBe(204);
  expect((await exchange.applet.readStatus()).epoch).toBe(1);

  const second = await exchange.run();
  expect(second.reply.json["verdict"]).toBe("SUCCESS");
  await exchange.finish(second.sid, second.token, second.reply);
  expect((await exchange.applet.readStatus()).epoch).toBe(2);
  expect(Math.max(...(subscriber.device.snapshot().seqMs ?? []))).toBe(2);
}, 60_000);

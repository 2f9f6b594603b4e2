import { Database } from "bun:sqlite";
import { join } from "node:path";
import { afterEach, expect, test } from "bun:test";
import { createExchange, textOf } from "#tests/platform/exchange";
import type { RigOptions } from "#tests/platform/rig";
import { type Bench, createBench, HOME, readDurable, untilIndexed } from "./bench.ts";

let bench: Bench | undefined;
async function open(options?: RigOptions): Promise<Bench> {
  bench = await createBench(options);
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

const lockPhase = (rig: Bench["rig"]): unknown =>
  readDurable(rig, "SELECT lock_phase FROM card")[0]?.["lock_phase"];

test("I8: a proven IMSI that no rule allows locks; the card confirms it", async () => {
  const { rig, fleet, card } = await open();
  const other = await fleet.addSubscriber({ operator: HOME });
  const phone = await createExchange(rig, card, other);
  const { sid, token, reply } = await phone.run();
  expect(reply.json["verdict"]).toBe("FAILURE");
  expect(lockPhase(rig)).toBe("issued");
  expect((await phone.finish(sid, token, reply)).status).toBe(204);
  expect((await phone.applet.readStatus()).state.name).toBe("locked");
  expect(lockPhase(rig)).toBe("locked");
});

test("I8: a wrong answer, a refusal, a forged AUTS and a changed IMSI never lock", async () => {
  const { rig, fleet, card } = await open();
  const other = await fleet.addSubscriber({ operator: HOME });
  const res = { kind: "res", values: [new Uint8Array(8)] } as const;
  const refusal = { kind: "refusal", statusWord: 0x9862 } as const;
  const auts = { kind: "auts", auts: new Uint8Array(14) } as const;
  for (const change of [
    { answer: res },
    { answer: refusal },
    { answer: auts },
    { imsi: `${HOME}5` },
  ]) {
    const phone = await createExchange(rig, card, other);
    const body = await phone.start();
    const challenge = await phone.prove(body);
    const reply = await phone.answer(body.sid, await phone.sign(challenge, change));
    expect(reply.json["verdict"]).toBe("FAILURE");
    expect((await phone.finish(body.sid, textOf(challenge.json["token"]), reply)).status).toBe(204);
    expect((await phone.applet.readStatus()).state.name).toBe("idle");
    expect(lockPhase(rig)).toBe("none");
  }
});

test("I8: an unknown subscriber and a card that no rule names are refused, not locked", async () => {
  const { rig, fleet, card, subscriber } = await open();
  const unruled = await fleet.addCard();
  const phone = await createExchange(rig, unruled, subscriber);
  expect((await phone.run()).reply.json["verdict"]).toBe("FAILURE");
  const stranger = await createExchange(rig, card, subscriber);
  const body = { ...(await stranger.start()), imsi: `${HOME}0000000001` };
  const challenge = await stranger.prove(body);
  const signed = await stranger.sign(challenge, { imsi: body.imsi });
  expect((await stranger.answer(body.sid, signed)).json["verdict"]).toBe("FAILURE");
  expect(readDurable(rig, "SELECT lock_phase FROM card WHERE lock_phase <> 'none'")).toEqual([]);
});

test("I8: a rule set that says refuse does not lock", async () => {
  const { rig, fleet } = await open();
  const card = await fleet.addCard();
  const other = await fleet.addSubscriber({ operator: "46003" });
  await fleet.addRule(card, { operator: HOME }, "refuse");
  const { reply } = await (await createExchange(rig, card, other)).run();
  expect(reply.json["verdict"]).toBe("FAILURE");
  expect(lockPhase(rig)).toBe("none");
});

test("I8: a lock without a receipt goes out again, beside the right SIM too, and SUCCESS never lifts it", async () => {
  const { rig, fleet, card, exchange } = await open();
  const other = await fleet.addSubscriber({ operator: HOME });
  await (await createExchange(rig, card, other)).run();
  const own = await exchange();
  expect((await own.applet.readStatus()).state.name).toBe("idle");
  const body = await own.start();
  const challenge = await own.prove(body);
  const answer = await own.ask(challenge);
  expect(answer).toEqual({ kind: "refusal", statusWord: 0x9862 });
  const reply = await own.answer(body.sid, await own.sign(challenge, { answer }));
  expect(reply.json["verdict"]).toBe("FAILURE");
  expect((await own.finish(body.sid, textOf(challenge.json["token"]), reply)).status).toBe(204);
  expect((await own.applet.readStatus()).state.name).toBe("locked");
  const locked = await own.prove(await own.start());
  expect([locked.status, locked.json]).toEqual([200, { verdict: "FAILURE" }]);
});

test("I9: a card that reports less than its last receipt, or more than was issued, gets no SUCCESS", async () => {
  const { rig, card, exchange } = await open();
  const good = await exchange();
  const { sid, token, reply } = await good.run();
  await good.finish(sid, token, reply);
  for (const [epoch, reason] of [
    [0, "rollback_suspected"],
    [9, "clone_suspected"],
  ] as const) {
    await untilIndexed(rig);
    setEpochs(rig, `default:${card.cardId}`, epoch);
    const { reply: refused, sid: refusedSid } = await (await exchange()).run();
    expect(refused.json["verdict"]).toBe("FAILURE");
    const reasons = readDurable(
      rig,
      `SELECT objection FROM card_session WHERE sid = '${refusedSid}'`,
    );
    expect(reasons).toEqual([{ objection: reason }]);
    expect(lockPhase(rig)).toBe("none");
  }
});

/** Winds the writer's memory of the card's epoch, as a lost or a doctored state would have it. */
function setEpochs(rig: Bench["rig"], object: string, epoch: number): void {
  const database = new Database(join(rig.folder, "state.db"));
  database.run("UPDATE card SET epoch = ?, receipt_epoch = ? WHERE object = ?", [
    epoch,
    epoch,
    object,
  ]);
  database.close();
}

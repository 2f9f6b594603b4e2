/** I8: a lock ends only by an unlock that two people ordered, and only for the card that has it. */
import { afterEach, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { SW, TAG } from "#protocol/assigned-numbers";
import { decodeFields } from "#protocol/tlv";
import { createExchange, bytesOf, type Exchange, textOf } from "#tests/platform/exchange";
import { CardError } from "#terminal/card";
import type { Answer, Rig, RigOptions } from "#tests/platform/rig";
import { type Bench, createBench, dumpState, flipBit, HOME, readDurable } from "./bench.ts";
import { untilIndexed } from "./bench.ts";
import {
  bind,
  dieAtSigning,
  lockPhase,
  order,
  reasonsOf,
  reportCard,
  SUITE,
  TWO,
  unlockCard,
} from "./order-scene.ts";

let bench: Bench | undefined;
async function open(options?: RigOptions): Promise<Bench> {
  bench = await createBench(options);
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

/** The card meets a SIM that no rule allows; without `delivered` it never learns of its lock. */
async function lockCard(scene: Bench, delivered = true): Promise<void> {
  const stranger = await scene.fleet.addSubscriber({ operator: HOME });
  const phone = await createExchange(scene.rig, scene.card, stranger);
  const { sid, token, reply } = await phone.run();
  expect(reply.json["verdict"]).toBe("FAILURE");
  if (delivered) await phone.finish(sid, token, reply);
}

interface Unlocking {
  readonly phone: Exchange;
  readonly sid: string;
  readonly answer: Answer;
}

/** Step 2 of the locked card. */
async function ask(scene: Bench): Promise<Unlocking> {
  const phone = await scene.exchange();
  const body = await phone.start();
  return { phone, sid: body.sid, answer: await phone.prove(body) };
}

/** UNLOCK, and the receipt to the platform. */
async function take({ rig }: Bench, { phone, sid, answer }: Unlocking): Promise<Answer> {
  const receipt = await phone.applet.unlock(SUITE, bytesOf(answer.json["unlock"]));
  const { token } = answer.json;
  return rig.post(`/${sid}/receipt`, { token, receipt: encodeBase64Url(receipt.bytes) });
}

interface SentUnlock {
  readonly cardNonce: Uint8Array;
  readonly lockId: Uint8Array;
  readonly epoch: number;
}

function readUnlock(answer: Answer): SentUnlock {
  const bytes = bytesOf(answer.json["unlock"]);
  const outer = decodeFields(bytes, [
    [TAG.unlock, 1, 0xff],
    [TAG.signature, SUITE.proofBytes, SUITE.proofBytes],
  ]);
  const inner = decodeFields(outer?.[0] ?? new Uint8Array(0), [
    [TAG.cardId, 8, 8],
    [TAG.cardNonce, 16, 16],
    [TAG.lockId, 16, 16],
    [TAG.epoch, 4, 4],
  ]);
  if (inner === undefined) throw new Error("no unlock");
  const [, cardNonce, lockId, epoch] = inner;
  return { cardNonce, lockId, epoch: Buffer.from(epoch).readUInt32BE() };
}

const orders = ({ rig }: Bench) =>
  readDurable(rig, "SELECT report, granted, unlock_epoch FROM card_order");

test("I8: under a grant a locked card is unlocked, its receipt ends the grant, and it binds again", async () => {
  const scene = await open();
  await lockCard(scene);
  const refused = await ask(scene);
  expect(refused.answer.json).toEqual({ verdict: "FAILURE" });
  const closed = "SELECT length(wrapped_secrets) AS bytes FROM card_session WHERE phase = 'closed'";
  // That of the lock, by its receipt, and this one.
  expect(readDurable(scene.rig, closed)).toEqual([{ bytes: 0 }, { bytes: 0 }]);
  expect((await unlockCard(scene)).status).toBe(204);
  const unlocking = await ask(scene);
  expect(Object.keys(unlocking.answer.json)).toEqual(["token", "unlock"]);
  const { epoch, lockId } = readUnlock(unlocking.answer);
  const rows = readDurable(scene.rig, "SELECT epoch, lock_phase, lock_id FROM card");
  expect(rows).toEqual([{ epoch, lock_phase: "locked", lock_id: lockId }]);
  expect(orders(scene)).toEqual([{ report: "", granted: 1, unlock_epoch: epoch }]);
  expect((await take(scene, unlocking)).status).toBe(204);
  expect(await unlocking.phone.applet.readStatus()).toMatchObject({
    state: { name: "idle" },
    epoch,
  });
  expect(lockPhase(scene.rig)).toBe("none");
  expect(orders(scene)).toEqual([{ report: "", granted: 0, unlock_epoch: 0 }]);
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  expect(await reasonsOf(scene, "card_unlock")).toEqual(['"Ada Lovelace" "Grace Hopper"']);
  expect(await reasonsOf(scene, "unlocked")).toEqual(["receipt"]);
});

test("I8: a grant lifts one lock; the next one stays, and old unlocks fit nothing", async () => {
  const scene = await open();
  await lockCard(scene);
  await unlockCard(scene);
  const first = await ask(scene);
  await take(scene, first);
  await lockCard(scene);
  const second = await ask(scene);
  expect(second.answer.json).toEqual({ verdict: "FAILURE" });
  const old = bytesOf(first.answer.json["unlock"]);
  expect(await second.phone.applet.unlock(SUITE, old).catch((error) => error.sw)).toBe(0x6982);
  expect((await second.phone.applet.readStatus()).state.name).toBe("locked");
  expect(lockPhase(scene.rig)).toBe("locked");
});

test("I8: an unlock names nonce and lock id as the card proved them, and fits no other session", async () => {
  const scene = await open();
  await lockCard(scene);
  await unlockCard(scene);
  const first = await ask(scene);
  const status = await first.phone.applet.readStatus();
  if (status.state.name !== "locked") throw new Error("the card is not locked");
  expect(encodeHex(readUnlock(first.answer).lockId)).toBe(encodeHex(status.state.lockId));
  const second = await ask(scene);
  expect(readUnlock(second.answer).cardNonce).not.toEqual(readUnlock(first.answer).cardNonce);
  expect(readUnlock(second.answer).epoch).toBe(readUnlock(first.answer).epoch + 1);
  const { applet } = second.phone;
  for (const bytes of [
    bytesOf(first.answer.json["unlock"]),
    ...[20, 40, 60, 90].map((at) => flipBit(bytesOf(second.answer.json["unlock"]), 8 * at)),
  ]) {
    const sw = await applet.unlock(SUITE, bytes).then(
      () => SW.success,
      (error: unknown) => (error instanceof CardError ? (error.sw ?? 0) : 0),
    );
    expect([0x6982, 0x6a80]).toContain(sw);
    expect((await applet.readStatus()).state.name).toBe("locked");
  }
  expect((await take(scene, second)).status).toBe(204);
});

test("I8: a receipt that is withheld: idle at the unlock's epoch is proof enough, once", async () => {
  const scene = await open();
  await lockCard(scene);
  await unlockCard(scene);
  const { phone, answer } = await ask(scene);
  await phone.applet.unlock(SUITE, bytesOf(answer.json["unlock"]));
  expect(lockPhase(scene.rig)).toBe("locked");
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  expect(lockPhase(scene.rig)).toBe("none");
  expect(await reasonsOf(scene, "unlocked")).toEqual(["unlock_taken"]);
  await lockCard(scene);
  expect((await ask(scene)).answer.json).toEqual({ verdict: "FAILURE" });
});

test("I8: a card that never took its lock is cleared without a message, under a grant alone", async () => {
  const scene = await open();
  await lockCard(scene, false);
  const without = await scene.exchange();
  const body = await without.start();
  const challenge = await without.prove(body);
  const refusal = { kind: "refusal", statusWord: 0x9862 } as const;
  const reply = await without.answer(body.sid, await without.sign(challenge, { answer: refusal }));
  expect(reply.json["verdict"]).toBe("FAILURE");
  expect(lockPhase(scene.rig)).toBe("issued");
  expect((await unlockCard(scene)).status).toBe(204);
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  expect(lockPhase(scene.rig)).toBe("none");
  expect(orders(scene)).toEqual([{ report: "", granted: 0, unlock_epoch: 0 }]);
  expect(await reasonsOf(scene, "unlocked")).toEqual(["lock_not_taken"]);
});

test("I8: SUCCESS never lifts a lock: beside its own SIM a locked card gets none", async () => {
  const scene = await open();
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
  await lockCard(scene);
  for (let i = 0; i < 3; i++) {
    expect((await ask(scene)).answer.json).toEqual({ verdict: "FAILURE" });
  }
  expect(lockPhase(scene.rig)).toBe("locked");
});

test("I8: one person, or one under two spellings, does not unlock; nor is there a grant in advance", async () => {
  const scene = await open();
  const path = `cards/${scene.card.cardId}`;
  const early = await unlockCard(scene);
  expect([early.status, JSON.parse(early.text).code]).toEqual([409, "conflict"]);
  await lockCard(scene);
  await untilIndexed(scene.rig);
  const before = dumpState(scene.rig);
  for (const by of [
    ["Ada"],
    ["Ada L", " ADA  L "],
    ["Ada", ""],
    ["Ada", "Grace", "Joan"],
    "Ada",
    [],
  ]) {
    const answer = await order(scene.rig, path, { order: "unlock", by });
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([400, "malformed"]);
  }
  expect(dumpState(scene.rig)).toBe(before);
  expect((await ask(scene)).answer.json).toEqual({ verdict: "FAILURE" });
});

test("I8: a report after the grant withdraws it, from an unlock that was not sent, too", async () => {
  const now = { kills: 0 };
  const scene = await open({ wrap: dieAtSigning(now) });
  await lockCard(scene);
  await unlockCard(scene);
  now.kills = 1;
  const phone = await scene.exchange();
  const body = await phone.start();
  expect((await phone.prove(body)).json["code"]).toBe("unavailable");
  expect((await reportCard(scene, "stolen")).status).toBe(204);
  expect((await phone.prove(body)).json["code"]).toBe("session_expired");
  expect((await ask(scene)).answer.json).toEqual({ verdict: "FAILURE" });
  expect(orders(scene)[0]).toMatchObject({ report: "stolen", granted: 0 });
});

test("I12: killed between commit and proof, the same unlock is proved again, under one epoch", async () => {
  const now = { kills: 0 };
  const scene = await open({ wrap: dieAtSigning(now) });
  await lockCard(scene);
  await unlockCard(scene);
  now.kills = 1;
  const phone = await scene.exchange();
  const body = await phone.start();
  expect((await phone.prove(body)).json["code"]).toBe("unavailable");
  const [committed] = readDurable(
    scene.rig,
    "SELECT epoch, result FROM card_session WHERE verdict = 'UNLOCK'",
  );
  const answer = await phone.prove(body);
  expect(readUnlock(answer).epoch).toBe(Number(committed?.["epoch"]));
  expect((await phone.prove(body)).text).toBe(answer.text);
  const other = await phone.prove({ ...body, imsi: `${HOME}0000000001` });
  expect(other.json["code"]).toBe("out_of_order");
  expect((await take(scene, { phone, sid: body.sid, answer })).status).toBe(204);
});

test("I8: only the card's own receipt ends the lock at the platform", async () => {
  const scene = await open();
  await lockCard(scene);
  await unlockCard(scene);
  const { phone, sid, answer } = await ask(scene);
  const token = textOf(answer.json["token"]);
  const { bytes } = await phone.applet.unlock(SUITE, bytesOf(answer.json["unlock"]));
  for (const at of [2, 5, 8, 30, bytes.length - 1]) {
    const receipt = encodeBase64Url(flipBit(bytes, 8 * at));
    const { code } = (await scene.rig.post(`/${sid}/receipt`, { token, receipt })).json;
    expect(["card_not_authenticated", "malformed"]).toContain(String(code));
    expect(lockPhase(scene.rig)).toBe("locked");
  }
  const body = { token, receipt: encodeBase64Url(bytes) };
  expect((await scene.rig.post(`/${sid}/receipt`, body)).status).toBe(204);
  expect((await scene.rig.post(`/${sid}/receipt`, body)).status).toBe(204);
  expect(lockPhase(scene.rig)).toBe("none");
  const late = { token, statement: "", proof: "" };
  expect((await scene.rig.post(`/${sid}/answer`, late)).status).toBe(400);
});

test("I8: a clearing of pairings lifts no lock", async () => {
  const scene = await open();
  await lockCard(scene);
  const path = `cards/${scene.card.cardId}`;
  expect((await order(scene.rig, path, { order: "clear", by: TWO })).status).toBe(204);
  expect((await ask(scene)).answer.json).toEqual({ verdict: "FAILURE" });
});

test("I8: an unlock's receipt that comes after the next lock was issued lifts nothing", async () => {
  const scene = await open();
  await lockCard(scene);
  await unlockCard(scene);
  const { phone, sid, answer } = await ask(scene);
  const { bytes } = await phone.applet.unlock(SUITE, bytesOf(answer.json["unlock"]));
  await lockCard(scene, false);
  expect(lockPhase(scene.rig)).toBe("issued");
  const late = { token: answer.json["token"], receipt: encodeBase64Url(bytes) };
  expect((await scene.rig.post(`/${sid}/receipt`, late)).status).toBe(204);
  expect(lockPhase(scene.rig)).toBe("issued");
  expect(await bind(await scene.exchange())).toBe("FAILURE");
});

test("I8: a lock's receipt that comes after the unlock locks nobody out", async () => {
  const scene = await open();
  const stranger = await scene.fleet.addSubscriber({ operator: HOME });
  const phone = await createExchange(scene.rig, scene.card, stranger);
  const { sid, token, reply } = await phone.run();
  const receipt = await phone.applet.deliverResult(SUITE, bytesOf(reply.json["result"]));
  await unlockCard(scene);
  expect((await take(scene, await ask(scene))).status).toBe(204);
  const late = { token, receipt: encodeBase64Url(receipt.bytes) };
  expect((await scene.rig.post(`/${sid}/receipt`, late)).status).toBe(204);
  expect(lockPhase(scene.rig)).toBe("none");
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
});

test("I8: a proof of before the unlock that is sent after it locks nobody out", async () => {
  const scene = await open();
  await lockCard(scene);
  await unlockCard(scene);
  const held = await scene.exchange();
  const old = await held.start();
  const { phone, answer } = await ask(scene);
  await phone.applet.unlock(SUITE, bytesOf(answer.json["unlock"]));
  await ask(scene);
  expect(lockPhase(scene.rig)).toBe("none");
  await held.prove(old);
  expect(lockPhase(scene.rig)).toBe("none");
  expect(await bind(await scene.exchange())).toBe("SUCCESS");
});

test("I8: a restore brings back the lock of a card that was unlocked since, and the card ends it", async () => {
  const scene = await open();
  await lockCard(scene);
  const at = (rig: Rig): Bench => ({
    ...scene,
    rig,
    exchange: () => createExchange(rig, scene.card, scene.subscriber),
  });
  await scene.rig.host.close();
  const state = join(scene.rig.folder, "state.db");
  copyFileSync(state, `${state}.backup`);
  const lost = at(await scene.rig.reopen());
  await unlockCard(lost);
  expect((await take(lost, await ask(lost))).status).toBe(204);
  await lost.rig.close();
  copyFileSync(`${state}.backup`, state);
  const environment = { SIMLATCH_STORE_GENERATION: "2" };
  const restored = at(await lost.rig.reopen({ environment }));
  bench = restored;
  expect(lockPhase(restored.rig)).toBe("locked");
  expect(await bind(await restored.exchange())).toBe("SUCCESS");
  expect(lockPhase(restored.rig)).toBe("none");
});

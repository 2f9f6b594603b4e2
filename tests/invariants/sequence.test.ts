import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "bun:test";
import { resynchroniseSeq } from "#edge/access-authentication/sequence-number";
import { SEQ_DELTA, SEQ_RESTORE_JUMP } from "#edge/limits";
import { decodeChallenge } from "#protocol/messages";
import { bytesOf, createExchange } from "#tests/platform/exchange";
import type { Answer, RigOptions } from "#tests/platform/rig";
import { type Bench, createBench, dumpState, flipBit, HOME, readDurable } from "./bench.ts";

let bench: Bench | undefined;
async function open(options?: RigOptions): Promise<Bench> {
  bench = await createBench(options);
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

const seqOf = (rig: Bench["rig"]): unknown => readDurable(rig, "SELECT seq FROM slot")[0]?.["seq"];

test("I4: the SQN is on disk before its vector leaves", async () => {
  const { rig, exchange } = await open();
  for (const seq of [1, 2, 3, 4]) {
    const attempt = await exchange();
    const reply = await attempt.prove(await attempt.start());
    // Read at once through another connection: what a crash at this moment would leave.
    expect(seqOf(rig)).toBe(seq);
    expect(reply.status).toBe(200);
  }
});

test("I4: no SQN is used twice, across sessions and restarts", async () => {
  const first = await open();
  const seen = new Set<string>();
  let { rig } = first;
  for (let restart = 0; restart < 3; restart++) {
    for (let i = 0; i < 4; i++) {
      const attempt = await createExchange(rig, first.card, first.subscriber);
      const body = await attempt.start();
      const reply = await attempt.prove(body);
      // The USIM accepts only a SEQ that it has not seen, so RES proves a fresh one.
      const answer = await attempt.ask(reply);
      expect(answer.kind).toBe("res");
      seen.add(JSON.stringify(first.subscriber.device.snapshot().seqMs));
    }
    rig = await rig.reopen({
      environment: {
        SIMLATCH_CHALLENGES_PER_CARD_HOUR: "100",
        SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "100",
        SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "100",
      },
    });
    bench = { ...first, rig };
  }
  expect(seen.size).toBe(12);
});

test("I4: a restored state starts a new, audited generation higher up, by less than delta", async () => {
  const { rig, card, subscriber, exchange, fleet } = await open();
  await (await exchange()).run();
  await rig.host.close();
  const state = join(rig.folder, "state.db");
  const backup = join(rig.folder, "backup.db");
  copyFileSync(state, backup);
  const environment = { SIMLATCH_CHALLENGES_PER_CARD_HOUR: "100" };
  const before = await rig.reopen({ environment });
  const lost = await createExchange(before, card, subscriber);
  for (let i = 0; i < 3; i++) await lost.run();
  await before.close();
  copyFileSync(backup, state);
  const after = await before.reopen({
    environment: { ...environment, SIMLATCH_STORE_GENERATION: "2" },
  });
  bench = { rig: after, fleet, card, subscriber, exchange };
  const restored = await createExchange(after, card, subscriber);
  const { reply, sid, token } = await restored.run();
  expect(reply.json["verdict"]).toBe("SUCCESS");
  expect((await restored.finish(sid, token, reply)).status).toBe(204);
  const [slot] = readDurable(after, "SELECT seq, sqn_generation FROM slot");
  expect(slot?.["sqn_generation"]).toBe(2);
  expect(Number(slot?.["seq"])).toBeGreaterThanOrEqual(SEQ_RESTORE_JUMP);
  expect(Number(slot?.["seq"])).toBeLessThan(SEQ_DELTA);
  await after.close();
  const audit = readDurable(after, "SELECT type, reason FROM audit_event", "catalog.db");
  expect(audit.some(({ type }) => type === "sqn_generation_raised")).toBe(true);
  bench = { rig: await after.reopen(), fleet, card, subscriber, exchange };
});

test("I4: tokens of before a restore open nothing after it", async () => {
  const { rig, card, subscriber, exchange, fleet } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const after = await rig.reopen({ environment: { SIMLATCH_STORE_GENERATION: "2" } });
  bench = { rig: after, fleet, card, subscriber, exchange };
  const { sid, ...rest } = body;
  expect((await after.post(`/${sid}/card`, rest)).json["code"]).toBe("session_expired");
});

test("a token of a point of presence whose day has begun is good where it has not yet", async () => {
  const { rig, exchange } = await open();
  rig.advance(86_400_000 - (rig.now() % 86_400_000) + 1);
  const attempt = await exchange();
  const body = await attempt.start();
  rig.advance(-5);
  expect((await attempt.prove(body)).status).toBe(200);
});

test("I4, I5: SEQ after AUTS goes past SEQ_MS, stays, or comes down by more than delta only", () => {
  const delta = SEQ_DELTA;
  expect(resynchroniseSeq(10, 500, delta)).toEqual({ next: 501, newGeneration: false });
  expect(resynchroniseSeq(500, 500, delta)).toEqual({ next: 501, newGeneration: false });
  expect(resynchroniseSeq(500, 10, delta)).toEqual({ next: 501, newGeneration: false });
  expect(resynchroniseSeq(10 + delta, 10, delta)).toEqual({
    next: 11 + delta,
    newGeneration: false,
  });
  expect(resynchroniseSeq(11 + delta, 10, delta)).toEqual({ next: 11, newGeneration: true });
});

/** A phone whose SIM is ahead, and its first AUTS. */
async function openAhead() {
  const { rig, fleet, card } = await open();
  const ahead = await fleet.addSubscriber({ operator: HOME, seqMs: 5000 });
  await fleet.addRule(card, { imsi: ahead.imsi }, "lock");
  const attempt = await createExchange(rig, card, ahead);
  const body = await attempt.start();
  const challenge = await attempt.prove(body);
  const answer = await attempt.ask(challenge);
  if (answer.kind !== "auts") throw new Error("the USIM was in step");
  return { rig, fleet, card, ahead, attempt, body, challenge, auts: answer.auts };
}

test("I5: a valid AUTS gives one new round past SEQ_MS, and the same body the same round", async () => {
  const { rig, attempt, body, challenge, auts } = await openAhead();
  const signed = await attempt.sign(challenge, { answer: { kind: "auts", auts } });
  const next = await attempt.answer(body.sid, signed);
  expect(decodeChallenge(bytesOf(next.json["challenge"]))?.round).toBe(1);
  expect((await attempt.answer(body.sid, signed)).text).toBe(next.text);
  expect(seqOf(rig)).toBe(5001);
  const verdict = await attempt.answer(body.sid, await attempt.sign(next));
  expect(verdict.json["verdict"]).toBe("SUCCESS");
});

test("I5: an AUTS without a valid MAC-S moves nothing and gets FAILURE", async () => {
  const { rig, attempt, body, challenge, auts } = await openAhead();
  const forged = flipBit(auts, 8 * 13);
  const signed = await attempt.sign(challenge, { answer: { kind: "auts", auts: forged } });
  const reply = await attempt.answer(body.sid, signed);
  expect(reply.json["verdict"]).toBe("FAILURE");
  expect(seqOf(rig)).toBe(1);
  expect(readDurable(rig, "SELECT lock_phase FROM card")).toEqual([{ lock_phase: "none" }]);
});

test("I5: AUTS counts only for the newest challenge of its slot", async () => {
  const { rig, fleet, ahead, attempt, body, challenge, auts } = await openAhead();
  const signed = await attempt.sign(challenge, { answer: { kind: "auts", auts } });
  const otherCard = await fleet.addCard();
  const other = await createExchange(rig, otherCard, ahead);
  await other.prove(await other.start());
  const reply = await attempt.answer(body.sid, signed);
  expect(reply.json["verdict"]).toBe("FAILURE");
  expect(seqOf(rig)).toBe(2);
});

test("I5: at most two AUTS in a session, so at most three challenges", async () => {
  const { rig, attempt, body, challenge, auts, ahead } = await openAhead();
  let reply: Answer = challenge;
  let answer = { kind: "auts", auts } as const;
  for (const round of [1, 2]) {
    const signed = await attempt.sign(reply, { answer });
    reply = await attempt.answer(body.sid, signed);
    expect(decodeChallenge(bytesOf(reply.json["challenge"]))?.round).toBe(round);
    const seq = Number(seqOf(rig));
    // The module jumps ahead again: its next answer is another valid AUTS.
    answer = { kind: "auts", auts: await autsAhead(reply, ahead, seq + 100) };
  }
  const third = await attempt.answer(body.sid, await attempt.sign(reply, { answer }));
  expect(third.json["verdict"]).toBe("FAILURE");
  expect(readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge")).toEqual([{ n: 3 }]);
});

/** AUTS of the same USIM with its array raised to `seq`, for the challenge in `reply`. */
async function autsAhead(
  reply: Answer,
  subscriber: Awaited<ReturnType<Bench["fleet"]["addSubscriber"]>>,
  seq: number,
): Promise<Uint8Array> {
  const challenge = decodeChallenge(bytesOf(reply.json["challenge"]));
  if (challenge === undefined) throw new Error("no challenge");
  const clone = subscriber.cloneAt(seq);
  const { createUsimModule } = await import("#terminal/usim");
  const module = createUsimModule({ transmit: async (apdu) => clone.transmit(apdu) });
  const { answer } = await module.authenticate(challenge);
  if (answer.kind !== "auts") throw new Error("the USIM was in step");
  return answer.auts;
}

test("I6: an unknown, a barred and an over-quota IMSI get a well-formed challenge and FAILURE", async () => {
  const { rig, fleet, card } = await open({
    environment: { SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1", SIMLATCH_RESERVED_PER_IMSI_HOUR: "0" },
  });
  const barred = await fleet.addSubscriber({ operator: HOME });
  await fleet.admin.setSubscriberStatus(barred.imsi, { status: "barred" });
  const busy = await fleet.addSubscriber({ operator: HOME });
  const used = await createExchange(rig, card, busy);
  await used.prove(await used.start());
  for (const [phone, imsi] of [
    [busy, `${HOME}0000000000`],
    [barred, barred.imsi],
    [busy, busy.imsi],
  ] as const) {
    const attempt = await createExchange(rig, card, phone);
    const body = { ...(await attempt.start()), imsi };
    const issued = readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge");
    const reply = await attempt.prove(body);
    const challenge = decodeChallenge(bytesOf(reply.json["challenge"]));
    expect(challenge?.autn.subarray(6, 8)).toEqual(new Uint8Array(2));
    expect(readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge")).toEqual(issued);
    const answer = await attempt.ask(reply);
    expect(answer).toEqual({ kind: "refusal", statusWord: 0x9862 });
    const verdict = await attempt.answer(body.sid, await attempt.sign(reply, { imsi, answer }));
    expect(verdict.json["verdict"]).toBe("FAILURE");
    expect((await attempt.finish(body.sid, String(reply.json["token"]), verdict)).status).toBe(204);
    expect((await attempt.applet.readStatus()).state.name).toBe("idle");
  }
});

test("I6: a card over its quota is refused and nothing is consumed", async () => {
  const { rig, exchange } = await open({
    environment: { SIMLATCH_CHALLENGES_PER_CARD_HOUR: "3" },
  });
  for (let i = 0; i < 3; i++) {
    const attempt = await exchange();
    expect((await attempt.prove(await attempt.start())).status).toBe(200);
  }
  const over = await exchange();
  const body = await over.start();
  const before = dumpState(rig);
  const refused = await over.prove(body);
  expect([refused.status, refused.json["code"]]).toEqual([429, "quota"]);
  expect(dumpState(rig)).toBe(before);
  rig.advance(3_600_001);
  const later = await exchange();
  expect((await later.prove(await later.start())).status).toBe(200);
});

test("I6: a card may ask about few distinct IMSIs", async () => {
  const { rig, exchange } = await open({ environment: { SIMLATCH_IMSIS_PER_CARD_HOUR: "3" } });
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) {
    const attempt = await exchange();
    const body = await attempt.start();
    const reply = await attempt.prove({ ...body, imsi: `${HOME}000000000${i}` });
    statuses.push(reply.status);
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  expect(readDurable(rig, "SELECT COUNT(*) AS n FROM slot")).toEqual([{ n: 0 }]);
});

test("I6: unrelated cards cannot drain the reserve of an IMSI", async () => {
  const { rig, fleet, subscriber, exchange } = await open({
    environment: { SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "6", SIMLATCH_RESERVED_PER_IMSI_HOUR: "3" },
  });
  expect((await (await exchange()).run()).reply.json["verdict"]).toBe("SUCCESS");
  const stranger = await fleet.addCard();
  for (let i = 0; i < 8; i++) {
    const attempt = await createExchange(rig, stranger, subscriber);
    await attempt.prove(await attempt.start());
  }
  const issued = readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge")[0]?.["n"];
  expect(issued).toBe(3);
  expect((await (await exchange()).run()).reply.json["verdict"]).toBe("SUCCESS");
});

test("I6: the card's proof comes before any vector", async () => {
  const { rig, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const forged = { ...body, proof: `${body.proof.slice(0, -4)}AAAA` };
  expect((await attempt.prove(forged)).json["code"]).toBe("card_not_authenticated");
  expect(readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge")).toEqual([{ n: 0 }]);
});

test("I4: a profile with fewer INDs than there are slots is not enrolled", async () => {
  const { fleet } = await open({ environment: { SIMLATCH_SLOTS: "3", SIMLATCH_SLOT: "2" } });
  const key = "0123456789abcdef0123456789abcdef";
  const subscriber = { imsi: `${HOME}0000000007`, mncLength: 2, k: key, opc: key } as const;
  const refusal = await fleet.admin
    .createSubscriber({ ...subscriber, indBits: 1 })
    .catch((error: unknown) => String(error));
  expect(refusal).toContain("malformed");
  await fleet.admin.createSubscriber({ ...subscriber, indBits: 2 });
});

/** I4 across an import: SQN goes on above what another centre has issued, and never down. */
import { afterEach, expect, test } from "bun:test";
import { SEQ_DELTA } from "#edge/limits";
import { decodeChallenge } from "#protocol/messages";
import { bytesOf, createExchange } from "#tests/platform/exchange";
import type { Rig, RigOptions } from "#tests/platform/rig";
import { type Bench, createBench, HOME, readDurable } from "#tests/invariants/bench";

let bench: Bench | undefined;
async function open(options?: RigOptions): Promise<Bench> {
  bench = await createBench(options);
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

const slotOf = (rig: Rig): unknown =>
  readDurable(rig, "SELECT seq, seq_floor, sqn_generation FROM slot")[0];

/** As an import raises it: the statement of db/subscriber-batches.ts, through the repository. */
async function raiseFloor({ rig, subscriber }: Bench, seqFloor: number): Promise<void> {
  const { subscribers } = rig.dependencies.repositories;
  const record = await subscribers.find("default", subscriber.imsi);
  if (record === undefined) throw new Error("no such subscriber");
  const knownKeyVersion = record.keyVersion;
  const { updated } = await subscribers.saveMany(
    [],
    [{ record: { ...record, seqFloor }, knownKeyVersion }],
  );
  expect([...updated]).toEqual([subscriber.imsi]);
}

async function bindOnce({ rig, exchange }: Bench): Promise<unknown> {
  const attempt = await exchange();
  const { reply, sid, token } = await attempt.run();
  expect((await attempt.finish(sid, token, reply)).status).toBe(204);
  expect(rig.log.join("")).not.toContain("defect");
  return reply.json["verdict"];
}

test("I4: the first SQN after an import is above the floor", async () => {
  const all = await open();
  await raiseFloor(all, 5000);
  expect(await bindOnce(all)).toBe("SUCCESS");
  expect(slotOf(all.rig)).toEqual({ seq: 5001, seq_floor: 5000, sqn_generation: 1 });
  expect(await bindOnce(all)).toBe("SUCCESS");
  expect(slotOf(all.rig)).toMatchObject({ seq: 5002 });
});

test("I4: a floor below what was issued moves nothing, and the catalog's never falls", async () => {
  const all = await open();
  for (let i = 0; i < 3; i++) await bindOnce(all);
  await raiseFloor(all, 2);
  expect(await bindOnce(all)).toBe("SUCCESS");
  expect(slotOf(all.rig)).toEqual({ seq: 4, seq_floor: 2, sqn_generation: 1 });
  await raiseFloor(all, 1);
  expect(readDurable(all.rig, "SELECT seq_floor FROM auc", "catalog.db")).toEqual([
    { seq_floor: 2 },
  ]);
});

test("I4: a floor counts once: a module far behind it is resynchronised for good", async () => {
  const all = await open();
  const { rig, fleet, card } = all;
  const behind = await fleet.addSubscriber({ operator: HOME, seqMs: 10 });
  await fleet.addRule(card, { imsi: behind.imsi }, "lock");
  await raiseFloor({ ...all, subscriber: behind }, 10 + SEQ_DELTA + 1);
  const attempt = await createExchange(rig, card, behind);
  const body = await attempt.start();
  const first = await attempt.prove(body);
  const answer = await attempt.ask(first);
  // SEQ jumped by more than delta: the module asks for another (TS 33.102, C.2.1).
  expect(answer.kind).toBe("auts");
  const second = await attempt.answer(body.sid, await attempt.sign(first));
  expect(decodeChallenge(bytesOf(second.json["challenge"]))?.round).toBe(1);
  const verdict = await attempt.answer(body.sid, await attempt.sign(second));
  expect(verdict.json["verdict"]).toBe("SUCCESS");
  expect(slotOf(rig)).toEqual({
    seq: 11,
    seq_floor: 10 + SEQ_DELTA + 1,
    sqn_generation: 2,
  });
});

test("I4: a restored slot jumps from the floor's place on when it had counted", async () => {
  const all = await open();
  await raiseFloor(all, 700);
  await bindOnce(all);
  const after = await all.rig.reopen({
    environment: {
      SIMLATCH_STORE_GENERATION: "2",
      SIMLATCH_CHALLENGES_PER_CARD_HOUR: "100",
      SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "100",
      SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "100",
    },
  });
  bench = { ...all, rig: after };
  const attempt = await createExchange(after, all.card, all.subscriber);
  const { reply } = await attempt.run();
  expect(reply.json["verdict"]).toBe("SUCCESS");
  expect(slotOf(after)).toEqual({ seq: 701 + 2 ** 24 + 1, seq_floor: 700, sqn_generation: 2 });
});

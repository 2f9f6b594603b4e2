/**
 * The embedded centre as another point of presence asks it: what a slot gives out, in which order,
 * and to whom it gives nothing.
 */
import { Database } from "bun:sqlite";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { subscriberObject } from "#edge/access-authentication/authenticate";
import type {
  SlotBatchFailure,
  SlotBatchRequest,
} from "#edge/access-authentication/authentication-centre/slot";
import type { FetchedVector, SubscriberRecord } from "#edge/dependencies";
import { SEQ_DELTA, SEQ_RESTORE_JUMP } from "#edge/limits";
import type { Result } from "#protocol/result";
import type { Fleet, FleetSubscriber } from "#tests/fleet/fleet";
import { HOME, readDurable } from "#tests/invariants/bench";
import { createRig, random, type Rig } from "#tests/platform/rig";

const SLOT = 3;
const ENVIRONMENT = { SIMLATCH_SLOTS: "8", SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000" };

let rig: Rig;
let fleet: Fleet;
beforeEach(async () => {
  rig = await createRig({ environment: ENVIRONMENT });
  fleet = await rig.fleet();
});
afterEach(() => rig.dispose());

async function recordOf(imsi: string): Promise<SubscriberRecord> {
  const found = await rig.dependencies.repositories.subscribers.find("default", imsi);
  if (found === undefined) throw new Error("not enrolled");
  return found;
}

async function ask(
  imsi: string,
  changes: Partial<SlotBatchRequest> = {},
): Promise<Result<readonly FetchedVector[], SlotBatchFailure>> {
  rig.advance(1);
  const { slot = SLOT, subscriber = await recordOf(imsi) } = changes;
  const object = subscriberObject({ vault: rig.dependencies.vault, slot }, "default", imsi);
  const request = { subscriber, slot, count: 5, askedAt: rig.now(), ...changes };
  return rig.host.slots.batch(object, request);
}
async function give(imsi: string, changes: Partial<SlotBatchRequest> = {}) {
  const given = await ask(imsi, changes);
  if (!given.ok) throw new Error(given.reason);
  return given.value;
}
const reasonOf = async (asked: ReturnType<typeof ask>) => {
  const given = await asked;
  return given.ok ? given.value.length : given.reason;
};
const seqs = () => readDurable(rig, "SELECT seq FROM slot ORDER BY object").map(({ seq }) => seq);

/** What the module makes of it: RES where it is right, else AUTS or a status word. */
async function answerOf(subscriber: FleetSubscriber, { rand, quintet }: FetchedVector) {
  const autn = quintet?.autn ?? new Uint8Array(0);
  return (await subscriber.connect().authenticate({ rands: [rand], autn })).answer;
}
async function expectAccepted(subscriber: FleetSubscriber, vector: FetchedVector): Promise<void> {
  const answer = await answerOf(subscriber, vector);
  expect(answer).toEqual({ kind: "res", values: [vector.quintet?.xres ?? new Uint8Array(0)] });
}

describe.each(["USIM/Milenage", "USIM/TUAK"] as const)("%s", (kind) => {
  test("M13: five quintets that the module takes in their order, with their triplets", async () => {
    const usim = await fleet.addSubscriber({ operator: HOME, kind });
    const vectors = await give(usim.imsi);
    expect(vectors).toHaveLength(5);
    const { centre } = rig.dependencies;
    const record = await recordOf(usim.imsi);
    for (const vector of vectors) {
      await expectAccepted(usim, vector);
      const { expected } = centre.vector(record, { form: "SIM", rands: [vector.rand] });
      expect(vector.sres).toEqual(expected[0]);
    }
  });

  test("M13: CK || IK are the module's", async () => {
    const usim = await fleet.addSubscriber({ operator: HOME, kind });
    const [vector] = await give(usim.imsi, { count: 1 });
    if (vector?.quintet === undefined) throw new Error("no quintet");
    const { autn, confirmationKey } = vector.quintet;
    const { keys } = await usim.connect().authenticate({ rands: [vector.rand], autn });
    expect(keys && [...keys.ck, ...keys.ik]).toEqual([...(confirmationKey ?? [])]);
  });
});

test.each(["SIM", "SIM/COMP128-1", "SIM/Milenage"] as const)(
  "M13: %s: triplets of the module, and no SEQ is taken",
  async (kind) => {
    const sim = await fleet.addSubscriber({ operator: HOME, kind });
    for (const { rand, sres, quintet } of await give(sim.imsi)) {
      expect(quintet).toBeUndefined();
      const answer = await answerOf(sim, { rand });
      expect(answer).toEqual({ kind: "res", values: [sres ?? new Uint8Array(0)] });
    }
    expect(seqs()).toEqual([0]);
  },
);

describe("I4: SQN", () => {
  test("SEQs of a batch are on disk before its vectors leave", async () => {
    const { imsi } = await fleet.addSubscriber({ operator: HOME });
    for (const seq of [5, 10, 15]) {
      await give(imsi);
      // Read through another connection: what a crash at this moment would leave.
      expect(seqs()).toEqual([seq]);
    }
    await give(imsi, { count: 2 });
    expect(seqs()).toEqual([17]);
  });

  test("no SQN of a batch comes twice, across restarts, and slots do not disturb each other", async () => {
    const usim = await fleet.addSubscriber({ operator: HOME });
    for (let restart = 0; restart < 3; restart++) {
      const [mine, others] = [await give(usim.imsi), await give(usim.imsi, { slot: 4 })];
      for (const [i, vector] of mine.entries()) {
        await expectAccepted(usim, vector);
        const other = others[i];
        if (other !== undefined) await expectAccepted(usim, other);
      }
      rig = await rig.reopen({ environment: ENVIRONMENT });
    }
    expect(seqs()).toEqual([15, 15]);
  });

  test("sqn_spent: a batch that does not fit any more is not begun", async () => {
    const { imsi } = await fleet.addSubscriber({ operator: HOME });
    const subscriber = { ...(await recordOf(imsi)), seqFloor: 2 ** 43 - 5 };
    expect(await reasonOf(ask(imsi, { subscriber }))).toBe("sqn_spent");
    expect(seqs()).toEqual([]);
    expect(await reasonOf(ask(imsi, { subscriber, count: 4 }))).toBe(4);
  });

  test("what another centre has issued is passed once, and a later floor is, too", async () => {
    const { imsi } = await fleet.addSubscriber({ operator: HOME });
    const record = await recordOf(imsi);
    await give(imsi, { subscriber: { ...record, seqFloor: 1000 } });
    expect(seqs()).toEqual([1005]);
    await give(imsi, { subscriber: { ...record, seqFloor: 1000 } });
    await give(imsi, { subscriber: { ...record, seqFloor: 900 } });
    expect(seqs()).toEqual([1015]);
  });

  test("a restored state starts a new, audited generation higher up, by less than delta", async () => {
    const usim = await fleet.addSubscriber({ operator: HOME });
    await give(usim.imsi);
    await rig.close();
    const state = join(rig.folder, "state.db");
    copyFileSync(state, `${state}.backup`);
    rig = await rig.reopen({ environment: ENVIRONMENT });
    for (let i = 0; i < 4; i++) {
      for (const vector of await give(usim.imsi)) await expectAccepted(usim, vector);
    }
    await rig.close();
    copyFileSync(`${state}.backup`, state);
    const environment = { ...ENVIRONMENT, SIMLATCH_STORE_GENERATION: "2" };
    rig = await rig.reopen({ environment });
    for (const vector of await give(usim.imsi)) await expectAccepted(usim, vector);
    const [slot] = readDurable(rig, "SELECT seq, sqn_generation FROM slot");
    expect(slot).toEqual({ seq: 5 + SEQ_RESTORE_JUMP + 5, sqn_generation: 2 });
    expect(SEQ_RESTORE_JUMP).toBeLessThan(SEQ_DELTA);
    await rig.close();
    const audit = readDurable(rig, "SELECT type, reason FROM audit_event", "catalog.db");
    expect(audit).toContainEqual({
      type: "sqn_generation_raised",
      reason: "store_restored 2",
    });
    rig = await rig.reopen({ environment });
  });
});

/** A USIM that is ahead of its first batch. */
async function openAhead(seqMs = 5000) {
  const usim = await fleet.addSubscriber({ operator: HOME, seqMs });
  const vectors = await give(usim.imsi);
  const autsOf = async (vector: FetchedVector | undefined) => {
    if (vector === undefined) throw new Error("no vector");
    const answer = await answerOf(usim, vector);
    if (answer.kind !== "auts") throw new Error("the USIM was in step");
    return { rand: vector.rand, auts: answer.auts };
  };
  return { usim, vectors, autsOf };
}

describe("I5: AUTS", () => {
  test("of any challenge of the last batch: what follows is past SEQ_MS", async () => {
    for (const at of [0, 4]) {
      const { usim, vectors, autsOf } = await openAhead();
      const resynchronisation = await autsOf(vectors[at]);
      const fresh = await give(usim.imsi, { resynchronisation });
      for (const vector of fresh) await expectAccepted(usim, vector);
    }
    expect(seqs()).toEqual([5005, 5005]);
  });

  test("the same question again, because its answer was lost: SEQ goes on", async () => {
    const { usim, vectors, autsOf } = await openAhead();
    const resynchronisation = await autsOf(vectors[0]);
    await give(usim.imsi, { resynchronisation });
    for (const vector of await give(usim.imsi, { resynchronisation })) {
      await expectAccepted(usim, vector);
    }
    expect(seqs()).toEqual([5010]);
  });

  test("of a challenge before the last batch, or of nobody's, it counts no more", async () => {
    const { usim, vectors, autsOf } = await openAhead();
    const old = await autsOf(vectors[0]);
    await give(usim.imsi);
    const before = seqs();
    const asked = ask(usim.imsi, { resynchronisation: old });
    expect(await reasonOf(asked)).toBe("mac_failure");
    const strange = { rand: random(16), auts: old.auts };
    expect(await reasonOf(ask(usim.imsi, { resynchronisation: strange }))).toBe("mac_failure");
    expect(seqs()).toEqual(before);
  });

  test("mac_failure: with a bit of MAC-S or SQN_MS changed it moves nothing", async () => {
    const { usim, vectors, autsOf } = await openAhead();
    const { rand, auts } = await autsOf(vectors[0]);
    for (const at of [0, 5, 6, 13]) {
      const forged = auts.map((byte, i) => (i === at ? byte ^ 1 : byte));
      const resynchronisation = { rand, auts: forged };
      expect(await reasonOf(ask(usim.imsi, { resynchronisation }))).toBe("mac_failure");
    }
    expect(seqs()).toEqual([5]);
  });

  test("of a module that lags by more than delta: a new, audited generation at SEQ_MS", async () => {
    const usim = await fleet.addSubscriber({ operator: HOME, seqMs: 7 });
    const record = { ...(await recordOf(usim.imsi)), seqFloor: 7 + SEQ_DELTA + 1 };
    const [vector] = await give(usim.imsi, { subscriber: record });
    if (vector === undefined) throw new Error("no vector");
    const answer = await answerOf(usim, vector);
    if (answer.kind !== "auts") throw new Error("the USIM took it");
    const resynchronisation = { rand: vector.rand, auts: answer.auts };
    for (const fresh of await give(usim.imsi, { subscriber: record, resynchronisation })) {
      await expectAccepted(usim, fresh);
    }
    expect(readDurable(rig, "SELECT seq, sqn_generation FROM slot")).toEqual([
      { seq: 12, sqn_generation: 2 },
    ]);
  });
});

test("I12: events that cannot be looked for fail no call that is on disk", async () => {
  const { imsi } = await fleet.addSubscriber({ operator: HOME });
  await give(imsi);
  const database = new Database(join(rig.folder, "state.db"));
  database.run("DROP TABLE outbox");
  database.close();
  expect(await reasonOf(ask(imsi))).toBe(5);
  expect(seqs()).toEqual([10]);
  expect(rig.log.join("")).toContain("audit_index_unavailable");
});

describe("who gets nothing", () => {
  test("question_replayed: nothing that was asked before the last one, or at its time", async () => {
    const { imsi } = await fleet.addSubscriber({ operator: HOME });
    const askedAt = rig.now() + 1000;
    await give(imsi, { askedAt });
    expect(await reasonOf(ask(imsi, { askedAt }))).toBe("question_replayed");
    expect(await reasonOf(ask(imsi, { askedAt: askedAt - 1 }))).toBe("question_replayed");
    expect(seqs()).toEqual([5]);
    // It is the slot that remembers, so a restart does not forget.
    rig = await rig.reopen({ environment: ENVIRONMENT });
    expect(await reasonOf(ask(imsi, { askedAt }))).toBe("question_replayed");
    expect(await reasonOf(ask(imsi, { askedAt: askedAt + 1 }))).toBe(5);
  });

  test("imsi_quota_exceeded: so many batches an hour and slot, AUTS among them", async () => {
    const environment = { ...ENVIRONMENT, SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "3" };
    rig = await rig.reopen({ environment });
    const { imsi } = await (await rig.fleet()).addSubscriber({ operator: HOME });
    for (let i = 0; i < 3; i++) expect(await reasonOf(ask(imsi))).toBe(5);
    const before = seqs();
    expect(await reasonOf(ask(imsi))).toBe("imsi_quota_exceeded");
    const resynchronisation = { rand: random(16), auts: random(14) };
    expect(await reasonOf(ask(imsi, { resynchronisation }))).toBe("imsi_quota_exceeded");
    expect(seqs()).toEqual(before);
    expect(await reasonOf(ask(imsi, { slot: 4 }))).toBe(5);
    rig.advance(3600_000);
    expect(await reasonOf(ask(imsi))).toBe(5);
  });

  test.each([
    ["imsi_barred", "barred"],
    ["imsi_swapped", "swapped"],
  ] as const)("I11: %s: from the acknowledgement of the report on", async (reason, mark) => {
    const { imsi } = await fleet.addSubscriber({ operator: HOME });
    const object = subscriberObject({ vault: rig.dependencies.vault, slot: SLOT }, "default", imsi);
    const order = { tenant: "default", mark, by: [] };
    await give(imsi);
    await rig.host.slots.order(object, { ...order, set: true });
    expect(await reasonOf(ask(imsi))).toBe(reason);
    expect(seqs()).toEqual([5]);
    await rig.host.slots.order(object, { ...order, set: false });
    expect(await reasonOf(ask(imsi))).toBe(5);
  });
});

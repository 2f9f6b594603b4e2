/** A subscriber moves between centres: which challenges, vectors and SQNs outlive it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { safeParse } from "valibot";
import { subscriberObject } from "#edge/access-authentication/authenticate";
import { SEQ_DELTA, VERIFIED_WORD_MS } from "#edge/limits";
import { subscriberMove } from "#edge/routes/subscriber-schemas";
import { SubscriberWriter } from "#edge/state/subscriber-writer";
import { moveSubscriber } from "#edge/subscriber-move";
import type { SubscriberMoved } from "#protocol/admin";
import { success } from "#protocol/result";
import { createAkaFunctions } from "../emulators/sim/aka-functions.ts";
import { createEmulatedCentre, type EmulatedCentre } from "./emulated-centre.ts";
import { type Asked, openScene, random, res, type Scene, TENANT, wordOf } from "./scene.ts";

const IMSI = "460017000000042";
const [K, OPC] = [random(16), random(16)];
const { f2 } = createAkaFunctions({ k: K, opc: OPC });
const USIM = { imsi: IMSI, kind: "USIM" } as const;
const IND_BITS = 5;
const BY = ["Ada Lovelace"];
const KEYS = { k: K.toHex(), opc: OPC.toHex() };
const AT_HLR = { centre: "hlr", proves: "USIM", by: BY };
const sqnOf = (seq: number): number => seq * 2 ** IND_BITS + 31;
const here = (seq: number, changes: object = {}) => ({
  centre: "embedded",
  ...KEYS,
  sqn: sqnOf(seq),
  by: BY,
  ...changes,
});

let scene: Scene;
let hlr: EmulatedCentre;
let now: number;

beforeEach(async () => {
  now = Date.UTC(2026, 10, 25);
  hlr = createEmulatedCentre(IMSI, { k: K, opc: OPC });
  scene = await openScene({
    connectors: new Map([["hlr", hlr]]),
    clock: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
    slots: 2,
  });
});
afterEach(() => scene.close());

const writer = (slot: number): SubscriberWriter => {
  const { dependencies, sql } = scene;
  const object = subscriberObject({ vault: dependencies.vault, slot }, TENANT, IMSI);
  return new SubscriberWriter(sql, object, dependencies);
};
const enrolAtHlr = () => scene.enrol({ imsi: IMSI, mncLength: 2, centre: "hlr", proves: "USIM" });
const enrolHere = () => scene.enrol({ imsi: IMSI, mncLength: 2, ...KEYS });
const right = ({ vector }: Asked) => res(...vector.rands.map(f2));
const waiting = () => scene.rows("SELECT COUNT(*) AS n FROM slot_vector")[0]?.["n"];
/** Of the slot that is asked. */
const slotSeq = () => scene.rows("SELECT seq FROM slot WHERE object LIKE '%#0'")[0]?.["seq"];

/** As the route moves it, with the slots of the scene. */
async function tryMove(body: object, dependencies = scene.dependencies) {
  const { sql } = scene;
  const input = safeParse(subscriberMove(dependencies), body);
  if (!input.success) return { ok: false, reason: "malformed" } as const;
  const orders = {
    order: async (object: string, order: Parameters<SubscriberWriter["order"]>[0]) =>
      new SubscriberWriter(sql, object, dependencies).order(order),
  };
  return moveSubscriber(dependencies, orders, IMSI, input.output);
}
async function move(body: object): Promise<SubscriberMoved> {
  const moved = await tryMove(body);
  if (!moved.ok) throw new Error(moved.reason);
  return moved.value;
}
async function record() {
  const found = await scene.dependencies.repositories.subscribers.find(TENANT, IMSI);
  if (found === undefined) throw new Error("not enrolled");
  return found;
}
function auts({ vector }: Asked, seq: number) {
  const [rand = random(16)] = vector.rands;
  return { kind: "auts", auts: hlr.makeAuts(rand, seq) } as const;
}
async function expectBound(): Promise<void> {
  const asked = await scene.ask(USIM);
  expect(asked.objection).toBe("");
  expect(await asked.answer(right(asked))).toMatchObject({ kind: "verified", strength: "USIM" });
}

describe("from a centre to this one", () => {
  test("I4: SQN goes on above what the centre has issued, and its vectors are gone", async () => {
    await enrolAtHlr();
    await expectBound();
    expect([hlr.queries.length, waiting()]).toEqual([1, 4]);
    expect(await move(here(5))).toEqual({ keyVersion: 2, sqn: 5 * 32 + 1 });
    expect(waiting()).toBe(0);
    await expectBound();
    expect(slotSeq()).toBe(6);
    expect(hlr.queries.length).toBe(1);
    expect(await record()).toMatchObject({
      centre: "embedded",
      algorithm: "milenage",
      keyVersion: 2,
      seqFloor: 5,
    });
  });

  test("I4: at every slot, and at one that comes into use later", async () => {
    await enrolAtHlr();
    await move(here(700));
    for (const slot of [0, 1, 2]) {
      scene.reopen({ slot, slots: 3 });
      await expectBound();
    }
    expect(scene.rows("SELECT seq FROM slot").map(({ seq }) => seq)).toEqual([701, 701, 701]);
  });

  test("I4: also where a higher floor counted before, and the module took SEQ below it", async () => {
    await enrolAtHlr();
    await move(here(SEQ_DELTA + 100));
    const ahead = await scene.ask(USIM);
    expect(wordOf(await ahead.answer(auts(ahead, 10)))).toBe("resynchronised");
    expect(slotSeq()).toBe(10);
    await move(AT_HLR);
    await move(here(40));
    await expectBound();
    expect(slotSeq()).toBe(41);
  });

  test("I4: a lower SQN than ours moves nothing", async () => {
    await enrolHere();
    for (let i = 0; i < 7; i++) await expectBound();
    await move(AT_HLR);
    expect(await move(here(3))).toEqual({ keyVersion: 3, sqn: 7 * 32 });
    await expectBound();
    expect(slotSeq()).toBe(8);
  });

  test("IND bits are chosen once: SEQ is counted in them", async () => {
    await enrolAtHlr();
    expect(await tryMove(here(1, { indBits: 0 }))).toEqual({ ok: false, reason: "malformed" });
    expect(await move(here(1, { indBits: 8, sqn: 256 * 9 + 3, amf: "8000" }))).toEqual({
      keyVersion: 2,
      sqn: 256 * 9 + 1,
    });
    expect(await record()).toMatchObject({ indBits: 8, amf: Uint8Array.of(0x80, 0), seqFloor: 9 });
    await move(AT_HLR);
    expect(await tryMove(here(1, { indBits: 5 }))).toEqual({ ok: false, reason: "conflict" });
    expect(await record()).toMatchObject({ centre: "hlr", keyVersion: 3 });
    expect((await move(here(1, { indBits: 8 }))).keyVersion).toBe(4);
    expect(await record()).toMatchObject({ amf: Uint8Array.of(0x80, 0) });
  });

  test("keys of another module: refused by it, and put right as keys are", async () => {
    await enrolAtHlr();
    await move(here(5, { k: random(16).toHex() }));
    const asked = await scene.ask(USIM);
    expect(wordOf(await asked.answer(right(asked)))).toBe("response_mismatch");
    expect(await tryMove(here(5))).toEqual({ ok: false, reason: "conflict" });
    expect(await scene.put(IMSI, "keys", KEYS)).toBe(204);
    await expectBound();
    expect(slotSeq()).toBe(7);
  });

  test("a SIM has no SQN", async () => {
    await scene.enrol({ imsi: IMSI, mncLength: 2, centre: "hlr", proves: "SIM" });
    const sim = { centre: "embedded", algorithm: "comp128-3", ki: K.toHex(), by: BY };
    expect(await tryMove({ ...sim, sqn: 5 })).toEqual({ ok: false, reason: "malformed" });
    expect(await move(sim)).toEqual({ keyVersion: 2, sqn: null });
  });
});

describe("from this centre to another", () => {
  test("I13: the keys leave the catalog, and the next vectors are the centre's", async () => {
    await enrolHere();
    for (let i = 0; i < 3; i++) await expectBound();
    expect(await record()).toHaveProperty("wrappedKey", expect.any(Uint8Array));
    expect(await move(AT_HLR)).toEqual({ keyVersion: 2, sqn: 3 * 32 });
    expect(await record()).toMatchObject({
      centre: "hlr",
      algorithm: "USIM",
      wrappedKey: undefined,
      wrappedOperator: undefined,
    });
    await expectBound();
    expect([hlr.queries.length, slotSeq()]).toEqual([1, 3]);
    await move(here(9));
    await expectBound();
    expect(slotSeq()).toBe(10);
  });

  test("a restore while it was elsewhere counts when it is back", async () => {
    await enrolHere();
    await expectBound();
    await move(AT_HLR);
    scene.reopen({ storeGeneration: 2 });
    await expectBound();
    await move(here(5));
    await expectBound();
    expect(slotSeq()).toBe(5 + 2 ** 24 + 1);
  });
});

describe("I2: what was open when it moved is void", () => {
  test.each(["there", "here"] as const)("a challenge of before, from %s", async (from) => {
    await (from === "here" ? enrolHere() : enrolAtHlr());
    const open = await scene.ask(USIM);
    const other = await scene.ask(USIM);
    const digest = random(32);
    expect((await other.answer(right(other), undefined, digest)).kind).toBe("verified");
    await move(from === "here" ? AT_HLR : here(9));
    expect(wordOf(await open.answer(right(open)))).toBe("keys_replaced");
    // The answer that was right before the move is not right again after it.
    expect(wordOf(await other.answer(right(other), undefined, digest))).toBe("keys_replaced");
    await expectBound();
  });

  test("AUTS to a challenge of before moves no SQN", async () => {
    await enrolHere();
    const open = await scene.ask(USIM);
    await move(AT_HLR);
    expect(wordOf(await open.answer(auts(open, 9000)))).toBe("keys_replaced");
    expect([slotSeq(), hlr.queries.length]).toEqual([1, 0]);
  });

  test("I11: who read the record before the move gets neither a vector nor a word", async () => {
    await enrolAtHlr();
    const stale = await record();
    const open = await scene.ask(USIM);
    await move(here(9));
    const session = { sid: open.sid, cardId: "00112233445566AA", subscriber: stale };
    const slot = writer(0);
    const asked = { ...session, sid: "other", round: 0, related: true, form: "USIM" } as const;
    const batch = { subscriber: stale, slot: 0, count: 1, askedAt: now };
    const { value: fetched } = Object(await hlr.fetchVectors({ imsi: IMSI, count: 1 }));
    expect(slot.challenge({ ...asked, fetched })).toEqual({
      ok: false,
      reason: "keys_replaced",
    });
    expect(slot.batch(batch)).toEqual({ ok: false, reason: "keys_replaced" });
    const tag = new Uint8Array(0);
    const answered = slot.answer({
      ...session,
      round: 0,
      tag,
      answer: right(open),
      digest: random(32),
    });
    expect(answered).toMatchObject({ ok: true, value: { outcome: "keys_replaced", goodForMs: 0 } });
    await expectBound();
  });

  test("vectors that were on their way for AUTS do not wait at the slot", async () => {
    await enrolAtHlr();
    const stale = await record();
    const open = await scene.ask(USIM);
    const digest = random(32);
    const slot = writer(0);
    const { sid } = open;
    const tag = new Uint8Array(0);
    const session = { sid, round: 0, cardId: "00112233445566AA", subscriber: stale };
    const answer = { ...session, tag, answer: auts(open, 70), digest };
    expect(slot.answer(answer)).toMatchObject({ value: { outcome: "resynchronising" } });
    await move(here(9));
    const fetched = await hlr.fetchVectors({ imsi: IMSI, count: 2 });
    if (!fetched.ok) throw new Error("no vectors");
    slot.resynchronise({ ...session, digest, fetched: success(fetched.value) });
    expect(waiting()).toBe(0);
  });

  test("the move is done when the words of before have run out", async () => {
    await enrolHere();
    await expectBound();
    now += 500;
    const before = now;
    await move(AT_HLR);
    expect(now - before).toBe(VERIFIED_WORD_MS - 500);
  });
});

describe("the order", () => {
  test("the same again changes nothing, there and here", async () => {
    await enrolAtHlr();
    const first = await record();
    expect(await move(AT_HLR)).toEqual({ keyVersion: 1, sqn: 0 });
    expect(await record()).toEqual(first);
    await move(here(9));
    const moved = await record();
    expect(await move(here(9))).toEqual({ keyVersion: 2, sqn: 9 * 32 + 1 });
    expect(await move(here(4))).toEqual({ keyVersion: 2, sqn: 9 * 32 + 1 });
    expect(await record()).toEqual(moved);
    await expectBound();
    expect(await move(here(50))).toEqual({ keyVersion: 2, sqn: 50 * 32 + 1 });
    expect(await record()).toMatchObject({ keyVersion: 2, seqFloor: 50 });
    await expectBound();
    expect(slotSeq()).toBe(51);
  });

  test("is in the audit under its name, at each slot, without the IMSI", async () => {
    await enrolAtHlr();
    await move(here(9));
    await move(AT_HLR);
    const events = scene.rows("SELECT event FROM outbox ORDER BY number").map(({ event }) => {
      const { type, reason, tenant } = JSON.parse(String(event));
      return [type, reason, tenant];
    });
    const by = '"Ada Lovelace"';
    const each = [
      ["sqn_floor_set", `9 ${by}`, TENANT],
      ["subscriber_moved", `embedded version 2 ${by}`, TENANT],
      ["subscriber_moved", `hlr version 3 ${by}`, TENANT],
    ];
    expect(events).toEqual(each.flatMap((event) => [event, event]));
    const outbox = JSON.stringify(scene.rows("SELECT * FROM outbox"));
    for (const secret of [IMSI, KEYS.k, KEYS.opc]) expect(outbox).not.toContain(secret);
  });

  test("conflict: two at once, or new keys in between; one of them holds", async () => {
    await enrolAtHlr();
    const { repositories } = scene.dependencies;
    const slow = {
      ...repositories.subscribers,
      find: async (tenant: string, imsi: string) => {
        const found = await repositories.subscribers.find(tenant, imsi);
        await move(here(9));
        return found;
      },
    };
    const late = { ...scene.dependencies, repositories: { ...repositories, subscribers: slow } };
    expect(await tryMove({ ...AT_HLR, proves: "SIM" }, late)).toEqual({
      ok: false,
      reason: "conflict",
    });
    expect(await record()).toMatchObject({ centre: "embedded", keyVersion: 2 });
    await expectBound();
  });
});

const put = (body: object, imsi = IMSI) =>
  scene.platform.call("PUT", `/subscribers/${imsi}/centre`, body);

describe("PUT /v1/admin/subscribers/{imsi}/centre", () => {
  test("answers key version and SQN, and says nothing of keys", async () => {
    await enrolAtHlr();
    const answer = await put(here(9));
    expect([answer.status, answer.json]).toEqual([200, { keyVersion: 2, sqn: 9 * 32 + 1 }]);
    const view = await scene.platform.call("GET", `/subscribers/${IMSI}`);
    expect(view.json).toMatchObject({ centre: "embedded", algorithm: "milenage", keyVersion: 2 });
    const said = [answer.text, view.text, scene.platform.logged.join("")].join("");
    for (const secret of Object.values(KEYS)) expect(said).not.toContain(secret);
    expect((await put(here(9), "460017000000043")).status).toBe(404);
    expect((await put(here(9, { k: random(16).toHex() }))).json).toMatchObject({
      code: "conflict",
    });
  });

  test.each<readonly [what: string, body: object]>([
    ["an unknown centre", { ...AT_HLR, centre: "nowhere" }],
    ["no centre", { ...AT_HLR, centre: undefined }],
    ["keys for another centre", { ...AT_HLR, ...KEYS }],
    ["an SQN for another centre", { ...AT_HLR, sqn: 5 }],
    ["IND bits for another centre", { ...AT_HLR, indBits: 5 }],
    ["no proof", { ...AT_HLR, proves: undefined }],
    ["a proof that no centre gives", { ...AT_HLR, proves: "CAVE" }],
    ["a proof of the embedded centre", here(5, { proves: "USIM" })],
    ["no keys", { centre: "embedded", sqn: 5, by: BY }],
    ["half of the keys", here(5, { opc: undefined })],
    ["a key of another length", here(5, { k: KEYS.k.slice(2) })],
    ["a key of another algorithm", here(5, { ki: KEYS.k })],
    ["an algorithm that nobody has", here(5, { algorithm: "rot13" })],
    ["no SQN", here(5, { sqn: undefined })],
    ["an SQN of 49 bits", here(5, { sqn: 2 ** 48 })],
    ["a negative SQN", here(5, { sqn: -1 })],
    ["nobody who orders it", { ...AT_HLR, by: undefined }],
    ["two who order it", { ...AT_HLR, by: ["Ada", "Grace"] }],
    ["an unknown member", { ...AT_HLR, other: 1 }],
  ])("malformed, and nothing is changed: %s", async (_what, body) => {
    await enrolAtHlr();
    const before = await record();
    const answer = await put(body);
    expect(answer.json).toMatchObject({ code: "malformed" });
    expect(answer.text).not.toContain(KEYS.k.slice(2));
    expect(await record()).toEqual(before);
    expect(scene.rows("SELECT * FROM slot_status")).toEqual([]);
  });
});

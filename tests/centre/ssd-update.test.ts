/** The update of SSD against an emulated R-UIM's CAVE: old or new, and only one of them lives. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { encodeImsiS1 } from "#edge/access-authentication/imsi-s1";
import type { ModuleAnswer } from "#protocol/messages";
import { generateSsd, signCave } from "../emulators/sim/cave.ts";
import { encodeImsiS1 as encodeModuleImsiS1 } from "../emulators/sim/ruim-coding.ts";
import { AKEY, CAVE, caveResponder, K, SSD_A, UIM_ID } from "./phones.ts";
import { type Asked, openScene, random, res, type Scene, wordOf } from "./scene.ts";

const { imsi } = CAVE;
const { ssdA: _a, ssdB: _b, ...WITHOUT_SSD } = CAVE.enrolment;

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const randsOf = ({ vector }: Asked): number[] => vector.rands.map((rand) => rand.length);
const SSD_UPDATE = [7];
const AUTHRS = [4, 4, 4, 4];

const authrs = (asked: Asked, ssdA: Uint8Array): ModuleAnswer =>
  res(...asked.vector.rands.map(caveResponder(imsi, ssdA)));
const newSsd = ({ vector }: Asked): Uint8Array =>
  generateSsd(AKEY, vector.rands[0] ?? new Uint8Array(0), UIM_ID).ssdA;
const forms = () => scene.rows("SELECT form FROM slot_challenge ORDER BY number DESC LIMIT 1")[0];

/** RANDSSD, answered by RANDBS; and the round with AUTHBS. */
async function offer(): Promise<{
  readonly first: Asked;
  readonly second: Asked;
  readonly randbs: Uint8Array;
  readonly ssdA: Uint8Array;
}> {
  const first = await scene.ask(CAVE);
  expect(randsOf(first)).toEqual(SSD_UPDATE);
  expect(first.vector.autn.length).toBe(0);
  const randbs = random(4);
  expect(wordOf(await first.answer({ kind: "randbs", randbs }))).toBe("ssd_offered");
  const second = await scene.ask({ ...CAVE, sid: first.sid, round: 1, isConfirmation: true });
  return { first, second, randbs, ssdA: newSsd(first) };
}

async function answerWord(ssdA: Uint8Array): Promise<string> {
  const asked = await scene.ask(CAVE);
  expect(randsOf(asked)).toEqual(AUTHRS);
  return wordOf(await asked.answer(authrs(asked, ssdA)));
}

test("IMSI_S1 as the module codes it (C.S0005, 2.3.1)", () => {
  for (const digits of [
    "310150123456789",
    "460010000000000",
    "001019999999",
    "0010112",
    "001011",
  ]) {
    expect(encodeImsiS1(digits)).toEqual(new Uint8Array(encodeModuleImsiS1(digits)));
  }
});

test("a subscriber without SSD is updated first: AUTHBS under the new SSD, then AUTHR proves it", async () => {
  await scene.enrol(WITHOUT_SSD);
  const { first, second, randbs, ssdA } = await offer();
  expect(first.objection).toBe("");
  expect([second.objection, randsOf(second)]).toEqual(["", AUTHRS]);
  expect(second.vector.autn).toEqual(signCave(ssdA, randbs, encodeModuleImsiS1(imsi), UIM_ID));
  const outcome = await second.answer(authrs(second, ssdA));
  expect(outcome).toMatchObject({ kind: "verified", strength: "CAVE" });
  expect(await answerWord(ssdA)).toBe("verified");
  expect(scene.rows("SELECT wrapped_offer, randbs FROM slot_ssd")).toEqual([
    { wrapped_offer: null, randbs: null },
  ]);
});

test("SSD of zeros, which every fresh module has, proves nothing", async () => {
  await scene.enrol(WITHOUT_SSD);
  const zeros = new Uint8Array(8);
  const { second } = await offer();
  expect(wordOf(await second.answer(authrs(second, zeros)))).toBe("response_mismatch");
  const body = { ...CAVE.enrolment, imsi: "460017000000999", ssdA: zeros.toHex() };
  const answer = await scene.platform.call("POST", "/subscribers", body);
  expect(answer.json).toMatchObject({ code: "malformed" });
});

test("an update that was ordered comes once, and the old SSD is erased when the new one is proven", async () => {
  await scene.enrol(CAVE.enrolment);
  expect(await answerWord(SSD_A)).toBe("verified");
  expect(await scene.put(imsi, "ssd-update", {})).toBe(204);
  const { second, ssdA } = await offer();
  expect(wordOf(await second.answer(authrs(second, ssdA)))).toBe("verified");
  expect(await answerWord(SSD_A)).toBe("response_mismatch");
  expect(await answerWord(ssdA)).toBe("verified");
  expect(forms()).toEqual({ form: "CAVE" });
});

test("a module that keeps the old SSD proves it, the offer is erased, and the order stands", async () => {
  await scene.enrol(CAVE.enrolment);
  await scene.put(imsi, "ssd-update", {});
  const { second, ssdA } = await offer();
  expect(wordOf(await second.answer(authrs(second, SSD_A)))).toBe("verified");
  expect(scene.rows("SELECT wrapped_offer FROM slot_ssd")).toEqual([{ wrapped_offer: null }]);
  const next = await offer();
  expect(wordOf(await next.second.answer(authrs(next.second, ssdA)))).toBe("response_mismatch");
  // That offer may have been taken: the word of the module is awaited.
  expect(await answerWord(next.ssdA)).toBe("verified");
  expect(await answerWord(SSD_A)).toBe("response_mismatch");
});

test("when the client vanishes after AUTHBS, either SSD is good until one is proven", async () => {
  for (const takes of [true, false]) {
    scene.close();
    scene = await openScene();
    await scene.enrol(CAVE.enrolment);
    await scene.put(imsi, "ssd-update", {});
    const { ssdA } = await offer();
    expect(await answerWord(takes ? ssdA : SSD_A)).toBe("verified");
    const other = takes ? SSD_A : ssdA;
    const asked = await scene.ask(CAVE);
    if (takes) expect(wordOf(await asked.answer(authrs(asked, other)))).toBe("response_mismatch");
    else expect(randsOf(asked)).toEqual(SSD_UPDATE);
  }
});

test("an answer under the old SSD from before AUTHBS does not erase the offer", async () => {
  await scene.enrol(CAVE.enrolment);
  const early = await scene.ask(CAVE);
  await scene.put(imsi, "ssd-update", {});
  const { second, ssdA } = await offer();
  expect(wordOf(await early.answer(authrs(early, SSD_A)))).toBe("verified");
  expect(wordOf(await second.answer(authrs(second, ssdA)))).toBe("verified");
});

test("an answer under the old SSD that comes after the commit is wrong, however early its RANDs", async () => {
  await scene.enrol(CAVE.enrolment);
  const early = await scene.ask(CAVE);
  await scene.put(imsi, "ssd-update", {});
  const { second, ssdA } = await offer();
  expect(wordOf(await second.answer(authrs(second, ssdA)))).toBe("verified");
  expect(wordOf(await early.answer(authrs(early, SSD_A)))).toBe("response_mismatch");
});

test("I5: RANDBS counts once, and for the newest RANDSSD of the slot alone", async () => {
  await scene.enrol(WITHOUT_SSD);
  const first = await scene.ask(CAVE);
  const newest = await scene.ask(CAVE);
  const randbs = { kind: "randbs", randbs: random(4) } as const;
  expect(wordOf(await first.answer(randbs))).toBe("randbs_not_newest");
  expect(scene.rows("SELECT object FROM slot_ssd")).toEqual([]);
  expect(wordOf(await newest.answer(randbs))).toBe("ssd_offered");
  const before = scene.dump();
  expect(wordOf(await newest.answer({ kind: "randbs", randbs: random(4) }))).toBe(
    "no_open_challenge",
  );
  expect(wordOf(await first.answer(randbs))).toBe("no_open_challenge");
  expect(scene.dump()).toBe(before);
});

test("I5: what is no RANDBS does not open an update", async () => {
  await scene.enrol(WITHOUT_SSD);
  for (const [answer, word] of [
    [res(random(4)), "response_mismatch"],
    [res(random(3), random(3), random(3), random(3)), "response_mismatch"],
    [{ kind: "auts", auts: random(14) }, "response_mismatch"],
    [{ kind: "refusal", statusWord: 0x9834 }, "module_refused"],
  ] as const) {
    const asked = await scene.ask(CAVE);
    expect(randsOf(asked)).toEqual(SSD_UPDATE);
    expect(wordOf(await asked.answer(answer))).toBe(word);
  }
  expect(scene.rows("SELECT object FROM slot_ssd")).toEqual([]);
});

test("AUTHBS and its RANDs belong to the session that sent RANDBS", async () => {
  await scene.enrol(CAVE.enrolment);
  await scene.put(imsi, "ssd-update", {});
  const { second, ssdA } = await offer();
  // Another session at round 1 has no RANDBS before it.
  const stranger = await scene.ask({ ...CAVE, round: 1, isConfirmation: true });
  expect(stranger.vector.autn.length).toBe(0);
  const right = authrs(second, ssdA);
  expect(wordOf(await stranger.answer(right))).toBe("response_mismatch");
  expect(wordOf(await second.answer(right))).toBe("verified");
});

test("two offers without SSD behind them: the older one gets no AUTHBS", async () => {
  await scene.enrol(WITHOUT_SSD);
  const first = await scene.ask(CAVE);
  expect(wordOf(await first.answer({ kind: "randbs", randbs: random(4) }))).toBe("ssd_offered");
  const other = await offer();
  const late = await scene.ask({ ...CAVE, sid: first.sid, round: 1, isConfirmation: true });
  expect(late.objection).toBe("ssd_superseded");
  expect([late.vector.autn.length, (late.vector.autn[0] ?? 0xff) >> 2]).toEqual([3, 0]);
  const word = wordOf(await other.second.answer(authrs(other.second, other.ssdA)));
  expect(word).toBe("verified");
});

test("other keys void the SSD, and answers to challenges of the old keys", async () => {
  await scene.enrol(CAVE.enrolment);
  const open = await scene.ask(CAVE);
  const akey = K.slice(0, 8);
  const body = { algorithm: "cave", akey: akey.toHex(), uimId: UIM_ID.toHex() };
  expect(await scene.put(imsi, "keys", body)).toBe(204);
  expect(wordOf(await open.answer(authrs(open, SSD_A)))).toBe("keys_replaced");
  const first = await scene.ask(CAVE);
  expect(randsOf(first)).toEqual(SSD_UPDATE);
});

test("a restore may have lost an update, so another one follows", async () => {
  await scene.enrol(WITHOUT_SSD);
  const { second, ssdA } = await offer();
  await second.answer(authrs(second, ssdA));
  expect(await answerWord(ssdA)).toBe("verified");
  scene.reopen({ storeGeneration: 2 });
  const next = await offer();
  expect(wordOf(await next.second.answer(authrs(next.second, next.ssdA)))).toBe("verified");
  expect(await answerWord(next.ssdA)).toBe("verified");
});

test("what concludes an update is audited, without a secret", async () => {
  await scene.enrol(WITHOUT_SSD);
  const { second, ssdA } = await offer();
  await second.answer(authrs(second, ssdA));
  const events = scene.rows("SELECT event FROM outbox").map(({ event }) => String(event));
  expect(events.filter((event) => event.includes('"ssd_update_concluded"'))).toHaveLength(1);
  for (const text of [scene.dump(), events.join("")]) expect(text).not.toContain(ssdA.toHex());
});

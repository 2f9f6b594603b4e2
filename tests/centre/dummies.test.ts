/** I6: whom the centre does not serve gets what a subscriber of that kind would have got. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "#edge/limits";
import type { ModuleKindName } from "#protocol/suites";
import { CAVE, CHAP, COMP128_3, MILENAGE, type Phone, PHONES } from "./phones.ts";
import { type Asked, openScene, res, type Scene } from "./scene.ts";

const STRANGER = "460010000000000";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

/** All that the client sees of a challenge but the random bits. */
function shapeOf({ vector: { rands, autn } }: Asked): unknown {
  const distinct = new Set(rands.map((rand) => rand.toHex())).size;
  const amf = autn.length === 16 ? autn.slice(6, 8).toHex() : "";
  const bits = autn.length === 3 ? (autn[0] ?? 0) >> 2 : 0;
  return { rands: rands.map((rand) => rand.length), distinct, autn: autn.length, amf, bits };
}

test.each([MILENAGE, COMP128_3, CAVE, CHAP].map((phone) => [phone.algorithm, phone] as const))(
  "I6: %s: unknown, barred, objected to and over quota look like a real challenge",
  async (_, phone) => {
    await scene.enrol({ ...phone.enrolment, ...(phone.kind === "USIM" ? { amf: "8000" } : {}) });
    const real = shapeOf(await scene.ask(phone));
    const before = scene.dump();
    const unknown = await scene.ask({ imsi: STRANGER, kind: phone.kind });
    expect([unknown.objection, shapeOf(unknown)]).toEqual(["imsi_unknown", real]);
    const objected = await scene.ask({ ...phone, objection: "card_locked" });
    expect([objected.objection, shapeOf(objected)]).toEqual(["card_locked", real]);
    scene.reopen({
      limits: { ...DEFAULT_LIMITS, challengesPerImsiHour: 1, reservedPerImsiHour: 0 },
    });
    const over = await scene.ask(phone);
    expect([over.objection, shapeOf(over)]).toEqual(["imsi_quota_exceeded", real]);
    expect(await scene.put(phone.imsi, "status", { status: "barred" })).toBe(204);
    const barred = await scene.ask(phone);
    expect([barred.objection, shapeOf(barred)]).toEqual(["imsi_barred", real]);
    expect(scene.dump()).toBe(before);
    for (const asked of [unknown, barred, objected, over]) {
      const outcome = await asked.answer(res(...asked.vector.rands.map(phone.respond)));
      expect(outcome.kind).toBe("refused");
    }
  },
);

test("I6: a module of another kind than the subscriber's gets a dummy of the kind it claims", async () => {
  for (const phone of PHONES) if (phone !== CHAP) await scene.enrol(phone.enrolment);
  const real = new Map<ModuleKindName, unknown>();
  for (const phone of [MILENAGE, COMP128_3, CAVE]) {
    real.set(phone.kind, shapeOf(await scene.ask(phone)));
  }
  const before = scene.dump();
  const misfits: readonly (readonly [Phone, ModuleKindName])[] = [
    [MILENAGE, "UIM"],
    [COMP128_3, "USIM"],
    [COMP128_3, "UIM"],
    [CAVE, "SIM"],
    [CAVE, "USIM"],
  ];
  for (const [phone, kind] of misfits) {
    const asked = await scene.ask({ imsi: phone.imsi, kind });
    expect([asked.objection, shapeOf(asked)]).toEqual(["module_kind_mismatch", real.get(kind)]);
  }
  expect(scene.dump()).toBe(before);
});

test("I6: a stranger has the form of its neighbour, the same one each time", async () => {
  await scene.enrol(CAVE.enrolment);
  await scene.enrol(CHAP.enrolment);
  const forms = async (imsi: string) => shapeOf(await scene.ask({ imsi, kind: "UIM" }));
  const [cave, chap] = [shapeOf(await scene.ask(CAVE)), shapeOf(await scene.ask(CHAP))];
  for (let i = 0; i < 3; i++) {
    expect(await forms(STRANGER)).toEqual(cave);
    expect(await forms(`${CAVE.imsi.slice(0, -1)}5`)).toEqual(chap);
    // Past the last one the first comes next.
    expect(await forms("999990000000000")).toEqual(cave);
  }
});

test("I6: a tenant without such subscribers gives strangers a challenge all the same", async () => {
  for (const [kind, rands] of [
    ["SIM", 2],
    ["USIM", 1],
    ["UIM", 4],
  ] as const) {
    const asked = await scene.ask({ imsi: STRANGER, kind });
    expect([asked.objection, asked.vector.rands.length]).toEqual(["imsi_unknown", rands]);
  }
});

test("the round after RANDBS has AUTHBS, in a dummy too", async () => {
  await scene.enrol(CAVE.enrolment);
  await scene.put(CAVE.imsi, "status", { status: "barred" });
  for (let i = 0; i < 20; i++) {
    const asked = await scene.ask({ ...CAVE, round: 1, isConfirmation: true });
    expect(shapeOf(asked)).toEqual({ rands: [4, 4, 4, 4], distinct: 4, autn: 3, amf: "", bits: 0 });
  }
});

test("I6: the quota of an IMSI is split over its slots, and whole where there is one slot", async () => {
  await scene.enrol(MILENAGE.enrolment);
  await scene.enrol(COMP128_3.enrolment);
  const limits = { ...DEFAULT_LIMITS, challengesPerImsiHour: 8, reservedPerImsiHour: 0 };
  scene.reopen({ limits, slots: 4, slot: 3 });
  for (const [phone, count] of [
    [MILENAGE, 2],
    [COMP128_3, 8],
  ] as const) {
    for (let i = 0; i < count; i++) expect((await scene.ask(phone)).objection).toBe("");
    expect((await scene.ask(phone)).objection).toBe("imsi_quota_exceeded");
  }
  const slots = scene.rows("SELECT object FROM slot").map(({ object }) => String(object).slice(-2));
  expect(slots.toSorted()).toEqual(["#0", "#3"]);
});

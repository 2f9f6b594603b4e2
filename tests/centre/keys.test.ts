/** What is replaced at a subscriber: keys, number, SSD; and what each envelope refuses. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { asText, type Scene, openScene, random, res, TENANT, wordOf } from "./scene.ts";
import { createAkaFunctions } from "../emulators/sim/aka-functions.ts";
import { expectRefusal, MARKER } from "../admin/refusal.ts";
import { CAVE, CHAP, COMP128_3, K, MILENAGE, type Phone, PHONES } from "./phones.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const NEW_K = "00112233445566778899aabbccddeeff";
const keysOf = ({ enrolment }: Phone): Record<string, unknown> => {
  const { imsi: _imsi, mncLength: _mnc, ...keys } = enrolment;
  return keys;
};
const find = async (imsi: string) => scene.dependencies.repositories.subscribers.find(TENANT, imsi);

test("I4: replaced keys raise the key version; the SQN goes on from where it was", async () => {
  await scene.enrol(MILENAGE.enrolment);
  for (let i = 0; i < 3; i++) await scene.ask(MILENAGE);
  const open = await scene.ask(MILENAGE);
  const opc = String(MILENAGE.enrolment["opc"]);
  expect(await scene.put(MILENAGE.imsi, "keys", { k: NEW_K, opc })).toBe(204);
  expect(await find(MILENAGE.imsi)).toMatchObject({ keyVersion: 2, status: "active" });
  const late = await open.answer(res(...open.vector.rands.map(MILENAGE.respond)));
  expect(wordOf(late)).toBe("keys_replaced");
  const { f2 } = createAkaFunctions({
    k: Uint8Array.fromHex(NEW_K),
    opc: Uint8Array.fromHex(opc),
  });
  const asked = await scene.ask(MILENAGE);
  expect(scene.rows("SELECT seq FROM slot")).toEqual([{ seq: 5 }]);
  const outcome = await asked.answer(res(...asked.vector.rands.map(f2)));
  expect(outcome).toMatchObject({ kind: "verified", subscriber: { keyVersion: 2 } });
});

test.each(PHONES.map((phone) => [phone.algorithm, phone] as const))(
  "I13: %s: no key is in the catalog, a view or the log",
  async (_, phone) => {
    await scene.enrol(phone.enrolment);
    const view = await scene.platform.call("GET", `/subscribers/${phone.imsi}`);
    const record = await find(phone.imsi);
    const stored = asText(record);
    expect(stored).toContain(String(record?.wrappedKey?.toHex()));
    const names = ["k", "ki", "opc", "topc", "akey", "ssdA", "ssdB", "secret"];
    const secrets = names.flatMap((name) => phone.enrolment[name] ?? []).map(String);
    expect(secrets.length).toBeGreaterThan(0);
    for (const secret of secrets) {
      for (const text of [stored, view.text, scene.platform.logged.join("")]) {
        expect(text).not.toContain(secret);
      }
    }
  },
);

test("another algorithm may come with the new keys", async () => {
  await scene.enrol(MILENAGE.enrolment);
  const { imsi } = MILENAGE;
  expect(await scene.put(imsi, "keys", keysOf(COMP128_3))).toBe(204);
  const answer = await scene.platform.call("GET", `/subscribers/${imsi}`);
  expect(answer.json).toMatchObject({ algorithm: "comp128-3", moduleKind: "SIM", keyVersion: 2 });
  expect(await find(imsi)).toMatchObject({ wrappedOperator: undefined });
  const asked = await scene.ask({ imsi, kind: "SIM" });
  const outcome = await asked.answer(res(...asked.vector.rands.map(COMP128_3.respond)));
  expect(outcome.kind).toBe("verified");
});

test("TOPc is derived from TOP (TS 35.231, 6.2), OPc of GSM-Milenage from OP", async () => {
  const { computeTopc } = await import("../emulators/sim/tuak.ts");
  const top = random(32);
  const imsi = "460017000000001";
  const body = { imsi, mncLength: 2, algorithm: "tuak", k: K.toHex(), top: top.toHex() };
  await scene.enrol(body);
  const topc = computeTopc(K, top, 1);
  const { f2 } = createAkaFunctions({ algorithm: "tuak", k: K, topc });
  const asked = await scene.ask({ imsi, kind: "USIM" });
  expect((await asked.answer(res(...asked.vector.rands.map(f2)))).kind).toBe("verified");
  const gsm = PHONES.find(({ algorithm }) => algorithm === "gsm-milenage");
  if (gsm === undefined) throw new Error("no GSM-Milenage");
  const { opc: _opc, ...withOp } = gsm.enrolment;
  await scene.enrol({ ...withOp, op: "cdc202d5123e20f62b6d676ac72cb318" });
  const second = await scene.ask(gsm);
  const outcome = await second.answer(res(...second.vector.rands.map(gsm.respond)));
  expect(outcome.kind).toBe("verified");
});

test("the number of a subscriber goes with its proof, and can be changed and taken away", async () => {
  await scene.enrol({ ...COMP128_3.enrolment, msisdn: "8613800138000" });
  const { imsi } = COMP128_3;
  const prove = async () => {
    const asked = await scene.ask(COMP128_3);
    return asked.answer(res(...asked.vector.rands.map(COMP128_3.respond)));
  };
  expect(await prove()).toMatchObject({ subscriber: { imsi, msisdn: "8613800138000" } });
  expect(await scene.put(imsi, "number", { msisdn: "8613800138001" })).toBe(204);
  expect(await prove()).toMatchObject({ subscriber: { msisdn: "8613800138001" } });
  expect(await scene.put(imsi, "number", { msisdn: null })).toBe(204);
  expect(await prove()).toMatchObject({ subscriber: { msisdn: undefined } });
  const view = await scene.platform.call("GET", `/subscribers/${imsi}`);
  expect(view.json).toMatchObject({ msisdn: null, keyVersion: 1 });
});

test("I5: AUTS of every algorithm of a USIM moves SEQ past SEQ_MS, once", async () => {
  for (const phone of PHONES.filter(({ kind }) => kind === "USIM")) {
    await scene.enrol(phone.enrolment);
    const asked = await scene.ask(phone);
    const [rand = random(16)] = asked.vector.rands;
    const auts = makeAuts(phone, rand, 5000);
    expect(wordOf(await asked.answer({ kind: "auts", auts }))).toBe("resynchronised");
    const second = await scene.ask(phone);
    expect(wordOf(await second.answer({ kind: "auts", auts }))).toBe("mac_failure");
    const rows = scene.rows("SELECT seq FROM slot").map(({ seq }) => seq);
    expect(rows.every((seq) => seq === 5001)).toBe(true);
  }
});

/** (SQN_MS ^ AK*) || MAC-S with AMF* 0000 (TS 33.102, 6.3.3); IND has five bits. */
function makeAuts(phone: Phone, rand: Uint8Array, seq: number): Uint8Array {
  const { algorithm, enrolment } = phone;
  const hex = (name: string) => Uint8Array.fromHex(String(enrolment[name] ?? ""));
  const functions =
    algorithm === "milenage"
      ? createAkaFunctions({ k: hex("k"), opc: hex("opc") })
      : createAkaFunctions(
          algorithm === "tuak"
            ? { algorithm, k: hex("k"), topc: hex("topc") }
            : { algorithm: "xor", k: hex("k") },
        );
  const sqn = new Uint8Array(6);
  new DataView(sqn.buffer).setUint32(2, seq * 32);
  const ak = functions.f5Star(rand);
  const macS = functions.f1Star(rand, sqn, new Uint8Array(2));
  return new Uint8Array([...sqn.map((byte, i) => byte ^ (ak[i] ?? 0)), ...macS]);
}

test("only a subscriber with CAVE has SSD to update", async () => {
  for (const phone of [MILENAGE, COMP128_3, CHAP]) {
    await scene.enrol(phone.enrolment);
    await expectRefusal(scene.platform, "conflict", async () =>
      scene.platform.call("PUT", `/subscribers/${phone.imsi}/ssd-update`, {}),
    );
  }
});

const change = (phone: Phone, changes: object) => ({ ...phone.enrolment, ...changes });

describe("bad input", () => {
  const all = [
    ...PHONES.flatMap((phone) => {
      const { imsi: _imsi, mncLength: _mnc, algorithm: _name, ...keys } = phone.enrolment;
      return Object.entries(keys).flatMap(([name, value]) => {
        const text = String(value);
        const broken: unknown[] = [`${text}0`, `${text.slice(0, -1)}g`, 7, null, {}, ""];
        // The secret of CHAP has no length of its own.
        if (name !== "secret") broken.push(text.slice(2), `${text}00`, undefined);
        const optional = name === "ssdA" || name === "ssdB";
        return broken
          .filter((bad) => bad !== undefined || !optional)
          .map((bad) => change(phone, { [name]: bad }));
      });
    }),
    ...PHONES.map((phone) => change(phone, { [MARKER]: MARKER })),
    ...PHONES.map((phone) => change(phone, { algorithm: MARKER })),
    ...PHONES.filter(({ kind }) => kind !== "USIM").flatMap((phone) => [
      change(phone, { amf: "0000" }),
      change(phone, { indBits: 5 }),
      change(phone, { k: NEW_K }),
    ]),
    change(MILENAGE, { op: NEW_K }),
    change(MILENAGE, { ki: NEW_K }),
    change(MILENAGE, { algorithm: "milenage-256" }),
    change(MILENAGE, { algorithm: "toString" }),
    change(MILENAGE, { msisdn: "0123456" }),
    change(MILENAGE, { msisdn: "1234" }),
    change(MILENAGE, { msisdn: "1234567890123456" }),
    change(MILENAGE, { msisdn: "+8613800138000" }),
    change(CAVE, { ssdA: undefined }),
    change(CAVE, { ssdB: undefined }),
    change(CAVE, { ssdB: "0".repeat(16) }),
    change(CHAP, { secret: "00".repeat(256) }),
  ];

  test("an enrolment that does not fit its algorithm is refused, and leaves nothing", async () => {
    for (const body of all) {
      await expectRefusal(scene.platform, "malformed", async () =>
        scene.platform.call("POST", "/subscribers", body),
      );
    }
    expect(all.length).toBeGreaterThan(150);
  });

  test("neither do replaced keys", async () => {
    for (const phone of [MILENAGE, COMP128_3, CAVE, CHAP]) await scene.enrol(phone.enrolment);
    for (const body of all.slice(0, -8)) {
      const { imsi, mncLength: _mnc, msisdn: _msisdn, ...keys } = body as Record<string, unknown>;
      if ("msisdn" in body) continue;
      await expectRefusal(scene.platform, "malformed", async () =>
        scene.platform.call("PUT", `/subscribers/${String(imsi)}/keys`, keys),
      );
    }
  });

  test.each([
    ["number", {}],
    ["number", { msisdn: "12" }],
    ["number", { msisdn: 8_613_800_138_000 }],
    ["number", { msisdn: MARKER }],
    ["number", { msisdn: "8613800138000", [MARKER]: 1 }],
    ["number", []],
    ["keys", {}],
    ["keys", { k: NEW_K }],
    ["keys", { k: NEW_K, opc: NEW_K, imsi: MILENAGE.imsi }],
    ["keys", { k: NEW_K, opc: NEW_K, amf: "0000" }],
    ["keys", null],
    ["ssd-update", { order: true }],
    ["ssd-update", { tenant: MARKER }],
    ["ssd-update", "x"],
  ] as const)("PUT %s %j", async (what, body) => {
    await scene.enrol(MILENAGE.enrolment);
    await expectRefusal(scene.platform, "malformed", async () =>
      scene.platform.call("PUT", `/subscribers/${MILENAGE.imsi}/${what}`, body),
    );
  });

  test.each([
    ["number", { msisdn: "8613800138000" }],
    ["keys", { k: NEW_K, opc: NEW_K }],
    ["ssd-update", {}],
  ] as const)("PUT %s of an unknown subscriber or tenant", async (what, body) => {
    await scene.enrol(CAVE.enrolment);
    for (const [imsi, tenant] of [
      ["460010000000000", TENANT],
      [CAVE.imsi, "nobody"],
    ] as const) {
      await expectRefusal(scene.platform, "not_found", async () =>
        scene.platform.call("PUT", `/subscribers/${imsi}/${what}`, { ...body, tenant }),
      );
    }
  });

  test.each(["usim", "USIM with tags", "", 3, null])("a rule of strength %j", async (strength) => {
    const body = {
      target: { all: true },
      condition: { operator: "46001" },
      onMismatch: "lock",
      minimumStrength: strength,
    };
    await expectRefusal(scene.platform, "malformed", async () =>
      scene.platform.call("PUT", "/rules/r", body),
    );
  });
});

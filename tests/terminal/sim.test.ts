import { expect, test } from "bun:test";
import { createSim, type SimProfile } from "#tests/emulators/sim/sim";
import { ModuleError } from "#terminal/module";
import { createSimModule } from "#terminal/sim";
import comp128 from "../vectors/comp128_osmo_auc_gen.json";
import milenage from "../vectors/gsm_milenage_ts55205.json";
import { connect, createScriptedModule, hex, replaceAnswer } from "./hostile-module.ts";
import { rejectionOf } from "./rejection.ts";

const PROFILE: SimProfile = {
  imsi: "460019876543210",
  iccid: "8988601202601000428",
  mncLength: 2,
  algorithm: "gsm-milenage",
  ki: hex("465b5ce8b199b49faa5f0a2ee238a6bc"),
  opc: hex("cd63cb71954a9f4e48a5994e37a02baf"),
};
const NONE = new Uint8Array(0);
const RAND = hex("23553cbe9637a89d218ae64dae47bf35");
const RAND_2 = hex("9f7c8d021accf4db213ccff0c7f71a6a");
const SELECTS: readonly (readonly [string, string])[] = [["a0a4", "9f16"]];

test("over the emulated SIM: the IMSI, then SRES of each RAND in its order, and no Kc", async () => {
  const { transport, sent } = connect(createSim(PROFILE));
  const module = createSimModule(transport);
  expect(module.kind).toBe("SIM");
  expect(await module.readImsi()).toBe(PROFILE.imsi);
  const selected = ["a0a40000023f00", "a0a40000027f20"];
  expect(sent).toEqual([...selected, "a0a40000026f07", "a0b0000009"]);
  sent.length = 0;
  const response = await module.authenticate({ rands: [RAND, RAND_2], autn: NONE });
  // The second value is that of osmo-auc-gen.
  const values = [hex("46f8416a"), hex("eca9773d")];
  expect(response).toEqual({ answer: { kind: "res", values } });
  expect(sent).toEqual([
    ...selected,
    `a088000010${RAND.toHex()}`,
    "a0c000000c",
    `a088000010${RAND_2.toHex()}`,
    "a0c000000c",
  ]);
});

test("TS 55.205 and COMP128: SRES of every published or recorded value", async () => {
  const gsmMilenage = milenage.sets.map(({ ki, opc, rand, sres1 }) => ({
    ki,
    opc: hex(opc),
    rand,
    sres: sres1,
  }));
  const sets = [
    ["gsm-milenage", gsmMilenage],
    ["comp128-1", comp128.COMP128v1],
    ["comp128-2", comp128.COMP128v2],
    ["comp128-3", comp128.COMP128v3],
  ] as const;
  let checked = 0;
  for (const [algorithm, values] of sets) {
    for (const { ki, rand, sres, ...keys } of values) {
      const sim = createSim({ ...PROFILE, algorithm, ki: hex(ki), ...keys });
      const module = createSimModule(connect(sim).transport);
      const { answer } = await module.authenticate({ rands: [hex(rand)], autn: NONE });
      expect(answer).toEqual({ kind: "res", values: [hex(sres)] });
      checked += 1;
    }
  }
  expect(checked).toBe(169);
});

test("a SIM that was reset in between answers all the same", async () => {
  const sim = createSim(PROFILE);
  const module = createSimModule(connect(sim).transport);
  await module.readImsi();
  sim.reset();
  const { answer } = await module.authenticate({ rands: [RAND], autn: NONE });
  expect(answer.kind).toBe("res");
});

test("a platform that fetches answers by itself gives 9000 with the data", async () => {
  const { transport } = createScriptedModule([
    ["a0a4", "00000009000000000000000000009000"],
    ["a0b0", "0849061089674523019000"],
    ["a088", "46f8416aeae4be823af9a08b9000"],
  ]);
  const module = createSimModule(transport);
  expect(await module.readImsi()).toBe(PROFILE.imsi);
  const { answer } = await module.authenticate({ rands: [RAND], autn: NONE });
  expect(answer).toEqual({ kind: "res", values: [hex("46f8416a")] });
});

test("CHV1 not verified: EF_IMSI is refused with 9804, RUN GSM ALGORITHM is a refusal", async () => {
  const module = createSimModule(connect(createSim({ ...PROFILE, pin: "1234" })).transport);
  expect(await rejectionOf(module.readImsi())).toMatchObject({ code: "refused", sw: 0x9804 });
  const { answer } = await module.authenticate({ rands: [RAND], autn: NONE });
  expect(answer).toEqual({ kind: "refusal", statusWord: 0x9804 });
});

test("the second RAND refused: the refusal alone, not the first SRES", async () => {
  const sim = createSim(PROFILE);
  const { transport } = replaceAnswer(sim, `a088000010${RAND_2.toHex()}`, "6f00");
  const response = await createSimModule(transport).authenticate({
    rands: [RAND, RAND_2],
    autn: NONE,
  });
  expect(response).toEqual({ answer: { kind: "refusal", statusWord: 0x6f00 } });
});

test("a challenge that is none for a SIM is not sent", async () => {
  const { transport, sent } = connect(createSim(PROFILE));
  const module = createSimModule(transport);
  const unsuitable = [
    { rands: [], autn: NONE },
    { rands: [RAND], autn: RAND },
    { rands: [RAND, RAND.slice(0, 15)], autn: NONE },
    { rands: [RAND.slice(0, 4)], autn: NONE },
  ];
  for (const challenge of unsuitable)
    expect(await rejectionOf(module.authenticate(challenge))).toMatchObject({
      code: "unsuitable_challenge",
    });
  expect(sent).toEqual([]);
});

const challenge = { rands: [RAND], autn: NONE };

test.each([
  ["silence", "a088", ""],
  ["half a status word", "a088", "9f"],
  ["a response of 11 bytes announced", "a088", "9f0b"],
  ["SRES without Kc", "a0c0", "46f8416a9000"],
  ["one byte too many", "a0c0", "46f8416aeae4be823af9a08b009000"],
  ["nothing to fetch", "a0c0", "9000"],
  ["waiting for ever", "a0c0", "9f0c"],
  ["GET RESPONSE refused", "a0c0", "6f00"],
  ["success without data", "a088", "9000"],
])("a hostile answer to RUN GSM ALGORITHM is malformed: %s", async (_, start, answer) => {
  const { transport } = replaceAnswer(createSim(PROFILE), start, answer);
  const error = await rejectionOf(createSimModule(transport).authenticate(challenge));
  expect(error).toBeInstanceOf(ModuleError);
  expect(error).toMatchObject({ code: "malformed" });
});

test.each([
  ["silence", ""],
  ["eight bytes", "08490610896745239000"],
  ["ten bytes", "0849061089674523010a9000"],
  ["no IMSI", `${"ff".repeat(9)}9000`],
  ["success without data", "9000"],
])("a hostile EF_IMSI is malformed: %s", async (_, answer) => {
  const { transport } = replaceAnswer(createSim(PROFILE), "a0b0", answer);
  const error = await rejectionOf(createSimModule(transport).readImsi());
  expect(error).toBeInstanceOf(ModuleError);
  expect(error).toMatchObject({ code: "malformed" });
});

test("no DF_GSM, no class A0, no module at all", async () => {
  const noDirectory = createScriptedModule([["a0a40000027f20", "9404"], ...SELECTS]).transport;
  expect(await rejectionOf(createSimModule(noDirectory).authenticate(challenge))).toMatchObject({
    code: "refused",
    sw: 0x9404,
  });
  const usimOnly = createScriptedModule([["a0", "6e00"]]).transport;
  expect(await rejectionOf(createSimModule(usimOnly).readImsi())).toMatchObject({ sw: 0x6e00 });
  const cause = new Error("no card");
  const absent = createSimModule({ transmit: () => Promise.reject(cause) });
  expect(await rejectionOf(absent.readImsi())).toMatchObject({ code: "transport", cause });
});

import { expect, test } from "bun:test";
import { encodeHex } from "#protocol/bytes";
import { encodeImsiM, encodeImsiS1 } from "#tests/emulators/sim/ruim-coding";
import { generateSsd, signCave } from "#tests/emulators/sim/cave";
import { createUim, type UimProfile } from "#tests/emulators/sim/uim";
import { decodeImsiMFile } from "#terminal/imsi-m-file";
import { ModuleError } from "#terminal/module";
import { createUimModule } from "#terminal/uim";
import examples from "../vectors/cdma_apdu_examples.json";
import cave from "../vectors/cdma_cave.json";
import { connect, hex, replaceAnswer } from "./hostile-module.ts";
import { rejectionOf } from "./rejection.ts";
import { createSeeded, damageBytes, reportCounts } from "./seeded.ts";

const MALFORMED_INPUTS = 100_000;
const PROFILE: UimProfile = {
  imsi: examples.card.imsi,
  iccid: "8988601202601000428",
  uimId: hex(examples.card.uimid),
  aKey: hex(examples.card.a_key),
  hrpdSecret: hex("13654b59d7a6279a32aeeb89bcc7ef2c4f824ebf"),
  // RANDBS of the examples is RANDSeed ^ this.
  random: () => hex("cbfcb9ba"),
};
const NONE = new Uint8Array(0);
const RANDSEED = hex("01020304");
const RAND = hex("00000064");
const RANDSSD = hex("11223344556677");
const AUTHBS = hex("01df1f");
const CHAP = hex("c4dec4da1bf3c83b848db559c04cc3ed60");
const SELECTED = ["a0a40000023f00", "a0a40000027f25"];

const random = (length: number): Uint8Array => RANDSEED.slice(0, length);

function createPhone(profile: Partial<UimProfile> = {}) {
  const uim = createUim({ ...PROFILE, ...profile });
  const { transport, sent } = connect(uim);
  return { uim, sent, module: createUimModule(transport, random) };
}

test("C.S0023, 3.4.2: IMSIs of 7 to 15 digits are read back from EF_IMSI_M", () => {
  const seeded = createSeeded(1);
  for (let round = 0; round < 2000; round++) {
    const length = 7 + (round % 9);
    const imsi = Array.from({ length }, () => seeded.below(10)).join("");
    expect(decodeImsiMFile(encodeImsiM(imsi))).toBe(imsi);
  }
  for (const imsi of ["000000000000000", "999999999999999", "460030000000000"])
    expect(decodeImsiMFile(encodeImsiM(imsi))).toBe(imsi);
  expect(decodeImsiMFile(hex("005301bc1ff960809000"))).toBe(PROFILE.imsi);
});

test("EF_IMSI_M that is not programmed, cut, or holds what is no digit is no IMSI", () => {
  const wrong = [
    "005301bc1ff960009000",
    "005301bc1ff9608090",
    "005301bc1ff96080900000",
    "00e803bc1ff960809000",
    "005301bc1ff964809000",
    "005301bc1ff96080e803",
    "005301bc03f960809000",
    "005301bc2ff960809000",
    "005301e81ff960809000",
    "ffffffffffffffffffff",
  ];
  expect(wrong.map((file) => decodeImsiMFile(hex(file)))).toEqual(wrong.map(() => undefined));
});

test("over the emulated R-UIM: the IMSI, then AUTHR of each RAND in its order", async () => {
  const { module, sent } = createPhone();
  expect(module.kind).toBe("UIM");
  expect(await module.readImsi()).toBe(PROFILE.imsi);
  expect(sent).toEqual([...SELECTED, "a0a40000026f22", "a0b000000a"]);
  sent.length = 0;
  const response = await module.authenticate({ rands: [RAND, RANDSEED], autn: NONE });
  const values = [hex("006422"), hex("01e1ac")];
  expect(response).toEqual({ answer: { kind: "res", values } });
  // The published frame of ruimtools.com, but for the ESN, which the card replaces by its UIM_ID.
  expect(sent.slice(2, 4)).toEqual([`a088000011000000006400000000${"00".repeat(8)}`, "a0c0000003"]);
});

test("an update of SSD over two rounds: RANDBS, then AUTHBS, and AUTHR under the new SSD", async () => {
  const { module, sent, uim } = createPhone();
  const before = uim.snapshot();
  const first = await module.authenticate({ rands: [RANDSSD], autn: NONE });
  expect(first).toEqual({ answer: { kind: "randbs", randbs: hex("cafebabe") } });
  expect(sent).toEqual([
    ...SELECTED,
    "a08a00000401020304",
    "a0c0000004",
    `a08400000f11223344556677${"00".repeat(8)}`,
  ]);
  expect(uim.snapshot()).toEqual(before);
  sent.length = 0;
  const second = await module.authenticate({ rands: [RAND, RAND], autn: AUTHBS });
  const authr = hex("03806b");
  expect(second).toEqual({ answer: { kind: "res", values: [authr, authr] } });
  expect(sent.slice(0, 3)).toEqual([...SELECTED, "a08200000301df1f"]);
  expect(uim.snapshot()).toMatchObject({ ssdA: "0b2bf3838b889964", ssdB: "a566a0f0bb5dc38b" });
});

test("40 computed subscribers go through the update of SSD", async () => {
  for (const vector of cave.computed_extra.vectors) {
    const imsi = `46003${vector.min10}`;
    const aKey = hex(vector.a_key);
    const uimId = hex(vector.esn_or_uimid);
    const { module } = createPhone({ imsi, aKey, uimId });
    const { answer } = await module.authenticate({ rands: [hex(vector.randssd)], autn: NONE });
    if (answer.kind !== "randbs") throw new Error(`answered ${answer.kind}`);
    const { ssdA } = generateSsd(aKey, hex(vector.randssd), uimId);
    const authbs = signCave(ssdA, answer.randbs, encodeImsiS1(imsi), uimId);
    const last = await module.authenticate({ rands: [hex(vector.rand)], autn: authbs });
    const authr = hex(vector.authr.padStart(6, "0"));
    expect(last).toEqual({ answer: { kind: "res", values: [authr] } });
  }
});

test("a wrong AUTHBS is refused with 9804; no RUN CAVE follows and SSD stays", async () => {
  const { module, sent, uim } = createPhone();
  const before = uim.snapshot();
  await module.authenticate({ rands: [RANDSSD], autn: NONE });
  sent.length = 0;
  const response = await module.authenticate({ rands: [RAND], autn: hex("01df1e") });
  expect(response).toEqual({ answer: { kind: "refusal", statusWord: 0x9804 } });
  expect(sent).toEqual([...SELECTED, "a08200000301df1e"]);
  expect(uim.snapshot()).toEqual(before);
});

test("AUTHBS without an update is refused with 9834, and so it is after a reset", async () => {
  const { module, uim } = createPhone();
  const refusal = { answer: { kind: "refusal", statusWord: 0x9834 } };
  const challenge = { rands: [RAND], autn: AUTHBS };
  expect(await module.authenticate(challenge)).toMatchObject(refusal);
  await module.authenticate({ rands: [RANDSSD], autn: NONE });
  uim.reset();
  expect(await module.authenticate(challenge)).toMatchObject(refusal);
});

test("CHAP of HRPD: the computed values that have a challenge of 16 bytes", async () => {
  let checked = 0;
  for (const vector of examples.chap_md5.vectors) {
    if (vector.challenge.length !== 32) continue;
    const { module } = createPhone({ hrpdSecret: hex(vector.secret) });
    const rand = hex(`${vector.chap_id}${vector.challenge}`);
    const response = await module.authenticate({ rands: [rand], autn: NONE });
    const value = hex(vector.response_md5);
    expect(response).toEqual({ answer: { kind: "res", values: [value] } });
    checked += 1;
  }
  expect(checked).toBe(7);
  const { module } = createPhone({ hrpdSecret: undefined });
  const { answer } = await module.authenticate({ rands: [CHAP], autn: NONE });
  expect(answer).toEqual({ kind: "refusal", statusWord: 0x6b00 });
});

test("CHV1 not verified: EF_IMSI_M is refused, each command a refusal", async () => {
  const { module } = createPhone({ pin: "1234" });
  expect(await rejectionOf(module.readImsi())).toMatchObject({ code: "refused", sw: 0x9804 });
  for (const rand of [RAND, RANDSSD, CHAP]) {
    const { answer } = await module.authenticate({ rands: [rand], autn: NONE });
    expect(answer).toEqual({ kind: "refusal", statusWord: 0x9804 });
  }
});

test("a challenge that is none for a UIM is not sent", async () => {
  const { module, sent } = createPhone();
  const unsuitable = [
    { rands: [], autn: NONE },
    { rands: [new Uint8Array(16)], autn: NONE },
    { rands: [RAND], autn: new Uint8Array(16) },
    { rands: [RAND, RANDSSD], autn: NONE },
    { rands: [RANDSSD, RANDSSD], autn: NONE },
    { rands: [RANDSSD], autn: AUTHBS },
    { rands: [CHAP, CHAP], autn: NONE },
    { rands: [CHAP], autn: AUTHBS },
  ];
  for (const challenge of unsuitable)
    expect(await rejectionOf(module.authenticate(challenge))).toMatchObject({
      code: "unsuitable_challenge",
    });
  expect(sent).toEqual([]);
});

test.each([
  ["AUTHR of 2 bytes", RAND, "a088", "9f02"],
  ["AUTHR of 4 bytes", RAND, "a088", "000064229000"],
  ["silence to RUN CAVE", RAND, "a088", ""],
  ["GET RESPONSE refused", RAND, "a0c0", "6f00"],
  ["RANDBS of 3 bytes", RANDSSD, "a08a", "cafeba9000"],
  ["no RANDBS", RANDSSD, "a08a", "9000"],
  ["silence to UPDATE SSD", RANDSSD, "a084", "90"],
  ["data to UPDATE SSD", RANDSSD, "a084", "aa9000"],
  ["CHAP response of 15 bytes", CHAP, "a080", `${"aa".repeat(15)}9000`],
  ["silence to COMPUTE IP AUTHENTICATION", CHAP, "a080", ""],
])("a hostile answer is malformed: %s", async (_, rand, start, answer) => {
  const uim = createUim(PROFILE);
  const before = uim.snapshot();
  const { transport } = replaceAnswer(uim, start, answer);
  const module = createUimModule(transport, random);
  const error = await rejectionOf(module.authenticate({ rands: [rand], autn: NONE }));
  expect(error).toBeInstanceOf(ModuleError);
  expect(error).toMatchObject({ code: "malformed" });
  expect(uim.snapshot()).toEqual(before);
});

test.each([
  ["RUN CAVE", RAND, "a088"],
  ["BASE STATION CHALLENGE", RANDSSD, "a08a"],
  ["UPDATE SSD", RANDSSD, "a084"],
  ["COMPUTE IP AUTHENTICATION", CHAP, "a080"],
])("6F00 to %s is a refusal, and the module's last command", async (_, rand, start) => {
  const { transport, sent } = replaceAnswer(createUim(PROFILE), start, "6f00");
  const module = createUimModule(transport, random);
  const { answer } = await module.authenticate({ rands: [rand], autn: NONE });
  expect(answer).toEqual({ kind: "refusal", statusWord: 0x6f00 });
  expect(sent.at(-1)).toStartWith(start);
});

test("a module that is absent, or has no DF_CDMA", async () => {
  const absent = createUimModule({ transmit: () => Promise.reject(new Error("no card")) }, random);
  expect(await rejectionOf(absent.readImsi())).toMatchObject({ code: "transport" });
  const { transport } = replaceAnswer(createUim(PROFILE), "a0a40000027f25", "9404");
  const module = createUimModule(transport, random);
  const error = await rejectionOf(module.authenticate({ rands: [RAND], autn: NONE }));
  expect(error).toMatchObject({ code: "refused", sw: 0x9404 });
  const empty = replaceAnswer(createUim(PROFILE), "a0b0", `${"ff".repeat(10)}9000`).transport;
  expect(await rejectionOf(createUimModule(empty, random).readImsi())).toMatchObject({
    code: "malformed",
  });
});

test("100,000 malformed EF_IMSI_M files: what is accepted is an IMSI and encodes to the same", () => {
  const seeded = createSeeded(5);
  const counts = { accepted: 0, refused: 0 };
  for (let i = 0; i < MALFORMED_INPUTS; i++) {
    const digits = Array.from({ length: 7 + seeded.below(9) }, () => seeded.below(10)).join("");
    const file =
      seeded.below(4) === 0
        ? seeded.bytes(seeded.below(12))
        : damageBytes(seeded, encodeImsiM(digits));
    const imsi = decodeImsiMFile(file);
    counts[imsi === undefined ? "refused" : "accepted"] += 1;
    if (imsi === undefined) continue;
    expect(imsi).toMatch(/^\d{7,15}$/);
    if (imsi.length === 15) {
      // The bits that the standard reserves are not compared.
      const again = encodeImsiM(imsi);
      expect(encodeHex(file.subarray(3, 6))).toBe(encodeHex(again.subarray(3, 6)));
      expect(file[1]).toBe(again[1] ?? -1);
      expect(file[8]).toBe(again[8] ?? -1);
    }
  }
  reportCounts("EF_IMSI_M", counts);
  expect(counts.accepted).toBeGreaterThan(1000);
  expect(counts.refused).toBeGreaterThan(MALFORMED_INPUTS / 2);
});

import { expect, test } from "bun:test";
import { encodeHex } from "#protocol/bytes";
import { encodeImsi } from "#tests/emulators/sim/ef-coding";
import { createAkaFunctions } from "#tests/emulators/sim/aka-functions";
import { createUsim, type UsimProfile } from "#tests/emulators/sim/usim";
import type { CardTransport } from "#terminal/transport";
import { ModuleError, type ModuleResponse } from "#terminal/module";
import { decodeAuthenticateResponse } from "#terminal/authenticate-response";
import { decodeImsiFile } from "#terminal/imsi-file";
import { createUsimModule, decodeDirRecord } from "#terminal/usim";
import examples from "../vectors/usim_apdu_examples.json";
import { createSeeded, damageBytes, reportCounts } from "./seeded.ts";
import { hex, replaceAnswer } from "./hostile-module.ts";
import { rejectionOf } from "./rejection.ts";

const MALFORMED_INPUTS = 100_000;
const PROFILE: UsimProfile = {
  imsi: "460019876543210",
  iccid: "8988601202601000428",
  k: hex("465b5ce8b199b49faa5f0a2ee238a6bc"),
  opc: hex("cd63cb71954a9f4e48a5994e37a02baf"),
  mncLength: 2,
};

/** Response data and status word as one string. */
function response(text: string): { data: Uint8Array<ArrayBuffer>; sw: number } {
  return { data: hex(text.slice(0, -4)), sw: Number.parseInt(text.slice(-4), 16) };
}

function connect(usim: { transmit(apdu: Uint8Array): Uint8Array }): CardTransport {
  return { transmit: async (apdu) => usim.transmit(apdu) };
}

test("TS 31.102, 4.2.2: IMSIs of 6 to 15 digits are read back from EF_IMSI", () => {
  const seeded = createSeeded(1);
  for (let length = 6; length <= 15; length++) {
    const imsi = Array.from({ length }, () => seeded.below(10)).join("");
    expect(decodeImsiFile(encodeImsi(imsi))).toBe(imsi);
  }
  expect(decodeImsiFile(hex("084906108967452301"))).toBe("460019876543210");
  expect(decodeImsiFile(hex("0841061089674523f1"))).toBe("46001987654321");
});

test("EF_IMSI that is empty, has a wrong length, parity, digit or filler is no IMSI", () => {
  const wrong = [
    "ffffffffffffffffff",
    "004906108967452301",
    "094906108967452301",
    "0849061089674523",
    "084a06108967452301",
    "0841061089674523a1",
    "08410610896745231f",
    "08490610896745230a",
    "0249ffffffffffffff",
    "034906ffffffffffff",
  ];
  for (const file of wrong) expect(decodeImsiFile(hex(file))).toBeUndefined();
});

test("TS 31.102, 7.1: RES, AUTS and 9862 of every published vector set", () => {
  for (const example of examples.authenticate) {
    const withKc = response(example.authenticate_3g.response_with_kc_service27);
    const withoutKc = response(example.authenticate_3g.response_without_kc);
    const resBytes = withKc.data[1] ?? 0;
    const res = withKc.data.slice(2, 2 + resBytes);
    const [ck, ik] = [withKc.data.slice(3 + resBytes, 19 + resBytes), withKc.data.slice(-25, -9)];
    const expected: ModuleResponse = { answer: { kind: "res", values: [res] }, keys: { ck, ik } };
    expect(decodeAuthenticateResponse(withKc)).toEqual(expected);
    expect(decodeAuthenticateResponse(withoutKc)).toEqual(expected);
    const failed = response(example.authenticate_3g_sync_failure.response);
    const auts = failed.data.slice(2);
    const resync: ModuleResponse = { answer: { kind: "auts", auts } };
    expect(decodeAuthenticateResponse(failed)).toEqual(resync);
    const refused = response(example.authenticate_3g_mac_failure.sw);
    const refusal: ModuleResponse = { answer: { kind: "refusal", statusWord: 0x9862 } };
    expect(decodeAuthenticateResponse(refused)).toEqual(refusal);
  }
  expect(examples.authenticate.length).toBeGreaterThan(10);
});

test("RES of 4 and of 16 bytes is taken; 3, 17, a short CK, a second AUTS and other tags are not", () => {
  const keys = `10${"aa".repeat(16)}10${"bb".repeat(16)}`;
  const good = [`db0401020304${keys}9000`, `db10${"cc".repeat(16)}${keys}9000`];
  for (const text of good)
    expect(decodeAuthenticateResponse(response(text))?.answer.kind).toBe("res");
  const wrong = [
    `db03010203${keys}9000`,
    `db11${"cc".repeat(17)}${keys}9000`,
    `db04010203040f${"aa".repeat(15)}10${"bb".repeat(16)}9000`,
    `db0401020304${keys}07${"dd".repeat(7)}9000`,
    `db0401020304${keys}08${"dd".repeat(8)}009000`,
    `db04010203049000`,
    `dc0e${"ee".repeat(14)}0e${"ee".repeat(14)}9000`,
    `dc0d${"ee".repeat(13)}9000`,
    `0446f8416a08eae4be823af9a08b9000`,
    `dd0401020304${keys}9000`,
    "9000",
  ];
  for (const text of wrong) expect(decodeAuthenticateResponse(response(text))).toBeUndefined();
});

test("over the emulated UICC: the AID from EF_DIR, the IMSI, then AUTHENTICATE with RES, AUTS, 9862", async () => {
  // The published SQN is further ahead of a new card than Annex C.2.1 allows.
  const usim = createUsim({ ...PROFILE, deltaSeq: null });
  const sent: string[] = [];
  const module = createUsimModule({
    transmit: async (apdu) => {
      sent.push(encodeHex(apdu));
      return usim.transmit(apdu);
    },
  });
  expect(await module.readImsi()).toBe(PROFILE.imsi);
  expect(sent).toContain("00a4040410a0000000871002ff86ffff89ffffffff");
  const [first] = examples.authenticate;
  const command = hex(first?.authenticate_3g.c_apdu_T0 ?? "");
  const challenge = { rands: [command.slice(6, 22)], autn: command.slice(23) };
  expect(await module.authenticate(challenge)).toEqual({
    answer: { kind: "res", values: [hex("a54211d5e3ba50bf")] },
    keys: {
      ck: hex("b40ba9a3c58b2a05bbf0d987b21bf8cb"),
      ik: hex("f769bcd751044604127672711c6d3441"),
    },
  });
  // The same SQN again is out of order.
  const replay = await module.authenticate(challenge);
  expect(replay.answer.kind).toBe("auts");
  expect(replay.keys).toBeUndefined();
  const forged = challenge.autn.slice();
  forged[15] = (forged[15] ?? 0) ^ 1;
  const refusal = await module.authenticate({ ...challenge, autn: forged });
  expect(refusal).toEqual({ answer: { kind: "refusal", statusWord: 0x9862 } });
});

/** AUTN for the first SQN that a new card accepts, and the challenge around it. */
function forgeChallenge(profile: UsimProfile, rand: Uint8Array) {
  const aka = createAkaFunctions(profile);
  const sqn = hex("000000000020");
  const amf = hex("8000");
  const ak = aka.f5(rand);
  const concealed = sqn.map((byte, index) => byte ^ (ak[index] ?? 0));
  const autn = Uint8Array.from([...concealed, ...amf, ...aka.f1(rand, sqn, amf)]);
  return { aka, challenge: { rands: [rand], autn } };
}

test("TUAK and XOR: RES of 4, 8 and 16 bytes comes with CK and IK", async () => {
  const rand = hex("42424242424242424242424242424242");
  const topc = hex("bd04d9530e87513c5d837ac2ad954623a8e2330c115305a73eb45d1f40cccbff");
  const algorithms = [
    { algorithm: "tuak", topc, resBytes: 4 },
    { algorithm: "tuak", topc, resBytes: 8 },
    { algorithm: "tuak", topc, resBytes: 16 },
    { algorithm: "xor", resBytes: 16 },
  ] as const;
  for (const options of algorithms) {
    const profile = { ...PROFILE, ...options };
    const { aka, challenge } = forgeChallenge(profile, rand);
    const answered = await createUsimModule(connect(createUsim(profile))).authenticate(challenge);
    const keys = { ck: aka.f3(rand), ik: aka.f4(rand) };
    expect(answered).toEqual({ answer: { kind: "res", values: [aka.f2(rand)] }, keys });
    expect(aka.f2(rand)).toHaveLength(options.resBytes);
  }
});

test("TUAK: RES of 32 bytes, which no challenge of the protocol expects, is malformed", async () => {
  const topc = new Uint8Array(32);
  const profile = { ...PROFILE, algorithm: "tuak", topc, resBytes: 32 } as const;
  const { challenge } = forgeChallenge(profile, new Uint8Array(16));
  const work = createUsimModule(connect(createUsim(profile))).authenticate(challenge);
  expect(await rejectionOf(work)).toMatchObject({ code: "malformed" });
});

test.each([
  ["silence", "0088", "", "malformed"],
  ["RES cut", "00c0", "db08a54211d59000", "malformed"],
  ["a triplet of the GSM context", "00c0", "0446f8416a08eae4be823af9a08b9000", "malformed"],
  ["AUTS of 13 bytes", "00c0", `dc0d${"ee".repeat(13)}9000`, "malformed"],
  ["waiting for ever", "00c0", "6135", "malformed"],
  ["no ADF.USIM", "00a404", "6a82", "refused"],
])("a hostile USIM: %s", async (_, start, answer, code) => {
  const usim = createUsim(PROFILE);
  const { transport } = replaceAnswer(usim, start, answer);
  const { challenge } = forgeChallenge(PROFILE, new Uint8Array(16));
  const error = await rejectionOf(createUsimModule(transport).authenticate(challenge));
  expect(error).toBeInstanceOf(ModuleError);
  expect(error).toMatchObject({ code });
});

test("after a failure the application is selected again", async () => {
  const usim = createUsim(PROFILE);
  let broken = false;
  const module = createUsimModule({
    transmit: async (apdu) => (broken ? new Uint8Array(0) : usim.transmit(apdu)),
  });
  expect(await module.readImsi()).toBe(PROFILE.imsi);
  broken = true;
  expect(await rejectionOf(module.readImsi())).toMatchObject({ code: "malformed" });
  usim.reset();
  broken = false;
  expect(await module.readImsi()).toBe(PROFILE.imsi);
});

test("a card without EF_DIR is selected by the seven bytes of the USIM's AID", async () => {
  const usim = createUsim(PROFILE);
  const selects: string[] = [];
  const module = createUsimModule({
    transmit: async (apdu) => {
      const command = encodeHex(apdu);
      if (command.startsWith("00a404")) selects.push(command);
      return command === "00a40004022f00" ? Uint8Array.of(0x6a, 0x82) : usim.transmit(apdu);
    },
  });
  expect(await module.readImsi()).toBe(PROFILE.imsi);
  expect(selects).toEqual(["00a4040407a0000000871002"]);
});

test("a USIM that wants its PIN is refused with 6982, nonsense is malformed, no card a transport error", async () => {
  const withPin = createUsimModule(connect(createUsim({ ...PROFILE, pin: "1234" })));
  expect(await rejectionOf(withPin.readImsi())).toMatchObject({ code: "refused", sw: 0x6982 });
  const silent = createUsimModule({ transmit: async () => new Uint8Array(0) });
  expect(await rejectionOf(silent.readImsi())).toMatchObject({ code: "malformed" });
  const absent = createUsimModule({ transmit: () => Promise.reject(new Error("no card")) });
  expect(await rejectionOf(absent.readImsi())).toMatchObject({ code: "transport" });
  expect(await rejectionOf(absent.readImsi())).toBeInstanceOf(ModuleError);
});

test("a challenge that is none for a USIM is not sent", async () => {
  const module = createUsimModule(connect(createUsim(PROFILE)));
  const rand = new Uint8Array(16);
  const unsuitable = [
    { rands: [], autn: rand },
    { rands: [rand, rand], autn: rand },
    { rands: [rand], autn: new Uint8Array(0) },
    { rands: [rand], autn: rand.slice(0, 15) },
    { rands: [rand.slice(0, 15)], autn: rand },
  ];
  for (const challenge of unsuitable)
    expect(await rejectionOf(module.authenticate(challenge))).toMatchObject({
      code: "unsuitable_challenge",
    });
});

test("100,000 malformed EF_IMSI files: what is accepted is an IMSI and encodes to the same bytes", () => {
  const seeded = createSeeded(2);
  const counts = { accepted: 0, refused: 0 };
  for (let i = 0; i < MALFORMED_INPUTS; i++) {
    const digits = Array.from({ length: 6 + seeded.below(10) }, () => seeded.below(10)).join("");
    const file =
      seeded.below(4) === 0
        ? seeded.bytes(seeded.below(12))
        : damageBytes(seeded, encodeImsi(digits));
    const imsi = decodeImsiFile(file);
    counts[imsi === undefined ? "refused" : "accepted"] += 1;
    if (imsi === undefined) continue;
    const length = 1 + (file[0] ?? 0);
    expect(encodeHex(encodeImsi(imsi).subarray(0, length))).toBe(
      encodeHex(file.subarray(0, length)),
    );
  }
  reportCounts("EF_IMSI", counts);
  expect(counts.accepted + counts.refused).toBe(MALFORMED_INPUTS);
  expect(counts.refused).toBeGreaterThan(MALFORMED_INPUTS / 2);
});

test("100,000 malformed AUTHENTICATE answers: what is accepted has lengths of the standard", () => {
  const seeded = createSeeded(3);
  const counts = { res: 0, auts: 0, randbs: 0, refusal: 0, refused: 0 };
  const keys = `10${"aa".repeat(16)}10${"bb".repeat(16)}`;
  const valid: [Uint8Array, ...Uint8Array[]] = [
    hex(`db080102030405060708${keys}`),
    hex(`db0401020304${keys}08${"cc".repeat(8)}`),
    hex(`dc0e${"ee".repeat(14)}`),
  ];
  for (let i = 0; i < MALFORMED_INPUTS; i++) {
    const data =
      seeded.below(4) === 0
        ? seeded.bytes(seeded.below(70))
        : damageBytes(seeded, seeded.pick(valid));
    const sw = seeded.below(8) === 0 ? seeded.below(0x10000) : 0x9000;
    const decoded = decodeAuthenticateResponse({ data, sw });
    const answer = decoded?.answer;
    expect(decoded?.keys === undefined).toBe(answer?.kind !== "res");
    counts[answer?.kind ?? "refused"] += 1;
    if (answer?.kind === "auts") expect(answer.auts).toHaveLength(14);
    if (answer?.kind === "refusal") expect(answer.statusWord).toBe(sw);
    if (answer?.kind !== "res") continue;
    expect(answer.values).toHaveLength(1);
    expect(answer.values[0]?.length).toBeWithin(4, 17);
  }
  reportCounts("AUTHENTICATE", counts);
  expect(counts.res + counts.auts + counts.refusal + counts.refused).toBe(MALFORMED_INPUTS);
  expect(counts.refused).toBeGreaterThan(MALFORMED_INPUTS / 2);
});

test("100,000 malformed EF_DIR records: an AID of 5 to 16 bytes from inside the record, or nothing", () => {
  const seeded = createSeeded(4);
  const counts = { accepted: 0, refused: 0 };
  const valid = hex(`61184f10a0000000871002ff86ffff89ffffffff50045553494d${"ff".repeat(17)}`);
  expect(encodeHex(decodeDirRecord(valid) ?? new Uint8Array(0))).toBe(
    "a0000000871002ff86ffff89ffffffff",
  );
  for (let i = 0; i < MALFORMED_INPUTS; i++) {
    const record =
      seeded.below(4) === 0 ? seeded.bytes(seeded.below(50)) : damageBytes(seeded, valid);
    const aid = decodeDirRecord(record);
    counts[aid === undefined ? "refused" : "accepted"] += 1;
    if (aid === undefined) continue;
    expect(aid.length).toBeWithin(5, 17);
    expect(aid.length + 2).toBeLessThanOrEqual(record[1] ?? 0);
    expect(encodeHex(record)).toContain(encodeHex(aid));
  }
  reportCounts("EF_DIR", counts);
  expect(counts.refused).toBeGreaterThan(0);
});

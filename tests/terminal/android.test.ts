import { expect, test } from "bun:test";
import type { ModuleAnswer } from "#protocol/messages";
import { createSim } from "#tests/emulators/sim/sim";
import { createUsim } from "#tests/emulators/sim/usim";
import { type AndroidTelephony, createAndroidModule } from "#terminal/android";
import { ModuleError } from "#terminal/module";
import examples from "../vectors/usim_apdu_examples.json";
import { hex } from "./hostile-module.ts";
import { rejectionOf } from "./rejection.ts";

const IMSI = "460019876543210";
const NONE = new Uint8Array(0);
const RAND = hex("23553cbe9637a89d218ae64dae47bf35");
const AUTN = hex("55f328b43577b9b94a9ffac354dfafb3");
const AKA = { rands: [RAND], autn: AUTN };
const GSM = { rands: [RAND, RAND], autn: NONE };
const KEYS = `10${"aa".repeat(16)}10${"bb".repeat(16)}`;

const base64 = (text: string): string => Buffer.from(text, "hex").toString("base64");

interface Call {
  readonly appType: number;
  readonly authType: number;
  readonly data: string;
}

/** Android that answers each call with the next of `answers`, and null when they are used up. */
function createPhone(kind: "SIM" | "USIM", answers: readonly (string | null)[]) {
  const calls: Call[] = [];
  const telephony: AndroidTelephony = {
    kind,
    readImsi: async () => IMSI,
    async getIccAuthentication(appType, authType, data) {
      calls.push({ appType, authType, data });
      return answers[calls.length - 1] ?? null;
    },
  };
  return { module: createAndroidModule(telephony), calls };
}

test("USIM: 10 RAND 10 AUTN for application 2 and EAP_AKA 129, in one line of base64", async () => {
  const { module, calls } = createPhone("USIM", [base64(`db08a54211d5e3ba50bf${KEYS}`)]);
  expect(module.kind).toBe("USIM");
  expect(await module.readImsi()).toBe(IMSI);
  const response = await module.authenticate(AKA);
  const keys = { ck: hex("aa".repeat(16)), ik: hex("bb".repeat(16)) };
  const answer: ModuleAnswer = { kind: "res", values: [hex("a54211d5e3ba50bf")] };
  expect(response).toEqual({ answer, keys });
  const data = "ECNVPL6WN6idIYrmTa5HvzUQVfMotDV3ublKn/rDVN+vsw==";
  expect(calls).toEqual([{ appType: 2, authType: 129, data }]);
});

test("USIM: the answers of 20 records, with and without Kc, and AUTS", async () => {
  expect(examples.authenticate).toHaveLength(20);
  for (const {
    authenticate_3g: success,
    authenticate_3g_sync_failure: failure,
  } of examples.authenticate) {
    const bodies = [
      success.response_with_kc_service27,
      success.response_without_kc,
      failure.response,
    ].map((response) => base64(response.slice(0, -4)));
    const { module } = createPhone("USIM", bodies);
    const [withKc, withoutKc, resync] = [
      await module.authenticate(AKA),
      await module.authenticate(AKA),
      await module.authenticate(AKA),
    ];
    expect(withKc).toEqual(withoutKc);
    const res = success.response_without_kc.slice(4, 20);
    expect(withKc.answer).toEqual({ kind: "res", values: [hex(res)] });
    expect(resync).toEqual({ answer: { kind: "auts", auts: hex(failure.response.slice(4, -4)) } });
  }
});

test("USIM: what a modem does with the emulated card, by TS 31.102, 7.1.2", async () => {
  const usim = createUsim({
    imsi: IMSI,
    iccid: "8988601202601000428",
    k: hex("465b5ce8b199b49faa5f0a2ee238a6bc"),
    opc: hex("cd63cb71954a9f4e48a5994e37a02baf"),
    mncLength: 2,
    deltaSeq: null,
  });
  const send = (apdu: string): string => usim.transmit(hex(apdu)).toHex();
  send("00a4040c10a0000000871002ff86ffff89ffffffff");
  const module = createAndroidModule({
    kind: "USIM",
    readImsi: async () => IMSI,
    async getIccAuthentication(_appType, _authType, data) {
      const sw = send(`0088008122${Buffer.from(data, "base64").toString("hex")}`);
      return sw.startsWith("61") ? base64(send(`00c00000${sw.slice(2)}`).slice(0, -4)) : null;
    },
  });
  expect((await module.authenticate(AKA)).answer.kind).toBe("res");
  expect((await module.authenticate(AKA)).answer.kind).toBe("auts");
  const forged = await module.authenticate({ ...AKA, autn: AUTN.map((byte) => byte ^ 1) });
  expect(forged).toEqual({ answer: { kind: "refusal", statusWord: 0x9862 } });
});

test("SIM: 10 RAND for EAP_SIM 128, application 2 first and 1 when it says null", async () => {
  const triplet = base64("0446f8416a08eae4be823af9a08b");
  const { module, calls } = createPhone("SIM", [triplet, null, triplet]);
  expect(module.kind).toBe("SIM");
  const sres = hex("46f8416a");
  const response = await module.authenticate(GSM);
  expect(response).toEqual({ answer: { kind: "res", values: [sres, sres] } });
  const data = "ECNVPL6WN6idIYrmTa5HvzU=";
  expect(calls).toEqual([
    { appType: 2, authType: 128, data },
    { appType: 2, authType: 128, data },
    { appType: 1, authType: 128, data },
  ]);
});

test("SIM: what a modem does with the emulated card, by TS 51.011, 8.16", async () => {
  const sim = createSim({
    imsi: IMSI,
    iccid: "8988601202601000428",
    mncLength: 2,
    algorithm: "gsm-milenage",
    ki: hex("465b5ce8b199b49faa5f0a2ee238a6bc"),
    opc: hex("cd63cb71954a9f4e48a5994e37a02baf"),
  });
  const send = (apdu: string): string => sim.transmit(hex(apdu)).toHex();
  send("a0a40000027f20");
  const module = createAndroidModule({
    kind: "SIM",
    readImsi: async () => IMSI,
    async getIccAuthentication(appType, _authType, data) {
      if (appType !== 1) return null;
      send(`a0880000${Buffer.from(data, "base64").toString("hex")}`);
      const triplet = send("a0c000000c");
      return base64(`04${triplet.slice(0, 8)}08${triplet.slice(8, 24)}`);
    },
  });
  const { answer } = await module.authenticate(GSM);
  expect(answer).toEqual({ kind: "res", values: [hex("46f8416a"), hex("46f8416a")] });
});

test("null is the refusal 9862, whatever the module's reason was", async () => {
  const refusal = { answer: { kind: "refusal", statusWord: 0x9862 } };
  for (const [kind, challenge] of [
    ["USIM", AKA],
    ["SIM", GSM],
  ] as const) {
    expect(await createPhone(kind, []).module.authenticate(challenge)).toMatchObject(refusal);
  }
  const half = createPhone("SIM", [base64("0446f8416a08eae4be823af9a08b")]).module;
  expect(await half.authenticate(GSM)).toMatchObject(refusal);
});

test.each([
  ["USIM", "not base64", "@@@@"],
  ["USIM", "no padding", base64(`db08a54211d5e3ba50bf${KEYS}`).replaceAll("=", "")],
  ["USIM", "wrapped", `${base64(`db08a54211d5e3ba50bf${KEYS}`)}\n`],
  ["USIM", "empty", ""],
  ["USIM", "CK cut", base64(`db08a54211d5e3ba50bf10${"aa".repeat(15)}`)],
  ["USIM", "a short CK", base64(`db08a54211d5e3ba50bf0f${"aa".repeat(15)}10${"bb".repeat(16)}`)],
  ["USIM", "RES of 3 bytes", base64(`db03a54211${KEYS}`)],
  ["USIM", "AUTS of 13 bytes", base64(`dc0d${"ee".repeat(13)}`)],
  ["USIM", "a triplet", base64("0446f8416a08eae4be823af9a08b")],
  ["SIM", "not base64", "BEb4QWoI6uS+gjr5oIs"],
  ["SIM", "bits after the end", "BEb4QWoI6uS+gjr5oIt="],
  ["SIM", "Kc cut", base64("0446f8416a08eae4be823af9a0")],
  ["SIM", "one byte too many", base64("0446f8416a08eae4be823af9a08b00")],
  ["SIM", "SRES of 3 bytes", base64("0346f84109eae4be823af9a08bcc")],
  ["SIM", "no lengths", base64("46f8416aeae4be823af9a08b")],
  ["SIM", "empty", ""],
] as const)("%s: a hostile answer is malformed: %s", async (kind, _, answer) => {
  const { module } = createPhone(kind, [answer]);
  const error = await rejectionOf(module.authenticate(kind === "USIM" ? AKA : GSM));
  expect(error).toBeInstanceOf(ModuleError);
  expect(error).toMatchObject({ code: "malformed" });
});

test("a challenge that is none for the module does not reach Android", async () => {
  const short = RAND.slice(0, 15);
  for (const challenge of [
    GSM,
    { rands: [], autn: AUTN },
    { rands: [short], autn: AUTN },
    { rands: [RAND], autn: short },
  ]) {
    const { module, calls } = createPhone("USIM", []);
    const error = await rejectionOf(module.authenticate(challenge));
    expect(error).toMatchObject({ code: "unsuitable_challenge" });
    expect(calls).toEqual([]);
  }
  for (const challenge of [AKA, { rands: [], autn: NONE }, { rands: [RAND, short], autn: NONE }]) {
    const { module, calls } = createPhone("SIM", []);
    const error = await rejectionOf(module.authenticate(challenge));
    expect(error).toMatchObject({ code: "unsuitable_challenge" });
    expect(calls).toEqual([]);
  }
});

test("no privilege is a transport error; no IMSI, or none that could be, is malformed", async () => {
  const cause = new Error("SecurityException");
  const denied = createAndroidModule({
    kind: "USIM",
    readImsi: () => Promise.reject(cause),
    getIccAuthentication: () => Promise.reject(cause),
  });
  const transport = { code: "transport", cause };
  expect(await rejectionOf(denied.readImsi())).toMatchObject(transport);
  expect(await rejectionOf(denied.authenticate(AKA))).toMatchObject(transport);
  for (const imsi of [null, "", "46001", "46001987654321a"]) {
    const module = createAndroidModule({
      kind: "SIM",
      readImsi: async () => imsi,
      getIccAuthentication: async () => null,
    });
    expect(await rejectionOf(module.readImsi())).toMatchObject({ code: "malformed" });
  }
});

/** The SIM of class A0 (TS 51.011): files, CHV1, RUN GSM ALGORITHM with every algorithm. */
import { describe, expect, test } from "bun:test";
import comp128 from "../../vectors/comp128_osmo_auc_gen.json";
import milenage from "../../vectors/gsm_milenage_ts55205.json";
import examples from "../../vectors/usim_apdu_examples.json";
import { createSim } from "./sim.ts";
import type { Sim, SimProfile } from "./sim.ts";
import { TEST_KEYS, TEST_PROFILE, exchangeA0, send } from "./test-card.ts";

const PROFILE: SimProfile = {
  imsi: TEST_PROFILE.imsi,
  iccid: TEST_PROFILE.iccid,
  mncLength: 2,
  algorithm: "gsm-milenage",
  ki: TEST_KEYS.k,
  opc: TEST_KEYS.opc,
};
const SELECT_DF_GSM = "a0a40000027f20";
const RAND = "23553cbe9637a89d218ae64dae47bf35";
const RUN_GSM = `a088000010${RAND}`;
const VERIFY_1234 = "a02000010831323334ffffffff";
const VERIFY_WRONG = "a02000010839393939ffffffff";
/** UNBLOCK CHV 12345678, new CHV1 4321. */
const UNBLOCK_TO_4321 = "a02c000010313233343536373834333231ffffffff";
const VERIFY_4321 = "a02000010834333231ffffffff";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

function createSimInGsm(profile: Partial<SimProfile> = {}): Sim {
  const sim = createSim({ ...PROFILE, ...profile });
  if (send(sim, SELECT_DF_GSM) !== "9f16") throw new Error("DF_GSM not selected");
  return sim;
}

describe("RUN GSM ALGORITHM", () => {
  test("the vector files hold the records this file claims to check", () => {
    expect(comp128.COMP128v1).toHaveLength(50);
    expect(comp128.COMP128v2).toHaveLength(50);
    expect(comp128.COMP128v3).toHaveLength(50);
    expect(milenage.sets).toHaveLength(19);
    expect(examples.authenticate).toHaveLength(20);
  });

  test.each([
    ["comp128-1", comp128.COMP128v1],
    ["comp128-2", comp128.COMP128v2],
    ["comp128-3", comp128.COMP128v3],
  ] as const)("%s, 50 values of osmo-auc-gen", (algorithm, vectors) => {
    for (const { ki, rand, sres, kc } of vectors) {
      const sim = createSimInGsm({ algorithm, ki: hex(ki) });
      expect(send(sim, `a088000010${rand}`)).toBe("9f0c");
      expect(send(sim, "a0c000000c")).toBe(`${sres}${kc}9000`);
    }
  });

  test.each(milenage.sets)("$name", ({ ki, opc, rand, sres1, kc }) => {
    const sim = createSimInGsm({ ki: hex(ki), opc: hex(opc) });
    expect(exchangeA0(sim, `a088000010${rand}`)).toBe(`${sres1}${kc}9000`);
  });

  test.each(examples.authenticate)("frames of $milenage_set", (record) => {
    const { c_apdu, t0_status, get_response, response } = record.run_gsm_algorithm_class_a0;
    const sim = createSimInGsm({ ki: hex(record.k), opc: hex(record.opc) });
    expect(send(sim, c_apdu)).toBe(t0_status);
    expect(send(sim, get_response)).toBe(response);
  });

  test("needs DF_GSM and CHV1, the right P1, P2 and length", () => {
    const sim = createSim({ ...PROFILE, pin: "1234" });
    expect(send(sim, RUN_GSM)).toBe("9804");
    send(sim, SELECT_DF_GSM);
    expect(send(sim, RUN_GSM)).toBe("9804");
    expect(send(sim, VERIFY_1234)).toBe("9000");
    expect(send(sim, RUN_GSM)).toBe("9f0c");
    expect(send(sim, `a088010010${RAND}`)).toBe("6b00");
    expect(send(sim, `a088000110${RAND}`)).toBe("6b00");
    expect(send(sim, `a08800000f${RAND.slice(2)}`)).toBe("6710");
    expect(send(sim, `a088000010${RAND.slice(2)}`)).toBe("6700");
    expect(send(sim, "a0a40000023f00")).toBe("9f16");
    expect(send(sim, RUN_GSM)).toBe("9804");
    send(sim, SELECT_DF_GSM);
    sim.reset();
    expect(send(sim, RUN_GSM)).toBe("9804");
  });

  test("the response waits for GET RESPONSE and goes with the next command", () => {
    const sim = createSimInGsm();
    send(sim, RUN_GSM);
    expect(send(sim, "a0c000000d")).toBe("670c");
    expect(send(sim, "a0c0000004")).toBe("46f8416a9000");
    expect(send(sim, "a0c000000c")).toBe("6f00");
    send(sim, RUN_GSM);
    send(sim, "a0f2000016");
    expect(send(sim, "a0c000000c")).toBe("6f00");
    send(sim, RUN_GSM);
    expect(send(sim, "a0c001000c")).toBe("6b00");
  });

  test("the card copies its keys; keys that do not fit are no personalisation", () => {
    const ki = TEST_KEYS.k.slice();
    const sim = createSimInGsm({ ki });
    ki.fill(0);
    expect(exchangeA0(sim, RUN_GSM)).toBe("46f8416aeae4be823af9a08b9000");
    expect(() => createSim({ ...PROFILE, ki: new Uint8Array(15) })).toThrow("ki");
    expect(() => createSim({ ...PROFILE, opc: undefined })).toThrow("opc");
  });
});

describe("files", () => {
  test("SELECT from the MF down, and the data of TS 51.011 section 9.2.1", () => {
    const sim = createSim(PROFILE);
    const expected = examples.gsm_select_response;
    expect(exchangeA0(sim, "a0a40000022fe2")).toBe(`${expected.ef_iccid}9000`);
    expect(send(sim, "a0b000000a")).toBe(`${examples.ef.iccid.bytes}9000`);
    expect(exchangeA0(sim, "a0a40000026f07")).toBe("9404");
    expect(exchangeA0(sim, SELECT_DF_GSM)).toBe("000000007f20020000000000099100050200838a00009000");
    expect(exchangeA0(sim, "a0a40000026f07")).toBe(`${expected.ef_imsi}9000`);
    expect(send(sim, "a0b0000009")).toBe(`${examples.ef.imsi_15.bytes}9000`);
    expect(send(sim, "a0a40000027f10")).toBe("9f16");
    expect(send(sim, "a0a40000027f20")).toBe("9f16");
    expect(send(sim, "a0a40000023f00")).toBe("9f16");
    expect(send(sim, "a0a40000027f25")).toBe("9404");
  });

  test("READ BINARY: offset, length, no file, CHV1", () => {
    const sim = createSimInGsm({ pin: "1234" });
    expect(send(sim, "a0b0000009")).toBe("9400");
    send(sim, "a0a40000026f07");
    expect(send(sim, "a0b0000009")).toBe("9804");
    send(sim, VERIFY_1234);
    expect(send(sim, "a0b0000202")).toBe(`${examples.ef.imsi_15.bytes.slice(4, 8)}9000`);
    expect(send(sim, "a0b000000a")).toBe("6709");
    expect(send(sim, "a0b0000900")).toBe("6b00");
    send(sim, "a0a40000026fad");
    expect(send(sim, "a0b0000004")).toBe("000000029000");
    send(sim, "a0a40000026f20");
    expect(send(sim, "a0b0000009")).toBe(`${examples.ef.kc_initial.bytes}9000`);
  });

  test("STATUS gives the current directory; P1, P2 and length count", () => {
    const sim = createSimInGsm({ pin: "1234" });
    expect(send(sim, "a0f2000016")).toBe("000000007f20020000000000091100050200838a00009000");
    expect(send(sim, "a0f2000102")).toBe("6b00");
    expect(send(sim, "a0f20000ff")).toBe("6716");
    expect(send(sim, "a0a40004023f00")).toBe("6b00");
    expect(send(sim, "a0a40000033f0000")).toBe("6702");
  });

  test("other classes and instructions are unknown", () => {
    const sim = createSim(PROFILE);
    expect(send(sim, "00a40004023f00")).toBe("6e00");
    expect(send(sim, "80f2000016")).toBe("6e00");
    expect(send(sim, "a0d6000001aa")).toBe("6d00");
    expect(send(sim, "a0a4")).toBe("6700");
    expect(sim.reset().toHex()).toBe("3b00");
  });
});

describe("CHV1", () => {
  test("three wrong ones block it, also across resets; UNBLOCK CHV gives a new one", () => {
    let sim = createSimInGsm({ pin: "1234", puk: "12345678" });
    expect(send(sim, VERIFY_WRONG)).toBe("9804");
    expect(send(sim, "a0f2000016").slice(36, 38)).toBe("82");
    sim.reset();
    expect(send(sim, VERIFY_WRONG)).toBe("9804");
    expect(send(sim, VERIFY_WRONG)).toBe("9840");
    expect(send(sim, VERIFY_1234)).toBe("9840");
    const state = JSON.parse(JSON.stringify(sim.snapshot()));
    sim = createSim({ ...PROFILE, pin: "1234", puk: "12345678" }, state);
    expect(send(sim, VERIFY_1234)).toBe("9840");
    expect(send(sim, UNBLOCK_TO_4321.replace("3738", "3739"))).toBe("9804");
    expect(sim.snapshot().pin?.pukTriesLeft).toBe(9);
    expect(send(sim, UNBLOCK_TO_4321)).toBe("9000");
    send(sim, SELECT_DF_GSM);
    expect(send(sim, RUN_GSM)).toBe("9f0c");
    sim.reset();
    expect(send(sim, VERIFY_1234)).toBe("9804");
    expect(send(sim, VERIFY_4321)).toBe("9000");
  });

  test("wrong reference, length, filler, and a card without CHV1 or UNBLOCK CHV", () => {
    const sim = createSim({ ...PROFILE, pin: "1234" });
    expect(send(sim, VERIFY_1234.replace("a0200001", "a0200002"))).toBe("9802");
    expect(send(sim, VERIFY_1234.replace("a0200001", "a0200101"))).toBe("6b00");
    expect(send(sim, "a02000010431323334")).toBe("6708");
    expect(send(sim, "a02c00000431323334")).toBe("6710");
    expect(send(sim, UNBLOCK_TO_4321)).toBe("9802");
    const open = createSim(PROFILE);
    expect(send(open, VERIFY_1234)).toBe("9808");
    expect(send(open, UNBLOCK_TO_4321)).toBe("9808");
    const unblockable = createSim({ ...PROFILE, pin: "1234", puk: "12345678" });
    expect(send(unblockable, UNBLOCK_TO_4321.replace("34333231", "ffffffff"))).toBe("6f00");
    expect(unblockable.snapshot().pin?.pukTriesLeft).toBe(10);
  });

  test("ten wrong UNBLOCK CHV block the card for good", () => {
    const sim = createSim({ ...PROFILE, pin: "1234", puk: "12345678" });
    const wrong = UNBLOCK_TO_4321.replace("3738", "3739");
    for (let count = 1; count < 10; count += 1) expect(send(sim, wrong)).toBe("9804");
    expect(send(sim, wrong)).toBe("9840");
    expect(send(sim, UNBLOCK_TO_4321)).toBe("9840");
  });
});

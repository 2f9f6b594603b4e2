/** AUTHENTICATE (TS 31.102 section 7.1) against the computed frames of usim_apdu_examples.json. */
import { describe, expect, test } from "bun:test";
import vectors from "../../vectors/usim_apdu_examples.json";
import { f1Star, f5Star, xorBytes } from "./milenage.ts";
import {
  SELECT_MF,
  SELECT_USIM,
  TEST_KEYS,
  TEST_PROFILE,
  VERIFY_1234,
  createUsimInAdf,
  exchange,
  flipLastBit,
  forgeAuthenticate,
  frameAuthenticate,
  send,
} from "./test-card.ts";
import { createUsim } from "./usim.ts";
import type { Usim, UsimProfile } from "./usim.ts";

const RAND = "eb68fed91b4717be9d9ab1d2de7e1f1e";
const RAND_2 = "269fc41c21883ea66875a7eff72410be";

type Record3g = (typeof vectors.authenticate)[number];

/** The SQNs of TS 35.208 are far above a new card's, so Delta is off. */
function createCardOf(record: Record3g, profile: Partial<UsimProfile> = {}): Usim {
  const k = Uint8Array.fromHex(record.k);
  const opc = Uint8Array.fromHex(record.opc);
  return createUsimInAdf({ k, opc, deltaSeq: null, ...profile });
}

test("the vector file holds the records this file claims to check", () => {
  expect(vectors.authenticate).toHaveLength(20);
  expect(vectors.sqn_scenario.steps).toHaveLength(9);
});

describe.each(vectors.authenticate)("$milenage_set", (record) => {
  test("3G context, success with Kc (service 27)", () => {
    const usim = createCardOf(record, { gsmAccess: true });
    const { c_apdu_T0, t0_status, t0_get_response, response_with_kc_service27 } =
      record.authenticate_3g;
    expect(send(usim, c_apdu_T0)).toBe(t0_status);
    expect(send(usim, t0_get_response)).toBe(response_with_kc_service27);
  });

  test("3G context, success without Kc; trailing Le changes nothing", () => {
    const { c_apdu_T0, c_apdu_T1, response_without_kc } = record.authenticate_3g;
    const usim = createCardOf(record);
    expect(send(usim, c_apdu_T0)).toBe("612c");
    expect(send(usim, "00c000002c")).toBe(response_without_kc);
    const usimWithLe = createCardOf(record);
    expect(send(usimWithLe, c_apdu_T1)).toBe("612c");
    expect(send(usimWithLe, "00c000002c")).toBe(response_without_kc);
  });

  test("MAC failure, which leaves SEQ_MS alone", () => {
    const usim = createCardOf(record);
    const before = usim.snapshot();
    const { c_apdu_T0, sw } = record.authenticate_3g_mac_failure;
    expect(send(usim, c_apdu_T0)).toBe(sw);
    expect(usim.snapshot()).toEqual(before);
  });

  test("replay: synchronisation failure with AUTS, then GET RESPONSE", () => {
    const usim = createCardOf(record);
    const { c_apdu_T0, t0_status, t0_get_response, response } = record.authenticate_3g_sync_failure;
    expect(send(usim, c_apdu_T0)).toBe("612c");
    expect(send(usim, c_apdu_T0)).toBe(t0_status);
    expect(send(usim, t0_get_response)).toBe(response);
  });

  test("GSM context, only with service 38", () => {
    const { c_apdu_T0, t0_status, t0_get_response, response } = record.authenticate_gsm_context;
    expect(send(createCardOf(record), c_apdu_T0)).toBe("9864");
    const usim = createCardOf(record, { gsmSecurityContext: true });
    expect(send(usim, c_apdu_T0)).toBe(t0_status);
    expect(send(usim, t0_get_response)).toBe(response);
  });

  test("class A0 is not supported", () => {
    const usim = createCardOf(record, { gsmSecurityContext: true });
    expect(send(usim, record.run_gsm_algorithm_class_a0.c_apdu)).toBe("6e00");
  });
});

describe("SQN scenario (TS 33.102 Annex C)", () => {
  const scenario = vectors.sqn_scenario;

  test("nine steps on one card", () => {
    const k = Uint8Array.fromHex(scenario.k);
    const opc = Uint8Array.fromHex(scenario.opc);
    const usim = createUsimInAdf({
      k,
      opc,
      gsmAccess: true,
      indBits: scenario.ind_bits,
      deltaSeq: scenario.delta_seq,
    });
    for (const step of scenario.steps) {
      const before = usim.snapshot().seqMs;
      expect(exchange(usim, frameAuthenticate(step.rand, step.autn))).toBe(step.response);
      const expected = [...before];
      if (step.expect === "success") expected[step.ind] = step.seq;
      expect(usim.snapshot().seqMs).toEqual(expected);
    }
  });

  test("the defaults of the card are those of the scenario", () => {
    const usim = createUsimInAdf({ gsmAccess: true });
    for (const { rand, autn, response } of scenario.steps) {
      expect(exchange(usim, frameAuthenticate(rand, autn))).toBe(response);
    }
  });

  test("continues after power loss from the persisted state", () => {
    let usim = createUsimInAdf({ gsmAccess: true });
    for (const { rand, autn, response } of scenario.steps) {
      expect(exchange(usim, frameAuthenticate(rand, autn))).toBe(response);
      const state = JSON.parse(JSON.stringify(usim.snapshot()));
      usim = createUsim({ ...TEST_PROFILE, gsmAccess: true }, state);
      send(usim, SELECT_USIM);
    }
    usim.reset();
    send(usim, SELECT_USIM);
    const first = scenario.steps[0];
    if (first === undefined) throw new Error("no steps");
    expect(exchange(usim, frameAuthenticate(first.rand, first.autn))).toStartWith("dc0e");
  });
});

describe("order of the checks", () => {
  test("MAC before SQN: a replay with a wrong MAC is 9862, not AUTS", () => {
    const usim = createUsimInAdf();
    const frame = forgeAuthenticate(1, 0, RAND);
    expect(exchange(usim, frame)).toStartWith("db08");
    expect(send(usim, flipLastBit(frame))).toBe("9862");
    expect(send(usim, frame)).toBe("6110");
  });

  test("every single bit of AUTN matters", () => {
    const usim = createUsimInAdf();
    const frame = Uint8Array.fromHex(forgeAuthenticate(1, 0, RAND));
    for (let bit = 0; bit < 128; bit += 1) {
      const changed = frame.slice();
      const index = frame.length - 1 - (bit >> 3);
      changed[index] = (changed[index] ?? 0) ^ (1 << (bit & 7));
      expect(usim.transmit(changed).toHex()).toBe("9862");
    }
    expect(usim.transmit(frame).toHex()).toBe("612c");
  });

  test("PIN, current directory, length, P1 P2", () => {
    const frame = forgeAuthenticate(1, 0, RAND);
    const usim = createUsim({ ...TEST_PROFILE, pin: "1234" });
    expect(send(usim, frame)).toBe("6985");
    send(usim, SELECT_USIM);
    expect(send(usim, frame)).toBe("6982");
    expect(send(usim, VERIFY_1234)).toBe("9000");
    expect(send(usim, `008800811110${RAND}`)).toBe("6700");
    expect(send(usim, `0088018122${frame.slice(10)}`)).toBe("6a86");
    for (const p2 of ["00", "01", "82", "84", "85", "86", "ff"]) {
      expect(send(usim, `008800${p2}22${frame.slice(10)}`)).toBe("6a86");
    }
    expect(send(usim, frame.replace("008800812210", "00880081220f"))).toBe("6a80");
    expect(send(usim, frame.replace(`${RAND}10`, `${RAND}0f`))).toBe("6a80");
    send(usim, SELECT_MF);
    expect(send(usim, frame)).toBe("6985");
    expect(usim.snapshot().seqMs.every((seq) => seq === 0)).toBe(true);
    send(usim, "00a4000c027fff");
    expect(send(usim, frame)).toBe("612c");
  });

  test("Lc and the frame must agree", () => {
    const frame = forgeAuthenticate(1, 0, RAND);
    const usim = createUsimInAdf({ gsmSecurityContext: true });
    const frames = [frame.slice(0, 8), frame.slice(0, 10), frame.slice(0, -2), `${frame}0000`];
    for (const wrong of [...frames, `0088008122${frame.slice(10)}`.replace("81", "80")]) {
      expect(send(usim, wrong)).toBe("6700");
    }
  });
});

describe("AUTS", () => {
  test("carries the highest SQN_MS and AMF* 0000, whatever AMF the challenge had", () => {
    const usim = createUsimInAdf();
    exchange(usim, forgeAuthenticate(77, 5, RAND));
    const response = exchange(usim, forgeAuthenticate(76, 5, RAND_2, "b9b9"));
    const auts = Uint8Array.fromHex(response.slice(4, -4));
    const rand = Uint8Array.fromHex(RAND_2);
    const sqnMs = xorBytes(auts.slice(0, 6), f5Star(TEST_KEYS, rand));
    expect(sqnMs.toHex()).toBe((77 * 32 + 5).toString(16).padStart(12, "0"));
    const macS = f1Star(TEST_KEYS, rand, sqnMs, new Uint8Array([0, 0]));
    expect(auts.slice(6).toHex()).toBe(macS.toHex());
    expect(response).toHaveLength(2 * (2 + 14 + 2));
  });

  test("of a new card carries SQN_MS zero", () => {
    const response = exchange(createUsimInAdf(), forgeAuthenticate(0, 9, RAND));
    const ak = f5Star(TEST_KEYS, Uint8Array.fromHex(RAND));
    expect(response.slice(4, 16)).toBe(ak.toHex());
  });
});

describe("UST services and profile", () => {
  test("an age limit and other IND lengths reach the card", () => {
    const usim = createUsimInAdf({ ageLimitSeq: 10, seqMs: Array.from({ length: 32 }, () => 100) });
    expect(exchange(usim, forgeAuthenticate(101, 0, RAND))).toStartWith("db");
    expect(createUsimInAdf({ indBits: 3 }).snapshot().seqMs).toHaveLength(8);
  });

  test("the card copies its keys", () => {
    const k = TEST_KEYS.k.slice();
    const usim = createUsimInAdf({ k });
    k.fill(0);
    expect(exchange(usim, forgeAuthenticate(1, 0, RAND))).toStartWith("db");
  });
});

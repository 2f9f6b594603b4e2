/** The R-UIM (3GPP2 C.S0023): CAVE, the update of SSD and CHAP through APDUs. */
import { describe, expect, test } from "bun:test";
import examples from "../../vectors/cdma_apdu_examples.json";
import cave from "../../vectors/cdma_cave.json";
import { generateSsd, signCave } from "./cave.ts";
import { encodeImsiM, encodeImsiS1, encodeRuimId } from "./ruim-coding.ts";
import { TEST_PROFILE, exchangeA0, send } from "./test-card.ts";
import { createUim } from "./uim.ts";
import type { Uim, UimProfile } from "./uim.ts";

const SELECT_DF_CDMA = "a0a40000027f25";
const ESN_FIELD = "00000000000000";
const RANDSEED = "01020304";
const VERIFY_1234 = "a02000010831323334ffffffff";
const RANDBS = "cafebabe";
const PROFILE: UimProfile = {
  imsi: examples.card.imsi,
  iccid: TEST_PROFILE.iccid,
  uimId: hex(examples.card.uimid),
  aKey: hex(examples.card.a_key),
  // RANDBS of the examples is RANDSeed ^ this.
  random: () => hex("cbfcb9ba"),
};

function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}

function createUimInCdma(profile: Partial<UimProfile> = {}): Uim {
  const uim = createUim({ ...PROFILE, ...profile });
  if (send(uim, SELECT_DF_CDMA) !== "9f16") throw new Error("DF_CDMA not selected");
  return uim;
}

const runCave = (rand: string, digits = "00000000", esn = ESN_FIELD): string =>
  `a08800001100${rand}${digits}00${esn}`;
const updateSsd = (randssd: string): string => `a08400000f${randssd}00${ESN_FIELD}`;
const signature = (digits: string): string => digits.padStart(6, "0");

function step(name: string): (typeof examples.steps)[number] {
  const found = examples.steps.find((candidate) => candidate.name.startsWith(name));
  if (found === undefined) throw new Error(`no step ${name}`);
  return found;
}

test("the vector files hold the records this file claims to check", () => {
  expect(cave.auth_vectors).toHaveLength(3);
  expect(cave.computed_extra.vectors).toHaveLength(40);
  expect(examples.chap_md5.vectors).toHaveLength(10);
});

describe("CAVE", () => {
  test("SSD_A and SSD_B, published", () => {
    const { a_key, randssd, esn, ssd_a, ssd_b } = cave.ssd_generation;
    const ssd = generateSsd(hex(a_key), hex(randssd), hex(esn));
    expect([ssd.ssdA.toHex(), ssd.ssdB.toHex()]).toEqual([ssd_a, ssd_b]);
  });

  test("signatures of the three published sets", () => {
    for (const { ssd_auth, rand_challenge, auth_data, esn, auth_signature } of cave.auth_vectors) {
      const sign = signCave(hex(ssd_auth), hex(rand_challenge), hex(auth_data), hex(esn));
      expect(sign.toHex()).toBe(signature(auth_signature));
    }
  });

  test("an LFSR of zeros is loaded with the challenge", () => {
    // The halves of SSD_A cancel the challenge here. Computed, in two implementations.
    const [ssdA, rand] = [hex("0102030400000000"), hex("01020304")];
    const sign = signCave(ssdA, rand, new Uint8Array(3), new Uint8Array(4));
    expect(sign.toHex()).toBe("0368e7");
  });

  test("40 computed subscribers: SSD, AUTHBS and AUTHR through APDUs", () => {
    for (const vector of cave.computed_extra.vectors) {
      const { min10, esn_or_uimid, a_key, randssd, ssd_a, ssd_b, randbs, authbs, rand } = vector;
      const uim = createUimInCdma({
        imsi: `46003${min10}`,
        uimId: hex(esn_or_uimid),
        aKey: hex(a_key),
        random: () => hex(randbs),
      });
      expect(encodeImsiS1(`46003${min10}`).toHex()).toBe(vector.imsi_s1);
      expect(exchangeA0(uim, "a08a00000400000000")).toBe(`${randbs}9000`);
      expect(send(uim, updateSsd(randssd))).toBe("9000");
      expect(uim.snapshot().ssdA).toBe("0000000000000000");
      expect(send(uim, `a082000003${signature(authbs)}`)).toBe("9000");
      expect(uim.snapshot()).toMatchObject({ ssdA: ssd_a, ssdB: ssd_b });
      expect(exchangeA0(uim, runCave(rand))).toBe(`${signature(vector.authr)}9000`);
    }
  });

  test("the card's UIM_ID counts, not the ESN of the terminal; AUTH_DATA by the digit length", () => {
    const [set] = cave.auth_vectors;
    if (set === undefined) throw new Error("no set");
    const uim = createUimInCdma({ uimId: hex(set.esn), ssdA: hex(set.ssd_auth) });
    for (const esn of [ESN_FIELD, "000000d75a96ec", "ffffffffffffff"]) {
      const apdu = runCave(set.rand_challenge, `18${set.auth_data}`, esn);
      expect(exchangeA0(uim, apdu)).toBe(`${signature(set.auth_signature)}9000`);
    }
    const partly = hex(`${encodeImsiS1(PROFILE.imsi).toHex().slice(0, 4)}71`);
    const sign = signCave(hex(set.ssd_auth), hex(set.rand_challenge), partly, hex(set.esn));
    const apdu = runCave(set.rand_challenge, `08${set.auth_data}`);
    expect(exchangeA0(uim, apdu)).toBe(`${sign.toHex()}9000`);
    expect(send(uim, runCave(set.rand_challenge, `1c${set.auth_data}`))).toBe("6f00");
    expect(send(uim, runCave(set.rand_challenge, `03${set.auth_data}`))).toBe("6f00");
    expect(send(uim, runCave("00000064").replace("1100", "1101"))).toBe("6f00");
  });
});

describe("the example session", () => {
  test("RUN CAVE of ruimtools.com, then an update of SSD, then RUN CAVE with the new SSD", () => {
    const uim = createUimInCdma();
    const first = step("RUN CAVE with SSD=0");
    expect(send(uim, first.c)).toBe(first.sw);
    expect(send(uim, first.get_response ?? "")).toBe(`${first.r}9000`);
    const challenge = step("BASE STATION CHALLENGE");
    expect(send(uim, challenge.c)).toBe(challenge.sw);
    expect(send(uim, challenge.get_response ?? "")).toBe(`${challenge.r}9000`);
    expect(challenge.r).toBe(RANDBS);
    const update = step("UPDATE SSD");
    expect(send(uim, update.c)).toBe(update.sw);
    const confirm = step("CONFIRM SSD ok");
    expect(send(uim, confirm.c)).toBe(confirm.sw);
    expect(uim.snapshot()).toMatchObject({ ssdA: update.new_ssd_a, ssdB: update.new_ssd_b });
    const last = step("RUN CAVE with new SSD");
    expect(exchangeA0(uim, last.c)).toBe(`${last.r}9000`);
  });

  test("a wrong AUTHBS is 9804, ends the update and leaves SSD alone", () => {
    const uim = createUimInCdma();
    const before = uim.snapshot();
    send(uim, `a08a000004${RANDSEED}`);
    send(uim, step("UPDATE SSD").c);
    const wrong = step("CONFIRM SSD wrong");
    expect(send(uim, wrong.c)).toBe(wrong.sw);
    expect(send(uim, step("CONFIRM SSD ok").c)).toBe("9834");
    expect(uim.snapshot()).toEqual(before);
  });
});

describe("the update of SSD out of order", () => {
  test("each step needs the one before", () => {
    const uim = createUimInCdma();
    const [update, confirm] = [step("UPDATE SSD").c, step("CONFIRM SSD ok").c];
    expect(send(uim, update)).toBe("9834");
    expect(send(uim, confirm)).toBe("9834");
    send(uim, `a08a000004${RANDSEED}`);
    expect(send(uim, confirm)).toBe("9834");
    expect(send(uim, update)).toBe("9000");
    // Another challenge starts again.
    send(uim, `a08a000004${RANDSEED}`);
    expect(send(uim, confirm)).toBe("9834");
    expect(send(uim, update)).toBe("9000");
    expect(send(uim, confirm)).toBe("9000");
    expect(send(uim, confirm)).toBe("9834");
  });

  test("a reset forgets the update; SSD survives it and power loss", () => {
    const uim = createUimInCdma();
    send(uim, `a08a000004${RANDSEED}`);
    send(uim, step("UPDATE SSD").c);
    uim.reset();
    send(uim, SELECT_DF_CDMA);
    expect(send(uim, step("CONFIRM SSD ok").c)).toBe("9834");
    send(uim, `a08a000004${RANDSEED}`);
    send(uim, step("UPDATE SSD").c);
    send(uim, step("CONFIRM SSD ok").c);
    const again = createUim(PROFILE, JSON.parse(JSON.stringify(uim.snapshot())));
    expect(again.snapshot()).toEqual(uim.snapshot());
    send(again, SELECT_DF_CDMA);
    expect(exchangeA0(again, runCave("00000064"))).toBe("03806b9000");
  });
});

describe("CHAP (RFC 1994)", () => {
  test.each(examples.chap_md5.vectors)("identifier $chap_id, HRPD and simple IP", (vector) => {
    const secret = hex(vector.secret);
    const uim = createUimInCdma({ hrpdSecret: secret, simpleIpSecret: secret });
    expect(exchangeA0(uim, vector.hrpd_access_auth_apdu)).toBe(`${vector.response_md5}9000`);
    expect(exchangeA0(uim, vector.compute_ip_auth_chap_apdu)).toBe(`${vector.response_md5}9000`);
  });

  test("without a secret, of another kind, for another NAI, without a challenge", () => {
    const uim = createUimInCdma();
    expect(send(uim, "a080040011c4dec4da1bf3c83b848db559c04cc3ed60")).toBe("6b00");
    expect(send(uim, "a080000012c400dec4da1bf3c83b848db559c04cc3ed60")).toBe("6b00");
    const both = createUimInCdma({ hrpdSecret: hex("aa"), simpleIpSecret: hex("bb") });
    for (const p1 of ["01", "02", "03", "05"])
      expect(send(both, `a080${p1}0003c400de`)).toBe("6b00");
    expect(send(both, "a080000003c401de")).toBe("9404");
    expect(send(both, "a080000002c400")).toBe("6700");
    expect(send(both, "a080040001c4")).toBe("6700");
    expect(send(both, "a080040002c4de")).toBe("9f10");
  });
});

describe("files and conditions", () => {
  test("IMSI_M, RUIM_ID, usage indicator and service table", () => {
    const uim = createUimInCdma({ hrpdSecret: hex("aa") });
    const read = (fid: string, length: string): string => {
      expect(send(uim, `a0a4000002${fid}`)).toBe("9f0f");
      return send(uim, `a0b00000${length}`);
    };
    // C.S0005 section 2.3.1 by hand: 440 is 339, 07 is 96, 255 is 144.
    expect(read("6f22", "0a")).toBe("005301bc1ff9608090009000");
    expect(read("6f31", "08")).toBe("04a4a3a2a1ffffff9000");
    expect(read("6f42", "01")).toBe("019000");
    expect(read("6f32", "0a")).toBe("000300000000000000009000");
  });

  test("IMSI_M of an IMSI shorter than 15 digits is of class 1; others are refused", () => {
    expect(encodeImsiM("46003123456789").toHex().slice(0, 2)).toBe("01");
    expect(encodeImsiM("46003123456789")[7]).toBe(0x87);
    expect(encodeImsiM("4600312")[7]).toBe(0x80);
    expect(() => encodeImsiM("460031")).toThrow("imsi");
    expect(encodeRuimId(hex("01020304")).toHex()).toBe("0404030201ffffff");
  });

  test("the commands need DF_CDMA and CHV1, the right P1, P2 and length", () => {
    const uim = createUim({ ...PROFILE, pin: "1234", hrpdSecret: hex("aa") });
    const commands = [
      runCave("00000064"),
      `a08a000004${RANDSEED}`,
      updateSsd("11223344556677"),
      "a08200000301df1f",
      "a080040002c4de",
    ];
    for (const command of commands) expect(send(uim, command)).toBe("9804");
    send(uim, SELECT_DF_CDMA);
    for (const command of commands) expect(send(uim, command)).toBe("9804");
    expect(send(uim, VERIFY_1234)).toBe("9000");
    for (const command of commands) expect(send(uim, command)).toMatch(/^(9f..|9000)$/u);
    for (const command of commands) {
      expect(send(uim, `${command.slice(0, 4)}ff00${command.slice(8)}`)).toBe("6b00");
      expect(send(uim, `${command.slice(0, 6)}01${command.slice(8)}`)).toBe("6b00");
      expect(send(uim, command.slice(0, -2))).toBe("6700");
      expect(send(uim, command.slice(0, 8) + "01aa")).toMatch(/^67/u);
    }
  });

  test("profiles that are no personalisation", () => {
    const wrong: Partial<UimProfile>[] = [
      { uimId: new Uint8Array(3) },
      { aKey: new Uint8Array(16) },
      { ssdA: new Uint8Array(7) },
      { imsi: "12" },
    ];
    for (const profile of wrong) expect(() => createUim({ ...PROFILE, ...profile })).toThrow();
    const saved = { ssdA: "00", ssdB: "0000000000000000", pin: null };
    expect(() => createUim(PROFILE, saved)).toThrow("SSD");
  });
});

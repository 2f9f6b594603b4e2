/**
 * SELECT, READ, STATUS, GET RESPONSE and the status words of wrong class, instruction, order,
 * length.
 */
import { describe, expect, test } from "bun:test";
import vectors from "../../vectors/usim_apdu_examples.json";
import {
  SELECT_MF,
  SELECT_USIM,
  TEST_PROFILE,
  VERIFY_1234,
  createUsimInAdf,
  exchange,
  forgeAuthenticate,
  send,
} from "./test-card.ts";
import { createUsim } from "./usim.ts";

const { apdu } = vectors;
/**
 * The examples name EF_ARR record 2 for every file; the MF and the ADF of this card have record 1.
 */
const fcp = {
  mf: vectors.fcp.mf.replace("2f0602", "2f0601"),
  adf_usim: vectors.fcp.adf_usim.replace("2f0602", "2f0601"),
};
const RAND = "eb68fed91b4717be9d9ab1d2de7e1f1e";
const AID = "a0000000871002ff86ffff89ffffffff";

/** Sends all frames to one card and pairs each with its answer. */
function runScript(usim: { transmit: (apdu: Uint8Array) => Uint8Array }, frames: string[]) {
  return frames.map((frame) => usim.transmit(Uint8Array.fromHex(frame)).toHex());
}

describe("SELECT", () => {
  test("by AID: full, prefixes down to 7 bytes, not shorter, not another application", () => {
    for (let length = 7; length <= 16; length += 1) {
      const usim = createUsim(TEST_PROFILE);
      const lc = length.toString(16).padStart(2, "0");
      expect(send(usim, `00a4040c${lc}${AID.slice(0, 2 * length)}`)).toBe("9000");
      expect(send(usim, "00a4000c026f07")).toBe("9000");
    }
    const usim = createUsim(TEST_PROFILE);
    expect(send(usim, `00a4040c06${AID.slice(0, 12)}`)).toBe("6a82");
    expect(send(usim, "00a4040c07a0000000871004")).toBe("6a82");
    expect(send(usim, `00a4040c10${AID.slice(0, 30)}00`)).toBe("6a82");
    expect(send(usim, `00a4040c11${AID}ff`)).toBe("6700");
    expect(send(usim, "00a4000c026f07")).toBe("6a82");
  });

  test("by path from the MF and from the current DF", () => {
    const usim = createUsim(TEST_PROFILE);
    expect(send(usim, "00a4080c047fff6f07")).toBe("6a82");
    send(usim, SELECT_USIM);
    expect(exchange(usim, apdu.select_by_path_from_mf.c)).toStartWith("62");
    expect(send(usim, "00a4080c047fff6f07")).toBe("9000");
    expect(send(usim, apdu.read_binary_imsi.c)).toBe(apdu.read_binary_imsi.r);
    expect(send(usim, "00a4090c026fad")).toBe("9000");
    expect(send(usim, "00a4090c022fe2")).toBe("6a82");
    expect(send(usim, "00a4080c047fff2fe2")).toBe("6a82");
    expect(send(usim, "00a4080c063f007fff6f07")).toBe("6a82");
    expect(send(usim, "00a4080c042fe26f07")).toBe("6a82");
    expect(send(usim, "00a4080c027fff")).toBe("9000");
  });

  test("7FFF is the active application, also from the MF, until reset", () => {
    const usim = createUsim(TEST_PROFILE);
    expect(send(usim, "00a4000c027fff")).toBe("6a82");
    send(usim, SELECT_USIM);
    send(usim, SELECT_MF);
    expect(send(usim, "00a4000c026f07")).toBe("6a82");
    expect(exchange(usim, apdu.select_current_adf.c)).toStartWith("622b8202");
    expect(send(usim, "00a4000c026f07")).toBe("9000");
    usim.reset();
    expect(send(usim, "00a4000c027fff")).toBe("6a82");
  });

  test("a refused SELECT keeps the current file", () => {
    const usim = createUsimInAdf();
    send(usim, "00a4000c026fad");
    expect(send(usim, "00a4000c026fff")).toBe("6a82");
    expect(send(usim, "00b0000004")).toBe("000000029000");
  });

  test("a DF selected after an EF leaves no EF selected", () => {
    const usim = createUsimInAdf();
    send(usim, "00a4000c026fad");
    send(usim, SELECT_USIM);
    expect(send(usim, "00b0000004")).toBe("6986");
  });

  test.each([
    ["P2 without FCP and without 'no data'", "00a40000023f00", "6a86"],
    ["P2 with occurrence 'next'", `00a4040610${AID}`, "6a86"],
    ["unknown P1", "00a40104023f00", "6a86"],
    ["one byte of FID", "00a40004013f", "6700"],
    ["three bytes of FID", "00a40004033f0000", "6700"],
    ["odd path", "00a408040300ffff", "6700"],
    ["no data", "00a40004", "6700"],
    ["no AID", "00a4040400", "6700"],
    ["Lc beyond the data", "00a40004023f", "6700"],
    ["two bytes after the data", "00a40004023f000000", "6700"],
    ["unknown file", "00a40004021234", "6a82"],
  ])("%s", (_name, frame, sw) => {
    expect(send(createUsim(TEST_PROFILE), frame)).toBe(sw);
  });
});

describe("GET RESPONSE", () => {
  test("wrong Le is 6Cxx and keeps the data; they are delivered once", () => {
    const usim = createUsim(TEST_PROFILE);
    const length = (fcp.mf.length / 2).toString(16);
    const answers = runScript(createUsim({ ...TEST_PROFILE, pin: "1234" }), [
      apdu.select_mf.c,
      "00c0000000",
      "00c0000005",
      "00c00000ff",
      `00c00000${length}`,
      `00c00000${length}`,
    ]);
    const wrongLe = `6c${length}`;
    expect(answers).toEqual([`61${length}`, wrongLe, wrongLe, wrongLe, `${fcp.mf}9000`, "6985"]);
    expect(send(usim, "00c0000010")).toBe("6985");
  });

  test.each(["80f2000c00", "00a4000c023f00", "00ff000000", "a0c000002c", "81c000002c", "00c0"])(
    "%s in between drops the data",
    (between) => {
      const usim = createUsimInAdf();
      expect(send(usim, forgeAuthenticate(1, 0, RAND))).toBe("612c");
      send(usim, between);
      expect(send(usim, "00c000002c")).toBe("6985");
    },
  );

  test("wrong P1 P2 drops them too", () => {
    const usim = createUsimInAdf();
    send(usim, forgeAuthenticate(1, 0, RAND));
    expect(send(usim, "00c000012c")).toBe("6a86");
    expect(send(usim, "00c000002c")).toBe("6985");
  });
});

describe("READ BINARY and READ RECORD", () => {
  test("offset, partial length, end of file", () => {
    const usim = createUsimInAdf();
    send(usim, "00a4000c026f07");
    expect(send(usim, "00b0000402")).toBe("89679000");
    expect(send(usim, "00b0000801")).toBe("019000");
    expect(send(usim, "00b0000802")).toBe("6c01");
    expect(send(usim, "00b0000901")).toBe("6b00");
    expect(send(usim, "00b07f0001")).toBe("6b00");
    expect(send(usim, "00b00000")).toBe("6c09");
    expect(send(usim, apdu.read_binary_sfi_ad.c)).toBe(apdu.read_binary_sfi_ad.r);
    // The SFI made EF_AD the current file.
    expect(send(usim, "00b0000301")).toBe("029000");
    expect(send(usim, "00b0870202")).toBe("06109000");
  });

  test.each([
    ["no EF selected", "00b0000001", "6986"],
    ["no EF selected", "00b2010404", "6986"],
    ["unknown SFI", "00b09e0001", "6a82"],
    ["unknown SFI", "00b201f404", "6a82"],
    ["reserved bits of P1", "00b0a30004", "6a86"],
    ["transparent file read by record", "00b2011c04", "6981"],
    ["record file read as binary", "00b0810004", "6981"],
    ["mode 'next'", "00b2000a04", "6a86"],
    ["current record", "00b2000c04", "6a83"],
    ["record after the last", "00b2030c04", "6a83"],
    ["wrong record length", "00b2010c05", "6c04"],
    ["Le 256", "00b2010c00", "6c04"],
    ["data where none belong", "00b083000400", "6700"],
  ])("%s", (_name, frame, sw) => {
    expect(send(createUsimInAdf(), frame)).toBe(sw);
  });
});

describe("STATUS", () => {
  test("FCP of the current DF, AID of the application, nothing", () => {
    const usim = createUsim({ ...TEST_PROFILE, pin: "1234" });
    const mfLength = (fcp.mf.length / 2).toString(16);
    expect(send(usim, apdu.status.c)).toBe(`6c${mfLength}`);
    expect(send(usim, `80f20000${mfLength}`)).toBe(`${fcp.mf}9000`);
    expect(send(usim, "80f2000112")).toBe("6985");
    send(usim, SELECT_USIM);
    expect(send(usim, "80f2000112")).toBe(`8410${AID}9000`);
    expect(send(usim, "80f2010c00")).toBe("9000");
    expect(send(usim, `80f20200${(fcp.adf_usim.length / 2).toString(16)}`)).toBe(
      `${fcp.adf_usim}9000`,
    );
    expect(send(usim, "80f2030c00")).toBe("6a86");
    expect(send(usim, "80f2000200")).toBe("6a86");
    expect(send(usim, "80f2000c0101")).toBe("6700");
  });
});

describe("class, instruction and frame", () => {
  test.each([
    ["", "6700"],
    ["00", "6700"],
    ["00a400", "6700"],
    ["0070000001", "6881"],
    ["0070800100", "6881"],
    ["01a4000c023f00", "6881"],
    ["03b0000001", "6881"],
    ["40a4000c023f00", "6881"],
    ["c0f2000000", "6881"],
    ["81f2000000", "6881"],
    ["0ca4000c023f00", "6882"],
    ["84f2000000", "6882"],
    ["10a4000c023f00", "6e00"],
    ["20a4000c023f00", "6e00"],
    ["a0a40000023f00", "6e00"],
    ["ff00000000", "6e00"],
    ["00d6000001ff", "6d00"],
    ["00dc0104", "6d00"],
    ["0024000110", "6d00"],
    ["0089008122", "6d00"],
    ["00f2000000", "6d00"],
    ["80a4000c023f00", "6d00"],
    ["8010000010ffffffffffffffffffffffffffffffff", "6d00"],
    ["8078000100", "6d00"],
  ])("%s is answered %s", (frame, sw) => {
    expect(send(createUsimInAdf(), frame)).toBe(sw);
  });
});

describe("reset", () => {
  test("returns a well-formed ATR: T=0 first, right length, TCK", () => {
    const atr = createUsim(TEST_PROFILE).reset();
    const historicalBytes = (atr[1] ?? 0) & 0x0f;
    expect([...atr.subarray(0, 6)]).toEqual([0x3b, 0x90 | historicalBytes, 0x96, 0x80, 0x1f, 0xc7]);
    expect(atr).toHaveLength(6 + historicalBytes + 1);
    expect(atr.subarray(1).reduce((sum, byte) => sum ^ byte, 0)).toBe(0);
  });

  test("ends the session: MF selected, PIN not verified, nothing pending", () => {
    const usim = createUsimInAdf({ pin: "1234" });
    send(usim, VERIFY_1234);
    send(usim, forgeAuthenticate(1, 0, RAND));
    usim.reset();
    expect(send(usim, "00c000002c")).toBe("6985");
    expect(send(usim, "00a4000c026f07")).toBe("6a82");
    send(usim, SELECT_USIM);
    expect(send(usim, forgeAuthenticate(2, 0, RAND))).toBe("6982");
    expect(usim.snapshot().seqMs[0]).toBe(1);
  });
});

/** File contents, FCP templates and access rules, read through the interface as a terminal does. */
import { describe, expect, test } from "bun:test";
import vectors from "../../vectors/usim_apdu_examples.json";
import {
  SELECT_MF,
  SELECT_USIM,
  TEST_PROFILE,
  VERIFY_1234,
  createUsimInAdf,
  exchange,
  parseTlvs,
  send,
} from "./test-card.ts";
import { createUsim } from "./usim.ts";
import type { Usim } from "./usim.ts";

const { ef, fcp, apdu } = vectors;

/** [FID, SFI, bytes, needs PIN] of every EF; records joined. */
const MF_FILES = [
  ["2fe2", "02", ef.iccid.bytes, false],
  ["2f05", "05", "656e", false],
] as const;
const USIM_FILES = [
  ["6f05", "02", "656e", false],
  ["6f07", "07", ef.imsi_15.bytes, true],
  ["6f08", "08", ef.keys_initial.bytes, true],
  ["6f09", "09", ef.keys_initial.bytes, true],
  ["6f31", "12", "05", true],
  // Services 33 and 34 alone: bits 1 and 2 of byte 5.
  ["6f38", "04", `0000000003${"00".repeat(12)}`, true],
  ["6f46", "", `00${"ff".repeat(16)}`, false],
  ["6f56", "05", "00", true],
  ["6f73", "0c", "ffffffffffffff64f0100000ff01", true],
  // The IMSI ends in 0: access class 0.
  ["6f78", "06", "0001", true],
  ["6f7b", "0d", "ff".repeat(12), true],
  ["6f7e", "0b", ef.loci_initial.bytes, true],
  ["6fad", "03", ef.ad_mnc2.bytes, false],
] as const;

function readSelected(usim: Usim): string {
  const answer = send(usim, "00b0000000");
  return answer.startsWith("6c") ? send(usim, `00b00000${answer.slice(2)}`) : answer;
}

function readFile(usim: Usim, fid: string): string {
  expect(send(usim, `00a4000c02${fid}`)).toBe("9000");
  return readSelected(usim);
}

/** Value of a tag in an FCP template. */
function fcpValue(template: string, tag: string): string | undefined {
  const inner = parseTlvs(template)[0]?.[1] ?? "";
  return parseTlvs(inner).find(([each]) => each === tag)?.[1];
}

function readAccessRule(usim: Usim, record: string): [string, string][] {
  send(usim, "00a4080c022f06");
  const length = send(usim, `00b2${record}0400`).replace(/^6c/u, "");
  const answer = send(usim, `00b2${record}04${length}`);
  expect(answer).toEndWith("9000");
  return parseTlvs(answer.slice(0, -4).replace(/(ff)+$/u, ""));
}

describe("contents", () => {
  test.each([...MF_FILES])("MF/%s", (fid, sfi, bytes) => {
    const usim = createUsim(TEST_PROFILE);
    expect(readFile(usim, fid)).toBe(`${bytes}9000`);
    const le = (bytes.length / 2).toString(16).padStart(2, "0");
    const p1 = (0x80 | Number.parseInt(sfi, 16)).toString(16);
    expect(send(createUsim(TEST_PROFILE), `00b0${p1}00${le}`)).toBe(`${bytes}9000`);
  });

  test.each([...USIM_FILES])("ADF.USIM/%s", (fid, sfi, bytes) => {
    const usim = createUsimInAdf();
    expect(readFile(usim, fid)).toBe(`${bytes}9000`);
    if (sfi === "") return;
    const le = (bytes.length / 2).toString(16).padStart(2, "0");
    const p1 = (0x80 | Number.parseInt(sfi, 16)).toString(16);
    expect(send(createUsimInAdf(), `00b0${p1}00${le}`)).toBe(`${bytes}9000`);
  });

  test("EF_DIR, one record naming the USIM by its full AID", () => {
    const usim = createUsim(TEST_PROFILE);
    send(usim, "00a4000c022f00");
    expect(send(usim, apdu.read_record_dir.c)).toBe(apdu.read_record_dir.r);
    expect(send(usim, "00b202042b")).toBe(apdu.read_record_dir.eof);
    expect(ef.dir_record.bytes + "9000").toBe(apdu.read_record_dir.r);
  });

  test("EF_ECC, one record of four bytes for each code", () => {
    const usim = createUsimInAdf();
    send(usim, "00a4000c026fb7");
    expect(send(usim, "00b2010404")).toBe("11f2ff009000");
    expect(send(usim, "00b2020404")).toBe("19f1ff009000");
    expect(send(usim, "00b2030404")).toBe("6a83");
    expect(send(createUsimInAdf(), "00b2010c04")).toBe("11f2ff009000");
  });
});

describe("encodings that depend on the profile", () => {
  test("IMSI of 14 digits, ICCID of 19 and 20 digits", () => {
    const short = createUsimInAdf({ imsi: ef.imsi_14.digits, iccid: ef.iccid_19.digits });
    expect(readFile(short, "6f07")).toBe(`${ef.imsi_14.bytes}9000`);
    send(short, SELECT_MF);
    expect(readFile(short, "2fe2")).toBe(`${ef.iccid_19.bytes}9000`);
    const long = createUsim({ ...TEST_PROFILE, iccid: "89860012026010004281" });
    expect(readFile(long, "2fe2")).toBe("986800212006010024189000");
  });

  test("three-digit MNC in EF_AD, EF_LOCI and EF_PSLOCI", () => {
    const usim = createUsimInAdf({ imsi: "310410123456789", mncLength: 3 });
    expect(readFile(usim, "6fad")).toBe(`${ef.ad_mnc3.bytes}9000`);
    expect(readFile(usim, "6f7e").slice(8, 14)).toBe(ef.plmn_310_410.bytes);
    expect(readFile(usim, "6f73").slice(14, 20)).toBe(ef.plmn_310_410.bytes);
    expect(readFile(usim, "6f78")).toBe("02009000");
  });

  test("two-digit MNC ignores the digit after it", () => {
    const usim = createUsimInAdf({ imsi: "460019876543213" });
    expect(readFile(usim, "6f7e").slice(8, 14)).toBe(ef.plmn_460_01.bytes);
    expect(readFile(usim, "6f78")).toBe("00089000");
  });

  test("EF_SPN and EF_UST follow spn, gsmAccess and gsmSecurityContext", () => {
    const usim = createUsimInAdf({ spn: "TESTNET", gsmAccess: true, gsmSecurityContext: true });
    expect(readFile(usim, "6f46")).toBe(`${ef.spn.bytes}9000`);
    // 19 in byte 3 bit 3; 27 in byte 4 bit 3; 33, 34 and 38 in byte 5 bits 1, 2 and 6.
    expect(readFile(usim, "6f38")).toBe(`0000040423${"00".repeat(12)}9000`);
  });

  test.each([
    { imsi: "46001" },
    { imsi: "4600198765432100" },
    { imsi: "46001987654321x" },
    { iccid: "89860" },
    { iccid: "898600120260100042812" },
    { spn: "" },
    { spn: "Ünicode" },
    { k: new Uint8Array(15) },
    { opc: new Uint8Array(17) },
    { pin: "123" },
    { pin: "123456789" },
    { pin: "12a4" },
    { pin: "1234", puk: "1234567" },
    { seqMs: [0] },
  ])("a profile no card can have is refused: %j", (profile) => {
    expect(() => createUsim({ ...TEST_PROFILE, ...profile })).toThrow();
  });
});

describe("FCP templates (TS 102 221 section 11.1.1.3)", () => {
  test("MF and ADF.USIM, with PIN1 enabled and disabled", () => {
    const [mfFcp, adfFcp] = [fcp.mf, fcp.adf_usim].map((each) => each.replace("2f0602", "2f0601"));
    if (mfFcp === undefined || adfFcp === undefined) throw new Error("no example");
    const usim = createUsim({ ...TEST_PROFILE, pin: "1234" });
    expect(exchange(usim, apdu.select_mf.c)).toBe(`${mfFcp}9000`);
    expect(exchange(usim, apdu.select_usim_aid.c)).toBe(`${adfFcp}9000`);
    const open = createUsim(TEST_PROFILE);
    expect(exchange(open, apdu.select_mf.c)).toBe(`${mfFcp.replace("900180", "900100")}9000`);
  });

  // The examples name EF_ARR record 2 for every file, and their EF_DIR has three records, this one
  // has one. Everything else, including the order of the objects, is compared.
  test.each([
    ["2fe2", fcp.ef_iccid, "02"],
    ["2f00", fcp.ef_dir.replace("002b03", "002b01").replace("80020081", "8002002b"), "02"],
    ["6f07", fcp.ef_imsi, "04"],
    ["6fad", fcp.ef_ad, "02"],
  ])("EF %s", (fid, example, ruleRecord) => {
    const usim = fid.startsWith("6f") ? createUsimInAdf() : createUsim(TEST_PROFILE);
    const expected = example.replace("2f0602", `2f06${ruleRecord}`);
    expect(exchange(usim, `00a4000402${fid}`)).toBe(`${expected}9000`);
  });

  test("every EF: identifier, structure, size and SFI agree with the file", () => {
    const usim = createUsimInAdf();
    for (const [fid, sfi, bytes] of USIM_FILES) {
      const template = exchange(usim, `00a4000402${fid}`).slice(0, -4);
      expect(fcpValue(template, "82")).toBe("4121");
      expect(fcpValue(template, "83")).toBe(fid);
      expect(Number.parseInt(fcpValue(template, "80") ?? "", 16)).toBe(bytes.length / 2);
      const sfiValue = fcpValue(template, "88");
      expect(sfiValue === "" ? "" : Number.parseInt(sfiValue ?? "", 16) >> 3).toBe(
        sfi === "" ? "" : Number.parseInt(sfi, 16),
      );
    }
    const ecc = exchange(usim, "00a40004026fb7").slice(0, -4);
    expect(fcpValue(ecc, "82")).toBe("4221000402");
    expect(fcpValue(ecc, "80")).toBe("0008");
  });
});

describe("access rules", () => {
  test("EF_ARR says of every file what the card enforces", () => {
    const usim = createUsim({ ...TEST_PROFILE, pin: "1234" });
    for (const [fid, , bytes, needsPin] of [...MF_FILES, ...USIM_FILES]) {
      send(usim, fid.startsWith("2f") ? SELECT_MF : SELECT_USIM);
      const template = exchange(usim, `00a4000402${fid}`).slice(0, -4);
      const answer = readSelected(usim);
      expect(answer).toBe(needsPin ? "6982" : `${bytes}9000`);
      const security = fcpValue(template, "8b") ?? "";
      expect(security).toStartWith("2f06");
      const [access, condition] = readAccessRule(usim, security.slice(4));
      expect(access).toEqual(["80", "01"]);
      expect(condition).toEqual(needsPin ? ["a4", "830101950108"] : ["90", ""]);
    }
  });

  test("the PIN opens all of them", () => {
    const usim = createUsim({ ...TEST_PROFILE, pin: "1234" });
    send(usim, SELECT_USIM);
    send(usim, VERIFY_1234);
    for (const [fid, , bytes] of USIM_FILES) expect(readFile(usim, fid)).toBe(`${bytes}9000`);
  });
});

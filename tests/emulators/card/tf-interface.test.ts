import { describe, expect, test } from "bun:test";
import { CLA, INS, SW, TAG } from "#protocol/assigned-numbers";
import { createCard } from "./card.ts";
import { createNonVolatileMemory } from "./non-volatile-memory.ts";
import {
  createBench,
  encodeApdus,
  exchange,
  readStatus,
  select,
  transmit,
} from "./bench-double.ts";
import { startData, startSession } from "./platform-double.ts";
import { bind } from "./result-double.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const SELECT = "00 A4 04 00 09 F0 53494D4C41544348";

/** APDUs of PSO: COMPUTE DIGITAL SIGNATURE over so many bytes. */
function chainOf(byteCount: number): Buffer[] {
  const data = Buffer.alloc(byteCount, 1);
  return encodeApdus({ cla: 0, ins: INS.performSecurityOperation, p1p2: 0x9e9a, data });
}

describe("status words", () => {
  const cases: readonly (readonly [apdu: string, sw: number, name: string])[] = [
    ["", SW.wrongLength, "nothing"],
    ["00 CA 00", SW.wrongLength, "three bytes"],
    ["01 CA 00 80 00", SW.logicalChannelNotSupported, "channel 1"],
    ["03 CA 00 80 00", SW.logicalChannelNotSupported, "channel 3"],
    ["40 CA 00 80 00", SW.logicalChannelNotSupported, "channel 4"],
    ["81 10 00 00 01 00", SW.logicalChannelNotSupported, "channel 1, proprietary"],
    ["00 70 00 00 01", SW.logicalChannelNotSupported, "MANAGE CHANNEL open"],
    ["04 CA 00 80 00", SW.secureMessagingNotSupported, "secure messaging 04"],
    ["0C CA 00 80 00", SW.secureMessagingNotSupported, "secure messaging 0C"],
    ["84 10 00 00 01 00", SW.secureMessagingNotSupported, "secure messaging 84"],
    ["20 CA 00 80 00", SW.classNotSupported, "class 20"],
    ["A0 A4 00 00 02 3F00", SW.classNotSupported, "class A0"],
    ["C0 CA 00 80 00", SW.classNotSupported, "class C0"],
    ["FF CA 00 80 00", SW.classNotSupported, "class FF"],
    ["00 20 00 00 00", SW.instructionNotSupported, "VERIFY"],
    ["00 10 00 00 01 00", SW.instructionNotSupported, "START SESSION, interindustry class"],
    ["80 A4 04 00 01 00", SW.instructionNotSupported, "SELECT, proprietary class"],
    ["80 11 00 00 01 00", SW.instructionNotSupported, "instruction 11"],
    ["80 16 00 00 01 00", SW.conditionsNotSatisfied, "OPEN CHALLENGE without session"],
    ["00 A4 00 00 02 3F00", SW.incorrectP1P2, "SELECT by file id"],
    ["00 A4 04 0C 02 3F00", SW.incorrectP1P2, "SELECT without FCI"],
    ["80 10 01 00 01 00", SW.incorrectP1P2, "START SESSION P1 01"],
    ["80 12 00 01 01 00", SW.incorrectP1P2, "ANSWER P2 01"],
    ["00 2A 9E 9B 01 00", SW.incorrectP1P2, "PSO 9E9B"],
    ["00 C0 00 01 10", SW.incorrectP1P2, "GET RESPONSE P2 01"],
    ["00 CA 00 81 00", SW.referencedDataNotFound, "GET DATA 0081"],
    ["00 CA 00 80", 0x6c3d, "GET DATA without Le"],
    ["00 CA 00 80 00", 0x6c3d, "GET DATA, Le 256"],
    ["00 CA 00 80 3C", 0x6c3d, "GET DATA, Le one short"],
    ["00 CA 00 80 01 00", SW.wrongLength, "GET DATA with data"],
    ["00 CA 7F 21 10", 0x6c00, "GET DATA certificate, Le 16 of 600"],
    ["10 CA 00 80 01 00", SW.success, "GET DATA in a chain, first"],
    ["00 A4 04 00", SW.wrongLength, "SELECT without AID"],
    ["00 A4 04 00 05 A0000000", SW.wrongLength, "Lc one too many"],
    ["00 A4 04 00 05 A000000001 00 00", SW.wrongLength, "two bytes after the data"],
    ["80 10 00 00", SW.wrongLength, "START SESSION without data"],
    ["80 10 00 00 00 0005 0102030405", SW.wrongLength, "extended length"],
    ["80 10 00 00 02 8A00", SW.incorrectData, "START SESSION, one element"],
    ["80 12 00 00 01 00", SW.conditionsNotSatisfied, "ANSWER without session"],
    ["80 14 00 00 01 00", SW.conditionsNotSatisfied, "RESULT without session"],
    ["80 18 00 00 02 C300", SW.incorrectData, "PROVE POSSESSION, empty challenge"],
    ["00 2A 9E 9A 01 00", SW.securityStatusNotSatisfied, "sign while idle"],
    ["00 C0 00 00 00", SW.conditionsNotSatisfied, "GET RESPONSE, nothing waits"],
  ];
  for (const [apdu, sw, name] of cases) {
    test(`${name}: ${sw.toString(16)}`, async () => {
      const bench = await createBench();
      if (apdu.startsWith("00 CA 00 80")) await bind(bench, { verdict: 0, lock: 1 });
      const answer = await transmit(bench.card, hex(apdu));
      expect(answer).toEqual({ sw, data: Buffer.alloc(0) });
    });
  }
});

describe("selection", () => {
  test("nothing but SELECT runs before the applet is selected", async () => {
    const bench = await createBench();
    for (const leave of [bench.card.reset, () => select(bench, [0xa0, 0, 0, 0, 0x87])]) {
      await leave();
      for (const apdu of ["00 CA 00 80 27", "80 10 00 00 01 00", "00 2A 9E 9A 01 00"]) {
        expect((await transmit(bench.card, hex(apdu))).sw).toBe(SW.conditionsNotSatisfied);
      }
      expect((await transmit(bench.card, hex(SELECT))).sw).toBe(SW.success);
      expect((await readStatus(bench)).epoch).toBe(0);
    }
  });

  test("AID must match whole: shorter, longer and other are 6A82; Le is allowed", async () => {
    const bench = await createBench();
    const aid = [...hex(SELECT).subarray(5)];
    for (const other of [aid.slice(0, -1), [...aid, 0], [...aid.slice(0, -1), 0x49]]) {
      expect((await select(bench, other)).sw).toBe(SW.fileNotFound);
    }
    expect((await transmit(bench.card, hex(`${SELECT} 00`))).sw).toBe(SW.success);
  });
});

describe("GET RESPONSE", () => {
  test("a long certificate comes in parts, 61xx saying what is left", async () => {
    const bench = await createBench();
    const first = await transmit(bench.card, hex("00 CA 7F 21 00"));
    expect([first.sw, first.data.length]).toEqual([0x6100, 256]);
    const second = await transmit(bench.card, hex("00 C0 00 00 00"));
    expect([second.sw, second.data.length]).toEqual([0x6158, 256]);
    const tooMuch = await transmit(bench.card, hex("00 C0 00 00 59"));
    expect([tooMuch.sw, tooMuch.data.length]).toEqual([0x6c58, 0]);
    const part = await transmit(bench.card, hex("00 C0 00 00 08"));
    expect([part.sw, part.data.length]).toEqual([0x6150, 8]);
    const last = await transmit(bench.card, hex("00 C0 00 00 50"));
    expect([last.sw, last.data.length]).toEqual([SW.success, 80]);
    const whole = Buffer.concat([first.data, second.data, part.data, last.data]);
    expect(whole.equals(bench.profile.certificate)).toBe(true);
    expect((await transmit(bench.card, hex("00 C0 00 00 01"))).sw).toBe(SW.conditionsNotSatisfied);
  });

  test("what waits is lost with any other command, and with reset", async () => {
    const bench = await createBench();
    const others = [
      () => transmit(bench.card, hex("00 CA 00 80 00")),
      () => transmit(bench.card, hex("FF FF FF FF")),
      () => transmit(bench.card, hex("00")),
      () => transmit(bench.card, hex(SELECT)),
      async () => void (await bench.card.reset()),
    ];
    for (const other of others) {
      await select(bench);
      const [apdu] = encodeApdus({
        cla: 0x80,
        ins: INS.startSession,
        p1p2: 0,
        data: startData(bench, { token: Buffer.alloc(8, 1) }),
      });
      expect((await transmit(bench.card, apdu ?? Buffer.alloc(0))).sw).toBe(0x6160);
      await other();
      const { sw } = await transmit(bench.card, hex("00 C0 00 00 60"));
      expect(sw).toBe(SW.conditionsNotSatisfied);
    }
  });

  test("a card without a certificate says so", async () => {
    const bench = await createBench();
    const profile = { ...bench.profile, certificate: new Uint8Array(0) };
    const environment = { random: bench.random, nonVolatile: createNonVolatileMemory() };
    const bare = { ...bench, card: createCard(profile, environment) };
    await select(bare);
    const answer = await exchange(bare, { cla: 0, ins: INS.getData, p1p2: 0x7f21 });
    expect(answer.sw).toBe(SW.referencedDataNotFound);
  });
});

describe("chaining", () => {
  test("pieces of any size make one command", async () => {
    const bench = await createBench();
    const data = startData(bench);
    for (const size of [1, 7, 100]) {
      let sw = 0;
      for (let start = 0; start < data.length; start += size) {
        const part = data.subarray(start, start + size);
        const isLast = start + size >= data.length;
        const cla = CLA.proprietary | (isLast ? 0 : CLA.chaining);
        const header = Uint8Array.of(cla, INS.startSession, 0, 0, part.length);
        sw = (await transmit(bench.card, Buffer.concat([header, part]))).sw;
        if (!isLast) expect(sw).toBe(SW.success);
      }
      expect(sw).toBe(0x6160);
    }
  });

  test("another command in a chain is 6883, does not run, and ends the chain", async () => {
    const bench = await createBench();
    await bind(bench);
    const [first] = chainOf(300);
    for (const other of [
      SELECT,
      "00 CA 00 80 27",
      "00 2A 86 80 01 00",
      "00 C0 00 00 01",
      "FF 00 00 00",
    ]) {
      expect((await transmit(bench.card, first ?? Buffer.alloc(0))).sw).toBe(SW.success);
      const broken = await transmit(bench.card, hex(other));
      expect(broken.sw).toBe(SW.lastCommandOfChainExpected);
      expect((await readStatus(bench)).state).toBe("01");
      const [, last] = chainOf(300);
      const alone = await transmit(bench.card, last ?? Buffer.alloc(0));
      expect(alone.sw).toBe(0x6140);
    }
  });

  test("a first part without data or with Le is 6700 and starts no chain", async () => {
    const bench = await createBench();
    for (const apdu of ["90 10 00 00", "90 10 00 00 00", "90 10 00 00 01 8A 00"]) {
      expect((await transmit(bench.card, hex(apdu))).sw).toBe(SW.wrongLength);
      expect((await readStatus(bench)).epoch).toBe(0);
    }
  });

  test("the buffer holds 2,048 bytes and no more, and recovers", async () => {
    const bench = await createBench();
    const header = Uint8Array.of(CLA.proprietary | CLA.chaining, INS.startSession, 0, 0, 128);
    const part = Buffer.concat([header, Buffer.alloc(128, TAG.token)]);
    for (let i = 0; i < 16; i++) expect((await transmit(bench.card, part)).sw).toBe(SW.success);
    expect((await transmit(bench.card, part)).sw).toBe(SW.wrongLength);
    expect((await startSession(bench)).sw).toBe(SW.success);
  });

  test("a chain ends at reset", async () => {
    const bench = await createBench();
    await transmit(bench.card, chainOf(300)[0] ?? Buffer.alloc(0));
    await bench.card.reset();
    expect((await select(bench)).sw).toBe(SW.success);
  });
});

test("commands run one after another, in the order of the calls", async () => {
  const bench = await createBench();
  const [apdu = Buffer.alloc(0)] = encodeApdus({
    cla: 0x80,
    ins: INS.startSession,
    p1p2: 0,
    data: startData(bench, { token: Buffer.alloc(8, 1) }),
  });
  const answers = await Promise.all([
    transmit(bench.card, apdu),
    transmit(bench.card, hex("00 C0 00 00 60")),
    transmit(bench.card, hex("00 C0 00 00 60")),
  ]);
  expect(answers.map((answer) => answer.sw)).toEqual([
    0x6160,
    SW.success,
    SW.conditionsNotSatisfied,
  ]);
});

test("the answer to reset is one of T=0 (ISO 7816-3, 8.2)", async () => {
  const bench = await createBench();
  const atr = Buffer.from(await bench.card.reset());
  expect(atr[0]).toBe(0x3b);
  const historicalBytes = (atr[1] ?? 0) & 0x0f;
  const interfaceBytes = [0x10, 0x20, 0x40, 0x80].filter((bit) => ((atr[1] ?? 0) & bit) !== 0);
  expect(atr.length).toBe(2 + interfaceBytes.length + historicalBytes);
});

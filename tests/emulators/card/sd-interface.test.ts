/** SD cards: short and extended APDUs, no chaining, no GET RESPONSE, blocks of 512 bytes. */
import { describe, expect, test } from "bun:test";
import { INS, SW } from "#protocol/assigned-numbers";
import {
  type Bench,
  createBench,
  encodeExtended,
  readStatus,
  signDocument,
  transmit,
  transmitInBlocks,
} from "./bench-double.ts";
import { startData, startSession } from "./platform-double.ts";
import { bind } from "./result-double.ts";
import { readBlocks, writeBlocks } from "./sd-interface.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const SD = { suite: "P-256", mode: "signed", kind: "SD" } as const;
/** Bytes of GET DATA status on an idle card, and of the bench's certificate. */
const STATUS_BYTES = 45;
const CERTIFICATE_BYTES = 600;

const createSd = (): Promise<Bench> => createBench({ variant: SD });

describe("APDUs", () => {
  const cases: readonly (readonly [apdu: string, sw: number, bytes: number, name: string])[] = [
    ["00 CA 00 80", SW.success, STATUS_BYTES, "case 1: Le is absent"],
    ["00 CA 00 80 00", SW.success, STATUS_BYTES, "case 2 short, Le 256"],
    ["00 CA 00 80 2D", SW.success, STATUS_BYTES, "case 2 short, Le exact"],
    ["00 CA 00 80 2E", SW.success, STATUS_BYTES, "case 2 short, Le one more"],
    ["00 CA 00 80 2C", 0x6c2d, 0, "case 2 short, Le one less"],
    ["00 CA 00 80 00 0000", SW.success, STATUS_BYTES, "case 2 extended, Le 65536"],
    ["00 CA 00 80 00 002D", SW.success, STATUS_BYTES, "case 2 extended, Le exact"],
    ["00 CA 00 80 00 002C", 0x6c2d, 0, "case 2 extended, Le one less"],
    ["00 CA 7F 21", SW.success, CERTIFICATE_BYTES, "a long answer whole, Le absent"],
    ["00 CA 7F 21 00 0000", SW.success, CERTIFICATE_BYTES, "a long answer whole, Le 65536"],
    ["00 CA 7F 21 00 0258", SW.success, CERTIFICATE_BYTES, "a long answer whole, Le exact"],
    ["00 CA 7F 21 00 0257", 0x6c00, 0, "a long answer, Le one less"],
    ["00 CA 7F 21 00", 0x6c00, 0, "a long answer, short Le 256"],
    ["80 18 00 00 00 0002 C300", SW.incorrectData, 0, "case 3 extended"],
    ["80 18 00 00 00 0002 C300 0000", SW.incorrectData, 0, "case 4 extended"],
    ["80 18 00 00 02 C300", SW.incorrectData, 0, "case 3 short"],
    ["80 18 00 00 02 C300 00", SW.incorrectData, 0, "case 4 short"],
    ["80 18 00 00 00 0000 0000", SW.wrongLength, 0, "extended Lc 0"],
    ["80 18 00 00 00 0003 C300", SW.wrongLength, 0, "extended Lc one too many"],
    ["80 18 00 00 00 0002 C300 00", SW.wrongLength, 0, "extended Le of one byte"],
    ["80 18 00 00 00 0002 C300 000000", SW.wrongLength, 0, "three bytes after the data"],
    ["80 18 00 00 00 00", SW.wrongLength, 0, "half an extended length"],
    ["80 18 00 00 03 C300", SW.wrongLength, 0, "short Lc one too many"],
    ["80 18 00 00 00 0100", SW.wrongLength, 0, "no data, extended Le"],
    ["00 CA 00 80 00 0001 00", SW.wrongLength, 0, "GET DATA with data"],
    ["00 CA 00", SW.wrongLength, 0, "three bytes"],
    ["10 CA 00 80 01 00", SW.chainingNotSupported, 0, "a chain"],
    ["90 10 00 00 01 8A", SW.chainingNotSupported, 0, "a chain, proprietary"],
    ["91 10 00 00 01 8A", SW.chainingNotSupported, 0, "a chain on channel 1"],
    ["00 C0 00 00 00", SW.instructionNotSupported, 0, "GET RESPONSE"],
    ["01 CA 00 80 00", SW.logicalChannelNotSupported, 0, "channel 1"],
    ["0C CA 00 80 00", SW.secureMessagingNotSupported, 0, "secure messaging"],
    ["FF CA 00 80 00", SW.classNotSupported, 0, "class FF"],
    ["00 CA 00 81", SW.referencedDataNotFound, 0, "an unknown data object"],
  ];
  for (const [apdu, sw, bytes, name] of cases) {
    test(`${name}: ${sw.toString(16)}`, async () => {
      const bench = await createSd();
      const plain = await transmit(bench.card, hex(apdu));
      expect([plain.sw, plain.data.length]).toEqual([sw, bytes]);
      const inBlocks = await transmitInBlocks(bench.card, hex(apdu));
      expect(inBlocks).toEqual(plain);
    });
  }

  test("no answer waits and nothing is left of a refused chain", async () => {
    const bench = await createSd();
    await transmit(bench.card, hex("90 10 00 00 01 8A"));
    expect((await startSession(bench)).sw).toBe(SW.success);
    expect((await bind(bench)).state).toBe("01");
  });

  test("a service takes and gives 1,024 bytes in one APDU, and no more", async () => {
    const bench = await createSd();
    await bind(bench, { uses: 2 });
    expect((await signDocument(bench, Buffer.alloc(1025))).sw).toBe(SW.wrongLength);
    const data = Buffer.alloc(1024, 7);
    const pso = { cla: 0, ins: INS.performSecurityOperation };
    const apdu = encodeExtended({ ...pso, p1p2: 0x8680, data });
    const sealed = await transmitInBlocks(bench.card, apdu);
    expect(sealed.data.length).toBe(1052);
    const back = encodeExtended({ ...pso, p1p2: 0x8086, data: sealed.data });
    expect((await transmitInBlocks(bench.card, back)).data.equals(data)).toBe(true);
  });

  test("there is no answer to reset, and the profile says SD", async () => {
    const bench = await createSd();
    expect((await bench.card.reset()).length).toBe(0);
    expect((await transmit(bench.card, hex("00 CA 00 80"))).sw).toBe(SW.conditionsNotSatisfied);
    await transmit(bench.card, hex("00 A4 04 00 09 F0 53494D4C41544348"));
    const { data } = await transmit(bench.card, hex("00 CA 00 80"));
    expect(data.subarray(10, 13).toString("hex")).toBe("860102");
  });
});

describe("blocks", () => {
  test("every length fills whole blocks with zeros, and comes back", () => {
    for (const bytes of [0, 1, 4, 509, 510, 511, 1022, 1023, 0xffff]) {
      const apdu = new Uint8Array(bytes).fill(0xa5);
      const blocks = writeBlocks(apdu);
      expect(blocks.length).toBe(Math.ceil((bytes + 2) / 512) * 512);
      expect(readBlocks(blocks)).toEqual(apdu);
    }
  });

  test("another form is 6700 and runs nothing", async () => {
    const bench = await createSd();
    const start = encodeExtended({ cla: 0x80, ins: 0x10, p1p2: 0, data: startData(bench) });
    const good = writeBlocks(start);
    const dirty = good.slice();
    dirty[good.length - 1] = 1;
    const long = good.slice();
    long[0] = 0xff;
    const before = await readStatus(bench);
    for (const bad of [
      new Uint8Array(0),
      new Uint8Array(1),
      good.subarray(0, 511),
      Buffer.concat([good, Buffer.alloc(512)]),
      dirty,
      long,
    ]) {
      const answer = readBlocks(await bench.card.transmitBlocks(bad));
      expect(answer).toEqual(Uint8Array.of(0x67, 0x00));
    }
    expect(await readStatus(bench)).toEqual(before);
    expect((await transmitInBlocks(bench.card, start)).sw).toBe(SW.success);
  });

  test("a TF card takes no blocks", async () => {
    const bench = await createBench();
    const blocks = writeBlocks(hex("00 CA 00 80"));
    const refused = await bench.card.transmitBlocks(blocks).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Error);
  });
});

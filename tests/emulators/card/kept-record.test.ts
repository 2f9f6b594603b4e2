import { expect, test } from "bun:test";
import { formatKeptRecord, readKeptRecord, writeKeptRecord } from "./kept-record.ts";
import { createNonVolatileMemory, PAGE_BYTES, PowerCut } from "./non-volatile-memory.ts";

const RECORD = {
  epoch: 0xfffffffe,
  floor: 0x80000000,
  lockId: new Uint8Array(16).fill(7),
};

const page = (fill: number): Uint8Array => new Uint8Array(PAGE_BYTES).fill(fill);

test("the record comes back as it was written, through both banks", () => {
  const memory = createNonVolatileMemory();
  formatKeptRecord(memory);
  expect(readKeptRecord(memory)).toEqual({ epoch: 0, floor: 0, lockId: undefined });
  for (let epoch = 1; epoch < 6; epoch++) {
    writeKeptRecord(memory, { ...RECORD, epoch });
    expect(readKeptRecord(memory)).toEqual({ ...RECORD, epoch });
  }
  formatKeptRecord(memory);
  expect(readKeptRecord(memory).epoch).toBe(5);
});

test("I9: a cut after every byte of the page leaves all old or all new", () => {
  let cuts = 0;
  for (const rest of ["old", "erased"] as const) {
    for (let newBytes = 0; newBytes <= PAGE_BYTES; newBytes++) {
      const memory = createNonVolatileMemory();
      formatKeptRecord(memory);
      writeKeptRecord(memory, { ...RECORD, epoch: 1, lockId: undefined });
      const old = { ...RECORD, epoch: 2 };
      writeKeptRecord(memory, old);
      const next = { ...RECORD, epoch: 3, floor: 0x80000001, lockId: new Uint8Array(16).fill(8) };
      memory.cutAfterWrites(1, { newBytes, rest });
      expect(() => writeKeptRecord(memory, next)).toThrow(PowerCut);
      cuts += 1;
      const read = readKeptRecord(memory);
      expect(read).toEqual(read.epoch === 3 ? next : old);
    }
  }
  expect(cuts).toBe(2 * 65);
});

test("a simulated page write tears once, as told, and counts", () => {
  const memory = createNonVolatileMemory(1);
  memory.writePage(0, page(1));
  memory.cutAfterWrites(2, { newBytes: 3, rest: "old" });
  memory.writePage(0, page(2));
  expect(() => memory.writePage(0, page(3))).toThrow(PowerCut);
  expect([...memory.readPage(0).subarray(0, 5)]).toEqual([3, 3, 3, 2, 2]);
  memory.cutAfterWrites(1, { newBytes: 1, rest: "erased" });
  expect(() => memory.writePage(0, page(4))).toThrow(PowerCut);
  expect([...memory.readPage(0).subarray(0, 3)]).toEqual([4, 0xff, 0xff]);
  memory.cutAfterWrites(1);
  memory.cancelCut();
  memory.writePage(0, page(5));
  expect(memory.countWrites()).toBe(5);
  expect(() => memory.writePage(1, page(0))).toThrow(RangeError);
  expect(() => memory.writePage(0, page(0).subarray(1))).toThrow(RangeError);
});

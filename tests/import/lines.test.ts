/** What is seen of a file only: rows that come twice, and that every reason has its test. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CARD_TABLE, SUBSCRIBER_TABLE, type Table } from "#cli/import/columns";
import { FILE_REASONS, REASON_TEXT } from "#cli/import/fault";
import { createLineTable } from "#cli/import/line-table";
import { createProgress } from "#cli/import/progress";
import { createRowBuilder } from "#cli/import/rows";
import { CSV_REASONS } from "#protocol/csv";
import { ROW_REASONS } from "#protocol/import";
import { imsiOf, K, keyOf, OPC } from "./keys.ts";

const build = (table: Table = SUBSCRIBER_TABLE, rowsMax = 10) =>
  createRowBuilder({
    table,
    defaults: new Map(),
    transport: undefined,
    plain: new Set(),
    allowSharedKeys: false,
    rowsMax,
    seed: 7n,
  });

const valueOf = (i: number): bigint => BigInt(i % 2 === 0 ? i : 2 ** 40 - i) << 16n;

test("a table of lines finds each of 200,000 values again, whatever their order", () => {
  const table = createLineTable();
  for (let i = 1; i <= 200_000; i++) expect(table.note(valueOf(i), i)).toBeUndefined();
  for (let i = 1; i <= 200_000; i += 7) expect(table.note(valueOf(i), 300_000)).toBe(i);
  expect(table.note(0n, 5)).toBeUndefined();
  expect(table.note(0n, 6)).toBe(5);
});

test("duplicate: IMSIs that differ in leading zeros only are two", () => {
  const row = build();
  const line = (number: number, imsi: string) =>
    row({ line: number, values: { imsi, k: keyOf(number), opc: OPC } });
  expect(line(2, "0010101")).toHaveProperty("row");
  expect(line(3, "010101")).toHaveProperty("row");
  expect(line(4, "0010101")).toEqual({
    line: 4,
    column: "imsi",
    reason: "duplicate",
    detail: "2",
  });
});

test("duplicate: card ids with letters and with digits alone", () => {
  const row = build(CARD_TABLE);
  for (const cardId of ["00112233445566AA", "0011223344556677"]) {
    expect(row({ line: 2, values: { card_id: cardId } })).toHaveProperty("row");
    expect(row({ line: 9, values: { card_id: cardId } })).toMatchObject({ reason: "duplicate" });
  }
});

test("key_of_another_line, in whatever case; OPc may be anybody's", () => {
  const row = build();
  row({ line: 2, values: { imsi: imsiOf(1), k: K, opc: OPC } });
  expect(row({ line: 3, values: { imsi: imsiOf(2), k: K.toUpperCase(), opc: OPC } })).toEqual({
    line: 3,
    column: "k",
    reason: "key_of_another_line",
    detail: "2",
  });
  expect(row({ line: 4, values: { imsi: imsiOf(3), k: OPC, opc: OPC } })).toHaveProperty("row");
});

test("too_many_rows", () => {
  const row = build(SUBSCRIBER_TABLE, 1);
  row({ line: 2, values: { imsi: imsiOf(1) } });
  expect(row({ line: 3, values: { imsi: imsiOf(2) } })).toEqual({
    line: 3,
    column: "imsi",
    reason: "too_many_rows",
  });
});

test("numbers that are exact, and none that are not: out_of_range, not_a_number", () => {
  const row = build();
  const read = (sqn: string, line: number) => row({ line, values: { imsi: imsiOf(line), sqn } });
  expect(read("281474976710655", 2)).toMatchObject({ row: { sqn: 2 ** 48 - 1 } });
  expect(read("0xFFFFFFFFFFFF", 3)).toMatchObject({ row: { sqn: 2 ** 48 - 1 } });
  expect(read("9007199254740993", 4)).toMatchObject({ reason: "out_of_range" });
  for (const text of ["-1", "1.5", "1e3", " 1", "0x", "0xfffffffffffff", "NaN"]) {
    expect(read(text, text.length + 20)).toMatchObject({ line: expect.any(Number) });
  }
});

test("the bar: on a terminal, after a second, five times a second, and cleared", () => {
  let now = 0;
  const written: string[] = [];
  const write = (text: string): void => {
    written.push(text);
  };
  const bar = createProgress({ isTerminal: true, write, clock: () => now });
  bar.draw(10, 0.1);
  now = 1000;
  bar.draw(500, 0.25);
  now = 1100;
  bar.draw(600, 0.3);
  bar.clear();
  bar.clear();
  expect(written).toEqual([
    "\r\u001B[K[######..................] 25%  500 rows, 500/s, 3 s left",
    "\r\u001B[K",
  ]);
  const quiet = createProgress({ isTerminal: false, write, clock: () => now });
  now = 9000;
  quiet.draw(10, 0.1);
  expect(written).toHaveLength(2);
});

test("every reason has a sentence and a test that names it", () => {
  const reasons = [...CSV_REASONS, ...ROW_REASONS, ...FILE_REASONS];
  expect(Object.keys(REASON_TEXT).toSorted()).toEqual([...reasons].toSorted());
  const tests = readdirSync(import.meta.dir)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(join(import.meta.dir, name), "utf8"))
    .join("\n");
  const isNamed = (reason: (typeof reasons)[number]): boolean =>
    new RegExp(`\\b${reason}\\b`).test(tests) || tests.includes(REASON_TEXT[reason]);
  expect(reasons.filter((reason) => !isNamed(reason))).toEqual([]);
});

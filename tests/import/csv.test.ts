/** The CSV decoder: RFC 4180 but for line breaks in cells, and every line accounted for. */
import { expect, test } from "bun:test";
import { concatBytes } from "#protocol/bytes";
import { createCsvDecoder, CSV_REASONS, type CsvItem, encodeCsvRecord } from "#protocol/csv";

const encoder = new TextEncoder();
/** 200,000 take a minute: SIMLATCH_FUZZ_INPUTS=200000. */
const FUZZ_INPUTS = Number(process.env["SIMLATCH_FUZZ_INPUTS"] ?? "4000");
const FUZZ_TIMEOUT_MS = 600_000;

function decode(input: string | Uint8Array, chunkBytes = Infinity, delimiter = ","): CsvItem[] {
  const bytes = typeof input === "string" ? encoder.encode(input) : input;
  const decoder = createCsvDecoder(delimiter);
  const items: CsvItem[] = [];
  for (let from = 0; from < bytes.length; from += chunkBytes) {
    items.push(...decoder.push(bytes.subarray(from, Math.min(bytes.length, from + chunkBytes))));
  }
  return [...items, ...decoder.end()];
}

test("records, empty cells, quotes, both line ends, and no line end at the end", () => {
  expect(decode('a,b\r\n"x ""y"",",\n\n,\r\nlast')).toEqual([
    { line: 1, cells: ["a", "b"] },
    { line: 2, cells: ['x "y",', ""] },
    { line: 4, cells: ["", ""] },
    { line: 5, cells: ["last"] },
  ]);
});

test("a byte order mark is no part of the first cell", () => {
  expect(decode("\uFEFFimsi,k")).toEqual([{ line: 1, cells: ["imsi", "k"] }]);
  expect(decode("\uFEFFimsi,k", 1)).toEqual([{ line: 1, cells: ["imsi", "k"] }]);
});

test("other delimiters", () => {
  expect(decode('a;"b;c",d', Infinity, ";")).toEqual([
    { line: 1, column: 2, reason: "text_after_quote" },
  ]);
  expect(decode("a\tb,c", Infinity, "\t")).toEqual([{ line: 1, cells: ["a", "b,c"] }]);
});

test.each([
  ["not_utf8", 2, [...encoder.encode("a,"), 0xe9, ...encoder.encode("t\nb,c")]],
  ["not_utf8", 1, [0xff, 0xfe, 0x61, 0x00, 0x0a, 0x62, 0x2c, 0x63]],
  ["control_character", 2, "a,\u0000\nb,c"],
  ["control_character", 1, "a\rb,c\nb,c"],
  ["line_too_long", 1, `${"x".repeat(70_000)}\nb,c`],
  ["quote_in_cell", 2, 'a,b"c\nb,c'],
  ["quote_not_closed", 2, 'a,"b\nb,c'],
  ["text_after_quote", 1, '"a"b,c\nb,c'],
] as const)("%s in column %d costs its own line only", (reason, column, input) => {
  const bytes = typeof input === "string" ? encoder.encode(input) : Uint8Array.from(input);
  for (const chunkBytes of [1, 7, 4096, Infinity]) {
    expect(decode(bytes, chunkBytes)).toEqual([
      { line: 1, column, reason },
      { line: 2, cells: ["b", "c"] },
    ]);
  }
});

test("a quote that is never closed swallows nothing", () => {
  const items = decode(`a,"b\n${"c,d\n".repeat(10_000)}`);
  expect(items).toHaveLength(10_001);
  expect(items[0]).toEqual({ line: 1, column: 2, reason: "quote_not_closed" });
});

test("what a spreadsheet would compute is guarded, and comes back as it was", () => {
  const cells = ["=1+1", "+1", "-1", "@x", "'=1", "''=1", "'x", 'a"b', "c,d", "", "plain"];
  const record = encodeCsvRecord(cells);
  expect(record).toBe(`"'=1+1","'+1","'-1","'@x","''=1","'''=1",'x,"a""b","c,d",,plain\r\n`);
  expect(decode(record)).toEqual([{ line: 1, cells }]);
});

/** xorshift32: the same inputs in every run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const PIECES = ['"', '""', ",", "\n", "\r\n", "\r", "a", "é", "=", "'", "\u0000", "\uFEFF", " "];

test(
  "fuzz: whatever the bytes, one item a line, and the same in whatever chunks",
  () => {
    const random = createRandom(0x5eed);
    const seen = new Set<string>();
    for (let round = 0; round < FUZZ_INPUTS; round++) {
      const parts = Array.from({ length: random(24) }, () =>
        random(8) === 0
          ? Uint8Array.of(random(256))
          : encoder.encode(PIECES[random(PIECES.length)] ?? ""),
      );
      const bytes = concatBytes(...parts);
      const items = decode(bytes);
      expect(decode(bytes, 1 + random(5))).toEqual(items);
      const lines = bytes.filter((byte) => byte === 0x0a).length + 1;
      expect(items.length).toBeLessThanOrEqual(lines);
      let before = 0;
      for (const item of items) {
        expect(item.line).toBeGreaterThan(before);
        before = item.line;
        if ("reason" in item) seen.add(item.reason);
        else expect(decode(`x\n${encodeCsvRecord(item.cells)}`)).toEqual(again(item.cells));
      }
    }
    expect([...seen].toSorted()).toEqual(
      CSV_REASONS.filter((reason) => reason !== "line_too_long").toSorted(),
    );
  },
  FUZZ_TIMEOUT_MS,
);

/** One empty cell is an empty line, which is no record. */
function again(cells: readonly string[]): CsvItem[] {
  const first = { line: 1, cells: ["x"] };
  return cells.length === 1 && cells[0] === "" ? [first] : [first, { line: 2, cells }];
}

/**
 * CSV (RFC 4180) in UTF-8, a line at a time and in bounded memory. A line break inside quotes is
 * refused, though RFC 4180 allows it: no column of ours may hold one, and so a quote that is never
 * closed costs its own line only, and every line of a file is either a record or a fault.
 */

export const CSV_REASONS = [
  "not_utf8",
  "control_character",
  "line_too_long",
  "quote_in_cell",
  "quote_not_closed",
  "text_after_quote",
] as const;
export type CsvReason = (typeof CSV_REASONS)[number];

/** Lines and columns count from 1; an empty line is neither record nor fault. */
export type CsvItem =
  | { readonly line: number; readonly cells: readonly string[] }
  | { readonly line: number; readonly column: number; readonly reason: CsvReason };

export interface CsvDecoder {
  /** What the chunk completes. */
  push(chunk: Uint8Array): CsvItem[];
  /** A last line without a line break. */
  end(): CsvItem[];
}

const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf] as const;
/** Longer than any chain of certificates. */
const LINE_BYTES_MAX = 64 * 1024;
// oxlint-disable-next-line no-control-regex -- what no cell may hold
const CONTROL = /[\u0000-\u0008\u000A-\u001F\u007F]/;

/** `delimiter` is one ASCII character. */
export function createCsvDecoder(delimiter = ","): CsvDecoder {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest = new Uint8Array(0);
  let line = 0;
  let isTooLong = false;

  function decodeLine(bytes: Uint8Array, items: CsvItem[]): void {
    line += 1;
    const start = line === 1 && BOM.every((byte, index) => bytes[index] === byte) ? BOM.length : 0;
    const end = bytes.at(-1) === CR ? bytes.length - 1 : bytes.length;
    if (isTooLong || end - start > LINE_BYTES_MAX) {
      isTooLong = false;
      items.push({ line, column: 1, reason: "line_too_long" });
      return;
    }
    if (end <= start) return;
    const text = decodeText(decoder, bytes.subarray(start, end));
    const cells = text === undefined ? undefined : splitCells(text, delimiter);
    if (cells === undefined) {
      const column = findInvalidCell(decoder, bytes.subarray(start, end), delimiter);
      items.push({ line, column, reason: "not_utf8" });
    } else {
      items.push({ line, ...cells });
    }
  }

  return {
    push(chunk) {
      const items: CsvItem[] = [];
      let from = 0;
      for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
        const head = chunk.subarray(from, at);
        decodeLine(rest.length === 0 ? head : joinBytes(rest, head), items);
        rest = new Uint8Array(0);
        from = at + 1;
      }
      const tail = chunk.subarray(from);
      isTooLong ||= rest.length + tail.length > LINE_BYTES_MAX + BOM.length + 1;
      if (isTooLong) rest = new Uint8Array(0);
      else if (tail.length > 0) rest = joinBytes(rest, tail);
      return items;
    },
    end() {
      const items: CsvItem[] = [];
      if (rest.length > 0 || isTooLong) decodeLine(rest, items);
      rest = new Uint8Array(0);
      return items;
    },
  };
}

function joinBytes(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(one.length + other.length);
  out.set(one);
  out.set(other, one.length);
  return out;
}

function decodeText(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** By the delimiters in front of it: where a line is no text, its quotes mean nothing. */
function findInvalidCell(decoder: TextDecoder, bytes: Uint8Array, delimiter: string): number {
  const code = delimiter.charCodeAt(0);
  let from = 0;
  for (let column = 1; ; column++) {
    const at = bytes.indexOf(code, from);
    const cell = bytes.subarray(from, at === -1 ? bytes.length : at);
    if (at === -1 || decodeText(decoder, cell) === undefined) return column;
    from = at + 1;
  }
}

type Cells =
  | { readonly cells: readonly string[] }
  | { readonly column: number; readonly reason: CsvReason };

function splitCells(text: string, delimiter: string): Cells {
  if (CONTROL.test(text)) {
    const before = text.slice(0, text.search(CONTROL));
    return { column: before.split(delimiter).length, reason: "control_character" };
  }
  return text.includes('"')
    ? splitQuoted(text, delimiter)
    : { cells: text.split(delimiter).map(openCell) };
}

function splitQuoted(text: string, delimiter: string): Cells {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    const column = cells.length + 1;
    if (text[at] === '"') {
      const close = findClosingQuote(text, at + 1);
      if (close === -1) return { column, reason: "quote_not_closed" };
      cells.push(openCell(text.slice(at + 1, close).replaceAll('""', '"')));
      at = close + 1;
      if (at < text.length && text[at] !== delimiter) return { column, reason: "text_after_quote" };
    } else {
      const next = text.indexOf(delimiter, at);
      const cell = text.slice(at, next === -1 ? text.length : next);
      if (cell.includes('"')) return { column, reason: "quote_in_cell" };
      cells.push(openCell(cell));
      at += cell.length;
    }
    if (at >= text.length) return { cells };
    at += 1;
  }
}

/** Two quotes stand for one. */
function findClosingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at !== -1 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

/** What a spreadsheet would take for a formula. */
const FORMULA = /^'*[=+\-@\t]/;
const GUARDED = /^'+[=+\-@\t]/;

function openCell(cell: string): string {
  return GUARDED.test(cell) ? cell.slice(1) : cell;
}

/**
 * One record, with CRLF. A cell that a spreadsheet would compute gets an apostrophe in front and
 * quotes around it; the decoder takes the apostrophe away again.
 */
export function encodeCsvRecord(cells: readonly string[], delimiter = ","): string {
  const encoded = cells.map((cell) => {
    const guarded = FORMULA.test(cell) ? `'${cell}` : cell;
    const isPlain = guarded === cell && !/["\r\n]/.test(cell) && !cell.includes(delimiter);
    return isPlain ? cell : `"${guarded.replaceAll('"', '""')}"`;
  });
  return `${encoded.join(delimiter)}\r\n`;
}

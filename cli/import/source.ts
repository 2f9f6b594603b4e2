/** A file of rows, read as a stream: what each line says by column, or what is wrong with it. */
import { createCsvDecoder, type CsvItem } from "#protocol/csv";
import { type Column, columnNamed, type Columns } from "./columns.ts";
import type { LineFault } from "./fault.ts";

export interface SourceRow {
  readonly line: number;
  /** By the name of the column; empty cells only where they say that there is none. */
  readonly values: Readonly<Record<string, string>>;
}
export type SourceItem = SourceRow | LineFault;

export interface Source {
  /** In the order of the lines, some at a time. */
  read(): AsyncIterable<readonly SourceItem[]>;
  /** How much of it has been read, 0 to 1; undefined when its length is not known. */
  progress(): number | undefined;
}

export interface CsvOptions {
  readonly table: Columns;
  readonly delimiter: string;
  /** From names in the file, lower-case, to ours; empty leaves the column out. */
  readonly renamed: ReadonlyMap<string, string>;
}

export interface ByteSource {
  readonly stream: ReadableStream<Uint8Array>;
  readonly size: number | undefined;
}

export function createCsvSource(bytes: ByteSource, options: CsvOptions): Source {
  const decoder = createCsvDecoder(options.delimiter);
  let done = 0;
  let header: Header | undefined;

  function readItem(item: CsvItem): SourceItem[] {
    if ("reason" in item) {
      const name = header?.columns[item.column - 1]?.name;
      const { line, column, reason } = item;
      const fault = { line, column: name ?? String(column), reason };
      if (header === undefined) header = { columns: [], faults: [fault] };
      else return [fault];
      return header.faults;
    }
    if (header === undefined) {
      header = readHeader(item.line, item.cells, options);
      return header.faults;
    }
    return [readCells(header.columns, item.line, item.cells)];
  }

  return {
    async *read() {
      for await (const chunk of bytes.stream) {
        done += chunk.length;
        yield decoder.push(chunk).flatMap(readItem);
        // Nothing can be said of the lines below a first line that names no columns.
        if (header !== undefined && header.faults.length > 0) return;
      }
      yield decoder.end().flatMap(readItem);
    },
    progress: () => (bytes.size === undefined || bytes.size === 0 ? undefined : done / bytes.size),
  };
}

interface Header {
  /** Undefined where the column is left out. */
  readonly columns: readonly (Column | undefined)[];
  readonly faults: LineFault[];
}

function readHeader(
  line: number,
  cells: readonly string[],
  { table, renamed }: CsvOptions,
): Header {
  const names = cells.map((cell) => {
    const name = cell.trim().toLowerCase();
    return renamed.get(name) ?? name;
  });
  const faults: LineFault[] = [];
  const columns = names.map((name, index) => {
    const column = columnNamed(table, name);
    const isTwice = column !== undefined && names.indexOf(name) !== index;
    if (isTwice) faults.push({ line, column: name, reason: "column_twice" });
    // A name that is none of ours may be a key of a file without a first line: not repeated.
    const place = String(index + 1);
    const isLeftOut = renamed.get((cells[index] ?? "").trim().toLowerCase()) === "";
    if (column === undefined && !isLeftOut) {
      faults.push({ line, column: place, reason: "unknown_column" });
    }
    return column;
  });
  for (const name of table.required) {
    if (!names.includes(name)) faults.push({ line, column: name, reason: "column_absent" });
  }
  return { columns, faults };
}

function readCells(
  columns: readonly (Column | undefined)[],
  line: number,
  cells: readonly string[],
): SourceItem {
  if (cells.length !== columns.length) {
    const column = String(Math.min(cells.length, columns.length) + 1);
    return { line, column, reason: "wrong_cell_count" };
  }
  const values: Record<string, string> = {};
  for (let index = 0; index < cells.length; index++) {
    const cell = cells[index];
    const column = columns[index];
    if (cell === undefined || column === undefined) continue;
    if (cell !== "" || column.emptyIsNone) values[column.name] = cell;
  }
  return { line, values };
}

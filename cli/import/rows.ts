/** From a line's values to the row that the platform takes, checked for what only a file shows. */
import { type Column, columnNamed, type Table } from "./columns.ts";
import type { LineFault, LineReason } from "./fault.ts";
import { createLineTable } from "./line-table.ts";
import { decodeNames } from "./name-list.ts";
import type { SourceRow } from "./source.ts";
import type { TransportKey } from "./transport-key.ts";

export interface RowOptions {
  readonly table: Table;
  /** By column, for lines that leave it empty. */
  readonly defaults: ReadonlyMap<string, string>;
  readonly transport: TransportKey | undefined;
  /** Keys that are in clear although there is a transport key. */
  readonly plain: ReadonlySet<string>;
  readonly allowSharedKeys: boolean;
  /** TABLE_ROWS_MAX, but for tests. */
  readonly rowsMax: number;
  /** Makes the digests of keys in memory say nothing to others. */
  readonly seed: bigint;
}

export interface BuiltRow {
  readonly line: number;
  /** IMSI or card id. */
  readonly name: string;
  readonly row: Readonly<Record<string, unknown>>;
}

/** The subscriber's own keys; operator constants are the same for many. */
const OWN_KEYS = ["k", "ki", "akey", "key"];
const DIGITS = /^[0-9]{1,18}$/;
const CARD_ID = /^[0-9A-F]{16}$/;
/** Beyond it a number is no longer exact, and no column of ours goes that far. */
const NUMBER_DIGITS_MAX = 15;

export function createRowBuilder(options: RowOptions): (item: SourceRow) => BuiltRow | LineFault {
  const { table, transport, plain, defaults, allowSharedKeys, seed, rowsMax } = options;
  const names = createLineTable();
  const keys = createLineTable();
  let count = 0;

  function findDuplicate(line: number, values: SourceRow["values"]): LineFault | undefined {
    const column = table.key;
    const identity = identify(values[column] ?? "");
    const first = identity === undefined ? undefined : names.note(identity, line);
    return first === undefined
      ? undefined
      : { line, column, reason: "duplicate", detail: String(first) };
  }

  function findSharedKey(line: number, row: Readonly<Record<string, unknown>>) {
    for (const column of OWN_KEYS) {
      const key = row[column];
      if (typeof key !== "string") continue;
      const first = keys.note(Bun.hash.wyhash(key.toLowerCase(), seed), line);
      if (first !== undefined) {
        return { line, column, reason: "key_of_another_line", detail: String(first) } as const;
      }
    }
    return undefined;
  }

  return function buildRow({ line, values }) {
    count += 1;
    if (count > rowsMax) return { line, column: table.key, reason: "too_many_rows" };
    const duplicate = findDuplicate(line, values);
    if (duplicate !== undefined) return duplicate;
    const row: Record<string, unknown> = {};
    for (const column of table.columns) {
      const value = values[column.name];
      const given = (value === "" ? undefined : value) ?? defaults.get(column.name) ?? value;
      if (given === undefined) continue;
      const isSealed = column.isSecret && !plain.has(column.name);
      const read =
        isSealed && transport !== undefined ? transport.open(given) : readCell(column, given);
      if (!read.ok) return { line, column: column.name, reason: read.reason };
      put(row, column.member, read.value);
    }
    const shared = allowSharedKeys ? undefined : findSharedKey(line, row);
    return shared ?? { line, name: values[table.key] ?? "", row };
  };
}

/** A member of a member is named with a dot between. */
function put(row: Record<string, unknown>, member: string, value: unknown): void {
  const [name = "", inner] = member.split(".");
  if (inner === undefined) row[name] = value;
  else row[name] = Object.assign({}, row[name], { [inner]: value });
}

/** Exactly one number a name; undefined for what the platform will refuse anyway. */
function identify(name: string): bigint | undefined {
  // A leading digit keeps leading zeros apart.
  if (CARD_ID.test(name)) return BigInt(`0x${name}`);
  return DIGITS.test(name) ? BigInt(`1${name}`) : undefined;
}

type Cell =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: LineReason };

function readCell({ kind }: Column, text: string): Cell {
  switch (kind) {
    case "text":
      return { ok: true, value: text === "" ? null : text };
    case "names": {
      const value = decodeNames(text);
      return value === undefined ? { ok: false, reason: "backslash_alone" } : { ok: true, value };
    }
    case "list":
      return { ok: true, value: text.split(" ").filter((part) => part !== "") };
    case "number": {
      const isHex = /^0x[0-9a-f]{1,12}$/i.test(text);
      if (!isHex && !/^[0-9]+$/.test(text)) return { ok: false, reason: "not_a_number" };
      if (!isHex && text.length > NUMBER_DIGITS_MAX) return { ok: false, reason: "out_of_range" };
      return { ok: true, value: Number(text) };
    }
  }
}

/** `COLUMN=VALUE`, as the command line has it; never of a key, which would be seen there. */
export function readDefault(
  table: Table,
  text: string,
): readonly [name: string, value: string] | undefined {
  const at = text.indexOf("=");
  const column = columnNamed(table, text.slice(0, Math.max(at, 0)));
  const value = text.slice(at + 1);
  const isTaken = column === undefined || column.isSecret || column.name === table.key;
  return isTaken || value === "" ? undefined : [column.name, value];
}

import { createWriteStream } from "node:fs";
import { parseArgs } from "node:util";
import { CARD_BATCH_ROWS_MAX, SUBSCRIBER_BATCH_ROWS_MAX } from "#protocol/import";
import {
  ADMIN_ADVICE,
  type AdminProblem,
  adminUrl,
  callAdmin,
  checkTenant,
  DEFAULT_PLATFORM_URL,
  readAdminKey,
} from "./admin-call.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { runBatches } from "./import/batches.ts";
import { CARD_TABLE, columnNamed, SUBSCRIBER_TABLE, type Table } from "./import/columns.ts";
import { TABLE_ROWS_MAX } from "./import/line-table.ts";
import { openHlrSource } from "./import/osmo-hlr.ts";
import { createReport } from "./import/report.ts";
import { createRowBuilder, readDefault } from "./import/rows.ts";
import { createCsvSource, type Source } from "./import/source.ts";
import { readTransportKey, TRANSPORT_MODES, type TransportKey } from "./import/transport-key.ts";
import { drainOutput, printLine, printNote } from "./output.ts";

const TIMEOUT_MS = 60_000;
const UNDER_WAY_MAX = 3;

type Values = ReturnType<typeof parseOptions>["values"];

export const importCommand: Command = {
  name: "import",
  summary: "bring in subscribers or cards, from CSV or an osmo-hlr database",
  help: `Usage: simlatch import subscribers FILE [options]
       simlatch import subscribers --osmo-hlr FILE --default mnc_length=2 [options]
       simlatch import cards FILE [options]

Reads CSV in UTF-8, the names of the columns in its first line (docs/import.md), and brings the rows
to a running platform. FILE may be - for standard input. The same file again changes nothing. Every
line that was not taken is listed with its column and the reason.

  --dry-run                 say what would be done, line by line, and change nothing
  --update                  change subscribers that are there and differ; else they are failures
  --failures FILE           also write the failures as CSV: line, column, reason, detail
  --default COLUMN=VALUE    for cells that are empty; not for keys; any number of times
  --map NAME=COLUMN         a column's name in the file; NAME= leaves it out; any number of times
  --delimiter C             one character, or "tab" (default ,)
  --osmo-hlr FILE           subscribers from an osmo-hlr's database in place of CSV
  --transport-key-file F    an AES key, 32, 48 or 64 hex digits, that the keys are encrypted under
  --transport-mode M        ecb (default), cbc, or wrap (RFC 3394)
  --transport-check HEX     the transport key's check value, 6 hex digits, to be compared
  --plain COLUMN            a key that is in clear all the same; any number of times
  --allow-shared-keys       two subscribers of the file may have one key
  --url U                   the platform (default ${DEFAULT_PLATFORM_URL}); https if it is elsewhere
  --tenant T                whose they are (default "default")
  --json                    failures and changes as JSON objects, a line each; the last is the sum

SIMLATCH_ADMIN_KEY holds the platform's administration key. Exit codes: 0 all rows are there, 1 some
are not, 2 usage, 3 the administration key or the transport key is missing or wrong.`,
  async run(args) {
    const { values, positionals } = parseOptions(args);
    const [name, file, ...rest] = positionals;
    const table = [SUBSCRIBER_TABLE, CARD_TABLE].find((each) => each.name === name);
    if (table === undefined) throw new UsageError("say subscribers or cards");
    const isHlr = values["osmo-hlr"] !== undefined;
    if (rest.length > 0 || (file === undefined) !== isHlr) {
      throw new UsageError("import wants one file");
    }
    if (isHlr && table !== SUBSCRIBER_TABLE) throw new UsageError("an osmo-hlr has no cards");
    const path = adminUrl(values.url, `${table.name}/batch`);
    const settings = await readSettings(table, values);
    const adminKey = readAdminKey("import");
    if (adminKey === undefined) return EXIT.configuration;
    if (settings === undefined) return EXIT.configuration;
    const opened = isHlr
      ? openHlr(values["osmo-hlr"] ?? "")
      : { source: await openCsv(file ?? "", table, values), close: () => undefined };
    try {
      return await runImport(opened.source, { table, values, settings, url: path, adminKey });
    } finally {
      opened.close();
    }
  },
};

function parseOptions(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      "allow-shared-keys": { type: "boolean", default: false },
      default: { type: "string", multiple: true, default: [] },
      delimiter: { type: "string", default: "," },
      "dry-run": { type: "boolean", default: false },
      failures: { type: "string" },
      json: { type: "boolean", default: false },
      map: { type: "string", multiple: true, default: [] },
      "osmo-hlr": { type: "string" },
      plain: { type: "string", multiple: true, default: [] },
      tenant: { type: "string" },
      "transport-check": { type: "string" },
      "transport-key-file": { type: "string" },
      "transport-mode": { type: "string", default: "ecb" },
      update: { type: "boolean", default: false },
      url: { type: "string", default: DEFAULT_PLATFORM_URL },
    },
  });
}

interface Settings {
  readonly defaults: ReadonlyMap<string, string>;
  readonly transport: TransportKey | undefined;
  readonly plain: ReadonlySet<string>;
}

/** Undefined, and said why, when the transport key does not serve. */
async function readSettings(table: Table, values: Values): Promise<Settings | undefined> {
  const { tenant, plain, update } = values;
  checkTenant(tenant);
  if (table === CARD_TABLE && update) throw new UsageError("a registered card is never changed");
  if (!plain.every((name) => columnNamed(table, name)?.isSecret === true)) {
    throw new UsageError("--plain wants the column of a key");
  }
  const defaults = values.default.map((text) => readDefault(table, text));
  if (defaults.includes(undefined)) {
    throw new UsageError("--default wants COLUMN=VALUE, a column that is no key and not the name");
  }
  const transport = await readTransport(values);
  if (transport === "unfit") return undefined;
  return {
    defaults: new Map(defaults.filter((each) => each !== undefined)),
    transport,
    plain: new Set(plain),
  };
}

async function readTransport(values: Values): Promise<TransportKey | undefined | "unfit"> {
  const path = values["transport-key-file"];
  const mode = TRANSPORT_MODES.find((known) => known === values["transport-mode"]);
  if (mode === undefined) throw new UsageError("--transport-mode wants ecb, cbc or wrap");
  const check = values["transport-check"];
  if (path === undefined) {
    if (check === undefined && values.plain.length === 0) return undefined;
    throw new UsageError("--transport-check and --plain want a --transport-key-file");
  }
  if (check !== undefined && !/^[0-9a-f]{6}$/i.test(check)) {
    throw new UsageError("--transport-check wants 6 hex digits");
  }
  const file = Bun.file(path);
  const key = (await file.exists()) ? readTransportKey(await file.text(), mode) : undefined;
  if (key === undefined) {
    printNote("simlatch import: the transport key file wants 32, 48 or 64 hex digits and no more");
    return "unfit";
  }
  if (check !== undefined && check.toLowerCase() !== key.checkValue) {
    printNote("simlatch import: the transport key has another check value; nothing was imported");
    return "unfit";
  }
  return key;
}

function openHlr(path: string): { readonly source: Source; readonly close: () => void } {
  const source = openHlrSource(path);
  if (source === undefined) throw new UsageError("--osmo-hlr wants the database of an osmo-hlr");
  return {
    source,
    close() {
      const count = source.leftOut();
      if (count > 0) {
        printNote(
          `${count} subscribers have 2G keys of their own, too: only the 3G keys are taken`,
        );
      }
      source.close();
    },
  };
}

async function openCsv(path: string, table: Table, values: Values): Promise<Source> {
  const delimiter = values.delimiter === "tab" ? "\t" : values.delimiter;
  if (!/^[\t -!#-&(-,./:-~]$/.test(delimiter)) {
    throw new UsageError("--delimiter wants one character, or tab");
  }
  const options = { table, delimiter, renamed: readRenames(table, values.map) };
  if (path === "-") {
    return createCsvSource({ stream: Bun.stdin.stream(), size: undefined }, options);
  }
  const file = Bun.file(path);
  if (!(await file.exists())) throw new UsageError("the file is not there");
  return createCsvSource({ stream: file.stream(), size: file.size }, options);
}

function readRenames(table: Table, texts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    texts.map((text) => {
      const at = text.lastIndexOf("=");
      const column = text.slice(at + 1);
      if (at < 1 || (column !== "" && columnNamed(table, column) === undefined)) {
        throw new UsageError("--map wants NAME=COLUMN, or NAME= to leave it out");
      }
      return [text.slice(0, at).trim().toLowerCase(), column] as const;
    }),
  );
}

interface Run {
  readonly table: Table;
  readonly values: Values;
  readonly settings: Settings;
  readonly url: string;
  readonly adminKey: string;
}

async function runImport(source: Source, run: Run): Promise<number> {
  const { table, values, settings, url, adminKey } = run;
  const dryRun = values["dry-run"];
  const failures = openFailures(values.failures);
  const report = createReport({
    table,
    json: values.json,
    dryRun,
    update: values.update,
    isTerminal: process.stderr.isTTY,
    unit: values["osmo-hlr"] === undefined ? "line" : "subscriber",
    writeLine: printLine,
    writeNote: printNote,
    writeBar: (text) => process.stderr.write(text),
    writeFailure: failures.write,
    clock: () => performance.now(),
  });
  const tenant = values.tenant === undefined ? {} : { tenant: values.tenant };
  const terms = {
    ...tenant,
    dryRun,
    ...(table === SUBSCRIBER_TABLE ? { update: values.update } : {}),
  };
  const problem = await runBatches(
    source,
    {
      rowsMax: table === SUBSCRIBER_TABLE ? SUBSCRIBER_BATCH_ROWS_MAX : CARD_BATCH_ROWS_MAX,
      underWayMax: UNDER_WAY_MAX,
      build: createRowBuilder({
        table,
        ...settings,
        allowSharedKeys: values["allow-shared-keys"],
        rowsMax: TABLE_ROWS_MAX,
        seed: crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n,
      }),
      send: (rows) =>
        callAdmin(url, adminKey, {
          method: "POST",
          body: { ...terms, rows },
          timeoutMs: TIMEOUT_MS,
        }),
      sleep: (milliseconds) => Bun.sleep(milliseconds),
    },
    {
      fault: report.fault,
      outcome(row, outcome) {
        report.outcome(row, outcome);
        report.progress(source.progress());
      },
      flush: failures.flush,
    },
  );
  const { failed } = report.finish();
  await failures.close();
  if (problem !== undefined) printNote(`simlatch import: ${adviseOn(problem)}`);
  if (problem === "unauthorized") return EXIT.configuration;
  return failed === 0 && problem === undefined ? EXIT.expected : EXIT.unexpected;
}

function adviseOn(problem: AdminProblem): string {
  if (problem === "not_found") return "no such tenant, or no administration routes there";
  if (problem === "unreachable") return "the platform does not answer; import the file again";
  if (problem === "unavailable") return "a part behind the platform does not answer; try again";
  return ADMIN_ADVICE[problem] ?? `the platform said ${problem}`;
}

interface Failures {
  readonly write: (record: string) => void;
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
}

function openFailures(path: string | undefined): Failures {
  if (path === undefined) {
    return { write: () => undefined, flush: () => drainOutput(), close: async () => undefined };
  }
  const stream = createWriteStream(path);
  stream.write("line,column,reason,detail\r\n");
  return {
    write: (record) => {
      stream.write(record);
    },
    flush: () => drainOutput(stream),
    close: () =>
      new Promise((resolve, reject) => {
        stream.once("error", reject);
        stream.end(resolve);
      }),
  };
}

/**
 * What an import says: the diff on stdout, failures on stderr and in their file, a bar on a
 * terminal when it takes longer than a second, and a summary at the end. Values of keys are never
 * among it.
 */
import { encodeCsvRecord } from "#protocol/csv";
import type { RowChange, RowOutcome } from "#protocol/import";
import { columnNamed, columnOfMember, type Table } from "./columns.ts";
import { type LineFault, REASON_TEXT } from "./fault.ts";
import type { BatchSink } from "./batches.ts";

export interface ReportOptions {
  readonly table: Table;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly update: boolean;
  readonly isTerminal: boolean;
  /** What the number of a line counts. */
  readonly unit: "line" | "subscriber";
  readonly writeLine: (line: string) => void;
  readonly writeNote: (line: string) => void;
  /** To the terminal, without a line break. */
  readonly writeBar: (text: string) => void;
  readonly writeFailure: (record: string) => void;
  /** Milliseconds. */
  readonly clock: () => number;
}

export interface Summary {
  readonly rows: number;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly dryRun: boolean;
}

export interface Report extends BatchSink {
  progress(share: number | undefined): void;
  finish(): Summary;
}

const BAR_AFTER_MS = 1000;
const BAR_EVERY_MS = 200;
const BAR_CELLS = 24;
/** Which an import leaves as they are, --update or not. */
const FIXED_MEMBERS = new Set(["status", "indBits"]);

export function createReport(options: ReportOptions): Report {
  const { table, json, dryRun, writeLine, clock } = options;
  const start = clock();
  const counts = { rows: 0, inserted: 0, updated: 0, unchanged: 0, failed: 0 };
  let drawnAt = start;
  let isDrawn = false;

  function clearBar(): void {
    if (isDrawn) options.writeBar("\r\u001B[K");
    isDrawn = false;
  }

  function tellFault({ line, column, reason, detail }: LineFault): void {
    clearBar();
    options.writeFailure(encodeCsvRecord([String(line), column, reason, detail ?? ""]));
    if (json) {
      writeLine(JSON.stringify({ line, column, reason, ...(detail === undefined ? {} : { detail }) }));
      return;
    }
    const place = column === "" ? "" : `, ${/^[0-9]+$/.test(column) ? "column " : ""}${column}`;
    const more = detail === undefined ? "" : ` ${detail}`;
    options.writeNote(`${options.unit} ${line}${place}: ${REASON_TEXT[reason]}${more}`);
  }

  function fail(faults: readonly LineFault[]): void {
    counts.rows += 1;
    counts.failed += 1;
    for (const fault of faults) tellFault(fault);
  }

  function tellRow(sign: string, name: string, outcome: "inserted" | "updated", text: string): void {
    clearBar();
    if (json) writeLine(JSON.stringify({ outcome, [table.key]: name, changes: text }));
    else writeLine(`${sign} ${name}${text === "" ? "" : `  ${text}`}`);
  }

  return {
    fault: (fault) => {
      fail([fault]);
    },
    outcome({ line, name }, outcome: RowOutcome) {
      switch (outcome.outcome) {
        case "refused": {
          const column = columnOfMember(table, outcome.column);
          fail([{ line, column, reason: outcome.reason }]);
          return;
        }
        case "conflict":
          fail(conflictFaults(options, line, outcome.changes));
          return;
        case "inserted":
        case "unchanged":
        case "updated": {
          counts.rows += 1;
          counts[outcome.outcome] += 1;
          if (outcome.outcome === "inserted" && dryRun) tellRow("+", name, "inserted", "");
          if (outcome.outcome !== "updated") return;
          const changes = outcome.changes.map((change) => describeChange(table, change));
          tellRow("~", name, "updated", changes.join(", "));
        }
      }
    },
    progress(share) {
      const now = clock();
      const isDue = now - start >= BAR_AFTER_MS && now - drawnAt >= BAR_EVERY_MS;
      if (!options.isTerminal || !isDue) return;
      drawnAt = now;
      isDrawn = true;
      options.writeBar(`\r\u001B[K${drawBar(counts.rows, share, now - start)}`);
    },
    finish() {
      clearBar();
      const summary = { ...counts, dryRun };
      if (json) writeLine(JSON.stringify(summary));
      else writeLine(describeSummary(table, summary, clock() - start));
      return summary;
    },
  };
}

/** Where --update was given, what it would have changed is not what stood in the way. */
function conflictFaults(
  { table, update }: ReportOptions,
  line: number,
  changes: readonly RowChange[],
): LineFault[] {
  const isFixed = ({ column }: RowChange): boolean =>
    table.name === "cards" || FIXED_MEMBERS.has(column);
  return changes
    .filter((change) => isFixed(change) || !update)
    .map((change) => ({
      line,
      column: columnOfMember(table, change.column),
      reason: isFixed(change) ? "differs_for_good" : "differs",
      detail: change.from === change.to ? undefined : `(${change.from} -> ${change.to})`,
    }));
}

function describeChange(table: Table, { column, from, to }: RowChange): string {
  const name = columnOfMember(table, column);
  return columnNamed(table, name)?.isSecret === true || from === to
    ? `${name} replaced`
    : `${name} ${from === "" ? "none" : from} -> ${to}`;
}

function drawBar(rows: number, share: number | undefined, elapsedMs: number): string {
  const rate = Math.round((rows * 1000) / elapsedMs);
  const counted = `${rows.toLocaleString("en")} rows, ${rate.toLocaleString("en")}/s`;
  if (share === undefined || share === 0) return counted;
  const full = Math.round(share * BAR_CELLS);
  const left = Math.ceil((elapsedMs * (1 - share)) / share / 1000);
  const bar = `${"#".repeat(full)}${".".repeat(BAR_CELLS - full)}`;
  return `[${bar}] ${Math.floor(share * 100)}%  ${counted}, ${left} s left`;
}

function describeSummary(table: Table, summary: Summary, elapsedMs: number): string {
  const { rows, inserted, updated, unchanged, failed, dryRun } = summary;
  const would = dryRun ? "would be " : "";
  return (
    `${table.name}: ${rows} rows, ${would}inserted ${inserted}, ${would}updated ${updated}, ` +
    `unchanged ${unchanged}, failed ${failed} (${(elapsedMs / 1000).toFixed(1)} s)` +
    (dryRun ? "; a dry run: nothing was changed" : "")
  );
}

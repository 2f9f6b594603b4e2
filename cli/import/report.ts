/**
 * What an import says: the diff on stdout, failures on stderr and in their file, a bar on a
 * terminal when it takes longer than a second, and a summary at the end. Values of keys are never
 * among it.
 */
import { encodeCsvRecord } from "#protocol/csv";
import type { RowChange, RowOutcome } from "#protocol/import";
import { columnNamed, columnOfMember, type Table } from "./columns.ts";
import { type LineFault, REASON_TEXT } from "./fault.ts";
import { createProgress, type Progress } from "./progress.ts";
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

export interface Report extends Omit<BatchSink, "flush"> {
  progress(share: number | undefined): void;
  finish(): Summary;
}

/** Which an import leaves as they are, --update or not. */
const FIXED_MEMBERS = new Set(["status", "indBits", "centre"]);

export function createReport(options: ReportOptions): Report {
  const { table, json, dryRun, writeLine, clock } = options;
  const start = clock();
  const counts = { rows: 0, inserted: 0, updated: 0, unchanged: 0, failed: 0 };
  const bar = createProgress({
    isTerminal: options.isTerminal,
    write: options.writeBar,
    clock,
  });
  const tell = createTeller(options, bar);

  function fail(faults: readonly LineFault[]): void {
    counts.rows += 1;
    counts.failed += 1;
    for (const fault of faults) tell.fault(fault);
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
          if (outcome.outcome === "inserted" && dryRun) tell.inserted(name);
          if (outcome.outcome === "updated") tell.updated(name, outcome.changes);
        }
      }
    },
    progress: (share) => {
      bar.draw(counts.rows, share);
    },
    finish() {
      bar.clear();
      const summary = { ...counts, dryRun };
      if (json) writeLine(JSON.stringify(summary));
      else writeLine(describeSummary(table, summary, clock() - start));
      return summary;
    },
  };
}

interface Teller {
  fault(fault: LineFault): void;
  inserted(name: string): void;
  updated(name: string, changes: readonly RowChange[]): void;
}

function createTeller(
  { table, json, unit, writeLine, writeNote, writeFailure }: ReportOptions,
  bar: Progress,
): Teller {
  return {
    fault({ line, column, reason, detail }) {
      bar.clear();
      writeFailure(encodeCsvRecord([String(line), column, reason, detail ?? ""]));
      if (json) {
        writeLine(JSON.stringify({ line, column, reason, detail }));
        return;
      }
      const place = column === "" ? "" : `, ${/^[0-9]+$/.test(column) ? "column " : ""}${column}`;
      const more = detail === undefined ? "" : ` ${detail}`;
      writeNote(`${unit} ${line}${place}: ${REASON_TEXT[reason]}${more}`);
    },
    inserted(name) {
      bar.clear();
      writeLine(json ? JSON.stringify({ outcome: "inserted", [table.key]: name }) : `+ ${name}`);
    },
    updated(name, changes) {
      bar.clear();
      const said = changes.map((change) => describeChange(table, change));
      if (json) {
        writeLine(JSON.stringify({ outcome: "updated", [table.key]: name, changes: said }));
      } else {
        writeLine(`~ ${name}  ${said.join(", ")}`);
      }
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
  if (columnNamed(table, name)?.isSecret === true) return `${name} replaced`;
  return from === to ? `${name} changed` : `${name} ${from === "" ? "none" : from} -> ${to}`;
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

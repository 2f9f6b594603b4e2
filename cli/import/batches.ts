/**
 * Rows on their way to the platform: some batches under way at once, their outcomes in the order of
 * the lines. A batch may be sent again, since the same row twice changes nothing the second time.
 */
import { type BatchAnswer, ROW_REASONS, type RowOutcome } from "#protocol/import";
import type { Result } from "#protocol/result";
import type { AdminProblem } from "../admin-call.ts";
import type { LineFault } from "./fault.ts";
import type { BuiltRow } from "./rows.ts";
import type { Source, SourceRow } from "./source.ts";

export interface BatchOptions {
  readonly rowsMax: number;
  readonly underWayMax: number;
  readonly build: (row: SourceRow) => BuiltRow | LineFault;
  readonly send: (rows: readonly object[]) => Promise<Result<unknown, AdminProblem>>;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** What became of the lines, one after the other. */
export interface BatchSink {
  fault(fault: LineFault): void;
  outcome(row: BuiltRow, outcome: RowOutcome): void;
  /** Resolves when what was told has left; a slow reader holds the import up. */
  flush(): Promise<void>;
}

type Entry = LineFault | BuiltRow;
interface Sent {
  readonly entries: readonly Entry[];
  readonly answer: Promise<readonly RowOutcome[] | AdminProblem>;
}

const RETRY_DELAYS_MS = [250, 1000, 4000] as const;
/** A batch is full at this many bytes in its cells, whatever its number of rows. */
const BATCH_BYTES_MAX = 600_000;
const OUTCOMES: ReadonlySet<unknown> = new Set([
  "inserted",
  "unchanged",
  "updated",
  "conflict",
  "refused",
]);

/** Undefined when every line was answered; else why the platform did not. */
export async function runBatches(
  source: Source,
  options: BatchOptions,
  sink: BatchSink,
): Promise<AdminProblem | undefined> {
  const underWay: Sent[] = [];
  let problem: AdminProblem | undefined;
  let lastLine = 0;
  let entries: Entry[] = [];
  let rows = 0;
  let bytes = 0;

  async function settleFirst(): Promise<void> {
    const sent = underWay.shift();
    if (sent === undefined) return;
    const answer = await sent.answer;
    if (typeof answer === "string") problem ??= answer;
    tell(sent.entries, answer, sink);
    await sink.flush();
  }

  async function dispatch(): Promise<void> {
    underWay.push({ entries, answer: ask(entries, options) });
    entries = [];
    rows = 0;
    bytes = 0;
    while (underWay.length >= options.underWayMax) await settleFirst();
  }

  let isWhole = true;
  reading: for await (const items of source.read()) {
    for (const item of items) {
      const entry = "reason" in item ? item : options.build(item);
      entries.push(entry);
      lastLine = item.line;
      if ("row" in entry) {
        rows += 1;
        bytes += "values" in item ? countBytes(item.values) : 0;
      }
      const isFull = rows >= options.rowsMax || bytes >= BATCH_BYTES_MAX;
      if (isFull || entries.length >= 4 * options.rowsMax) await dispatch();
      if (problem !== undefined) {
        isWhole = false;
        break reading;
      }
    }
  }
  if (problem === undefined && entries.length > 0) await dispatch();
  while (underWay.length > 0) await settleFirst();
  for (const entry of entries) sink.fault("row" in entry ? unanswered(entry.line) : entry);
  if (!isWhole) {
    sink.fault({ ...unanswered(lastLine + 1), detail: "this line and all after it" });
  }
  return problem;
}

function countBytes(values: SourceRow["values"]): number {
  let bytes = 0;
  for (const name in values) bytes += Buffer.byteLength(values[name] ?? "");
  return bytes;
}

const unanswered = (line: number): LineFault => ({ line, column: "", reason: "not_answered" });

async function ask(
  entries: readonly Entry[],
  { send, sleep }: BatchOptions,
): Promise<readonly RowOutcome[] | AdminProblem> {
  const rows = entries.flatMap((entry) => ("row" in entry ? [entry.row] : []));
  if (rows.length === 0) return [];
  let answer = await send(rows);
  for (const delay of RETRY_DELAYS_MS) {
    if (answer.ok || (answer.reason !== "unreachable" && answer.reason !== "unavailable")) break;
    await sleep(delay);
    answer = await send(rows);
  }
  if (!answer.ok) return answer.reason;
  return readOutcomes(answer.value, rows.length) ?? "unexpected_answer";
}

function readOutcomes(body: unknown, count: number): readonly RowOutcome[] | undefined {
  if (typeof body !== "object" || body === null || !("outcomes" in body)) return undefined;
  const { outcomes } = body;
  if (!Array.isArray(outcomes) || outcomes.length !== count) return undefined;
  if (!outcomes.every(isOutcome)) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as isOutcome has just seen
  return (body as BatchAnswer).outcomes;
}

function isOutcome(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("outcome" in value)) return false;
  if (!OUTCOMES.has(value.outcome)) return false;
  if ("changes" in value) return Array.isArray(value.changes);
  const reasons: readonly unknown[] = ROW_REASONS;
  return value.outcome !== "refused" || ("reason" in value && reasons.includes(value.reason));
}

function tell(
  entries: readonly Entry[],
  answer: readonly RowOutcome[] | AdminProblem,
  sink: BatchSink,
): void {
  let index = 0;
  for (const entry of entries) {
    if (!("row" in entry)) {
      sink.fault(entry);
      continue;
    }
    const outcome = typeof answer === "string" ? undefined : answer[index];
    index += 1;
    if (outcome === undefined) sink.fault(unanswered(entry.line));
    else sink.outcome(entry, outcome);
  }
}

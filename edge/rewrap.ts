/**
 * The re-wrap job: every secret at rest under the newest wrapping key. One call does one short
 * step, so that bindings go on beside it; whoever drives it hands the cursor of each step to the
 * next. Steps are idempotent: a pass that was broken off goes on at its cursor, or begins anew.
 */
import type { RewrapStep } from "#protocol/admin";
import { decodeAscii, encodeAscii, encodeBase64Url } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";

import { subscriberObject } from "./access-authentication/authenticate.ts";
import type { Dependencies } from "./dependencies.ts";
import { addCounts, examineSecret, NO_COUNTS, type RewrapCounts } from "./rewrap-counts.ts";
import { cardObject } from "./state/card-writer.ts";
import type { WrappedState } from "./state/writers.ts";
import { wrappingKeyIdOf } from "./vault.ts";
import { WRAPPED_COLUMNS } from "./wrappings.ts";

/** Rows, or writers, of one step: some milliseconds, and below the limits of a Worker's call. */
const STEP_ROWS = 64;
const CURSOR_PURPOSE = "rewrap cursor";
const CURSOR_CONTEXT = "pass";
/** After the tables of the catalog. */
const STATE_PART = "single writers";

/** Where a pass is, and what it has found; the client holds it wrapped. */
interface Pass {
  /** Counts, and changes nothing. */
  readonly check: boolean;
  /** IND slots that each subscriber may ever have had a writer for. */
  readonly slots: number;
  /** A table of the catalog, or STATE_PART. */
  readonly part: string;
  /** The last row or writer of that part that was visited. */
  readonly after: readonly (string | number)[] | null;
  /** Nothing so far was under an older key when it was visited, and everything opened. */
  readonly clean: boolean;
}

export type RewrapRequest =
  | { readonly check: boolean; readonly slots: number }
  | { readonly cursor: Uint8Array };

type Tools = Pick<Dependencies, "repositories" | "vault">;

/** "conflict": the newest key is another one since the cursor was given; begin a new pass. */
export async function rewrapStep(
  tools: Tools,
  state: WrappedState,
  request: RewrapRequest,
): Promise<Result<RewrapStep, "malformed" | "conflict">> {
  const pass = readPass(tools, request);
  if (!pass.ok) return pass;
  const { counts, after } =
    pass.value.part === STATE_PART
      ? await visitWriters(state, pass.value)
      : await visitTable(tools, state, pass.value);
  const isClean = Object.keys(counts.stale).length === 0 && counts.unreadable.length === 0;
  const clean = pass.value.clean && isClean;
  const next = nextPass(tools, state, { ...pass.value, clean, after });
  const retired = next === undefined && clean && !pass.value.check ? await retireKeys(tools) : [];
  const recorded = await tools.repositories.wrappingKeys.list();
  return success({
    ...counts,
    newest: tools.vault.newestKeyId,
    cursor: next === undefined ? null : sealPass(tools, next),
    retired,
    needed: recorded.map(({ id }) => id),
  });
}

function readPass(
  { repositories, vault }: Tools,
  request: RewrapRequest,
): Result<Pass, "malformed" | "conflict"> {
  if (!("cursor" in request)) {
    const { check, slots } = request;
    const [first] = repositories.wrappedColumns.tables;
    return success({ check, slots, part: first?.table ?? STATE_PART, after: null, clean: true });
  }
  const id = wrappingKeyIdOf(request.cursor);
  if (id !== undefined && id !== vault.newestKeyId) return failure("conflict");
  const plain = vault.unwrap(CURSOR_PURPOSE, CURSOR_CONTEXT, request.cursor);
  if (plain === undefined) return failure("malformed");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- sealPass wrote this text
  return success(JSON.parse(decodeAscii(plain)) as Pass);
}

/** Wrapped, because it names a row by its IMSI, and because the end of a pass relies on it. */
function sealPass({ vault }: Tools, pass: Pass): string {
  const plain = encodeAscii(JSON.stringify(pass));
  return encodeBase64Url(vault.wrap(CURSOR_PURPOSE, CURSOR_CONTEXT, plain));
}

/** Undefined at the end. */
function nextPass({ repositories }: Tools, state: WrappedState, pass: Pass): Pass | undefined {
  if (pass.after !== null) return pass;
  const tables = repositories.wrappedColumns.tables.map(({ table }) => table);
  const parts = state.list === undefined ? tables : [...tables, STATE_PART];
  const part = parts[parts.indexOf(pass.part) + 1];
  return part === undefined ? undefined : { ...pass, part };
}

/** A pass over everything found nothing under them: no start asks for them any more. */
async function retireKeys({ repositories, vault }: Tools): Promise<number[]> {
  const recorded = await repositories.wrappingKeys.list();
  const older = recorded.map(({ id }) => id).filter((id) => id !== vault.newestKeyId);
  if (older.length > 0) await repositories.wrappingKeys.retire(older);
  return older;
}

interface Visit {
  readonly counts: RewrapCounts;
  /** Null at the end of the part. */
  readonly after: Pass["after"];
}

async function visitTable(tools: Tools, state: WrappedState, pass: Pass): Promise<Visit> {
  const { wrappedColumns } = tools.repositories;
  // Beside each row of a subscriber stand the writers of its slots.
  const limit = Math.max(1, Math.floor(STEP_ROWS / pass.slots));
  const rows = await wrappedColumns.page(pass.part, pass.after ?? undefined, limit);
  let counts = NO_COUNTS;
  const changes = [];
  for (const { key, row, wrapped } of rows) {
    for (const [column, stale] of wrapped) {
      const { purpose, context } = wrappingOf(pass.part, column);
      const secret = { purpose, context: context(row), wrapped: stale };
      const examined = examineSecret(tools.vault, secret, pass.check);
      counts = addCounts(counts, examined.counts);
      const { fresh } = examined;
      if (fresh !== undefined) changes.push({ key, column, stale, fresh });
    }
  }
  const replaced = await wrappedColumns.replace(pass.part, changes);
  counts = { ...counts, rewrapped: replaced.filter(Boolean).length };
  if (state.list === undefined) {
    const orders = rows.flatMap(({ row }) => orderWriters(tools, state, pass, row));
    counts = (await Promise.all(orders)).reduce(addCounts, counts);
  }
  return { counts, after: rows.length < limit ? null : (rows.at(-1)?.key ?? null) };
}

function wrappingOf(table: string, column: string): (typeof WRAPPED_COLUMNS)[number] {
  const found = WRAPPED_COLUMNS.find((each) => each.table === table && each.column === column);
  if (found === undefined) throw new Error(`nothing is known of ${table}.${column}`);
  return found;
}

/** The writers that a row of the catalog names, where the host cannot list them. */
function orderWriters(
  { vault }: Tools,
  state: WrappedState,
  { part, slots, check }: Pass,
  row: Readonly<Record<string, unknown>>,
): Promise<RewrapCounts>[] {
  const { tenant, cardId, imsi } = row;
  if (typeof tenant !== "string") return [];
  if (part === "cards" && typeof cardId === "string") {
    return [state.rewrapCard(cardObject(tenant, cardId), { check })];
  }
  if (part !== "auc" || typeof imsi !== "string") return [];
  return Array.from({ length: slots }, (_, slot) =>
    state.rewrapSlot(subscriberObject({ vault, slot }, tenant, imsi), { check }),
  );
}

async function visitWriters(state: WrappedState, { after, check }: Pass): Promise<Visit> {
  const objects = (await state.list?.(String(after?.[0] ?? ""), STEP_ROWS)) ?? [];
  const orders = objects.map((object) =>
    // The name of a slot ends in #slot; no card's does.
    object.includes("#")
      ? state.rewrapSlot(object, { check })
      : state.rewrapCard(object, { check }),
  );
  const counts = (await Promise.all(orders)).reduce(addCounts, NO_COUNTS);
  const last = objects.at(-1);
  const isLast = last === undefined || objects.length < STEP_ROWS;
  return { counts, after: isLast ? null : [last] };
}

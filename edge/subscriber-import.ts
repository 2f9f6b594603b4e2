/**
 * A batch of subscribers: what would become of each row, and, unless it is a dry run, that. Keys
 * that are there are unwrapped and compared, so that the same file again changes nothing. The
 * status of a subscriber that is there never changes (an old file would lift a bar), nor does IND's
 * length (SQN would move), and the floor of SEQ only rises (invariant I4).
 */
import { encodeHex, equalBytes } from "#protocol/bytes";
import type { RowChange, RowOutcome, SubscriberBatch } from "#protocol/import";
import {
  compareKeys,
  wrapKeys,
} from "./access-authentication/authentication-centre/subscriber-keys.ts";
import { decodeSeqOf } from "./access-authentication/sequence-number.ts";
import type { Dependencies, SubscriberChange, SubscriberRecord } from "./dependencies.ts";
import { EMBEDDED_CENTRE } from "#protocol/admin";
import { AMF_DEFAULT, IND_BITS_DEFAULT } from "./subscriber-enrolment.ts";
import { createRowReader, type SubscriberRowInput } from "./subscriber-row.ts";

/** A batch whose rows are still anything. */
export interface SubscriberBatchInput extends Required<Omit<SubscriberBatch, "rows">> {
  readonly rows: readonly unknown[];
}

type Tools = Pick<Dependencies, "algorithms" | "limits" | "slots" | "vault" | "repositories">;

/** What a row comes to; `save` is the record that it asks for. */
type Decision =
  | { readonly outcome: RowOutcome }
  | { readonly outcome: RowOutcome; readonly insert: SubscriberRecord }
  | { readonly outcome: RowOutcome; readonly change: SubscriberChange };

/** Outcomes in the order of the rows. The tenant exists. */
export async function importSubscribers(
  tools: Tools,
  batch: SubscriberBatchInput,
): Promise<RowOutcome[]> {
  const read = batch.rows.map(createRowReader(tools));
  const imsis = read.flatMap((row) => (row.ok ? [row.row.imsi] : []));
  const found = await tools.repositories.subscribers.findMany(batch.tenant, imsis);
  const known = new Map(found.map((record) => [record.imsi, record]));
  const seen = new Set<string>();
  const decisions = read.map((each): Decision => {
    if (!each.ok) {
      const { column, reason } = each;
      return { outcome: { outcome: "refused", column, reason } };
    }
    const { row } = each;
    const decision = seen.has(row.imsi)
      ? refuse("imsi", "duplicate_in_batch")
      : decide(tools, batch, row, known.get(row.imsi));
    seen.add(row.imsi);
    for (const secret of row.profile.keys.values()) secret.fill(0);
    return decision;
  });
  return batch.dryRun
    ? decisions.map(({ outcome }) => outcome)
    : save(tools.repositories.subscribers, decisions);
}

function refuse(column: string, reason: "duplicate_in_batch" | "changed_meanwhile"): Decision {
  return { outcome: { outcome: "refused", column, reason } };
}

/** A row that lost a race against another request is refused and may come again. */
async function save(
  subscribers: Dependencies["repositories"]["subscribers"],
  decisions: readonly Decision[],
): Promise<RowOutcome[]> {
  const { inserted, updated } = await subscribers.saveMany(
    decisions.flatMap((decision) => ("insert" in decision ? [decision.insert] : [])),
    decisions.flatMap((decision) => ("change" in decision ? [decision.change] : [])),
  );
  return decisions.map((decision) => {
    const isDone =
      ("insert" in decision && inserted.has(decision.insert.imsi)) ||
      ("change" in decision && updated.has(decision.change.record.imsi)) ||
      !("insert" in decision || "change" in decision);
    return (isDone ? decision : refuse("imsi", "changed_meanwhile")).outcome;
  });
}

function decide(
  tools: Tools,
  { tenant, dryRun, update }: SubscriberBatchInput,
  row: SubscriberRowInput,
  known: SubscriberRecord | undefined,
): Decision {
  if (known === undefined) {
    const outcome = { outcome: "inserted" } as const;
    return dryRun ? { outcome } : { outcome, insert: makeRecord(tools, tenant, row) };
  }
  const { profile } = row;
  const keys =
    profile.name === known.algorithm
      ? compareKeys(tools, known, profile.algorithm, profile.keys)
      : profile.algorithm.keys.filter(({ role }) => role === "key").map(({ name }) => name);
  const fixed = compareFixed(row, known);
  const free = [
    ...compareFree(row, known),
    ...keys.map((column) => ({ column, from: "", to: "" })),
  ];
  const changes = [...fixed, ...free];
  if (changes.length === 0) return { outcome: { outcome: "unchanged" } };
  if (fixed.length > 0 || !update) return { outcome: { outcome: "conflict", changes } };
  const outcome = { outcome: "updated", changes } as const;
  return dryRun ? { outcome } : { outcome, change: makeChange(tools, row, known, keys.length > 0) };
}

const difference = (
  column: string,
  from: string | undefined,
  to: string | undefined,
): RowChange[] => (to === undefined || from === to ? [] : [{ column, from: from ?? "", to }]);

/** What an import leaves as it is. */
function compareFixed(row: SubscriberRowInput, known: SubscriberRecord): RowChange[] {
  return [
    ...difference("centre", known.centre, EMBEDDED_CENTRE),
    ...difference("status", known.status, row.status),
    ...difference("indBits", String(known.indBits), row.indBits?.toString()),
  ];
}

function compareFree(row: SubscriberRowInput, known: SubscriberRecord): RowChange[] {
  const floor = Math.max(known.seqFloor, seqFloorOf(row, known.indBits));
  return [
    ...difference("mncLength", known.operator, row.operator),
    ...difference("msisdn", known.msisdn, row.msisdn),
    ...difference("algorithm", known.algorithm, row.profile.name),
    ...(row.amf === undefined || equalBytes(row.amf, known.amf)
      ? []
      : difference("amf", encodeHex(known.amf), encodeHex(row.amf))),
    ...difference("sqn", String(known.seqFloor), String(floor)),
  ];
}

function seqFloorOf({ sqn }: SubscriberRowInput, indBits: number): number {
  return sqn === undefined ? 0 : decodeSeqOf(sqn, indBits);
}

/** The keys are cleared once the wrapped ones are there. */
function makeRecord(tools: Tools, tenant: string, row: SubscriberRowInput): SubscriberRecord {
  const { imsi, operator, msisdn, profile } = row;
  const indBits = row.indBits ?? IND_BITS_DEFAULT;
  return {
    tenant,
    imsi,
    operator,
    msisdn,
    status: row.status ?? "active",
    centre: EMBEDDED_CENTRE,
    algorithm: profile.name,
    ...wrapKeys(tools, { tenant, imsi }, profile.algorithm, profile.keys),
    amf: row.amf ?? AMF_DEFAULT,
    indBits,
    keyVersion: 1,
    ssdUpdates: 0,
    seqFloor: seqFloorOf(row, indBits),
  };
}

/** New keys raise the key version, as when they are replaced one by one; SQN stays. */
function makeChange(
  tools: Tools,
  row: SubscriberRowInput,
  known: SubscriberRecord,
  hasNewKeys: boolean,
): SubscriberChange {
  const { operator, profile } = row;
  const keys = hasNewKeys
    ? {
        ...wrapKeys(tools, known, profile.algorithm, profile.keys),
        keyVersion: known.keyVersion + 1,
      }
    : {};
  const record = {
    ...known,
    operator,
    msisdn: row.msisdn ?? known.msisdn,
    algorithm: profile.name,
    amf: row.amf ?? known.amf,
    seqFloor: Math.max(known.seqFloor, seqFloorOf(row, known.indBits)),
    ...keys,
  };
  return { record, knownKeyVersion: known.keyVersion };
}

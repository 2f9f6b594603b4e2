/**
 * A batch of subscribers: what would become of each row, and, unless it is a dry run, that. Keys
 * that are there are unwrapped and compared, so that the same file again changes nothing; a row
 * without keys leaves them. The status of a subscriber that is there never changes (an old file
 * would lift a bar), nor does IND's length (SQN would move), nor its centre (a move tells each
 * slot's writer); the floor of SEQ only rises (invariant I4).
 */
import { encodeHex, equalBytes } from "#protocol/bytes";
import type { RowChange, RowFault, RowOutcome, RowReason, SubscriberBatch } from "#protocol/import";
import {
  compareKeys,
  NO_STORED_KEYS,
  wrapKeys,
} from "./access-authentication/authentication-centre/subscriber-keys.ts";
import { decodeSeqOf } from "./access-authentication/sequence-number.ts";
import { type DataDecision, decideData } from "./customer-data.ts";
import type { Dependencies, SubscriberChange, SubscriberEntry } from "./dependencies.ts";
import { EMBEDDED_CENTRE } from "#protocol/admin";
import {
  ALGORITHM_DEFAULT,
  AMF_DEFAULT,
  FIRST_KEY_VERSION,
  IND_BITS_DEFAULT,
  readProfile,
} from "./subscriber-enrolment.ts";
import { createRowReader, OF_SQN, type SubscriberRowInput } from "./subscriber-row.ts";

/** A batch whose rows are still anything. */
export interface SubscriberBatchInput extends Required<Omit<SubscriberBatch, "rows">> {
  readonly rows: readonly unknown[];
}

type Tools = Pick<
  Dependencies,
  "algorithms" | "connectors" | "limits" | "slots" | "vault" | "repositories"
>;
type Data = Extract<DataDecision, { ok: true }>;

/** What a row comes to; `save` is the record that it asks for. */
type Decision =
  | { readonly outcome: RowOutcome }
  | { readonly outcome: RowOutcome; readonly insert: SubscriberEntry }
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
      return refuse(each.column, each.reason);
    }
    const { row } = each;
    const decision = seen.has(row.imsi)
      ? refuse("imsi", "duplicate_in_batch")
      : decide(tools, batch, row, known.get(row.imsi));
    seen.add(row.imsi);
    for (const secret of row.profile?.keys.values() ?? []) secret.fill(0);
    return decision;
  });
  return batch.dryRun
    ? decisions.map(({ outcome }) => outcome)
    : save(tools.repositories.subscribers, decisions);
}

function refuse(column: string, reason: RowReason): Decision {
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
  batch: SubscriberBatchInput,
  row: SubscriberRowInput,
  known: SubscriberEntry | undefined,
): Decision {
  const fault = known === undefined ? findGap(tools, row) : findContradiction(tools, row, known);
  if (fault !== undefined) return refuse(fault.column, fault.reason);
  const number = row.msisdn ?? known?.msisdn;
  const data = decideData(row.data, known?.profile, number !== undefined);
  if (!data.ok) return refuse(data.column, data.reason);
  if (known !== undefined) return decideChange(tools, batch, row, known, data);
  const outcome = { outcome: "inserted" } as const;
  return batch.dryRun ? { outcome } : { outcome, insert: makeRecord(tools, batch, row, data) };
}

/** Of a subscriber that is new: it has its keys here, or its centre elsewhere. */
function findGap(
  tools: Tools,
  { centre, algorithm, profile }: SubscriberRowInput,
): RowFault | undefined {
  const isElsewhere = centre !== undefined && centre !== EMBEDDED_CENTRE;
  if (profile !== undefined || isElsewhere) return undefined;
  const read = readProfile(tools, algorithm ?? ALGORITHM_DEFAULT, {});
  return read.ok ? undefined : read;
}

/** Of a row without keys, which can neither change the algorithm nor say what it does not take. */
function findContradiction(
  { algorithms }: Tools,
  row: SubscriberRowInput,
  known: SubscriberEntry,
): RowFault | undefined {
  if (row.profile !== undefined) return undefined;
  const ofSqn = OF_SQN.find((column) => row[column] !== undefined);
  if (ofSqn !== undefined && algorithms.findProfile(known.algorithm)?.family !== "aka") {
    return { column: ofSqn, reason: "not_for_algorithm" };
  }
  const isSameCentre = row.centre === undefined || row.centre === known.centre;
  const isOther = row.algorithm !== undefined && row.algorithm !== known.algorithm;
  return isSameCentre && isOther ? { column: "algorithm", reason: "keys_needed" } : undefined;
}

function decideChange(
  tools: Tools,
  { dryRun, update }: SubscriberBatchInput,
  row: SubscriberRowInput,
  known: SubscriberEntry,
  data: Data,
): Decision {
  const keys = findNewKeys(tools, row, known);
  const fixed = compareFixed(row, known);
  const free = [
    ...compareFree(row, known),
    ...[...keys, ...data.changed].map((column) => ({ column, from: "", to: "" })),
  ];
  const changes = [...fixed, ...free];
  if (changes.length === 0) return { outcome: { outcome: "unchanged" } };
  if (fixed.length > 0 || !update) return { outcome: { outcome: "conflict", changes } };
  const outcome = { outcome: "updated", changes } as const;
  if (dryRun) return { outcome };
  return { outcome, change: makeChange(tools, row, known, keys.length > 0, data) };
}

/** Names of keys that are not those that are there. */
function findNewKeys(
  tools: Tools,
  { profile }: SubscriberRowInput,
  known: SubscriberEntry,
): string[] {
  if (profile === undefined) return [];
  const { name, algorithm, keys } = profile;
  return name === known.algorithm
    ? compareKeys(tools, known, algorithm, keys)
    : algorithm.keys.filter(({ role }) => role === "key").map((key) => key.name);
}

const difference = (
  column: string,
  from: string | undefined,
  to: string | undefined,
): RowChange[] => (to === undefined || from === to ? [] : [{ column, from: from ?? "", to }]);

/** What an import leaves as it is. */
function compareFixed(row: SubscriberRowInput, known: SubscriberEntry): RowChange[] {
  return [
    ...difference("centre", known.centre, row.centre),
    ...difference("status", known.status, row.status),
    ...difference("indBits", String(known.indBits), row.indBits?.toString()),
  ];
}

function compareFree(row: SubscriberRowInput, known: SubscriberEntry): RowChange[] {
  const floor = Math.max(known.seqFloor, seqFloorOf(row, known.indBits));
  return [
    ...difference("mncLength", known.operator, row.operator),
    ...difference("msisdn", known.msisdn, row.msisdn),
    ...difference("algorithm", known.algorithm, row.algorithm),
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
function makeRecord(
  tools: Tools,
  { tenant }: SubscriberBatchInput,
  row: SubscriberRowInput,
  data: Data,
): SubscriberEntry {
  const { imsi, operator, msisdn, profile, centre, algorithm } = row;
  const indBits = row.indBits ?? IND_BITS_DEFAULT;
  return {
    tenant,
    imsi,
    operator,
    msisdn,
    status: row.status ?? "active",
    centre: centre ?? EMBEDDED_CENTRE,
    algorithm: algorithm ?? ALGORITHM_DEFAULT,
    ...(profile === undefined
      ? NO_STORED_KEYS
      : wrapKeys(tools, { tenant, imsi }, profile.algorithm, profile.keys)),
    amf: row.amf ?? AMF_DEFAULT,
    indBits,
    keyVersion: FIRST_KEY_VERSION,
    ssdUpdates: 0,
    seqFloor: seqFloorOf(row, indBits),
    profile: data.next,
  };
}

/** New keys raise the key version, as when they are replaced one by one; SQN stays. */
function makeChange(
  tools: Tools,
  row: SubscriberRowInput,
  known: SubscriberEntry,
  hasNewKeys: boolean,
  data: Data,
): SubscriberChange {
  const { operator, profile } = row;
  const keys =
    hasNewKeys && profile !== undefined
      ? {
          ...wrapKeys(tools, known, profile.algorithm, profile.keys),
          keyVersion: known.keyVersion + 1,
        }
      : {};
  const record = {
    ...known,
    operator,
    msisdn: row.msisdn ?? known.msisdn,
    algorithm: row.algorithm ?? known.algorithm,
    amf: row.amf ?? known.amf,
    seqFloor: Math.max(known.seqFloor, seqFloorOf(row, known.indBits)),
    ...keys,
  };
  const change = { record, knownKeyVersion: known.keyVersion };
  return data.changed.length === 0
    ? change
    : { ...change, profile: { known: known.profile, next: data.next } };
}

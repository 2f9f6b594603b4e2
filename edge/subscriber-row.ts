/** One row of a batch of subscribers, checked member by member so that a fault has its place. */
import { decodeHex } from "#protocol/bytes";
import type { SubscriberStatus } from "#protocol/admin";
import { IMSI_PATTERN } from "#protocol/identifiers";
import { EMBEDDED_CENTRE } from "#protocol/admin";
import type { RowFault, RowReason } from "#protocol/import";
import { MSISDN_PATTERN } from "#protocol/subscriber-profile";
import type { Dependencies } from "./dependencies.ts";
import {
  ALGORITHM_DEFAULT,
  AMF_BYTES,
  IND_BITS_MAX,
  MCC_DIGITS,
  type Profile,
  readProfile,
} from "./subscriber-enrolment.ts";

/** SubscriberRow; what is absent in it is undefined. */
export interface SubscriberRowInput {
  readonly imsi: string;
  readonly operator: string;
  readonly msisdn: string | undefined;
  readonly status: SubscriberStatus | undefined;
  readonly amf: Uint8Array | undefined;
  readonly indBits: number | undefined;
  readonly sqn: number | undefined;
  readonly profile: Profile;
}

export type RowRead =
  | { readonly ok: true; readonly row: SubscriberRowInput }
  | ({ readonly ok: false } & RowFault);

/** TS 33.102, 6.3.2. */
const SQN_MAX = 2 ** 48 - 1;

type Tools = Pick<Dependencies, "algorithms" | "limits" | "slots">;
type Row = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => RowReason | undefined;

const isWhole = (value: unknown, greatest: number): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= greatest;
const text =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value) ? undefined : "malformed";
const whole =
  (greatest: number): Check =>
  (value) =>
    isWhole(value, greatest) ? undefined : "out_of_range";
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value) ? undefined : "out_of_range";

/** The members beside the keys, in the order in which they are checked. */
const CHECKS: readonly (readonly [column: string, isRequired: boolean, check: Check])[] = [
  ["imsi", true, text(IMSI_PATTERN)],
  ["mncLength", true, oneOf(2, 3)],
  ["msisdn", false, text(MSISDN_PATTERN)],
  ["status", false, oneOf("active", "barred")],
  ["centre", false, oneOf(EMBEDDED_CENTRE)],
  ["algorithm", false, (value) => (typeof value === "string" ? undefined : "malformed")],
  ["amf", false, checkAmf],
  ["indBits", false, whole(IND_BITS_MAX)],
  ["sqn", false, whole(SQN_MAX)],
];
const COMMON: ReadonlySet<string> = new Set(CHECKS.map(([column]) => column));
/** Belong to SQN, which a USIM alone has. */
const OF_SQN = ["amf", "indBits", "sqn"];

function checkAmf(value: unknown): RowReason | undefined {
  const bytes = typeof value === "string" ? decodeHex(value) : undefined;
  if (bytes === undefined) return "not_hex";
  return bytes.length === AMF_BYTES ? undefined : "wrong_length";
}

/** The reader of one batch; a fault names a member of SubscriberRow, never a name of the input. */
export function createRowReader(tools: Tools): (value: unknown) => RowRead {
  const { algorithms } = tools;
  const keyNames: ReadonlySet<string> = new Set(
    algorithms.names.flatMap((name) =>
      (algorithms.find(name)?.keys ?? []).flatMap((key) => [key.name, key.from ?? key.name]),
    ),
  );

  return function readRow(value) {
    if (!isRow(value)) return refuse("", "not_a_row");
    for (const name of Object.keys(value)) {
      if (!COMMON.has(name) && !keyNames.has(name)) return refuse("", "unknown_member");
    }
    for (const [column, isRequired, check] of CHECKS) {
      const member = value[column];
      if (member === undefined && !isRequired) continue;
      const reason = member === undefined ? "missing" : check(member);
      if (reason !== undefined) return refuse(column, reason);
    }
    return readChecked(tools, value);
  };
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(column: string, reason: RowReason): RowRead {
  return { ok: false, column, reason };
}

/** Of members that CHECKS let through. */
function readChecked(tools: Tools, value: Row): RowRead {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as CHECKS has just seen
  const { centre: _, ...row } = value as Checked;
  const { imsi, mncLength, msisdn, status, amf, indBits, sqn, ...rest } = row;
  if (imsi.length <= MCC_DIGITS + mncLength) return refuse("imsi", "too_short_for_mnc");
  // Every slot in use must have an IND of its own in this profile (TS 33.102, C.1.1.1).
  if (indBits !== undefined && 2 ** indBits < tools.slots) {
    return refuse("indBits", "fewer_inds_than_slots");
  }
  const { algorithm = ALGORITHM_DEFAULT, ...keys } = rest;
  const ofSqn = OF_SQN.find((column) => value[column] !== undefined);
  const family = tools.algorithms.find(algorithm)?.family ?? "aka";
  if (ofSqn !== undefined && family !== "aka") return refuse(ofSqn, "not_for_algorithm");
  const read = readProfile(tools, algorithm, keys);
  if (!read.ok) return read;
  const operator = imsi.slice(0, MCC_DIGITS + mncLength);
  const { profile } = read;
  const amfBytes = amf === undefined ? undefined : decodeHex(amf);
  return {
    ok: true,
    row: { imsi, operator, msisdn, status, amf: amfBytes, indBits, sqn, profile },
  };
}

interface Checked extends Readonly<Record<string, unknown>> {
  readonly imsi: string;
  readonly mncLength: number;
  readonly msisdn?: string;
  readonly status?: SubscriberStatus;
  readonly algorithm?: string;
  readonly amf?: string;
  readonly indBits?: number;
  readonly sqn?: number;
}

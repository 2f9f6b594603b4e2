/** One row of a batch of subscribers, checked member by member so that a fault has its place. */
import { decodeHex } from "#protocol/bytes";
import { CENTRE_PROOFS, EMBEDDED_CENTRE, type SubscriberStatus } from "#protocol/admin";
import { IMSI_PATTERN } from "#protocol/identifiers";
import type { CustomerDataRow, RowFault, RowReason } from "#protocol/import";
import { MSISDN_PATTERN } from "#protocol/subscriber-profile";
import { CUSTOMER_DATA_CHECKS } from "./customer-data.ts";
import type { Dependencies } from "./dependencies.ts";
import { type Check, oneOf, text, whole } from "./row-checks.ts";
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
  readonly centre: string | undefined;
  readonly algorithm: string | undefined;
  /** Algorithm and keys; without any key in the row what is there stays. */
  readonly profile: Profile | undefined;
  readonly data: CustomerDataRow;
}

export type RowRead =
  | { readonly ok: true; readonly row: SubscriberRowInput }
  | ({ readonly ok: false } & RowFault);

/** TS 33.102, 6.3.2. */
const SQN_MAX = 2 ** 48 - 1;

type Tools = Pick<Dependencies, "algorithms" | "connectors" | "limits" | "slots">;
type Row = Readonly<Record<string, unknown>>;

const isString: Check = (value) => (typeof value === "string" ? undefined : "malformed");

/** The members beside the keys, in the order in which they are checked. */
const CHECKS: readonly (readonly [column: string, isRequired: boolean, check: Check])[] = [
  ["imsi", true, text(IMSI_PATTERN)],
  ["mncLength", true, oneOf(2, 3)],
  ["msisdn", false, text(MSISDN_PATTERN)],
  ["status", false, oneOf("active", "barred")],
  ["centre", false, isString],
  ["algorithm", false, isString],
  ["amf", false, checkAmf],
  ["indBits", false, whole(IND_BITS_MAX)],
  ["sqn", false, whole(SQN_MAX)],
  ...CUSTOMER_DATA_CHECKS,
];
const COMMON: ReadonlySet<string> = new Set(CHECKS.map(([column]) => column));
/** Belong to SQN, which a USIM alone has. */
export const OF_SQN = ["amf", "indBits", "sqn"] as const;

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

  const isKey = (name: string): boolean => keyNames.has(name);

  return function readRow(value) {
    if (!isRow(value)) return refuse("", "not_a_row");
    for (const name of Object.keys(value)) {
      if (!COMMON.has(name) && !isKey(name)) return refuse("", "unknown_member");
    }
    for (const [column, isRequired, check] of CHECKS) {
      const member = value[column];
      if (member === undefined && !isRequired) continue;
      const reason = member === undefined ? "missing" : check(member);
      if (reason !== undefined) return refuse(column, reason);
    }
    return readChecked(tools, value, isKey);
  };
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(column: string, reason: RowReason): RowRead {
  return { ok: false, column, reason };
}

/** Of members that CHECKS let through. */
function readChecked(tools: Tools, value: Row, isKey: (name: string) => boolean): RowRead {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as CHECKS has just seen
  const { ...row } = value as Row & Checked;
  const { imsi, mncLength, msisdn, status, amf, indBits, sqn, centre } = row;
  if (imsi.length <= MCC_DIGITS + mncLength) return refuse("imsi", "too_short_for_mnc");
  // Every slot in use must have an IND of its own in this profile (TS 33.102, C.1.1.1).
  if (indBits !== undefined && 2 ** indBits < tools.slots) {
    return refuse("indBits", "fewer_inds_than_slots");
  }
  const keys = Object.fromEntries(Object.entries(value).filter(([name]) => isKey(name)));
  const read =
    centre === undefined || centre === EMBEDDED_CENTRE
      ? readOwn(tools, row, keys)
      : readElsewhere(tools, row, keys);
  if (!read.ok) return read;
  return {
    ok: true,
    row: {
      imsi,
      operator: imsi.slice(0, MCC_DIGITS + mncLength),
      msisdn,
      status,
      amf: amf === undefined ? undefined : decodeHex(amf),
      indBits,
      sqn,
      ...read.keys,
      data: row,
    },
  };
}

type KeysRead =
  | {
      readonly ok: true;
      readonly keys: Pick<SubscriberRowInput, "centre" | "algorithm" | "profile">;
    }
  | ({ readonly ok: false } & RowFault);

function isGiven(keys: Row): boolean {
  return Object.values(keys).some((key) => key !== undefined);
}

/** Without keys it may be anybody's row, also a subscriber's of another centre. */
function readOwn(tools: Tools, row: Checked, keys: Row): KeysRead {
  const { centre, algorithm } = row;
  const family = tools.algorithms.findProfile(algorithm ?? ALGORITHM_DEFAULT)?.family ?? "aka";
  const ofSqn = OF_SQN.find((column) => row[column] !== undefined);
  if (ofSqn !== undefined && family !== "aka") {
    return { ok: false, column: ofSqn, reason: "not_for_algorithm" };
  }
  if (!isGiven(keys)) {
    return algorithm === undefined || tools.algorithms.findProfile(algorithm) !== undefined
      ? { ok: true, keys: { centre, algorithm, profile: undefined } }
      : { ok: false, column: "algorithm", reason: "unknown_algorithm" };
  }
  const read = readProfile(tools, algorithm ?? ALGORITHM_DEFAULT, keys);
  if (!read.ok) return read;
  const { profile } = read;
  return { ok: true, keys: { centre: EMBEDDED_CENTRE, algorithm: profile.name, profile } };
}

/** `algorithm` is what a right answer proves, as an export says it. */
function readElsewhere(tools: Tools, { centre, algorithm, ...row }: Checked, keys: Row): KeysRead {
  if (centre === undefined || !tools.connectors.has(centre)) {
    return { ok: false, column: "centre", reason: "unknown_centre" };
  }
  const key = Object.keys(keys).find((name) => keys[name] !== undefined);
  if (key !== undefined) return { ok: false, column: key, reason: "not_for_centre" };
  const proof = CENTRE_PROOFS.find((name) => name === algorithm);
  if (proof === undefined) {
    const reason = algorithm === undefined ? "missing" : "unknown_algorithm";
    return { ok: false, column: "algorithm", reason };
  }
  const ofSqn = OF_SQN.find((column) => row[column] !== undefined);
  if (ofSqn !== undefined && proof !== "USIM") {
    return { ok: false, column: ofSqn, reason: "not_for_algorithm" };
  }
  return { ok: true, keys: { centre, algorithm: proof, profile: undefined } };
}

interface Checked extends CustomerDataRow {
  readonly imsi: string;
  readonly mncLength: number;
  readonly msisdn?: string;
  readonly status?: SubscriberStatus;
  readonly centre?: string;
  readonly algorithm?: string;
  readonly amf?: string;
  readonly indBits?: number;
  readonly sqn?: number;
}

/**
 * Import in batches and export in pages: the JSON envelopes of /v1/admin for many rows at once. A
 * batch is answered with one outcome a row, in the order of the rows.
 */
import type { CardRecordView, SubscriberKeys, SubscriberStatus } from "./admin.ts";
import type { SubscriberProfile } from "./subscriber-profile.ts";

export const SUBSCRIBER_BATCH_ROWS_MAX = 1000;
/** Room for a full batch of the longest rows. */
export const SUBSCRIBER_BATCH_BYTES_MAX = 2 * 1024 * 1024;
/** Each row costs the check of a chain and a proof. */
export const CARD_BATCH_ROWS_MAX = 50;
export const CARD_BATCH_BYTES_MAX = 1024 * 1024;
/** Rows of one page of an export. */
export const PAGE_ROWS_MAX = 1000;

/** POST /v1/admin/subscribers/batch. A member that is absent says nothing about the subscriber. */
export interface SubscriberBatch {
  readonly tenant?: string;
  /** Says what would become of each row, and changes nothing. */
  readonly dryRun?: boolean;
  /** Changes subscribers that are there and differ; without it they are conflicts. */
  readonly update?: boolean;
  readonly rows: readonly SubscriberRow[];
}

/**
 * A row without any key says nothing of keys: those of a subscriber that is there stay as they are,
 * and a new one must be another centre's.
 */
export interface SubscriberRow extends Omit<SubscriberKeys, "algorithm">, CustomerDataRow {
  readonly imsi: string;
  /** Digits of the MNC inside the IMSI. */
  readonly mncLength: 2 | 3;
  /** E.164, 5 to 15 digits. */
  readonly msisdn?: string;
  /** Of a new subscriber; `active` unless given. Of one that is there it never changes. */
  readonly status?: SubscriberStatus;
  /** `embedded`, or the name of a configured centre; of a subscriber that is there it stays. */
  readonly centre?: string;
  /** Of the keys; at another centre what a right answer proves, one of CENTRE_PROOFS. */
  readonly algorithm?: string;
  /** USIM: two bytes, hex. */
  readonly amf?: string;
  /** USIM: bits of IND in SQN (TS 33.102, C.1.1.1); of a subscriber that is there they stay. */
  readonly indBits?: number;
  /**
   * USIM: the highest SQN (48 bits, SEQ || IND) that another centre has issued. Ours goes on above
   * its SEQ; a lower one than known changes nothing.
   */
  readonly sqn?: number;
}

/**
 * What the embedded subscriber directory says of the subscriber's number. Null and an empty list
 * say that there is none; what is absent stays as it is. Wants a number.
 */
export interface CustomerDataRow {
  /** `unknown`: nothing is said of the number, so that a rule about it refuses. */
  readonly customerData?: CustomerDataState;
  readonly homeRegion?: string | null;
  readonly userGroups?: readonly string[];
  readonly level?: string | null;
  readonly company?: string | null;
  readonly services?: readonly string[];
  readonly networkSubset?: string | null;
  readonly serviceProvider?: string | null;
  readonly corporate?: string | null;
}

export const CUSTOMER_DATA_STATES = ["known", "unknown"] as const;
export type CustomerDataState = (typeof CUSTOMER_DATA_STATES)[number];

/** POST /v1/admin/cards/batch: each row as POST /v1/admin/cards takes it, without its tenant. */
export interface CardBatch {
  readonly tenant?: string;
  readonly dryRun?: boolean;
  readonly rows: readonly object[];
}

/** What is wrong with a row, or why it was not taken. */
export const ROW_REASONS = [
  "not_a_row",
  "unknown_member",
  "missing",
  "malformed",
  "not_hex",
  "wrong_length",
  "out_of_range",
  "too_short_for_mnc",
  "unknown_algorithm",
  "algorithm_not_allowed",
  "not_for_algorithm",
  "one_of_two",
  "ssd_of_zeros",
  "fewer_inds_than_slots",
  "unknown_centre",
  "not_for_centre",
  "keys_needed",
  "name_twice",
  "too_many_names",
  "no_number",
  "not_beside_unknown",
  "duplicate_in_batch",
  "changed_meanwhile",
  "token_invalid",
  "chain_invalid",
  "possession_unproven",
  "taken",
] as const;
export type RowReason = (typeof ROW_REASONS)[number];

/** `column` is the member of the row. */
export interface RowFault {
  readonly column: string;
  readonly reason: RowReason;
}

/** A difference between a row and what is there; of keys and customer data both sides are empty. */
export interface RowChange {
  readonly column: string;
  readonly from: string;
  readonly to: string;
}

export type RowOutcome =
  | { readonly outcome: "inserted" | "unchanged" }
  | { readonly outcome: "updated"; readonly changes: readonly RowChange[] }
  /** Nothing of the row was taken: these differ and may not be changed. */
  | { readonly outcome: "conflict"; readonly changes: readonly RowChange[] }
  | ({ readonly outcome: "refused" } & RowFault);

export interface BatchAnswer {
  readonly outcomes: readonly RowOutcome[];
}

/** GET /v1/admin/subscribers?after=IMSI: the rows behind it, in the order of the IMSI. No keys. */
export interface SubscriberPage {
  readonly rows: readonly SubscriberPageRow[];
  /** What to ask for next; null on the last page. */
  readonly next: string | null;
}

export interface SubscriberPageRow {
  readonly imsi: string;
  readonly mncLength: number;
  readonly msisdn: string | null;
  readonly status: SubscriberStatus;
  /** `embedded`, or the name of the centre that has the keys. */
  readonly centre: string;
  readonly algorithm: string;
  /** Of a USIM, like the next; null elsewhere. */
  readonly amf: string | null;
  readonly indBits: number | null;
  readonly keyVersion: number;
  /** Customer data; null when nothing is said of the number, or there is no number. */
  readonly profile: SubscriberProfile | null;
}

/** GET /v1/admin/cards?after=CARD: in the order of the card id. No shared keys. */
export interface CardPage {
  readonly rows: readonly Omit<CardRecordView, "tenant" | "state">[];
  readonly next: string | null;
}

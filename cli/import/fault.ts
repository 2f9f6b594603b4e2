/** Everything that can be wrong with a line, in words. No sentence repeats what the line holds. */
import type { CsvReason } from "#protocol/csv";
import type { RowReason } from "#protocol/import";

export const FILE_REASONS = [
  "unknown_column",
  "column_twice",
  "column_absent",
  "wrong_cell_count",
  "not_a_number",
  "backslash_alone",
  "not_trusted",
  "duplicate",
  "key_of_another_line",
  "transport_length",
  "transport_integrity",
  "unknown_osmo_algorithm",
  "no_keys",
  "too_many_rows",
  "differs",
  "differs_for_good",
  "not_answered",
] as const;
export type LineReason = CsvReason | RowReason | (typeof FILE_REASONS)[number];

export interface LineFault {
  /** Of the file; in an osmo-hlr database the subscriber's id. */
  readonly line: number;
  /** Its name, or its number where no name is known. */
  readonly column: string;
  readonly reason: LineReason;
  /** Another line, or what differs; never of a key. */
  readonly detail?: string | undefined;
}

export const REASON_TEXT: Readonly<Record<LineReason, string>> = {
  not_utf8: "is not UTF-8",
  control_character: "holds a control character",
  line_too_long: "the line is longer than 64 KiB",
  quote_in_cell: "has a quote inside a cell that is not quoted",
  quote_not_closed: "has a quote that is not closed on its line",
  text_after_quote: "has text after its closing quote",
  unknown_column: "no such column; --map NAME=COLUMN renames it, --map NAME= leaves it out",
  column_twice: "the column is there twice",
  column_absent: "the column is needed and is not there",
  wrong_cell_count: "has not as many cells as the first line",
  not_a_number: "is not a whole number",
  not_trusted: "is not among the endorsement keys that are trusted",
  backslash_alone: "has a backslash before neither a semicolon nor a backslash",
  duplicate: "is there already, in line",
  key_of_another_line: "is the key of another subscriber, in line",
  transport_length: "has not the length of a value under the transport key",
  transport_integrity: "does not open under the transport key",
  unknown_osmo_algorithm: "is an algorithm of osmo-hlr that has no counterpart here",
  no_keys: "has no authentication data",
  too_many_rows: "is beyond the rows that one file may have; split the file",
  differs: "differs from what is there, which --update changes",
  differs_for_good: "differs from what is there, and no import changes it",
  not_answered: "got no answer from the platform; import the file again",
  not_a_row: "is not a row",
  unknown_member: "holds what the platform does not know",
  missing: "is missing",
  malformed: "is malformed",
  not_hex: "is not hexadecimal",
  wrong_length: "has the wrong length",
  out_of_range: "is not among the values allowed",
  too_short_for_mnc: "has no digits behind MCC and MNC",
  unknown_algorithm: "is no algorithm of this platform",
  algorithm_not_allowed: "is an algorithm that this platform does not let in",
  not_for_algorithm: "does not belong to this algorithm",
  one_of_two: "stands beside the constant that is derived from it; give one of the two",
  ssd_of_zeros: "is zero, which everybody knows",
  fewer_inds_than_slots: "leaves fewer INDs than the platform has slots",
  unknown_centre: "is no centre that this platform is connected to",
  not_for_centre: "does not belong to a subscriber whose keys another centre has",
  keys_needed: "cannot change without the keys that go with it",
  name_twice: "names the same twice",
  too_many_names: "has more names than a list may have",
  no_number: "wants a number that the subscriber does not have",
  not_beside_unknown: "stands beside customer_data unknown",
  duplicate_in_batch: "is there twice",
  changed_meanwhile: "was changed by somebody else meanwhile; import the file again",
  token_invalid: "is not this platform's, not for this card, or older than a day",
  chain_invalid: "is not a valid chain to a root of the tenant",
  possession_unproven: "does not prove that the card has its key",
  taken: "is taken by another card, or its key is",
};

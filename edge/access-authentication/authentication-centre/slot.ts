/**
 * What the platform asks of the single writer of a subscriber's IND slot, in whatever host that
 * writer lives. The writer answers each question once and repeats itself when asked again.
 */
import type {
  ChallengeForm,
  FetchedVector,
  Resynchronisation,
  SubscriberRecord,
} from "../../dependencies.ts";
import type { ModuleAnswer } from "#protocol/messages";
import type { Result } from "#protocol/result";
import type { Strength } from "#protocol/suites";

export interface SlotChallengeRequest {
  readonly sid: string;
  readonly round: number;
  readonly cardId: string;
  readonly subscriber: SubscriberRecord;
  /** The card has bound with this IMSI before, so the reserve is open to it. */
  readonly related: boolean;
  /** Never "SSD update": whether one is due only the slot knows. */
  readonly form: ChallengeForm;
  /** What the external centre gave, after the slot had answered "vectors_needed". */
  readonly fetched?: readonly FetchedVector[] | undefined;
}

/** The random part of a challenge (docs/protocol.md, section 6). */
export interface SlotVector {
  readonly rands: readonly Uint8Array[];
  /** AUTN, 16 bytes; AUTHBS, 3 bytes; else empty. */
  readonly autn: Uint8Array;
}

export interface SlotAnswerRequest {
  readonly sid: string;
  readonly round: number;
  readonly cardId: string;
  readonly subscriber: SubscriberRecord;
  readonly answer: ModuleAnswer;
  /** The confirmation tag, 32 bytes, or none. */
  readonly tag: Uint8Array;
  /** Stands for the answer; a closed RAND repeats its outcome to the same one only. */
  readonly digest: Uint8Array;
}

/** What became of an open RAND. Every one of them has consumed it. */
export const SLOT_OUTCOMES = [
  "verified",
  "response_mismatch",
  "module_refused",
  /** AUTS counts; the external centre has yet to say what it makes of it. */
  "resynchronising",
  "resynchronised",
  "mac_failure",
  "centre_refused",
  "auts_not_newest",
  "ssd_offered",
  "randbs_not_newest",
  "tag_unverifiable",
  "keys_replaced",
] as const;
export type SlotOutcome = (typeof SLOT_OUTCOMES)[number];

/** What a report made of the subscriber: nothing succeeds with it until that is cleared. */
export type SubscriberWithdrawal = "imsi_barred" | "imsi_swapped";

/** What the slot says of an answer. */
export interface SlotWord {
  readonly outcome: SlotOutcome | SubscriberWithdrawal;
  /** Of the outcome "verified". */
  readonly strength?: Strength | undefined;
  /** For how long the word "verified" holds, counted from before it was asked for. */
  readonly goodForMs: number;
  /** Of the outcome "resynchronising": the RAND that AUTS answers, 16 bytes. */
  readonly rand?: Uint8Array | undefined;
}

/** What the external centre made of the AUTS that closed this round. */
export interface SlotResynchronisation {
  readonly sid: string;
  readonly round: number;
  readonly subscriber: SubscriberRecord;
  /** Of the answer that held AUTS. */
  readonly digest: Uint8Array;
  readonly fetched: Result<readonly FetchedVector[], "mac_failure" | "centre_refused">;
}

/** Goes to every slot of the subscriber; `by` holds the names of who ordered it. */
export type SlotOrder = { readonly tenant: string; readonly by: readonly string[] } & (
  | { readonly mark: "barred" | "swapped"; readonly set: boolean }
  /** Another centre has issued SEQs up to this one. */
  | { readonly mark: "sqn"; readonly seq: number }
  /** Whoever comes with a record of an older key version comes too late. */
  | { readonly mark: "moved"; readonly centre: string; readonly keyVersion: number }
);

export interface SlotOrderDone {
  /** Milliseconds until every word of before the order has run out. */
  readonly goodForMs: number;
  /** The highest SEQ issued. */
  readonly seq: number;
}

export type SlotChallengeFailure =
  | SlotFetchNeed
  /** None of them has what this form takes. */
  | "vectors_unfit"
  | "imsi_quota_exceeded"
  | "sqn_spent"
  | "ssd_superseded"
  | SlotObjection;

/** Why a slot serves nobody, or not whoever read the subscriber's record before a move. */
export type SlotObjection = SubscriberWithdrawal | "keys_replaced";

/** What is between the slot and its external centre; nothing was issued. */
export type SlotFetchNeed = "vectors_needed" | "vectors_unusable";
export type SlotAnswerFailure = "no_open_challenge";

/** The writers of all slots, by object name. */
export interface SubscriberSlots {
  challenge(
    object: string,
    request: SlotChallengeRequest,
  ): Promise<Result<SlotVector, SlotChallengeFailure>>;
  answer(object: string, request: SlotAnswerRequest): Promise<Result<SlotWord, SlotAnswerFailure>>;
  resynchronise(
    object: string,
    request: SlotResynchronisation,
  ): Promise<Result<SlotWord, SlotAnswerFailure | "vectors_unusable">>;
}

/** What another point of presence asks the embedded centre for, in the slot that is its own. */
export interface SlotBatchRequest {
  readonly subscriber: SubscriberRecord;
  /** The slot's number, which is its IND. */
  readonly slot: number;
  /** 1 to VECTORS_PER_QUERY_MAX. */
  readonly count: number;
  readonly resynchronisation?: Resynchronisation | undefined;
  /** By the caller's clock, Unix milliseconds. */
  readonly askedAt: number;
}

export type SlotBatchFailure =
  /** Not later than the last one that was answered. */
  | "question_replayed"
  | "imsi_quota_exceeded"
  | "sqn_spent"
  /** AUTS is of another challenge than those that were given out last, or its MAC-S is wrong. */
  | "mac_failure"
  | SlotObjection;

export interface SlotBatches {
  batch(
    object: string,
    request: SlotBatchRequest,
  ): Promise<Result<readonly FetchedVector[], SlotBatchFailure>>;
}

/** How reports reach the same writers. */
export interface SlotOrders {
  order(object: string, order: SlotOrder): Promise<SlotOrderDone>;
}

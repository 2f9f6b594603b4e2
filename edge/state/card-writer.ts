/**
 * The single writer of one card. It alone consumes session ids, accepts the card's answers, counts
 * epochs and commits decisions. Each step is a row of short transactions with the waiting in
 * between; a request that comes again, after a crash or beside itself, goes on where the last
 * transaction left off and ends in the same stored bytes.
 */
import type { SubscriberSlots } from "../access-authentication/authentication-centre/slot.ts";
import type { RuleSource } from "../binding-verification/rule-source.ts";
import type { Dependencies } from "../dependencies.ts";
import type { SessionTerms } from "../secure-connection/token.ts";
import type { ProtectedAnswer } from "../secure-connection/critical-information.ts";
import type { CardProof } from "#protocol/messages";
import type { Result } from "#protocol/result";
import { answerSession } from "./card-answering.ts";
import { openSession } from "./card-opening.ts";
import {
  type CardOrder,
  type CardOrderFailure,
  type CardStanding,
  describeCard,
  recordOrder,
} from "./card-orders.ts";
import { acceptReceipt } from "./card-receipt.ts";
import type { Sql } from "./sql.ts";

/** What the functions of a card's writer work with. */
export interface CardContext {
  readonly sql: Sql;
  readonly object: string;
  readonly dependencies: Dependencies;
  readonly slots: SubscriberSlots;
  /** Work that no reply waits for; its events are carried like any other's. */
  readonly afterwards: (work: Promise<void>) => void;
  /** Compiled rules, kept by the host for all its writers. */
  readonly rules: RuleSource;
}

/** Step 2, after the card's proof verified. */
export interface OpenRequest {
  /** base64url. */
  readonly sid: string;
  /** Stands for the request body; equal digests mean equal bodies. */
  readonly digest: Uint8Array;
  readonly cardId: string;
  /** As registered; the shared key is wrapped, and there in the symmetric suites alone. */
  readonly pinnedKey: Uint8Array;
  readonly wrappedKey: Uint8Array | undefined;
  readonly terms: SessionTerms;
  readonly proof: CardProof;
  readonly h1: Uint8Array;
  /** SessionSecrets, wrapped for this session's row. */
  readonly secrets: Uint8Array;
  readonly moduleKind: number;
}

export interface AnswerRequest {
  readonly sid: string;
  readonly digest: Uint8Array;
  readonly answer: ProtectedAnswer;
  /** Of the point of presence that was asked; absent when nobody knows. */
  readonly country?: string | undefined;
}

export interface ReceiptRequest {
  readonly sid: string;
  readonly digest: Uint8Array;
  /** As the card gave it. */
  readonly receipt: Uint8Array;
}

export type CardWriterFailure =
  | "malformed"
  | "key_changed"
  | "session_consumed"
  | "session_unknown"
  | "session_expired"
  | "step_out_of_order"
  | "quota_exceeded"
  | "proof_invalid"
  | "centre_unavailable";

export type CardOrderResult = Result<undefined, CardOrderFailure>;

/** The reply's JSON body, as stored. */
export type CardWriterResult = Result<string, CardWriterFailure>;

/** The writers of all cards, by object name. */
export interface CardWriters {
  open(object: string, request: OpenRequest): Promise<CardWriterResult>;
  answer(object: string, request: AnswerRequest): Promise<CardWriterResult>;
  receipt(object: string, request: ReceiptRequest): Promise<CardWriterResult>;
  /** What an operator ordered; it counts for everything that the writer commits from then on. */
  order(object: string, order: CardOrder): Promise<CardOrderResult>;
  describe(object: string): Promise<CardStanding>;
}

export function cardObject(tenant: string, cardId: string): string {
  return `${tenant}:${cardId}`;
}

export class CardWriter {
  private readonly context: CardContext;

  constructor(context: CardContext) {
    this.context = context;
  }

  open(request: OpenRequest): Promise<CardWriterResult> {
    return openSession(this.context, request);
  }

  answer(request: AnswerRequest): Promise<CardWriterResult> {
    return answerSession(this.context, request);
  }

  receipt(request: ReceiptRequest): CardWriterResult {
    return acceptReceipt(this.context, request);
  }

  order(order: CardOrder): CardOrderResult {
    return recordOrder(this.context, order);
  }

  describe(): CardStanding {
    return describeCard(this.context);
  }
}

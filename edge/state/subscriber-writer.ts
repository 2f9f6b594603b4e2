/**
 * The single writer of one IND slot of one subscriber: it alone hands out SQNs of that slot,
 * remembers each open challenge with its expected answer, and has the answer compared once.
 */
import {
  type SlotAnswerFailure,
  type SlotAnswerRequest,
  type SlotBatchFailure,
  type SlotBatchRequest,
  type SlotChallengeFailure,
  type SlotChallengeRequest,
  type SlotOrder,
  type SlotOrderDone,
  type SlotResynchronisation,
  type SlotVector,
  type SlotWord,
} from "../access-authentication/authentication-centre/slot.ts";
import type { FetchedVector } from "../dependencies.ts";
import { HOUR_MS, SEQ_RESTORE_JUMP } from "../limits.ts";
import { EMBEDDED_CENTRE } from "#protocol/admin";
import { equalBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { recordEvent } from "./outbox.ts";
import { issueBatch } from "./subscriber-batches.ts";
import type { SlotContext } from "./subscriber-context.ts";
import { issueChallenge } from "./subscriber-issuing.ts";
import { isOfOtherKeys, judgeAnswer } from "./subscriber-judging.ts";
import { findObjection, giveWord, recordSlotOrder } from "./subscriber-status.ts";
import { eraseVectors, storeVectors } from "./subscriber-vectors.ts";
import type { Sql } from "./sql.ts";
import {
  closeChallenge,
  countChallenges,
  findChallenge,
  loadSlot,
  saveSlot,
  type Slot,
  type SlotClosure,
} from "./subscriber-store.ts";

type SlotRequest = Pick<SlotAnswerRequest, "subscriber" | "cardId" | "sid">;

export class SubscriberWriter {
  private readonly sql: Sql;
  private readonly object: string;
  private readonly dependencies: SlotContext["dependencies"];

  constructor(sql: Sql, object: string, dependencies: SlotContext["dependencies"]) {
    this.sql = sql;
    this.object = object;
    this.dependencies = dependencies;
  }

  private get context(): SlotContext {
    const { sql, object, dependencies } = this;
    return { sql, object, dependencies };
  }

  /** A fresh challenge; the same one again for the same session and round. */
  challenge(request: SlotChallengeRequest): Result<SlotVector, SlotChallengeFailure> {
    return this.sql.transaction(() => {
      const known = findChallenge(this.sql, this.object, request.sid, request.round);
      if (known !== undefined) {
        const { rands, autn } = known.challenge;
        return success({ rands, autn });
      }
      const objection = findObjection(this.sql, this.object, request.subscriber);
      if (objection !== undefined) return failure(objection);
      if (this.isOverQuota(request)) return failure("imsi_quota_exceeded");
      const before = loadSlot(this.sql, this.object);
      const slot = this.restoreSlot(request, before);
      return issueChallenge(this.context, request, slot, (next) => {
        this.saveSlot(request, before, next, "store_restored");
      });
    });
  }

  /** Vectors for another point of presence, whose slot this is. */
  batch(request: SlotBatchRequest): Result<readonly FetchedVector[], SlotBatchFailure> {
    return this.sql.transaction(() => {
      const refusal = findObjection(this.sql, this.object, request.subscriber);
      if (refusal !== undefined) return failure(refusal);
      const asked = { subscriber: request.subscriber, cardId: "", sid: "" };
      const before = loadSlot(this.sql, this.object);
      const slot = this.restoreSlot(asked, before);
      return issueBatch(this.context, request, slot, (next) => {
        const reason = request.resynchronisation === undefined ? "store_restored" : "sqn_reset";
        this.saveSlot(asked, before, next, reason);
      });
    });
  }

  /** What the answer is worth at this moment; a report may have come before it. */
  answer(request: SlotAnswerRequest): Result<SlotWord, SlotAnswerFailure> {
    return this.sql.transaction(() => {
      const closed = this.close(request);
      if (!closed.ok) return closed;
      const { outcome, strength } = closed.value;
      const word = giveWord(this.sql, this.object, outcome, this.dependencies.clock());
      const rand = outcome === "resynchronising" ? this.randOf(request) : undefined;
      return success({ ...word, strength, rand });
    });
  }

  /**
   * The external centre's word on AUTS takes the place of "resynchronising", once; the vectors that
   * came with it are for the round that follows.
   */
  resynchronise(
    request: SlotResynchronisation,
  ): Result<SlotWord, SlotAnswerFailure | "vectors_unusable"> {
    const { sid, round, digest, fetched, subscriber } = request;
    return this.sql.transaction(() => {
      const closed = findChallenge(this.sql, this.object, sid, round);
      if (closed?.closed === undefined || !equalBytes(closed.closed.digest, digest)) {
        return failure("no_open_challenge");
      }
      if (closed.closed.outcome !== "resynchronising") {
        return success({ outcome: closed.closed.outcome, goodForMs: 0 });
      }
      const outcome = fetched.ok ? "resynchronised" : fetched.reason;
      const isRefused = findObjection(this.sql, this.object, subscriber) !== undefined;
      if (fetched.ok && !isRefused) {
        const stored = storeVectors(this.context, subscriber, fetched.value);
        if (!stored) return failure("vectors_unusable");
      }
      closeChallenge(this.sql, this.object, closed, { ...closed.closed, outcome });
      return success({ outcome, goodForMs: 0 });
    });
  }

  /** A report on the subscriber, its withdrawal, or a move (subscriber-status.ts). */
  order(order: SlotOrder): SlotOrderDone {
    return this.sql.transaction(() => {
      eraseVectors(this.sql, this.object);
      return recordSlotOrder(this.sql, this.object, this.dependencies, order);
    });
  }

  private randOf({ sid, round }: SlotAnswerRequest): Uint8Array | undefined {
    return findChallenge(this.sql, this.object, sid, round)?.challenge.rands[0];
  }

  /** Closes the open RANDs of this session and round; the same outcome again when asked again. */
  private close(request: SlotAnswerRequest): Result<SlotClosure, SlotAnswerFailure> {
    const open = findChallenge(this.sql, this.object, request.sid, request.round);
    if (open === undefined) return failure("no_open_challenge");
    if (open.closed !== undefined) {
      const isSame = equalBytes(open.closed.digest, request.digest);
      if (!isSame) return failure("no_open_challenge");
      const isVoid = isOfOtherKeys(this.context, request, open);
      return success(isVoid ? { ...open.closed, outcome: "keys_replaced" } : open.closed);
    }
    const { outcome, strength } = judgeAnswer(this.context, request, open, {
      saveSlot: (before, slot) => {
        this.saveSlot(request, before, slot, "sqn_reset");
      },
      reportSsd: (reason) => {
        this.record(request, "ssd_update_concluded", reason);
      },
    });
    const closure = { outcome, strength, digest: request.digest };
    closeChallenge(this.sql, this.object, open, closure);
    return success(closure);
  }

  /** What an IMSI may be asked is split over its slots; without an IND it has one. */
  private isOverQuota(request: SlotChallengeRequest): boolean {
    const { related, subscriber } = request;
    const { limits, clock, algorithms } = this.dependencies;
    const hasInd = algorithms.findProfile(subscriber.algorithm)?.family === "aka";
    const slots = hasInd ? this.dependencies.slots : 1;
    const reserved = Math.ceil(limits.reservedPerImsiHour / slots);
    const open = Math.max(1, Math.ceil(limits.challengesPerImsiHour / slots) - reserved);
    const counts = countChallenges(this.sql, this.object, request, clock() - HOUR_MS);
    return counts.all >= open + reserved || (!related && counts.unrelated >= open);
  }

  /**
   * After a restore the lost state may have issued more: jump past it (invariant I4). A slot that
   * the backup does not know jumps like any other, since it may have been one of the lost. The SQN
   * of an external centre was not lost with it.
   */
  private restoreSlot({ subscriber }: SlotRequest, slot: Slot): Slot {
    const { storeGeneration } = this.dependencies;
    const restores = storeGeneration - slot.storeGeneration;
    if (restores <= 0 || subscriber.centre !== EMBEDDED_CENTRE) return slot;
    const seq = slot.seq + restores * SEQ_RESTORE_JUMP;
    return { ...slot, storeGeneration, seq, sqnGeneration: slot.sqnGeneration + 1 };
  }

  /** A new SQN generation is an event, `reason` says of what. */
  private saveSlot(request: SlotRequest, before: Slot, slot: Slot, reason: string): void {
    saveSlot(this.sql, this.object, slot);
    if (slot.sqnGeneration === before.sqnGeneration) return;
    this.record(request, "sqn_generation_raised", `${reason} ${slot.sqnGeneration}`);
  }

  private record({ subscriber, cardId, sid }: SlotRequest, type: string, reason: string): void {
    const { clock, storeGeneration } = this.dependencies;
    recordEvent(this.sql, this.object, storeGeneration, {
      tenant: subscriber.tenant,
      at: clock(),
      type,
      cardId,
      session: sid,
      reason,
      trail: [],
    });
  }
}

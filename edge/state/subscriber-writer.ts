/**
 * The single writer of one IND slot of one subscriber: it alone hands out SQNs of that slot,
 * remembers each open RAND with its expected answer, and compares the answer once.
 */
import {
  computeVector,
  matchesExpectedAnswer,
  openResynchronisation,
} from "../access-authentication/authentication-centre/embedded.ts";
import {
  SLOT_OUTCOMES,
  type SlotAnswerFailure,
  type SlotAnswerRequest,
  type SlotChallengeFailure,
  type SlotChallengeRequest,
  type SlotOrder,
  type SlotOutcome,
  type SlotVector,
  type SlotWord,
} from "../access-authentication/authentication-centre/slot.ts";
import {
  decodeSeq,
  encodeSqn,
  isSeqSpent,
  resynchroniseSeq,
} from "../access-authentication/sequence-number.ts";
import type { Dependencies } from "../dependencies.ts";
import { HOUR_MS, RES_BYTES_MIN, SEQ_DELTA, SEQ_RESTORE_JUMP } from "../limits.ts";
import { equalBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { recordEvent } from "./outbox.ts";
import type { Sql } from "./sql.ts";
import { findWithdrawal, giveWord, recordSlotOrder } from "./subscriber-status.ts";
import {
  closeChallenge,
  countChallenges,
  findChallenge,
  insertChallenge,
  isRecentRand,
  loadSlot,
  saveSlot,
  type Slot,
  type SlotChallenge,
} from "./subscriber-store.ts";

type WriterDependencies = Pick<
  Dependencies,
  "clock" | "random" | "core" | "vault" | "limits" | "slot" | "slots" | "storeGeneration"
>;

export class SubscriberWriter {
  private readonly sql: Sql;
  private readonly object: string;
  private readonly dependencies: WriterDependencies;

  constructor(sql: Sql, object: string, dependencies: WriterDependencies) {
    this.sql = sql;
    this.object = object;
    this.dependencies = dependencies;
  }

  /** A fresh challenge; the same one again for the same session and round. */
  challenge(request: SlotChallengeRequest): Result<SlotVector, SlotChallengeFailure> {
    return this.sql.transaction(() => {
      const known = findChallenge(this.sql, this.object, request.sid, request.round);
      if (known !== undefined) return success({ rand: known.rand, autn: known.autn });
      const withdrawal = findWithdrawal(this.sql, this.object);
      if (withdrawal !== undefined) return failure(withdrawal);
      if (this.isOverQuota(request.related)) return failure("imsi_quota_exceeded");
      const slot = this.restoreSlot(loadSlot(this.sql, this.object));
      if (isSeqSpent(slot.seq + 1, request.subscriber.indBits)) return failure("sqn_spent");
      return success(this.issue(request, slot));
    });
  }

  /** What the answer is worth at this moment; a report may have come before it. */
  answer(request: SlotAnswerRequest): Result<SlotWord, SlotAnswerFailure> {
    return this.sql.transaction(() => {
      const closed = this.close(request);
      if (!closed.ok) return closed;
      return success(giveWord(this.sql, this.object, closed.value, this.dependencies.clock()));
    });
  }

  /** A report on the subscriber, or its withdrawal (subscriber-status.ts). */
  order(order: SlotOrder): number {
    return this.sql.transaction(() =>
      recordSlotOrder(this.sql, this.object, this.dependencies, order),
    );
  }

  /** Closes the open RAND of this session and round; the same outcome again when asked again. */
  private close(request: SlotAnswerRequest): Result<SlotOutcome, SlotAnswerFailure> {
    const open = findChallenge(this.sql, this.object, request.sid, request.round);
    if (open === undefined) return failure("no_open_challenge");
    if (open.closed !== undefined) {
      const { outcome, digest } = open.closed;
      const known = SLOT_OUTCOMES.find((name) => name === outcome);
      const same = known !== undefined && equalBytes(digest, request.digest);
      return same ? success(known) : failure("no_open_challenge");
    }
    const outcome = this.judge(request, open);
    const { digest } = request;
    closeChallenge(this.sql, this.object, open.number, { outcome, digest });
    return success(outcome);
  }

  private isOverQuota(related: boolean): boolean {
    const { limits, slots, clock } = this.dependencies;
    const reserved = Math.ceil(limits.reservedPerImsiHour / slots);
    const open = Math.max(1, Math.ceil(limits.challengesPerImsiHour / slots) - reserved);
    const counts = countChallenges(this.sql, this.object, clock() - HOUR_MS);
    return counts.all >= open + reserved || (!related && counts.unrelated >= open);
  }

  /**
   * After a restore the lost state may have issued more: jump past it (invariant I4). A slot that
   * the backup does not know jumps like any other, since it may have been one of the lost.
   */
  private restoreSlot(slot: Slot): Slot {
    const { storeGeneration } = this.dependencies;
    const restores = storeGeneration - slot.storeGeneration;
    if (restores <= 0) return slot;
    const seq = slot.seq + restores * SEQ_RESTORE_JUMP;
    return { ...slot, storeGeneration, seq, sqnGeneration: slot.sqnGeneration + 1 };
  }

  /**
   * SEQ, challenge and expected answer are one commit, and the host lets nothing out before it is
   * on disk: a SEQ is durably taken before its vector leaves (invariant I4).
   */
  private issue(request: SlotChallengeRequest, slot: Slot): SlotVector {
    const { clock, slot: ind } = this.dependencies;
    const { subscriber, sid, round, related } = request;
    const rand = this.drawRand();
    const seq = slot.seq + 1;
    const sqn = encodeSqn(seq, ind, subscriber.indBits);
    const { autn, xres } = computeVector(this.dependencies, subscriber, rand, sqn);
    const number = slot.challengeNumber + 1;
    const wrappedXres = this.dependencies.vault.wrap("xres", this.xresContext(number), xres);
    xres.fill(0);
    this.saveSlot(request, { ...slot, seq, challengeNumber: number }, "store_restored");
    const challenge = { number, sid, round, rand, autn, wrappedXres, closed: undefined };
    insertChallenge(this.sql, this.object, challenge, { related, at: clock() });
    return { rand, autn };
  }

  /** A RAND among the last 1,024 of this slot is never used again. */
  private drawRand(): Uint8Array {
    for (let attempt = 0; attempt < 3; attempt++) {
      const rand = this.dependencies.random(16);
      if (!isRecentRand(this.sql, this.object, rand)) return rand;
    }
    throw new Error("the random source repeats itself");
  }

  private judge(request: SlotAnswerRequest, open: SlotChallenge): SlotOutcome {
    const { answer } = request;
    switch (answer.kind) {
      case "refusal":
        return "module_refused";
      case "randbs":
        return "response_mismatch";
      case "auts":
        return this.resynchronise(request, open, answer.auts);
      case "res": {
        const xres = this.unwrapXres(open);
        const matches = matchesExpectedAnswer(answer.values, xres, RES_BYTES_MIN);
        xres.fill(0);
        return matches ? "verified" : "response_mismatch";
      }
    }
  }

  /** TS 33.102, 6.3.5. AUTS counts only for the newest challenge of the slot (invariant I5). */
  private resynchronise(
    request: SlotAnswerRequest,
    open: SlotChallenge,
    auts: Uint8Array,
  ): SlotOutcome {
    const { subscriber } = request;
    const slot = loadSlot(this.sql, this.object);
    if (slot.challengeNumber !== open.number) return "auts_not_newest";
    const sqnMs = openResynchronisation(this.dependencies, subscriber, open.rand, auts);
    if (sqnMs === undefined) return "mac_failure";
    const seqMs = decodeSeq(sqnMs, subscriber.indBits);
    const { next, newGeneration } = resynchroniseSeq(slot.seq, seqMs, SEQ_DELTA);
    const sqnGeneration = slot.sqnGeneration + (newGeneration ? 1 : 0);
    this.saveSlot(request, { ...slot, seq: next - 1, sqnGeneration }, "sqn_reset");
    return "resynchronised";
  }

  private unwrapXres(open: SlotChallenge): Uint8Array {
    const context = this.xresContext(open.number);
    const wrapped = open.wrappedXres ?? new Uint8Array(0);
    const xres = this.dependencies.vault.unwrap("xres", context, wrapped);
    if (xres === undefined) throw new Error("an expected answer does not unwrap");
    return xres;
  }

  private xresContext(number: number): string {
    return `${this.object}/${number}`;
  }

  /** A new SQN generation is an event, `reason` says of what. */
  private saveSlot(
    request: SlotChallengeRequest | SlotAnswerRequest,
    slot: Slot,
    reason: string,
  ): void {
    const { clock, storeGeneration } = this.dependencies;
    const { sqnGeneration } = loadSlot(this.sql, this.object);
    saveSlot(this.sql, this.object, slot);
    if (slot.sqnGeneration === sqnGeneration) return;
    recordEvent(this.sql, this.object, storeGeneration, {
      tenant: request.subscriber.tenant,
      at: clock(),
      type: "sqn_generation_raised",
      cardId: request.cardId,
      session: request.sid,
      reason: `${reason} ${slot.sqnGeneration}`,
      trail: [],
    });
  }
}

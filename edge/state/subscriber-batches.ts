/**
 * Vectors that the embedded centre gives another point of presence, in a slot that is that one's
 * alone: their SEQs are taken in the commit that lets them out (invariant I4). They are not kept
 * here; whoever asked holds what is expected and compares.
 */
import type {
  SlotBatchFailure,
  SlotBatchRequest,
} from "../access-authentication/authentication-centre/slot.ts";
import {
  decodeSeq,
  encodeSqn,
  isSeqSpent,
  resynchroniseSeq,
} from "../access-authentication/sequence-number.ts";
import type { FetchedVector } from "../dependencies.ts";
import { HOUR_MS, SEQ_DELTA } from "../limits.ts";
import { LENGTH } from "#protocol/assigned-numbers";
import { concatBytes, equalBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import type { SlotContext } from "./subscriber-context.ts";
import { raiseToFloor } from "./subscriber-issuing.ts";
import type { Slot, SlotBatches } from "./subscriber-store.ts";

/** Inside a transaction; `save` is for the slot, whose new SQN generation is an event. */
export function issueBatch(
  context: SlotContext,
  request: SlotBatchRequest,
  slot: Slot,
  save: (slot: Slot) => void,
): Result<readonly FetchedVector[], SlotBatchFailure> {
  const { dependencies } = context;
  const { subscriber, askedAt, count, slot: ind } = request;
  if (askedAt <= slot.batches.askedAt) return failure("question_replayed");
  const quota = countOne(context, slot.batches);
  if (quota === undefined) return failure("imsi_quota_exceeded");
  const raised = raiseToFloor(slot, subscriber.seqFloor);
  const start = resynchronise(context, request, raised);
  if (start === undefined) return failure("mac_failure");
  const rands = Array.from({ length: count }, () => dependencies.random(LENGTH.rand));
  const { family } = dependencies.algorithms.findProfile(subscriber.algorithm) ?? {};
  const seq = start.seq + (family === "aka" ? count : 0);
  if (isSeqSpent(seq, subscriber.indBits)) return failure("sqn_spent");
  const sqns = rands.map((_, i) => encodeSqn(start.seq + 1 + i, ind, subscriber.indBits));
  const answered = request.resynchronisation?.rand ?? new Uint8Array(0);
  const batches = { ...quota, askedAt, rands: concatBytes(...rands, answered) };
  save({ ...start, seq, batches });
  return success(dependencies.centre.batch(subscriber, { rands, sqns }));
}

/** The quota is the caller's, for this IMSI; undefined when it is used up. */
function countOne(
  { dependencies }: SlotContext,
  { countedFrom, count }: SlotBatches,
): Pick<SlotBatches, "countedFrom" | "count"> | undefined {
  const at = dependencies.clock();
  const isOver = at < countedFrom || at >= countedFrom + HOUR_MS;
  if (isOver) return { countedFrom: at, count: 1 };
  if (count >= dependencies.limits.challengesPerImsiHour) return undefined;
  return { countedFrom, count: count + 1 };
}

/**
 * TS 33.102, 6.3.5. AUTS counts for a challenge of the last batch (invariant I5), or again for the
 * one that this batch followed: the answer may have been lost on the way.
 */
function resynchronise(
  { dependencies }: SlotContext,
  { subscriber, resynchronisation }: SlotBatchRequest,
  slot: Slot,
): Slot | undefined {
  if (resynchronisation === undefined) return slot;
  const { rand, auts } = resynchronisation;
  if (!holdsRand(slot.batches.rands, rand)) return undefined;
  const sqnMs = dependencies.centre.resynchronise(subscriber, rand, auts);
  if (sqnMs === undefined) return undefined;
  const seqMs = decodeSeq(sqnMs, subscriber.indBits);
  const { next, newGeneration } = resynchroniseSeq(slot.seq, seqMs, SEQ_DELTA);
  const sqnGeneration = slot.sqnGeneration + (newGeneration ? 1 : 0);
  return { ...slot, seq: next - 1, sqnGeneration };
}

function holdsRand(rands: Uint8Array, rand: Uint8Array): boolean {
  for (let start = 0; start < rands.length; start += rand.length) {
    if (equalBytes(rands.subarray(start, start + rand.length), rand)) return true;
  }
  return false;
}

/**
 * What becomes of an open challenge: its answer is compared once, by the centre, with what that
 * very challenge expects. Every outcome has consumed the RANDs (invariants I3, I5).
 */
import type {
  SlotAnswerRequest,
  SlotOutcome,
} from "../access-authentication/authentication-centre/slot.ts";
import { strengthOf } from "../access-authentication/challenge-form.ts";
import { decodeSeq, resynchroniseSeq } from "../access-authentication/sequence-number.ts";
import type { PresentedAnswer, Vector } from "../dependencies.ts";
import { SEQ_DELTA } from "../limits.ts";
import { EMBEDDED_CENTRE } from "#protocol/admin";
import { decodeBase64Url } from "#protocol/bytes";
import { encodeChallenge } from "#protocol/messages";
import type { Strength } from "#protocol/suites";
import { confirmationMessage } from "#protocol/transcript";
import { type SlotContext, unwrapVector } from "./subscriber-context.ts";
import { findObjection } from "./subscriber-status.ts";
import { isUpdateDue, loadSsd, openCandidates, saveSsd, wrapSsd } from "./subscriber-ssd.ts";
import { loadSlot, type Slot, type SlotChallenge } from "./subscriber-store.ts";
import { eraseVectors } from "./subscriber-vectors.ts";

export interface Judgement {
  readonly outcome: SlotOutcome;
  readonly strength?: Strength;
}

/** How the slot's writer keeps what a judgement changes; both record an event where it matters. */
export interface JudgementEffects {
  readonly saveSlot: (before: Slot, slot: Slot) => void;
  readonly reportSsd: (reason: string) => void;
}

/** Inside the transaction that closes the challenge. */
export function judgeAnswer(
  context: SlotContext,
  request: SlotAnswerRequest,
  open: SlotChallenge,
  effects: JudgementEffects,
): Judgement {
  const { answer, tag } = request;
  if (isOfOtherKeys(context, request, open)) return { outcome: "keys_replaced" };
  if (tag.length > 0 && answer.kind !== "res") return { outcome: "tag_unverifiable" };
  switch (answer.kind) {
    case "refusal":
      return { outcome: "module_refused" };
    case "auts":
      return { outcome: resynchronise(context, request, open, answer.auts, effects) };
    case "randbs":
      return { outcome: takeRandbs(context, request, open, answer.randbs) };
    case "res":
      return open.form === "CAVE"
        ? verifyCave(context, request, open, answer.values, effects)
        : verifyStored(context, request, open, answer.values);
  }
}

/** Keys, or whoever has them, changed since the challenge, or since the record was read. */
export function isOfOtherKeys(
  { sql, object }: SlotContext,
  { subscriber }: SlotAnswerRequest,
  { keyVersion }: SlotChallenge,
): boolean {
  const isOutdated = findObjection(sql, object, subscriber) === "keys_replaced";
  return keyVersion !== subscriber.keyVersion || isOutdated;
}

/**
 * TS 33.102, 6.3.5. AUTS counts only for the newest challenge of the slot (invariant I5). An
 * external centre checks MAC-S; what it gave out before is of an SQN that the module refuses.
 */
function resynchronise(
  { sql, object, dependencies }: SlotContext,
  { subscriber }: SlotAnswerRequest,
  open: SlotChallenge,
  auts: Uint8Array,
  { saveSlot }: JudgementEffects,
): SlotOutcome {
  const [rand] = open.challenge.rands;
  if (open.form !== "USIM" || rand === undefined) return "response_mismatch";
  const slot = loadSlot(sql, object);
  if (slot.challengeNumber !== open.number) return "auts_not_newest";
  if (subscriber.centre !== EMBEDDED_CENTRE) {
    eraseVectors(sql, object);
    return "resynchronising";
  }
  const sqnMs = dependencies.centre.resynchronise(subscriber, rand, auts);
  if (sqnMs === undefined) return "mac_failure";
  const seqMs = decodeSeq(sqnMs, subscriber.indBits);
  const { next, newGeneration } = resynchroniseSeq(slot.seq, seqMs, SEQ_DELTA);
  const sqnGeneration = slot.sqnGeneration + (newGeneration ? 1 : 0);
  saveSlot(slot, { ...slot, seq: next - 1, sqnGeneration });
  return "resynchronised";
}

/**
 * The module asks for AUTHBS: from here on its SSD may be the new one. RANDBS counts for an open
 * RANDSSD that is the newest challenge, so that no two offers are under way at once.
 */
function takeRandbs(
  { sql, object, dependencies }: SlotContext,
  { subscriber }: SlotAnswerRequest,
  open: SlotChallenge,
  randbs: Uint8Array,
): SlotOutcome {
  const [randssd] = open.challenge.rands;
  if (open.form !== "SSD update" || randssd === undefined) return "response_mismatch";
  if (loadSlot(sql, object).challengeNumber !== open.number) return "randbs_not_newest";
  const state = loadSsd(sql, object, subscriber);
  const { storeGeneration } = dependencies;
  if (!isUpdateDue(state, subscriber, storeGeneration)) return "randbs_not_newest";
  const ssd = dependencies.centre.deriveSsd(subscriber, randssd);
  const offer = {
    wrapped: wrapSsd(dependencies, object, subscriber, ssd),
    randbs,
    number: open.number,
    confirmNumber: 0,
    order: subscriber.ssdUpdates,
  };
  ssd.fill(0);
  saveSsd(sql, object, subscriber, { ...state, offer, storeGeneration });
  return "ssd_offered";
}

/** AUTHR under the SSD that is proven, or under the one on offer; either word is the last. */
function verifyCave(
  context: SlotContext,
  request: SlotAnswerRequest,
  open: SlotChallenge,
  values: readonly Uint8Array[],
  { reportSsd }: JudgementEffects,
): Judgement {
  const { sql, object, dependencies } = context;
  const { subscriber } = request;
  const state = loadSsd(sql, object, subscriber);
  const { proven, offered } = openCandidates(dependencies, object, subscriber, state);
  const byOld = verifyUnder(context, request, open, values, proven);
  const byNew = verifyUnder(context, request, open, values, offered);
  const { offer } = state;
  if (byNew.outcome === "verified" && offer !== undefined) {
    const { wrapped: wrappedSsd, order: doneOrder } = offer;
    saveSsd(sql, object, subscriber, { ...state, wrappedSsd, doneOrder, offer: undefined });
    reportSsd("taken");
    return byNew;
  }
  // Before AUTHBS was on its way the old SSD says nothing about the offer.
  const isRefusal = offer !== undefined && offer.confirmNumber !== 0;
  if (byOld.outcome === "verified" && isRefusal && open.number >= offer.confirmNumber) {
    saveSsd(sql, object, subscriber, { ...state, offer: undefined });
    reportSsd("not taken");
  }
  return byOld;
}

function verifyUnder(
  context: SlotContext,
  request: SlotAnswerRequest,
  open: SlotChallenge,
  values: readonly Uint8Array[],
  ssd: Uint8Array | undefined,
): Judgement {
  if (ssd === undefined) return { outcome: "response_mismatch" };
  const { rands } = open.challenge;
  const order = { form: "CAVE", rands, ssd, randbs: undefined } as const;
  const vector = context.dependencies.centre.vector(request.subscriber, order);
  ssd.fill(0);
  return verifyAgainst(context, request, open, values, vector);
}

function verifyStored(
  context: SlotContext,
  request: SlotAnswerRequest,
  open: SlotChallenge,
  values: readonly Uint8Array[],
): Judgement {
  if (open.wrappedVector === undefined) return { outcome: "response_mismatch" };
  const vector = unwrapVector(context, open.number, open.wrappedVector);
  return verifyAgainst(context, request, open, values, vector);
}

/** Wipes the vector. */
function verifyAgainst(
  { dependencies }: SlotContext,
  { subscriber, answer, sid, tag }: SlotAnswerRequest,
  open: SlotChallenge,
  values: readonly Uint8Array[],
  vector: Omit<Vector, "autn">,
): Judgement {
  const { algorithms, centre } = dependencies;
  const { form, challenge } = open;
  const algorithm = algorithms.findProfile(subscriber.algorithm);
  const session = decodeBase64Url(sid);
  if (algorithm === undefined || session === undefined) throw new Error("a slot's state is wrong");
  const presented: PresentedAnswer = {
    form,
    values,
    tag,
    tagMessage: confirmationMessage(session, encodeChallenge(challenge), answer),
  };
  const verification = centre.verify(vector, presented);
  for (const secret of vector.expected) secret.fill(0);
  vector.confirmationKey?.fill(0);
  switch (verification) {
    case "proven":
    case "proven_with_tag": {
      const hasTag = verification === "proven_with_tag";
      return { outcome: "verified", strength: strengthOf(form, algorithm, hasTag) };
    }
    case "response_mismatch":
    case "tag_unverifiable":
      return { outcome: verification };
  }
}

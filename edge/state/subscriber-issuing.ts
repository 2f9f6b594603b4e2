/**
 * What a slot issues: RANDs that its subscriber has not seen lately, an SQN where the form has one,
 * and the expected answer, wrapped, all in one commit. The host lets nothing out before that is on
 * disk, so an SQN is durably taken before its vector leaves (invariant I4).
 */
import type {
  SlotChallengeFailure,
  SlotChallengeRequest,
  SlotVector,
} from "../access-authentication/authentication-centre/slot.ts";
import { drawRands } from "../access-authentication/challenge-form.ts";
import { encodeSqn, isSeqSpent } from "../access-authentication/sequence-number.ts";
import type { ChallengeForm, Vector } from "../dependencies.ts";
import { HOUR_MS } from "../limits.ts";
import { EMBEDDED_CENTRE } from "#protocol/admin";
import { failure, type Result, success } from "#protocol/result";
import { type SlotContext, wrapVector } from "./subscriber-context.ts";
import { isUpdateDue, loadSsd, saveSsd, type SsdState, unwrapSsd } from "./subscriber-ssd.ts";
import { findChallenge, insertChallenge, isRecentRand, type Slot } from "./subscriber-store.ts";
import { takeFetched } from "./subscriber-vectors.ts";

/** A challenge with the number `slot.challengeNumber + 1`, and the slot as it is after it. */
interface Issued {
  readonly form: ChallengeForm;
  readonly vector: SlotVector;
  /** Absent where the answer is computed when it comes. */
  readonly wrappedVector: Uint8Array | undefined;
  readonly slot: Slot;
}

/** As long as quotas count it, and as its session may ask for it again. */
function challengesKeptMs({ sessionSeconds }: SlotContext["dependencies"]["limits"]): number {
  return Math.max(HOUR_MS, sessionSeconds * 1000);
}

/** Inside a transaction; `save` is for the slot, whose new SQN generation is an event. */
export function issueChallenge(
  context: SlotContext,
  request: SlotChallengeRequest,
  slot: Slot,
  save: (slot: Slot) => void,
): Result<SlotVector, SlotChallengeFailure> {
  const issued = issueForm(context, request, slot);
  if (!issued.ok) return issued;
  const { form, vector, wrappedVector } = issued.value;
  const number = slot.challengeNumber + 1;
  save({ ...issued.value.slot, challengeNumber: number });
  const { sid, round, related, subscriber } = request;
  const at = context.dependencies.clock();
  insertChallenge(
    context.sql,
    context.object,
    {
      number,
      sid,
      form,
      challenge: { round, ...vector },
      keyVersion: subscriber.keyVersion,
      wrappedVector,
      closed: undefined,
    },
    { related, at, since: at - challengesKeptMs(context.dependencies.limits) },
  );
  return success(vector);
}

function issueForm(
  context: SlotContext,
  request: SlotChallengeRequest,
  slot: Slot,
): Result<Issued, SlotChallengeFailure> {
  if (request.subscriber.centre !== EMBEDDED_CENTRE) return issueFetched(context, request, slot);
  switch (request.form) {
    case "USIM":
      return issueUsim(context, request, slot);
    case "CAVE":
    case "SSD update":
      return issueCave(context, request, slot);
    case "SIM":
    case "CHAP": {
      const { form, subscriber } = request;
      const rands = draw(context, form);
      const computed = context.dependencies.centre.vector(subscriber, { form, rands });
      return success(wrapIssued(context, form, { rands, computed, slot }));
    }
  }
}

/** SQN is the external centre's; the slot counts challenges alone. */
function issueFetched(
  context: SlotContext,
  request: SlotChallengeRequest,
  slot: Slot,
): Result<Issued, SlotChallengeFailure> {
  const taken = takeFetched(context, request);
  if (!taken.ok) return taken;
  const { rands, computed } = taken.value;
  return success(wrapIssued(context, request.form, { rands, computed, slot }));
}

function issueUsim(
  context: SlotContext,
  { subscriber }: SlotChallengeRequest,
  slot: Slot,
): Result<Issued, SlotChallengeFailure> {
  const { slot: ind, centre } = context.dependencies;
  const raised = raiseToFloor(slot, subscriber.seqFloor);
  const seq = raised.seq + 1;
  if (isSeqSpent(seq, subscriber.indBits)) return failure("sqn_spent");
  const form = "USIM";
  const rands = draw(context, form);
  const sqn = encodeSqn(seq, ind, subscriber.indBits);
  const computed = centre.vector(subscriber, { form, rands, sqn });
  return success(wrapIssued(context, form, { rands, computed, slot: { ...raised, seq } }));
}

/**
 * Past what another centre has issued (invariant I4). A floor counts once: a valid AUTS may take
 * SEQ below it again, and no module would ever be synchronised if the next challenge went back.
 */
export function raiseToFloor(slot: Slot, seqFloor: number): Slot {
  if (seqFloor <= slot.seqFloor) return slot;
  return { ...slot, seq: Math.max(slot.seq, seqFloor), seqFloor };
}

/**
 * RANDSSD where an update is due; AUTHBS beside the RANDs in the round after RANDBS; else RANDs.
 * Which SSD the module has is seen when it answers.
 */
function issueCave(
  context: SlotContext,
  request: SlotChallengeRequest,
  slot: Slot,
): Result<Issued, SlotChallengeFailure> {
  const { sql, object, dependencies } = context;
  const { subscriber, sid, round } = request;
  const state = loadSsd(sql, object, subscriber);
  const before = round === 0 ? undefined : findChallenge(sql, object, sid, round - 1);
  if (before?.closed?.outcome === "ssd_offered") {
    if (state.offer?.number !== before.number) return failure("ssd_superseded");
    const confirmNumber = slot.challengeNumber + 1;
    saveSsd(sql, object, subscriber, { ...state, offer: { ...state.offer, confirmNumber } });
    const rands = draw(context, "CAVE");
    const autn = computeAuthbs(context, request, state.offer, rands);
    return success({ form: "CAVE", vector: { rands, autn }, wrappedVector: undefined, slot });
  }
  const isDue = isUpdateDue(state, subscriber, dependencies.storeGeneration);
  const form = isDue ? "SSD update" : "CAVE";
  const vector = { rands: draw(context, form), autn: new Uint8Array(0) };
  return success({ form, vector, wrappedVector: undefined, slot });
}

/** Under the new SSD, which the module commits to when it finds it right. */
function computeAuthbs(
  context: SlotContext,
  { subscriber }: SlotChallengeRequest,
  offer: NonNullable<SsdState["offer"]>,
  rands: readonly Uint8Array[],
): Uint8Array {
  const { centre } = context.dependencies;
  const ssd = unwrapSsd(context.dependencies, context.object, subscriber, offer.wrapped);
  const { autn, expected } = centre.vector(subscriber, {
    form: "CAVE",
    rands,
    ssd,
    randbs: offer.randbs,
  });
  for (const secret of [ssd, ...expected]) secret.fill(0);
  return autn;
}

function draw({ sql, object, dependencies }: SlotContext, form: ChallengeForm): Uint8Array[] {
  return drawRands(dependencies, form, (rand) => isRecentRand(sql, object, rand));
}

/** Wipes what the vector expects once it is wrapped. */
function wrapIssued(
  context: SlotContext,
  form: ChallengeForm,
  {
    rands,
    computed,
    slot,
  }: {
    readonly rands: readonly Uint8Array[];
    readonly computed: Vector;
    readonly slot: Slot;
  },
): Issued {
  const wrappedVector = wrapVector(context, slot.challengeNumber + 1, computed);
  for (const secret of computed.expected) secret.fill(0);
  computed.confirmationKey?.fill(0);
  return { form, vector: { rands, autn: computed.autn }, wrappedVector, slot };
}

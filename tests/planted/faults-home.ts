/** I4, I5, I6, I11 and M13 where this platform is the centre of other points of presence. */
import type { Fault } from "./fault.ts";

const BATCHES = "edge/state/subscriber-batches.ts";
const WRITER = "edge/state/subscriber-writer.ts";
const HOME = "edge/relay/home-centre.ts";
const SLOT = "tests/home-centre/slot.test.ts";
const DOOR = "tests/home-centre/door.test.ts";

export const HOME_FAULTS: readonly Fault[] = [
  {
    invariant: "I4",
    what: "the SEQs of a batch are not taken",
    source: BATCHES,
    find: "save({ ...start, seq, batches });",
    replace: "save({ ...start, batches });",
    file: SLOT,
    test: "SEQs of a batch are on disk before its vectors leave",
  },
  {
    invariant: "I4",
    what: "batches of all callers have one IND",
    source: BATCHES,
    find: "encodeSqn(start.seq + 1 + i, ind, ",
    replace: "encodeSqn(start.seq + 1 + i, ind * 0, ",
    file: SLOT,
    test: "no SQN of a batch comes twice, across restarts, and slots do not disturb each other",
  },
  {
    invariant: "I4",
    what: "a restore does not jump past lost batches",
    source: WRITER,
    find: "const slot = this.restoreSlot(asked, before);",
    replace: "const slot = before;",
    file: SLOT,
    test: "a restored state starts a new, audited generation higher up, by less than delta",
  },
  {
    invariant: "I5",
    what: "AUTS counts for any RAND that a caller names",
    source: BATCHES,
    find: "if (!holdsRand(slot.batches.rands, rand)) return undefined;",
    replace: "",
    file: SLOT,
    test: "of a challenge before the last batch, or of nobody's, it counts no more",
  },
  {
    invariant: "I6",
    what: "batches have no quota",
    source: BATCHES,
    find: "if (count >= dependencies.limits.challengesPerImsiHour) return undefined;",
    replace: "",
    file: SLOT,
    test: "imsi_quota_exceeded: so many batches an hour and slot, AUTS among them",
  },
  {
    invariant: "I11",
    what: "other points of presence get vectors of a reported subscriber",
    source: WRITER,
    find: "if (refusal !== undefined) return failure(refusal);",
    replace: "",
    file: SLOT,
    test: "I11: imsi_swapped: from the acknowledgement of the report on",
  },
  {
    invariant: "M13",
    what: "a recorded question is answered after a restart",
    source: BATCHES,
    find: 'if (askedAt <= slot.batches.askedAt) return failure("question_replayed");',
    replace: "",
    file: DOOR,
    test: "a question that is replayed after a restart gets no vectors",
  },
  {
    invariant: "M13",
    what: "a caller gets vectors of every tenant's subscribers",
    source: HOME,
    find: "const { tenant, slot } = caller;",
    replace: 'const { tenant, slot } = { ...caller, tenant: "default" };',
    file: DOOR,
    test: "subscribers of its own tenant",
  },
  {
    invariant: "M13",
    what: "vectors of test algorithms leave",
    source: HOME,
    find: 'return isTest ? "algorithm_not_allowed" : undefined;',
    replace: 'return isTest && status === "barred" ? "algorithm_not_allowed" : undefined;',
    file: DOOR,
    test: "algorithm_not_allowed: a test card's, when it is not let in any more",
  },
];

/** I4, I5, I6: sequence numbers, resynchronisation, quotas. */
import type { Fault } from "./fault.ts";

const SEQUENCE = "tests/invariants/sequence.test.ts";
const CARD_OPENING = "edge/state/card-opening.ts";
const CARD_ANSWERING = "edge/state/card-answering.ts";
const SLOT = "edge/state/subscriber-writer.ts";
const ISSUING = "edge/state/subscriber-issuing.ts";
const JUDGING = "edge/state/subscriber-judging.ts";
const TOKEN = "edge/secure-connection/token.ts";

export const SEQUENCE_FAULTS: readonly Fault[] = [
  {
    invariant: "I4",
    what: "answers leave before their COMMIT",
    source: "edge/state/bun-host.ts",
    find: "      await leave();",
    replace: "      void leave();",
    file: SEQUENCE,
    test: "I4: the SQN is on disk before its vector leaves",
  },
  {
    invariant: "I4",
    what: "SEQ is issued again",
    source: ISSUING,
    find: "slot: { ...raised, seq } }",
    replace: "slot: raised }",
    file: SEQUENCE,
    test: "I4: no SQN is used twice, across sessions and restarts",
  },
  {
    invariant: "I4",
    what: "a restore does not jump",
    source: SLOT,
    find: "slot.seq + restores * SEQ_RESTORE_JUMP",
    replace: "slot.seq + restores * 0",
    file: SEQUENCE,
    test: "I4: a restored state starts a new, audited generation higher up, by less than delta",
  },
  {
    invariant: "I4",
    what: "tokens outlive a restore",
    source: TOKEN,
    find: "`${kind} token ${storeGeneration} ${day}`",
    replace: "`${kind} token ${day} ${storeGeneration * 0}`",
    file: SEQUENCE,
    test: "I4: tokens of before a restore open nothing after it",
  },
  {
    invariant: "I5",
    what: "AUTS with a wrong MAC-S is taken",
    source: JUDGING,
    find: 'if (sqnMs === undefined) return "mac_failure";',
    replace: 'if (sqnMs === undefined) return "resynchronised";',
    file: SEQUENCE,
    test: "I5: an AUTS without a valid MAC-S moves nothing and gets FAILURE",
  },
  {
    invariant: "I5",
    what: "AUTS for an older challenge of the slot is taken",
    source: JUDGING,
    find: 'if (slot.challengeNumber !== open.number) return "auts_not_newest";',
    replace: "",
    file: SEQUENCE,
    test: "I5: AUTS counts only for the newest challenge of its slot",
  },
  {
    invariant: "I5",
    what: "a third AUTS in one session",
    source: CARD_ANSWERING,
    find: "session.round >= dependencies.limits.resynchronisations",
    replace: "session.round > dependencies.limits.resynchronisations",
    file: SEQUENCE,
    test: "I5: at most two AUTS in a session, so at most three challenges",
  },
  {
    invariant: "I6",
    what: "no quota for a card",
    source: CARD_OPENING,
    find: "counts.card >= limits.challengesPerCardHour",
    replace: "counts.card < 0",
    file: SEQUENCE,
    test: "I6: a card over its quota is refused and nothing is consumed",
  },
  {
    invariant: "I6",
    what: "no reserve for cards that bound before",
    source: SLOT,
    find: "(!related && counts.unrelated >= open)",
    replace: "(!related && counts.unrelated >= open + reserved)",
    file: SEQUENCE,
    test: "I6: unrelated cards cannot drain the reserve of an IMSI",
  },
];

/** I1, I8, I9, I15: what the card itself must hold to. */
import type { Fault } from "./fault.ts";

const CARD = "tests/emulators/card/card-invariants.test.ts";
const CARD_SESSION = "tests/emulators/card/card-session.test.ts";
const CARD_COMMANDS = "tests/emulators/card/binding-commands.ts";

export const CARD_FAULTS: readonly Fault[] = [
  {
    invariant: "I1",
    what: "the card does not compare the result's nonce and verifies nothing",
    source: CARD_COMMANDS,
    find: "  return isSignedBy(session.credential.publicKey, result.signature, message);",
    replace: "  return message.length > 0;",
    file: CARD,
    test: "I1: a card serves only under SUCCESS for this card, this session, this nonce",
  },
  {
    invariant: "I1",
    what: "the card accepts an epoch that is not above its own",
    source: CARD_COMMANDS,
    find: "  if (result.epoch <= readKept(context).epoch) return false;",
    replace: "",
    file: CARD,
    test: "I1: epoch not above the card's own is refused",
  },
  {
    invariant: "I8",
    what: "the card locks on a result that it did not verify",
    source: CARD_COMMANDS,
    find: "  return isProven ? { result, h4 } : { sw: SW.securityStatusNotSatisfied };",
    replace:
      "  if (!isProven) storeResult(context, result);\n  return isProven ? { result, h4 } : { sw: SW.securityStatusNotSatisfied };",
    file: CARD,
    test: "I8: garbage, silence and replay never lock",
  },
  {
    invariant: "I9",
    what: "what lives in RAM survives reset",
    source: "tests/emulators/card/card.ts",
    find: "context = { ...fixed, ram: createRam(powered) };",
    replace: "context = { ...fixed, ram: { ...context.ram, powered } };",
    file: CARD,
    test: "I9: serving state dies at reset, power loss and SELECT",
  },
  {
    invariant: "I9",
    what: "SELECT leaves the card serving",
    source: "tests/emulators/card/card.ts",
    find: "  ram.lease = undefined;\n",
    replace: "",
    file: CARD,
    test: "I9: serving state dies at reset, power loss and SELECT",
  },
  {
    invariant: "I9",
    what: "the session survives its result",
    source: CARD_COMMANDS,
    find: "  ram.session = undefined;\n",
    replace: "",
    file: CARD,
    test: "I9: a result counts once: the nonce dies at its first valid result",
  },
  {
    invariant: "I15",
    what: "the card signs a round's answer twice",
    source: CARD_COMMANDS,
    find: "context.ram.session = answerRound(session, answer.round, h3, answer.isAuts);",
    replace:
      "if (answer.isAuts) context.ram.session = answerRound(session, answer.round, h3, true);",
    file: CARD,
    test: "I15: one S3 per round, whatever the answer",
  },
  {
    invariant: "I15",
    what: "the card proves possession of every challenge",
    source: CARD_COMMANDS,
    find: "if (!areEqual(stored.challenge, challenge)) return { sw: SW.conditionsNotSatisfied };",
    replace: "if (stored.challenge.length === 0) return { sw: SW.conditionsNotSatisfied };",
    file: CARD_SESSION,
    test: "I15: one proof of possession in the card's life, across resets",
  },
  {
    invariant: "I9",
    what: "the lock is not kept through a loss of power",
    source: CARD_COMMANDS,
    find: "    lockId: kept.lockId ?? newLockId,",
    replace: "    lockId: kept.lockId,",
    file: CARD,
    test: "I9: a locked card runs START SESSION and refuses everything else, SUCCESS included",
  },
];

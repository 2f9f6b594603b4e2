/** I11, and what orders add to I2, I6, I8, I12 and I13: reports, unlocks, pinned pairings. */
import type { Fault } from "./fault.ts";

const REPORT = "tests/invariants/report.test.ts";
const UNLOCK = "tests/invariants/unlock.test.ts";
const PAIRING = "tests/invariants/pairing.test.ts";
const CARD_DECIDING = "edge/state/card-deciding.ts";
const CARD_UNLOCKING = "edge/state/card-unlocking.ts";
const CARD_PAIRS = "edge/state/card-pairs.ts";
const SUBSCRIBER_ORDERS = "edge/subscriber-orders.ts";

const REPORT_FAULTS: readonly Fault[] = [
  {
    invariant: "I11",
    what: "the decision does not look at the report on the card",
    source: CARD_DECIDING,
    find: "if (report !== undefined) return report;",
    replace: "",
    file: REPORT,
    test: "I11: reported between the slot's word and the commit, it gets no SUCCESS",
  },
  {
    invariant: "I11",
    what: "a slot's word counts for ever",
    source: CARD_DECIDING,
    find: 'if (dependencies.clock() >= wordExpiresAt) return "word_expired";',
    replace: "",
    file: REPORT,
    test: "I11: a word counts for less than two seconds",
  },
  {
    invariant: "I11",
    what: "a report goes to one slot",
    source: SUBSCRIBER_ORDERS,
    find: "Array.from({ length: slotCount }, (_, slot) =>",
    replace: "Array.from({ length: Math.min(slotCount, 1) }, (_, slot) =>",
    file: REPORT,
    test: "I11: a report goes to every slot of the IMSI, and back",
  },
  {
    invariant: "I11",
    what: "a report is acknowledged while words are still good",
    source: SUBSCRIBER_ORDERS,
    find: "now < end; now = clock()",
    replace: "now < end - Infinity; now = clock()",
    file: REPORT,
    test: "I11: the acknowledgement waits until every word given before has run out",
  },
  {
    invariant: "I11",
    what: "the slot repeats its word after the report",
    source: "edge/state/subscriber-status.ts",
    find: "if (withdrawal !== undefined) return { outcome: withdrawal, goodForMs: 0 };",
    replace: "",
    file: REPORT,
    test: "I11: an answer that comes again after the report gets no new word",
  },
  {
    invariant: "I11",
    what: "a SUCCESS that was committed is sent whatever happened since",
    source: CARD_DECIDING,
    find: "return isReported || dependencies.clock() >= session.wordExpiresAt;",
    replace: "return isReported && dependencies.clock() >= session.wordExpiresAt;",
    file: REPORT,
    test: "I11: a SUCCESS that was committed and not sent is not sent after the report",
  },
  {
    invariant: "I11",
    what: "a stored SUCCESS is sent again after the report",
    source: "edge/state/card-orders.ts",
    find: 'return findSession(sql, object, sid)?.verdict === "SUCCESS";',
    replace: 'return findSession(sql, object, sid)?.verdict === "FAILURE";',
    file: REPORT,
    test: "I11: a SUCCESS that is stored is not sent again after the report",
  },
  {
    invariant: "I6",
    what: "a swapped IMSI gets a real vector",
    source: "edge/state/subscriber-writer.ts",
    find: "if (objection !== undefined) return failure(objection);",
    replace: "",
    file: REPORT,
    test: "I11: swapped before step 2 it gets a dummy, before step 3 a refusal; nothing locks",
  },
];

const UNLOCK_FAULTS: readonly Fault[] = [
  {
    invariant: "I8",
    what: "a receipt of a superseded session still speaks of the lock",
    source: "edge/state/card-receipt.ts",
    find: "const isNewest = card.currentSid === sid;",
    replace: "const isNewest = true;",
    file: UNLOCK,
    test: "I8: an unlock's receipt that comes after the next lock was issued lifts nothing",
  },
  {
    invariant: "I8",
    what: "a proof of before the unlock locks anew",
    source: "edge/state/card-opening.ts",
    find: "receiptEpoch: Math.max(card.receiptEpoch, proof.epoch)",
    replace: "receiptEpoch: card.receiptEpoch",
    file: UNLOCK,
    test: "I8: a proof of before the unlock that is sent after it locks nobody out",
  },
  {
    invariant: "I8",
    what: "a grant outlives its unlock",
    source: CARD_UNLOCKING,
    find: "granted: false, unlockEpoch: 0",
    replace: "unlockEpoch: 0",
    file: UNLOCK,
    test: "I8: a grant lifts one lock; the next one stays, and old unlocks fit nothing",
  },
  {
    invariant: "I8",
    what: "one person unlocks under two spellings",
    source: "edge/routes/admin-schemas.ts",
    find: "!isSamePerson(one, other)",
    replace: "one !== other",
    file: UNLOCK,
    test: "I8: one person, or one under two spellings, does not unlock; nor is there a grant in advance",
  },
  {
    invariant: "I8",
    what: "a lock that no card confirmed is forgotten without an order",
    source: CARD_UNLOCKING,
    find: 'if (card.lockPhase === "issued") return isUnlockGranted(orders);',
    replace: 'if (card.lockPhase === "issued") return true;',
    file: UNLOCK,
    test: "I8: a card that never took its lock is cleared without a message, under a grant alone",
  },
  {
    invariant: "I8",
    what: "a report leaves the grant standing",
    source: "edge/state/card-orders.ts",
    find: "return { ...orders, report, granted: false };",
    replace: "return { ...orders, report };",
    file: UNLOCK,
    test: "I8: a report after the grant withdraws it, from an unlock that was not sent, too",
  },
  {
    invariant: "I8",
    what: "an unlock without a receipt leaves the platform believing in the lock",
    source: CARD_UNLOCKING,
    find: 'return state.name === "idle" && epoch >= orders.unlockEpoch;',
    replace: 'return state.name === "idle" && epoch > orders.unlockEpoch;',
    file: UNLOCK,
    test: "I8: a receipt that is withheld: idle at the unlock's epoch is proof enough, once",
  },
  {
    invariant: "I12",
    what: "the epoch of an unlock is not part of its commit",
    source: CARD_UNLOCKING,
    find: "saveCard(sql, object, { ...card, epoch });",
    replace: "saveCard(sql, object, card);",
    file: UNLOCK,
    test: "I8: under a grant a locked card is unlocked, its receipt ends the grant, and it binds again",
  },
  {
    invariant: "I12",
    what: "the bytes of an unlock are not stored",
    source: CARD_UNLOCKING,
    find: "    saveReply(sql, object, session, reply);\n",
    replace: "",
    file: UNLOCK,
    test: "I12: killed between commit and proof, the same unlock is proved again, under one epoch",
  },
];

const PAIRING_FAULTS: readonly Fault[] = [
  {
    invariant: "I2",
    what: "other keys of a pinned IMSI pass",
    source: CARD_PAIRS,
    find: 'if (pinned.keyVersion !== subscriber.keyVersion) return "keys_replaced";',
    replace: "",
    file: PAIRING,
    test: "I2: an IMSI with other keys is refused, not locked, until two people clear the card",
  },
  {
    invariant: "I2",
    what: "another number of a pinned IMSI passes",
    source: CARD_PAIRS,
    find: "!equalBytes(known, numberMac)",
    replace: "known.length !== numberMac.length",
    file: PAIRING,
    test: "I2: an IMSI with another number, or without the one it had, is refused",
  },
  {
    invariant: "I2",
    what: "a pinned number passes beside another IMSI",
    source: CARD_PAIRS,
    find: "return others.length > 0 ?",
    replace: "return others.length > 1 ?",
    file: PAIRING,
    test: "I2: a number that moved to another IMSI is refused; two IMSIs with their own are not",
  },
  {
    invariant: "I2",
    what: "a changed pairing is refused without an event of its own",
    source: "edge/state/card-deciding.ts",
    find: 'recordCardEvent(context, session, "pairing_changed", change, []);',
    replace: "",
    file: PAIRING,
    test: "I2: a number that moved to another IMSI is refused; two IMSIs with their own are not",
  },
  {
    invariant: "I13",
    what: "a pinned number is kept as it is",
    source: CARD_PAIRS,
    find: 'vault.mac("subscriber number", encodeAscii(`${tenant}/${msisdn}`));',
    replace:
      "encodeAscii(`${tenant}/${msisdn}`.padEnd(vault.mac(tenant, new Uint8Array()).length));",
    file: PAIRING,
    test: "I13: a pinned number is readable nowhere",
  },
];

export const ORDER_FAULTS: readonly Fault[] = [
  ...REPORT_FAULTS,
  ...UNLOCK_FAULTS,
  ...PAIRING_FAULTS,
];

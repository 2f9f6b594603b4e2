/** Deviations in lock and unlock, and under garbage. */
import type { Deviation } from "./deviation.ts";

const BINDING = "tests/emulators/card/binding-commands.ts";
const CARD = "tests/emulators/card/card.ts";
const FIELDS = "tests/emulators/card/data-fields.ts";
const POSSESSION = "tests/emulators/card/possession.ts";

const LOCKED: readonly Deviation[] = [
  {
    rows: ["LCK-01"],
    what: "the receipt of a lock is labelled as that of an unlock",
    edits: [
      [
        BINDING,
        "session.proofs.prove(LABEL.receipt, h5)",
        "session.proofs.prove(isLocked(context) ? LABEL.unlockReceipt : LABEL.receipt, h5)",
      ],
    ],
  },
  {
    rows: ["LCK-03", "GRB-02"],
    what: "a reset lifts the lock",
    edits: [
      [
        CARD,
        "import { formatKeptRecord }",
        "import { formatKeptRecord, readKeptRecord, writeKeptRecord }",
      ],
      [
        CARD,
        "    reset: () => {\n",
        "    reset: () => {\n      const kept = readKeptRecord(environment.nonVolatile);\n      writeKeptRecord(environment.nonVolatile, { ...kept, lockId: undefined });\n",
      ],
    ],
  },
  {
    rows: ["LCK-04"],
    what: "S2 of a locked card is labelled as a receipt",
    edits: [
      [
        BINDING,
        "proofs.prove(LABEL.cardProof, h1)",
        "proofs.prove(isLocked(context) ? LABEL.receipt : LABEL.cardProof, h1)",
      ],
    ],
  },
  {
    rows: ["LCK-05"],
    what: "a locked card proves possession",
    edits: [
      [
        POSSESSION,
        "  if (readKept(context).lockId !== undefined) return { sw: SW.blocked };\n",
        "",
      ],
    ],
  },
  {
    rows: ["LCK-05", "LCK-06"],
    what: "a locked card looks at results",
    edits: [
      [
        BINDING,
        "applyResult(context: CardContext, data: Bytes): Reply {\n  if (isLocked(context)) return { sw: SW.blocked };\n",
        "applyResult(context: CardContext, data: Bytes): Reply {\n",
      ],
    ],
  },
  {
    rows: ["LCK-07"],
    what: "every lock has the same id",
    edits: [
      [BINDING, "drawRandom(context, LENGTH.lockId)", "new Uint8Array(LENGTH.lockId).fill(9)"],
    ],
  },
  {
    rows: ["UNL-01"],
    what: "UNLOCK does not keep its epoch",
    edits: [[BINDING, "epoch: order.epoch, lockId: undefined", "lockId: undefined"]],
  },
  {
    rows: ["UNL-02"],
    what: "the receipt of an unlock is labelled as that of a result",
    edits: [[BINDING, "proofs.prove(LABEL.unlockReceipt, h5)", "proofs.prove(LABEL.receipt, h5)"]],
  },
  {
    rows: ["UNL-03"],
    what: "an order lifts any lock",
    edits: [
      [
        BINDING,
        "  if (lockId === undefined || !areEqual(order.lockId, lockId)) return false;\n",
        "",
      ],
    ],
  },
  {
    rows: ["UNL-04"],
    what: "the card id of an order is not looked at",
    edits: [[BINDING, "  if (!areEqual(order.cardId, context.cardId)) return false;\n", ""]],
  },
  {
    rows: ["UNL-05"],
    what: "the nonce of an order is not looked at",
    edits: [[BINDING, "  if (!areEqual(order.cardNonce, session.cardNonce)) return false;\n", ""]],
  },
  {
    rows: ["UNL-06"],
    what: "an order may have the card's epoch",
    edits: [[BINDING, "return order.epoch > epoch;", "return order.epoch >= epoch;"]],
  },
  {
    rows: ["UNL-07", "UNL-08", "UNL-13"],
    what: "the proof of an order is not looked at",
    edits: [
      [
        BINDING,
        "if (!proofs.isPlatformProof(LABEL.unlock, hu, proven.proof)) {",
        "if (hu.length === 0) {",
      ],
    ],
  },
  {
    rows: ["UNL-08"],
    what: "the proof of a result passes for an order's",
    edits: [
      [
        BINDING,
        "if (!proofs.isPlatformProof(LABEL.unlock, hu, proven.proof)) {",
        "if (!([LABEL.unlock, LABEL.result] as const).some((label) => proofs.isPlatformProof(label, hu, proven.proof))) {",
      ],
    ],
  },
  {
    rows: ["UNL-09", "UNL-10", "UNL-15"],
    what: "UNLOCK on a card that is not locked is refused, not out of order",
    edits: [
      [
        BINDING,
        "  if (!isLocked(context) || session === undefined) return",
        "  if (!isLocked(context)) return { sw: SW.securityStatusNotSatisfied };\n  if (session === undefined) return",
      ],
    ],
  },
  {
    rows: ["UNL-11"],
    what: "UNLOCK without a session is refused, not out of order",
    edits: [
      [
        BINDING,
        "  if (!isLocked(context) || session === undefined) return",
        "  if (isLocked(context) && session === undefined) return { sw: SW.securityStatusNotSatisfied };\n  if (!isLocked(context) || session === undefined) return",
      ],
    ],
  },
  {
    rows: ["UNL-12"],
    what: "a byte more inside E6",
    edits: [
      [
        FIELDS,
        "readSequence(value, [TAG.cardId, TAG.cardNonce, TAG.lockId, TAG.epoch]);",
        "readSequence(value.slice(0, 52), [TAG.cardId, TAG.cardNonce, TAG.lockId, TAG.epoch]);",
      ],
    ],
  },
  {
    rows: ["UNL-13"],
    what: "an UNLOCK that does not verify ends the session",
    edits: [
      [
        BINDING,
        "if (!proofs.isPlatformProof(LABEL.unlock, hu, proven.proof)) {\n",
        "if (!proofs.isPlatformProof(LABEL.unlock, hu, proven.proof)) {\n    ram.session = undefined;\n",
      ],
    ],
  },
  {
    rows: ["RES-05", "UNL-14", "GRB-01", "GRB-02"],
    what: "a reset takes the epoch back",
    edits: [
      [
        CARD,
        "import { formatKeptRecord }",
        "import { formatKeptRecord, readKeptRecord, writeKeptRecord }",
      ],
      [
        CARD,
        "    reset: () => {\n",
        "    reset: () => {\n      const kept = readKeptRecord(environment.nonVolatile);\n      writeKeptRecord(environment.nonVolatile, { ...kept, epoch: Math.max(0, kept.epoch - 1) });\n",
      ],
    ],
  },
  {
    rows: ["UNL-15"],
    what: "the session outlives its unlock",
    edits: [[BINDING, "  ram.session = undefined;\n  const report", "  const report"]],
  },
];

const GARBAGE: readonly Deviation[] = [
  {
    rows: ["GRB-01", "GRB-02"],
    what: "START SESSION fails within at one length of data",
    edits: [
      [
        BINDING,
        "  const start = readStartSession(data, suite);\n",
        "  if (data.length === 200) return { sw: 0x6f00 };\n  const start = readStartSession(data, suite);\n",
      ],
    ],
  },
];

export const LOCK_DEVIATIONS: readonly Deviation[] = [...LOCKED, ...GARBAGE];

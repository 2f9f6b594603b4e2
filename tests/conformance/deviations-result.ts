/** Deviations in RESULT. */
import type { Deviation } from "./deviation.ts";

const BINDING = "tests/emulators/card/binding-commands.ts";
const FIELDS = "tests/emulators/card/data-fields.ts";

const P256 = { suite: "P-256", modes: ["signed"] } as const;
const IS_PROVEN = "const isProven = proofs.isPlatformProof(LABEL.result, h4, proven.proof);";

const TAKEN: readonly Deviation[] = [
  {
    rows: ["RES-01", "RES-04"],
    what: "the receipt is written before the lease changes",
    edits: [
      [
        BINDING,
        "  const { startedAtSeconds } = session;\n",
        "  const { startedAtSeconds } = session;\n  const receipt = writeReceipt(context, session, number, h4);\n",
      ],
      [BINDING, "data: writeReceipt(context, session, number, h4) };", "data: receipt };"],
    ],
  },
  {
    rows: ["RES-02", "LCK-01"],
    what: "the receipt is labelled as that of an unlock",
    edits: [
      [
        BINDING,
        "session.proofs.prove(LABEL.receipt, h5)",
        "session.proofs.prove(LABEL.unlockReceipt, h5)",
      ],
    ],
  },
  {
    rows: ["RES-03", "LSE-25"],
    what: "the card keeps half of the seconds",
    edits: [
      [
        BINDING,
        "{ uses, seconds, services, startedAtSeconds }",
        "{ uses, seconds: seconds >> 1, services, startedAtSeconds }",
      ],
    ],
  },
  {
    rows: ["RES-04", "LCK-06"],
    what: "FAILURE leaves the lease",
    edits: [[BINDING, "startedAtSeconds } : undefined;", "startedAtSeconds } : ram.lease;"]],
  },
  {
    rows: ["RES-05", "LCK-02"],
    what: "the epoch of FAILURE is not kept",
    edits: [
      [
        BINDING,
        "    epoch: result.epoch,",
        "    epoch: result.isSuccess ? result.epoch : readKept(context).epoch,",
      ],
    ],
  },
  {
    rows: ["RES-06", "RES-07", "STA-06"],
    what: "the floor is not kept",
    edits: [[BINDING, "floor: Math.max(floor, result.floor)", "floor"]],
  },
  {
    rows: ["RES-07"],
    what: "the floor falls",
    edits: [
      [
        BINDING,
        "floor: Math.max(floor, result.floor)",
        "floor: Math.max(0, floor * 0, result.floor)",
      ],
    ],
  },
  {
    rows: ["RES-08", "RES-09"],
    what: "no verdict after AUTS",
    edits: [
      [
        BINDING,
        'if (session?.stage.name !== "answered") return',
        'if (session?.stage.name !== "answered" || session.stage.mayContinue) return',
      ],
    ],
  },
  {
    rows: ["RES-09", "RES-28"],
    what: "the session outlives its result",
    edits: [[BINDING, "  ram.session = undefined;\n  const { uses", "  const { uses"]],
  },
];

const REFUSED: readonly Deviation[] = [
  {
    rows: ["RES-20", "RES-35", "RES-36", "LCK-02"],
    what: "the anchor's key proves results, too",
    on: P256,
    edits: [
      [
        BINDING,
        IS_PROVEN,
        `const { anchorPublicKey } = context.profile;\n  const isProven = proofs.isPlatformProof(LABEL.result, h4, proven.proof) || (suite.credential === "certificate" && suite.scheme.isSigned(anchorPublicKey, proofMessage(LABEL.result, h4), proven.proof));`,
      ],
      [BINDING, "hashOpening, hashStep }", "hashOpening, hashStep, proofMessage }"],
    ],
  },
  {
    rows: ["RES-21"],
    what: "a proof by another label passes for a result's",
    edits: [
      [
        BINDING,
        IS_PROVEN,
        "const isProven = proofs.isPlatformProof(LABEL.result, h4, proven.proof) || proofs.isPlatformProof(LABEL.keyAgreement, h4, proven.proof);",
      ],
    ],
  },
  {
    rows: ["RES-22", "LCK-02"],
    what: "the card id of a result is not looked at",
    edits: [[BINDING, "  if (!areEqual(result.cardId, context.cardId)) return false;\n", ""]],
  },
  {
    rows: ["RES-23", "RES-36", "LCK-02"],
    what: "the nonce of a result is not looked at",
    edits: [[BINDING, "  if (!areEqual(result.cardNonce, session.cardNonce)) return false;\n", ""]],
  },
  {
    rows: ["RES-24", "LCK-02"],
    what: "an epoch may come twice",
    edits: [
      [
        BINDING,
        "result.epoch <= readKept(context).epoch",
        "result.epoch < readKept(context).epoch",
      ],
    ],
  },
  {
    rows: ["RES-25", "RES-36", "LCK-02"],
    what: "a floor above the platform's own generation is taken",
    edits: [[BINDING, "return session.credential.generation >= result.floor;", "return true;"]],
  },
  {
    rows: ["RES-26"],
    what: "a result may be proven without its transcript",
    edits: [
      [
        BINDING,
        IS_PROVEN,
        "const bare = hashStep(suite.hash, LABEL.h4, new Uint8Array(32), result.element);\n  const isProven = [h4, bare].some((hash) => proofs.isPlatformProof(LABEL.result, hash, proven.proof));",
      ],
    ],
  },
  {
    rows: ["RES-20", "RES-21", "RES-26", "RES-27", "RES-35", "RES-36", "RES-37", "LCK-02"],
    what: "the proof of a result is not looked at",
    edits: [[BINDING, IS_PROVEN, "const isProven = proofs !== undefined;"]],
  },
  {
    rows: ["RES-24", "RES-29", "LCK-02"],
    what: "a replayed result is out of order",
    edits: [
      [
        BINDING,
        "  return isProven ? { result, h4 } : { sw: SW.securityStatusNotSatisfied };",
        "  if (result.epoch <= readKept(context).epoch) return { sw: SW.conditionsNotSatisfied };\n  return isProven ? { result, h4 } : { sw: SW.securityStatusNotSatisfied };",
      ],
    ],
  },
  {
    rows: ["RES-31"],
    what: "SUCCESS may lock",
    edits: [[FIELDS, " || (isSuccess && isLock)", ""]],
  },
  {
    rows: ["RES-32", "RES-36"],
    what: "what is not SUCCESS is FAILURE",
    edits: [
      [FIELDS, "value === no || value === yes ? value === yes : undefined;", "value === yes;"],
    ],
  },
  {
    rows: ["RES-33"],
    what: "a byte more inside E5",
    edits: [
      [
        FIELDS,
        "  const fields = readSequence(element.value, [\n    TAG.verdict,",
        "  const fields = readSequence(element.value.slice(0, 63), [\n    TAG.verdict,",
      ],
    ],
  },
  {
    rows: ["RES-34"],
    what: "a sealed result in signed mode is out of order",
    edits: [
      [
        BINDING,
        "  const proven = readProven(data, TAG.result, suite);",
        "  if (data[0] === TAG.sealed) return { sw: SW.conditionsNotSatisfied };\n  const proven = readProven(data, TAG.result, suite);",
      ],
    ],
  },
  {
    rows: ["RES-33", "RES-35", "RES-37", "GRB-03"],
    what: "a result that does not verify ends the session",
    edits: [
      [
        BINDING,
        '  if ("sw" in verified) return verified;',
        `  if ("sw" in verified) ram.session = undefined;\n  if ("sw" in verified) return verified;`,
      ],
    ],
  },
  {
    rows: ["RES-36", "LCK-02"],
    what: "a result is stored before it is found to be due",
    edits: [
      [
        BINDING,
        "  if (!isResultDue(context, session, result)) return { sw: SW.securityStatusNotSatisfied };\n  storeResult(context, result);",
        "  const isDue = isResultDue(context, session, result);\n  storeResult(context, result);\n  if (!isDue) return { sw: SW.securityStatusNotSatisfied };",
      ],
    ],
  },
];

export const RESULT_DEVIATIONS: readonly Deviation[] = [...TAKEN, ...REFUSED];

/** Deviations in START SESSION. */
import type { Deviation } from "./deviation.ts";

const BINDING = "tests/emulators/card/binding-commands.ts";
const FIELDS = "tests/emulators/card/data-fields.ts";

const BOTH = { modes: ["signed", "encrypted"] } as const;
const P256 = { suite: "P-256", modes: ["signed"] } as const;

export const START_DEVIATIONS: readonly Deviation[] = [
  {
    rows: ["STA-01"],
    what: "START SESSION names the next epoch",
    edits: [
      [
        BINDING,
        "  const { epoch } = readKept(context);\n  const cardState",
        "  const epoch = readKept(context).epoch + 1;\n  const cardState",
      ],
    ],
  },
  {
    rows: ["STA-02", "LCK-04", "TF-03", "TF-09"],
    what: "S2 is labelled as a receipt",
    edits: [[BINDING, "proofs.prove(LABEL.cardProof, h1)", "proofs.prove(LABEL.receipt, h1)"]],
  },
  {
    rows: ["STA-03", "STA-14", "RES-23", "LCK-02"],
    what: "the card nonce is always the same",
    edits: [[BINDING, "drawRandom(context, LENGTH.nonce)", "new Uint8Array(LENGTH.nonce).fill(5)"]],
  },
  {
    rows: ["STA-04"],
    what: "a PKC may be signed by its own key",
    on: P256,
    edits: [
      [
        BINDING,
        "  return suite.scheme.isSigned(profile.anchorPublicKey, message, credential.signature);",
        "  const keys = [profile.anchorPublicKey, credential.publicKey];\n  return keys.some((key) => suite.scheme.isSigned(key, message, credential.signature));",
      ],
    ],
  },
  {
    rows: ["STA-04", "STA-05"],
    what: "the anchor's signature is not looked at",
    on: P256,
    edits: [
      [
        BINDING,
        "return suite.scheme.isSigned(profile.anchorPublicKey, message, credential.signature);",
        "return message.length > profile.anchorPublicKey.length;",
      ],
    ],
  },
  {
    rows: ["STA-05"],
    what: "the PKC of another tenant of the anchor is taken",
    on: P256,
    edits: [
      [
        BINDING,
        "  return suite.scheme.isSigned(profile.anchorPublicKey, message, credential.signature);",
        `  const other = { ...context, profile: { ...profile, tenant: "conformance2" } };\n  const messages = [message, credentialMessage(other, credential)];\n  return messages.some((each) => suite.scheme.isSigned(profile.anchorPublicKey, each, credential.signature));`,
      ],
    ],
  },
  {
    rows: ["STA-06"],
    what: "the floor does not hold in START SESSION",
    edits: [
      [BINDING, "  if (credential.generation < readKept(context).floor) return false;\n", ""],
    ],
  },
  {
    rows: ["STA-07"],
    what: "the suite that the command names is not looked at",
    edits: [
      [FIELDS, "readByte(suiteField) !== suite.number || mode === undefined", "mode === undefined"],
    ],
  },
  {
    rows: ["STA-08"],
    what: "the suite that the PKC names is not looked at",
    edits: [[FIELDS, "readByte(fields[1]) !== suite.number", "readByte(fields[1]) === undefined"]],
  },
  {
    rows: ["STA-09"],
    what: "an unknown mode is the encrypted one",
    on: BOTH,
    edits: [
      [FIELDS, 'return value === MODE.encrypted ? "encrypted" : undefined;', 'return "encrypted";'],
    ],
  },
  {
    rows: ["STA-09"],
    what: "a card of signed mode alone takes the other",
    edits: [
      [
        BINDING,
        "start === undefined || !profile.modes.includes(start.mode)",
        "start === undefined",
      ],
    ],
  },
  {
    rows: ["STA-10"],
    what: "a token has 254 bytes at most",
    edits: [[FIELDS, "const TOKEN_BYTES_MAX = 255;", "const TOKEN_BYTES_MAX = 254;"]],
  },
  {
    rows: ["STA-11"],
    what: "a byte more behind START SESSION",
    edits: [
      [
        FIELDS,
        "readSequence(data, [TAG.token, TAG.credential, TAG.suite, TAG.mode]);",
        "[data, data.slice(0, -1)].map((each) => readSequence(each, [TAG.token, TAG.credential, TAG.suite, TAG.mode])).find(Boolean);",
      ],
    ],
  },
  {
    rows: ["STA-12"],
    what: "a byte more inside E2",
    edits: [
      [
        FIELDS,
        "readSequence(value, [TAG.generation, TAG.suite]);",
        "[value, value.slice(0, -1)].map((each) => readSequence(each, [TAG.generation, TAG.suite])).find(Boolean);",
      ],
    ],
  },
  {
    rows: ["STA-13", "GRB-03"],
    what: "a refused START SESSION ends the session",
    edits: [
      [
        BINDING,
        "  const start = readStartSession(data, suite);\n",
        "  const start = readStartSession(data, suite);\n  if (start === undefined) context.ram.session = undefined;\n",
      ],
    ],
  },
  {
    rows: ["STA-14", "RES-30"],
    what: "RESULT before ANSWER is refused, not out of order",
    edits: [
      [
        BINDING,
        'if (session?.stage.name !== "answered") return { sw: SW.conditionsNotSatisfied };',
        `if (session?.stage.name === "opened") return { sw: SW.securityStatusNotSatisfied };\n  if (session?.stage.name !== "answered") return { sw: SW.conditionsNotSatisfied };`,
      ],
    ],
  },
  {
    rows: ["STA-15", "LSE-24"],
    what: "START SESSION ends serving",
    edits: [
      [
        BINDING,
        "  const cardNonce = drawRandom",
        "  context.ram.lease = undefined;\n  const cardNonce = drawRandom",
      ],
    ],
  },
];

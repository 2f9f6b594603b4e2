/** Deviations in selection, transport, data objects and the proof of possession. */
import type { Deviation } from "./deviation.ts";

const APDU = "tests/emulators/card/apdu.ts";
const CARD = "tests/emulators/card/card.ts";
const COMMANDS = "tests/emulators/card/commands.ts";
const CONTEXT = "tests/emulators/card/context.ts";
const FIELDS = "tests/emulators/card/data-fields.ts";
const POSSESSION = "tests/emulators/card/possession.ts";
const SD = "tests/emulators/card/sd-interface.ts";
const TF = "tests/emulators/card/tf-interface.ts";
const TRANSCRIPT = "tests/emulators/card/transcript.ts";

const SELECTION: readonly Deviation[] = [
  {
    rows: ["SEL-01"],
    what: "SELECT gives a template",
    edits: [
      [
        COMMANDS,
        "  return { sw: ram.selected ? SW.success : SW.fileNotFound };",
        "  const data = Uint8Array.of(0x6f, 0);\n  return ram.selected ? { sw: SW.success, data } : { sw: SW.fileNotFound };",
      ],
    ],
  },
  {
    rows: ["SEL-02", "SEL-13"],
    what: "the applet is selected by default",
    edits: [[CONTEXT, "    selected: false,", "    selected: true,"]],
  },
  {
    rows: ["SEL-03", "SEL-05"],
    what: "SELECT of another AID is out of order",
    edits: [[COMMANDS, "SW.success : SW.fileNotFound", "SW.success : SW.conditionsNotSatisfied"]],
  },
  {
    rows: ["SEL-04", "LSE-22"],
    what: "SELECT of another AID leaves the applet selected",
    edits: [
      [
        COMMANDS,
        "  ram.selected = areEqual(aid, Uint8Array.from(APPLET_AID));\n  return { sw: ram.selected ?",
        "  const isOurs = areEqual(aid, Uint8Array.from(APPLET_AID));\n  ram.selected ||= isOurs;\n  return { sw: isOurs ?",
      ],
    ],
  },
  {
    rows: ["SEL-05"],
    what: "SELECT by a part of the AID",
    edits: [
      [
        COMMANDS,
        "areEqual(aid, Uint8Array.from(APPLET_AID))",
        "areEqual(aid.slice(0, 8), Uint8Array.from(APPLET_AID.slice(0, 8)))",
      ],
    ],
  },
  {
    rows: ["SEL-06"],
    what: "the channel bits of the class are not read",
    edits: [
      [APDU, "  if ((cla & CHANNEL_BITS) !== 0) return SW.logicalChannelNotSupported;\n", ""],
    ],
  },
  {
    rows: ["SEL-07"],
    what: "MANAGE CHANNEL is an unknown instruction",
    edits: [[COMMANDS, "ins === INS.manageChannel)", "ins === 0x71)"]],
  },
  {
    rows: ["SEL-08"],
    what: "the secure messaging bits of the class are not read",
    edits: [
      [
        APDU,
        "  if ((cla & SECURE_MESSAGING_BITS) !== 0) return SW.secureMessagingNotSupported;\n",
        "",
      ],
    ],
  },
  {
    rows: ["SEL-09", "SEL-13"],
    what: "an unknown class is an unknown instruction",
    edits: [[APDU, "return SW.classNotSupported;", "return SW.instructionNotSupported;"]],
  },
  {
    rows: ["SEL-10", "SEL-13"],
    what: "an unknown instruction is an unknown class",
    edits: [[COMMANDS, "return SW.instructionNotSupported;", "return SW.classNotSupported;"]],
  },
  {
    rows: ["SEL-11"],
    what: "wrong P1 P2 are out of order",
    edits: [[COMMANDS, ": SW.incorrectP1P2;", ": SW.conditionsNotSatisfied;"]],
  },
  {
    rows: ["SEL-12"],
    what: "an unknown data object is wrong P1 P2",
    edits: [
      [COMMANDS, "INS.getData ? SW.referencedDataNotFound", "INS.getData ? SW.incorrectP1P2"],
    ],
  },
  {
    rows: ["SEL-13"],
    what: "P1 P2 are looked at before selection",
    edits: [
      [
        COMMANDS,
        "  if (ins !== INS.select && !context.ram.selected) return SW.conditionsNotSatisfied;\n  const row = rows.find((candidate) => candidate.p1p2 === p1p2);\n  if (row !== undefined) return row;",
        "  const row = rows.find((candidate) => candidate.p1p2 === p1p2);\n  const isEarly = ins !== INS.select && !context.ram.selected;\n  if (row !== undefined) return isEarly ? SW.conditionsNotSatisfied : row;",
      ],
    ],
  },
  {
    rows: ["SEL-14"],
    what: "a command without its data runs",
    edits: [
      [
        CARD,
        "if (data.length > 0 !== row.takesData) return respond",
        "if (data.length > 0 && !row.takesData) return respond",
      ],
    ],
  },
  {
    rows: ["SEL-15"],
    what: "a command takes data that it does not want",
    edits: [
      [
        CARD,
        "if (data.length > 0 !== row.takesData) return respond",
        "if (data.length === 0 && row.takesData) return respond",
      ],
    ],
  },
];

const ON_TF: readonly Deviation[] = [
  {
    rows: ["TF-01"],
    what: "Le may be longer than the answer",
    edits: [[TF, "if (le !== ready)", "if (le < ready)"]],
  },
  {
    rows: ["TF-02"],
    what: "61xx names a byte less than waits",
    edits: [
      [TF, "SW.success : announce(data.length));", "SW.success : announce(data.length - 1));"],
    ],
  },
  {
    rows: ["TF-03", "TF-04", "LSE-02"],
    what: "a part of an answer is answered as the whole",
    edits: [[TF, "left === 0 ? SW.success : announce(left), part", "SW.success, part"]],
  },
  {
    rows: ["TF-04"],
    what: "GET RESPONSE with a large Le gives what there is",
    edits: [[TF, "  if (le > ready) return respond(SW.wrongLe | (ready & 0xff));\n", ""]],
  },
  {
    rows: ["TF-05"],
    what: "an answer waits through another command",
    edits: [[CARD, "  ram.waiting = NO_BYTES;\n  const row", "  const row"]],
  },
  {
    rows: ["TF-05", "TF-06"],
    what: "GET RESPONSE of nothing succeeds",
    edits: [[TF, "return respond(SW.conditionsNotSatisfied);", "return respond(SW.success);"]],
  },
  {
    rows: ["TF-07"],
    what: "GET RESPONSE takes any P1 P2",
    edits: [[TF, "  if (header.p1p2 !== 0) return respond(SW.incorrectP1P2);\n", ""]],
  },
  {
    rows: ["TF-08"],
    what: "a long answer comes in parts of 200 bytes",
    on: { suite: "P-256", modes: ["signed"] },
    edits: [
      [
        TF,
        "  return hand(buffers, le);\n}\n\nfunction hand",
        "  return hand(buffers, Math.min(le, 200));\n}\n\nfunction hand",
      ],
    ],
  },
  {
    rows: ["TF-09", "TF-10", "TF-11"],
    what: "only full commands may be chained",
    edits: [
      [
        TF,
        "body.le !== undefined || body.data.length === 0",
        "body.le !== undefined || body.data.length < 255",
      ],
    ],
  },
  {
    rows: ["TF-10"],
    what: "a broken chain is out of order",
    edits: [
      [
        CARD,
        "SW.wrongLength : SW.lastCommandOfChainExpected",
        "SW.wrongLength : SW.conditionsNotSatisfied",
      ],
    ],
  },
  {
    rows: ["TF-11"],
    what: "a chain goes on after another command",
    edits: [[CARD, "    ram.chain = undefined;\n    ram.waiting", "    ram.waiting"]],
  },
  {
    rows: ["TF-12"],
    what: "a chain holds 4,096 bytes",
    edits: [[TF, "const CHAIN_BYTES_MAX = 2048;", "const CHAIN_BYTES_MAX = 4096;"]],
  },
  {
    rows: ["TF-13"],
    what: "a chained command may have Le or be empty",
    edits: [
      [TF, "  if (body.le !== undefined || body.data.length === 0) return SW.wrongLength;\n", ""],
    ],
  },
  {
    rows: ["TF-14"],
    what: "what follows the data is cut off",
    edits: [[APDU, " || rest.length > lc + 1", ""]],
  },
];

const ON_SD: readonly Deviation[] = [
  {
    rows: ["SD-01"],
    what: "Le 0000 after data is none at all",
    on: { kind: "SD" },
    edits: [[APDU, "le: le === 0 ? EXTENDED_LE_MAX : le", "le"]],
  },
  {
    rows: ["SD-02"],
    what: "Le 00 alone is none at all",
    on: { kind: "SD" },
    edits: [[APDU, "le: lc === 0 ? SHORT_LE_MAX : lc", "le: lc"]],
  },
  {
    rows: ["SD-03"],
    what: "a chained command is an unknown class",
    on: { kind: "SD" },
    edits: [[CARD, "SW.chainingNotSupported", "SW.classNotSupported"]],
  },
  {
    rows: ["SD-04"],
    what: "GET RESPONSE exists",
    on: { kind: "SD" },
    edits: [
      [
        CARD,
        "  if (isChained(header)) return respond(SW.chainingNotSupported);\n",
        "  if (isChained(header)) return respond(SW.chainingNotSupported);\n  if (isGetResponse(header)) return respond(SW.conditionsNotSatisfied);\n",
      ],
    ],
  },
  {
    rows: ["SD-05"],
    what: "Le may be a byte short",
    on: { kind: "SD" },
    edits: [[SD, "le >= data.length", "le >= data.length - 1"]],
  },
  {
    rows: ["SD-06"],
    what: "6Cxx names a length that does not fit it",
    on: { suite: "P-256", kind: "SD" },
    edits: [[SD, "(data.length > 0xff ? 0 : data.length)", "(data.length & 0xff)"]],
  },
  {
    rows: ["SD-07"],
    what: "a command with too small an Le does not run",
    on: { kind: "SD" },
    edits: [
      [
        CARD,
        "  const reply = row.run(context, body.data);",
        "  if (row.takesData && body.le === 1) return respond(SW.wrongLe | 0x40);\n  const reply = row.run(context, body.data);",
      ],
    ],
  },
  {
    rows: ["SD-08"],
    what: "what follows the data is cut off",
    on: { kind: "SD" },
    edits: [[APDU, "(rest.length !== end && rest.length !== end + 2)", "rest.length < end"]],
  },
  {
    rows: ["SD-09"],
    what: "blocks are filled with FF",
    on: { kind: "SD" },
    edits: [
      [
        SD,
        "/ SD_BLOCK_BYTES) * SD_BLOCK_BYTES);\n  blocks.set",
        "/ SD_BLOCK_BYTES) * SD_BLOCK_BYTES).fill(0xff);\n  blocks.set",
      ],
    ],
  },
  {
    rows: ["SD-10"],
    what: "the filling of blocks is not looked at",
    on: { kind: "SD" },
    edits: [[SD, "  if (blocks.subarray(end).some((byte) => byte !== 0)) return undefined;\n", ""]],
  },
];

const DATA: readonly Deviation[] = [
  {
    rows: ["GET-01"],
    what: "the status of an idle card names services",
    edits: [[COMMANDS, "lease?.services ?? 0", "lease?.services ?? 7"]],
  },
  {
    rows: ["GET-02", "LSE-01", "POS-01"],
    what: "the service key is read out wrong",
    edits: [
      [
        COMMANDS,
        "writeElement(TAG.servicePublicKey, servicePublicKey)",
        "writeElement(TAG.servicePublicKey, servicePublicKey.map((byte) => byte ^ 0x40))",
      ],
    ],
  },
  {
    rows: ["GET-03"],
    what: "the certificate is another card's",
    on: { suite: "P-256", modes: ["signed"] },
    edits: [["cli/test-card/test-card.ts", "    TEST_CARD_ID,\n", '    "5445535443415245",\n']],
  },
  {
    rows: ["GET-04"],
    what: "without a certificate a file is missing",
    edits: [
      [COMMANDS, "return { sw: SW.referencedDataNotFound };", "return { sw: SW.fileNotFound };"],
    ],
  },
  {
    rows: ["POS-01"],
    what: "the proof of possession leaves out the service key",
    edits: [
      [TRANSCRIPT, "    writeElement(TAG.servicePublicKey, profile.keys.servicePublicKey),\n", ""],
    ],
  },
  {
    rows: ["POS-02"],
    what: "the proof of possession is made anew each time",
    on: { suite: "RSA-2048", modes: ["signed"] },
    edits: [
      [
        POSSESSION,
        "writeElement(TAG.signature, stored.proof.slice(0, proofBytes))",
        "writeElement(TAG.signature, proveEnrolment(context, challenge, enrolmentMessage(context, challenge)))",
      ],
    ],
  },
  {
    rows: ["POS-03"],
    what: "possession is proved for every challenge",
    edits: [[POSSESSION, "if (!areEqual(stored.challenge, challenge))", "if (proofBytes === 0)"]],
  },
  {
    rows: ["POS-04"],
    what: "the length of the challenge is not looked at",
    edits: [[FIELDS, " || !hasLength(fields[0], ENROLMENT_CHALLENGE_BYTES)", ""]],
  },
];

export const TRANSPORT_DEVIATIONS: readonly Deviation[] = [
  ...SELECTION,
  ...ON_TF,
  ...ON_SD,
  ...DATA,
];

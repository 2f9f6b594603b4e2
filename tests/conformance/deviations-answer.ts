/** Deviations in OPEN CHALLENGE and ANSWER. */
import type { Deviation } from "./deviation.ts";

const BINDING = "tests/emulators/card/binding-commands.ts";
const CHALLENGE = "tests/emulators/card/challenge-fields.ts";
const GCM = "tests/emulators/card/block-modes.ts";
const SESSION = "tests/emulators/card/session.ts";

const BOTH = { modes: ["signed", "encrypted"] } as const;
const P256_BOTH = { suite: "P-256", modes: ["signed", "encrypted"] } as const;

const OPEN: readonly Deviation[] = [
  {
    rows: ["OPN-01"],
    what: "OPEN CHALLENGE leaves out the round",
    on: BOTH,
    edits: [
      [
        BINDING,
        "  ram.session = challengeRound(session, round, h2, channel);\n  return { sw: SW.success, data: answer };",
        "  ram.session = challengeRound(session, round, h2, channel);\n  return { sw: SW.success, data: body };",
      ],
    ],
  },
  {
    rows: ["OPN-02"],
    what: "the proof over hk is not looked at",
    on: BOTH,
    edits: [
      [
        BINDING,
        "  if (!proofs.isPlatformProof(LABEL.keyAgreement, hk, agreement.proof)) return undefined;\n",
        "",
      ],
    ],
  },
  {
    rows: ["OPN-03"],
    what: "a challenge may be sealed without the transcript",
    on: BOTH,
    edits: [
      [
        BINDING,
        "  const body = channel?.open(round, previous, sealed);",
        "  const body = channel?.open(round, previous, sealed) ?? channel?.open(round, new Uint8Array(32), sealed);",
      ],
    ],
  },
  {
    rows: ["OPN-04", "LSE-09"],
    what: "the last byte of a tag is not compared",
    on: BOTH,
    edits: [
      [
        GCM,
        "  if (!areEqual(tag, sealed.subarray(-LENGTH.aeadTag))) return undefined;",
        "  if (!areEqual(tag.slice(0, 15), sealed.slice(-LENGTH.aeadTag, -1))) return undefined;",
      ],
    ],
  },
  {
    rows: ["OPN-02", "OPN-05"],
    what: "keys that cannot be agreed on are malformed",
    on: P256_BOTH,
    edits: [
      [
        BINDING,
        "  if (channel === undefined || body === undefined)",
        "  if (channel === undefined) return { sw: SW.incorrectData };\n  if (body === undefined)",
      ],
    ],
  },
  {
    rows: ["OPN-06"],
    what: "the length of N_P is not looked at",
    on: BOTH,
    edits: [[CHALLENGE, "isShared ? hasLength(contribution, LENGTH.nonce)", "isShared ? true"]],
  },
  {
    rows: ["OPN-06"],
    what: "E_P may have any form of 65 bytes",
    on: P256_BOTH,
    edits: [[CHALLENGE, ": isPoint(contribution)", ": hasLength(contribution, LENGTH.point)"]],
  },
  {
    rows: ["OPN-07"],
    what: "the round of a later challenge is not looked at",
    on: BOTH,
    edits: [
      [CHALLENGE, "readByte(fields[0]) !== round || !isSealed(fields[1])", "!isSealed(fields[1])"],
    ],
  },
  {
    rows: ["OPN-08"],
    what: "whatever was sealed is handed out",
    on: BOTH,
    edits: [[BINDING, "  if (!isChallengeBody(body)) return { sw: SW.incorrectData };\n", ""]],
  },
  {
    rows: ["OPN-09"],
    what: "a byte more behind OPEN CHALLENGE",
    on: BOTH,
    edits: [
      [
        CHALLENGE,
        "readSequence(data, [TAG.round, contributionTag, TAG.signature, TAG.sealed]);",
        "[data, data.slice(0, -1)].map((each) => readSequence(each, [TAG.round, contributionTag, TAG.signature, TAG.sealed])).find(Boolean);",
      ],
    ],
  },
  {
    rows: ["OPN-10"],
    what: "a challenge opens twice",
    on: BOTH,
    edits: [
      [
        SESSION,
        '  if (stage.name === "challenged" || !stage.mayContinue) return undefined;',
        `  if (stage.name === "challenged") return stage.round;\n  if (!stage.mayContinue) return undefined;`,
      ],
    ],
  },
  {
    rows: ["OPN-11"],
    what: "ANSWER before OPEN CHALLENGE is malformed",
    on: BOTH,
    edits: [
      [
        BINDING,
        "channel === undefined) {\n    return { sw: SW.conditionsNotSatisfied };",
        `channel === undefined) {\n    return { sw: stage.name === "opened" ? SW.incorrectData : SW.conditionsNotSatisfied };`,
      ],
    ],
  },
  {
    rows: ["OPN-12"],
    what: "a challenge that does not open ends the session",
    on: BOTH,
    edits: [
      [
        BINDING,
        "  if (channel === undefined || body === undefined) return",
        "  if (channel === undefined || body === undefined) ram.session = undefined;\n  if (channel === undefined || body === undefined) return",
      ],
    ],
  },
];

const ANSWER: readonly Deviation[] = [
  {
    rows: ["ANS-01"],
    what: "a confirmation tag is refused",
    edits: [
      [
        CHALLENGE,
        "![0, LENGTH.confirmationTag].includes(confirmationTag.value.length)",
        "confirmationTag.value.length !== 0",
      ],
    ],
  },
  {
    rows: ["ANS-01", "ANS-02", "STA-13", "LSE-24", "GRB-03"],
    what: "S3 is labelled as a receipt",
    edits: [
      [
        BINDING,
        "session.proofs.prove(LABEL.answerProof, h3)",
        "session.proofs.prove(LABEL.receipt, h3)",
      ],
    ],
  },
  {
    rows: ["ANS-02", "GRB-03"],
    what: "S3 of later rounds leaves out the answer",
    edits: [
      [
        BINDING,
        "session.proofs.prove(LABEL.answerProof, h3)",
        "session.proofs.prove(LABEL.answerProof, round === 0 ? h3 : h2)",
      ],
    ],
  },
  {
    rows: ["ANS-03"],
    what: "there is a fourth round",
    edits: [[SESSION, "const LAST_ROUND = 2;", "const LAST_ROUND = 3;"]],
  },
  {
    rows: ["ANS-04", "OPN-10"],
    what: "a round goes on after RES",
    on: BOTH,
    edits: [
      [CHALLENGE, "isFew(elements) ? false : undefined;", "isFew(elements) ? true : undefined;"],
    ],
  },
  {
    rows: ["ANS-05"],
    what: "a round goes on after a refusal",
    edits: [[CHALLENGE, "hasLength(first, 2)) return false;", "hasLength(first, 2)) return true;"]],
  },
  {
    rows: ["ANS-06"],
    what: "a round that was answered is answered again",
    edits: [
      [
        BINDING,
        "if (answer?.round !== round)",
        "if (answer === undefined || answer.round > round)",
      ],
    ],
  },
  {
    rows: ["ANS-07"],
    what: "an IMSI may have five digits",
    edits: [[CHALLENGE, "{6,15}", "{5,15}"]],
  },
  {
    rows: ["ANS-08"],
    what: "a byte more behind a statement",
    on: BOTH,
    edits: [
      [
        CHALLENGE,
        "readSequence(data, STATEMENT);",
        "readSequence(data, STATEMENT) ?? readSequence(data.slice(0, -1), STATEMENT);",
      ],
    ],
  },
  {
    rows: ["ANS-07", "ANS-08", "ANS-09", "ANS-13", "GRB-03"],
    what: "a refused ANSWER ends the session",
    edits: [
      [
        BINDING,
        "  if (answer?.round !== round) return { sw: SW.incorrectData };",
        "  if (answer?.round !== round) context.ram.session = undefined;\n  if (answer?.round !== round) return { sw: SW.incorrectData };",
      ],
    ],
  },
  {
    rows: ["ANS-10", "LSE-23", "RES-09", "UNL-15"],
    what: "ANSWER without a session is malformed",
    edits: [
      [
        BINDING,
        "  if (session === undefined) return { sw: SW.conditionsNotSatisfied };\n  return session.mode",
        "  if (session === undefined) return { sw: SW.incorrectData };\n  return session.mode",
      ],
    ],
  },
  {
    rows: ["ANS-11"],
    what: "a statement without its challenge is out of order",
    edits: [
      [
        BINDING,
        "  if (answer?.round !== round) return { sw: SW.incorrectData };",
        "  if (data[0] === TAG.imsi) return { sw: SW.conditionsNotSatisfied };\n  if (answer?.round !== round) return { sw: SW.incorrectData };",
      ],
    ],
  },
  {
    rows: ["ANS-12"],
    what: "rounds may be left out",
    edits: [
      [
        BINDING,
        "if (answer?.round !== round)",
        "if (answer === undefined || answer.round < round)",
      ],
    ],
  },
  {
    rows: ["ANS-13"],
    what: "the form of a signed challenge is not looked at",
    edits: [[CHALLENGE, " || !isChallenge(rands, autn)", ""]],
  },
  {
    rows: ["ANS-14"],
    what: "OPEN CHALLENGE works in signed mode",
    edits: [
      [
        BINDING,
        'session?.mode === "encrypted" ? nextRound(session)',
        "session !== undefined ? nextRound(session)",
      ],
    ],
  },
  {
    rows: ["ANS-02", "ANS-15"],
    what: "every answer is sealed as number 0",
    on: BOTH,
    edits: [[BINDING, "channel.seal(stage.round, h2", "channel.seal(0, h2"]],
  },
];

export const ANSWER_DEVIATIONS: readonly Deviation[] = [...OPEN, ...ANSWER];

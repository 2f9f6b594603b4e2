/** The session and card state machines of docs/protocol.md section 7, in every suite and mode. */
import { describe, expect, test } from "bun:test";
import { INS, LABEL, SW, TAG } from "#protocol/assigned-numbers";
import {
  CARD_ID,
  command,
  createBench,
  EVERY_SUITE,
  nameOf,
  readStatus,
  select,
  signDocument,
  TENANT,
} from "./bench-double.ts";
import { element, labelled, seededRandom } from "./encoding-double.ts";
import {
  answerParts,
  answerRound,
  AUTS,
  giveAnswer,
  isCardProof,
  openRound,
  RANDBS,
  RES,
  startParts,
  startSession,
} from "./platform-double.ts";
import { bind, issueResult, prove, reachAnswered, sendResult } from "./result-double.ts";
import { DOUBLE_SUITES, hash, isServiceSignature } from "./suites-double.ts";

const IDLE = "00";
const SERVING = "01";
const OUT_OF_ORDER = SW.conditionsNotSatisfied;
const REFUSED = SW.securityStatusNotSatisfied;

describe.each(EVERY_SUITE.map((variant) => [nameOf(variant), variant] as const))(
  "%s",
  (_, variant) => {
    const isSigned = variant.mode === "signed";

    test("FAILURE without lock makes a serving card idle and stores the epoch", async () => {
      const bench = await createBench({ variant });
      await bind(bench);
      expect(await bind(bench, { verdict: 0, floor: 1 })).toEqual({ sw: SW.success, state: IDLE });
      expect(await readStatus(bench)).toEqual({ cardId: CARD_ID, epoch: 2, state: IDLE, floor: 1 });
      expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(REFUSED);
    });

    test("rounds 0, 1 and 2 after AUTS or RANDBS, and no fourth", async () => {
      const bench = await createBench({ variant });
      let session = await startSession(bench);
      for (const [round, answer] of [AUTS, RANDBS, AUTS].entries()) {
        session = await answerRound(bench, session, round, answer);
        expect(session.sw).toBe(SW.success);
        const forged = issueResult(bench, session, { isForged: true });
        expect((await sendResult(bench, forged)).sw).toBe(REFUSED);
      }
      for (const round of [0, 1, 2, 3]) {
        expect((await answerRound(bench, session, round, RES)).sw).toBe(OUT_OF_ORDER);
      }
      expect((await sendResult(bench, issueResult(bench, session))).state).toBe(SERVING);
    });

    test("a verdict may follow an AUTS in every round, and its lock is obeyed", async () => {
      for (const last of [0, 1, 2]) {
        const bench = await createBench({ variant });
        let session = await startSession(bench);
        for (let round = 0; round <= last; round++) {
          session = await answerRound(bench, session, round, AUTS);
        }
        const failure = issueResult(bench, session, { verdict: 0, lock: 1 });
        expect((await sendResult(bench, failure)).state).toMatch(/^02/u);
        expect((await answerRound(bench, session, last + 1, RES)).sw).toBe(SW.blocked);
      }
    });

    test("no round goes on after a verdict", async () => {
      const bench = await createBench({ variant });
      const session = await answerRound(bench, await startSession(bench), 0, AUTS);
      await sendResult(bench, issueResult(bench, session, { verdict: 0 }));
      expect((await answerRound(bench, session, 1, RES)).sw).toBe(OUT_OF_ORDER);
    });

    test("without a session, before an answer, after SELECT: 6985", async () => {
      const bench = await createBench({ variant });
      const answered = await reachAnswered(bench);
      await select(bench);
      expect((await answerRound(bench, answered, 1)).sw).toBe(OUT_OF_ORDER);
      expect((await giveAnswer(bench, answered)).sw).toBe(OUT_OF_ORDER);
      expect((await sendResult(bench, issueResult(bench, answered))).sw).toBe(OUT_OF_ORDER);
      const opened = await startSession(bench);
      const early = { ...opened, directions: answered.directions };
      expect((await sendResult(bench, issueResult(bench, early))).sw).toBe(OUT_OF_ORDER);
      if (!isSigned) expect((await giveAnswer(bench, opened)).sw).toBe(OUT_OF_ORDER);
    });

    test("a challenge must be of the round that is next", async () => {
      const bench = await createBench({ variant });
      const session = await startSession(bench);
      expect((await answerRound(bench, session, 1)).sw).toBe(SW.incorrectData);
      const first = await answerRound(bench, session, 0, AUTS);
      expect((await answerRound(bench, first, 0)).sw).toBe(SW.incorrectData);
      expect((await answerRound(bench, first, 2)).sw).toBe(SW.incorrectData);
      expect((await answerRound(bench, first, 1)).sw).toBe(SW.success);
    });

    test("a refused START SESSION leaves the session that was open", async () => {
      const bench = await createBench({ variant });
      const session = await startSession(bench);
      const refused = await startSession(bench, { namedSuite: 0 });
      expect(refused.sw).toBe(SW.incorrectData);
      expect((await answerRound(bench, session)).sw).toBe(SW.success);
    });

    test("a generation below the floor is refused, and a floor never falls", async () => {
      const bench = await createBench({ variant });
      const session = await reachAnswered(bench, { generation: 6 });
      await sendResult(bench, issueResult(bench, session, { floor: 5 }));
      expect((await startSession(bench, { generation: 4 })).sw).toBe(REFUSED);
      expect((await startSession(bench, { generation: 5 })).sw).toBe(SW.success);
      const next = await reachAnswered(bench, { generation: 6 });
      expect((await sendResult(bench, issueResult(bench, next, { floor: 2 }))).sw).toBe(SW.success);
      expect((await readStatus(bench)).floor).toBe(5);
    });

    test("every element of START SESSION left out, doubled or moved is refused", async () => {
      const bench = await createBench({ variant });
      const parts = startParts(bench);
      const broken = parts.flatMap((part, index) => [
        parts.filter((each) => each !== part),
        parts.flatMap((each) => (each === part ? [each, each] : [each])),
        [...parts.slice(0, index), element(0x9f, [1]), ...parts.slice(index)],
      ]);
      broken.push([...parts, Buffer.alloc(1)], parts.toReversed());
      for (const list of broken) {
        const answer = await command(bench, INS.startSession, Buffer.concat(list));
        expect(answer.sw).toBe(SW.incorrectData);
      }
    });

    test("another suite or mode named, another suite vouched for: 6A80", async () => {
      const bench = await createBench({ variant });
      const others = DOUBLE_SUITES.map(({ number }) => number).filter(
        (number) => number !== bench.suite.number,
      );
      for (const namedSuite of [0, 7, ...others]) {
        expect((await startSession(bench, { namedSuite })).sw).toBe(SW.incorrectData);
        expect((await startSession(bench, { suite: namedSuite })).sw).toBe(SW.incorrectData);
      }
      for (const namedMode of [0, 3]) {
        expect((await startSession(bench, { namedMode })).sw).toBe(SW.incorrectData);
      }
    });

    test("I15: a step-3 message given to PSO sign makes no valid proof", async () => {
      const bench = await createBench({ variant });
      await bind(bench);
      const session = await startSession(bench);
      const [round, body, statement] = answerParts(0, RES);
      const { suite, profile } = bench;
      const h2 = hash(suite, LABEL.h2, element(TAG.hash, session.transcript), round, body);
      const h3 = hash(suite, LABEL.h3, element(TAG.hash, h2), statement);
      const message = labelled(LABEL.answerProof, element(TAG.hash, h3));
      const { data } = await signDocument(bench, message);
      const { servicePublicKey } = profile.keys;
      expect(isServiceSignature(suite, servicePublicKey, message, data)).toBe(true);
      expect(isCardProof(bench, session, LABEL.answerProof, h3, data)).toBe(false);
    });
  },
);

describe("platform key credential", () => {
  const certificates = EVERY_SUITE.filter(({ suite }) => suite !== "AES" && suite !== "SM4");
  for (const variant of certificates) {
    test(`${nameOf(variant)}: another anchor, tenant or deployment is 6982`, async () => {
      const bench = await createBench({ variant });
      for (const bad of [
        { anchor: bench.suite.scheme?.createSigner() },
        { tenant: `${TENANT}2` },
        { deployment: seededRandom("elsewhere")(16) },
      ]) {
        expect((await startSession(bench, bad)).sw).toBe(REFUSED);
      }
      expect((await startSession(bench)).sw).toBe(SW.success);
    });
  }

  test("a token has 1 to 255 bytes", async () => {
    const bench = await createBench();
    for (const [bytes, sw] of [
      [0, SW.incorrectData],
      [1, SW.success],
      [255, SW.success],
      [256, SW.incorrectData],
    ] as const) {
      expect((await startSession(bench, { token: Buffer.alloc(bytes, 1) })).sw).toBe(sw);
    }
  });
});

const randOf = (bytes: number, count = 1): Buffer =>
  element(
    TAG.rands,
    ...Array.from({ length: count }, () => element(TAG.rand, Buffer.alloc(bytes))),
  );
const autnOf = (bytes: number): Buffer => element(TAG.autn, Buffer.alloc(bytes));
const resOf = (bytes: number, count = 1): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => element(TAG.res, Buffer.alloc(bytes))));

describe("challenge and answer", () => {
  const challenges: readonly (readonly [string, Buffer, boolean])[] = [
    ["SIM", Buffer.concat([randOf(16, 2), autnOf(0)]), true],
    ["USIM", Buffer.concat([randOf(16), autnOf(16)]), true],
    ["CAVE", Buffer.concat([randOf(4, 4), autnOf(0)]), true],
    ["SSD update", Buffer.concat([randOf(7), autnOf(0)]), true],
    ["after it", Buffer.concat([randOf(4, 4), autnOf(3)]), true],
    ["CHAP", Buffer.concat([randOf(17), autnOf(0)]), true],
    ["five RANDs", Buffer.concat([randOf(16, 5), autnOf(0)]), false],
    ["no RAND", Buffer.concat([element(TAG.rands), autnOf(16)]), false],
    ["a RAND of 8 bytes", Buffer.concat([randOf(8), autnOf(16)]), false],
    ["an AUTN of 15 bytes", Buffer.concat([randOf(16), autnOf(15)]), false],
    [
      "RANDs of two lengths",
      Buffer.concat([
        element(TAG.rands, element(TAG.rand, Buffer.alloc(16)), element(TAG.rand, Buffer.alloc(4))),
        autnOf(0),
      ]),
      false,
    ],
    ["AUTN first", Buffer.concat([autnOf(16), randOf(16)]), false],
    ["one element too many", Buffer.concat([randOf(16), autnOf(16), autnOf(0)]), false],
  ];
  for (const [name, body, isGood] of challenges) {
    test(`a challenge: ${name}`, async () => {
      const bench = await createBench();
      const [round, , statement] = answerParts(0, RES);
      await startSession(bench);
      const signed = await command(bench, INS.answer, Buffer.concat([round, body, statement]));
      expect(signed.sw).toBe(isGood ? SW.success : SW.incorrectData);
      const session = await startSession(bench, { mode: "encrypted" });
      const opened = await openRound(bench, session, 0, { body });
      expect(opened.sw).toBe(isGood ? SW.success : SW.incorrectData);
    });
  }

  const [auts, randbs] = [AUTS, RANDBS];
  const answers: readonly (readonly [string, Buffer, boolean])[] = [
    ["four RES", resOf(4, 4), true],
    ["five RES", resOf(4, 5), false],
    ["RES of 3 bytes", resOf(3), true],
    ["RES of 16 bytes", resOf(16), true],
    ["RES of 2 bytes", resOf(2), false],
    ["RES of 17 bytes", resOf(17), false],
    ["two AUTS", Buffer.concat([auts, auts]), false],
    ["AUTS of 13 bytes", element(TAG.auts, Buffer.alloc(13)), false],
    ["AUTS and RES", Buffer.concat([auts, resOf(4)]), false],
    ["RES and AUTS", Buffer.concat([resOf(4), auts]), false],
    ["RANDBS twice", Buffer.concat([randbs, randbs]), false],
    ["RANDBS of 5 bytes", element(TAG.randbs, Buffer.alloc(5)), false],
    ["a status word of 3 bytes", element(TAG.statusWord, Buffer.alloc(3)), false],
    ["nothing", Buffer.alloc(0), false],
    ["an unknown element", element(0x9f, [1]), false],
  ];
  for (const [name, answer, isGood] of answers) {
    test(`an answer: ${name}`, async () => {
      for (const mode of ["signed", "encrypted"] as const) {
        const bench = await createBench();
        const session = await startSession(bench, { mode });
        const { sw } = await answerRound(bench, session, 0, answer);
        expect(sw).toBe(isGood ? SW.success : SW.incorrectData);
      }
    });
  }

  test("IMSI, module kind and confirmation tag have the forms of section 2", async () => {
    const bench = await createBench();
    const [round, body] = answerParts(0, RES);
    for (const [imsi, kind, tagBytes, isGood] of [
      ["123456", 1, 0, true],
      ["123456789012345", 3, 32, true],
      ["12345", 1, 0, false],
      ["1234567890123456", 1, 0, false],
      ["12345A", 1, 0, false],
      ["123456", 0, 0, false],
      ["123456", 4, 0, false],
      ["123456", 1, 31, false],
    ] as const) {
      await startSession(bench);
      const statement = [
        element(TAG.imsi, Buffer.from(imsi)),
        element(TAG.moduleKind, [kind]),
        element(TAG.answer, RES),
        element(TAG.confirmationTag, Buffer.alloc(tagBytes)),
      ];
      const { sw } = await command(bench, INS.answer, Buffer.concat([round, body, ...statement]));
      expect(sw).toBe(isGood ? SW.success : SW.incorrectData);
    }
  });
});

test("an enrolment challenge of another length is refused and proves nothing", async () => {
  const bench = await createBench();
  const data = element(TAG.enrolmentChallenge, Buffer.alloc(15));
  expect((await command(bench, INS.provePossession, data)).sw).toBe(SW.incorrectData);
  expect((await prove(bench, 1)).sw).toBe(SW.success);
});

test("a card refuses a mode that it does not have", async () => {
  const bench = await createBench({ modes: ["signed"] });
  expect((await startSession(bench, { mode: "encrypted" })).sw).toBe(SW.incorrectData);
  expect((await startSession(bench)).sw).toBe(SW.success);
});

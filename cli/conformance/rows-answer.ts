/** ANSWER in both modes (docs/protocol.md, sections 3.2, 3.3, 5 and 7). */
import type { Response } from "#protocol/apdu";
import { INS, SW } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { type Bench, send } from "./bench.ts";
import { BAD_CHALLENGES, BAD_STATEMENTS, GOOD_STATEMENTS } from "./forms.ts";
import { misshape } from "./malformed.ts";
import { inEachMode, type Row } from "./row.ts";
import {
  answerData,
  answered,
  answerRound,
  AUTS,
  challengeOf,
  isAnswer,
  issueChallenge,
  openRound,
  RANDBS,
  reachAnswered,
  REFUSAL,
  RES,
  type Session,
  startSession,
  statementOf,
} from "./session.ts";

const OUT_OF_ORDER = SW.conditionsNotSatisfied;

export const ANSWER_ROWS: readonly Row[] = inEachMode([
  {
    id: "ANS-01",
    section: "3.2, 3.3",
    invariant: "I7",
    sends: "ANSWER with each form of statement, RES, AUTS, RANDBS, a refusal",
    expects: "S3 over h3[0]; encrypted: the statement, sealed as number 0 with h2[0]",
    async run(bench, seen) {
      for (const [what, statement] of GOOD_STATEMENTS) {
        const opened = await openRound(bench, await startSession(bench));
        const given = await send(bench, INS.answer, answerData(opened, statement, 0));
        seen.sw(what, given, SW.success);
        const session = { ...answered(bench, opened, 0, statement), answer: given.data };
        seen.holds(`${what} proven`, isAnswer(bench, session));
      }
    },
  },
  {
    id: "ANS-02",
    section: "5, 7",
    sends: "rounds 0, 1 and 2 after AUTS and RANDBS",
    expects: "each answer proven over the rounds before it",
    async run(bench, seen) {
      let session = await startSession(bench);
      for (const answer of [AUTS, RANDBS, RES]) {
        session = await answerRound(bench, session, answer);
        seen.holds(`round ${session.round}`, isAnswer(bench, session));
      }
    },
  },
  {
    id: "ANS-03",
    section: "7",
    sends: "a fourth challenge after AUTS in rounds 0, 1 and 2",
    expects: "6985",
    async run(bench, seen) {
      let session = await startSession(bench);
      for (let i = 0; i < 3; i++) session = await answerRound(bench, session, AUTS);
      seen.sw("round 3", await sendRound(bench, session, 3), OUT_OF_ORDER);
    },
  },
  {
    id: "ANS-04",
    section: "7",
    invariant: "I15",
    sends: "ANSWER again after RES, for round 0 and for round 1",
    expects: "6985: one proof a round",
    async run(bench, seen) {
      const session = await reachAnswered(bench);
      for (const round of [0, 1]) {
        const data = answerData(session, statementOf(RES), round);
        seen.sw(`round ${round}`, await send(bench, INS.answer, data), OUT_OF_ORDER);
      }
    },
  },
  {
    id: "ANS-05",
    section: "7",
    sends: "the next challenge after a refusal (97)",
    expects: "6985",
    async run(bench, seen) {
      const session = await answerRound(bench, await startSession(bench), REFUSAL);
      seen.sw("round 1", await sendRound(bench, session, 1), OUT_OF_ORDER);
    },
  },
  {
    id: "ANS-06",
    section: "7",
    invariant: "I15",
    sends: "ANSWER again for round 0 after AUTS",
    expects: "signed: 6A80; encrypted: 6985",
    async run(bench, seen) {
      const session = await answerRound(bench, await startSession(bench), AUTS);
      const data = answerData(session, statementOf(RES), 0);
      const sw = bench.mode === "signed" ? SW.incorrectData : OUT_OF_ORDER;
      seen.sw("round 0", await send(bench, INS.answer, data), sw);
    },
  },
  {
    id: "ANS-07",
    section: "2, 6",
    sends: "statements that section 2 does not form",
    expects: "6A80",
    async run(bench, seen) {
      const session = await openRound(bench, await startSession(bench));
      for (const [what, statement] of BAD_STATEMENTS) {
        const data = answerData(session, statement, 0);
        seen.sw(what, await send(bench, INS.answer, data), SW.incorrectData);
      }
    },
  },
  {
    id: "ANS-08",
    section: "2",
    sends: "the elements of ANSWER left out, doubled, moved, with long lengths, with a tail",
    expects: "6A80",
    async run(bench, seen) {
      const session = await openRound(bench, await startSession(bench));
      for (const [what, data] of misshape(answerData(session, statementOf(RES), 0))) {
        seen.sw(what, await send(bench, INS.answer, data), SW.incorrectData);
      }
    },
  },
  {
    id: "ANS-09",
    section: "7",
    sends: "a refused ANSWER, then the good one",
    expects: "6A80, then 9000: refused, the session stays",
    async run(bench, seen) {
      const session = await openRound(bench, await startSession(bench));
      const bad = await send(bench, INS.answer, Uint8Array.of(0));
      seen.sw("refused", bad, SW.incorrectData);
      const good = await send(bench, INS.answer, answerData(session, statementOf(RES), 0));
      seen.sw("good", good, SW.success);
    },
  },
  {
    id: "ANS-10",
    section: "7",
    sends: "ANSWER without a session",
    expects: "6985",
    async run(bench, seen) {
      const data = concatBytes(
        bench.mode === "signed" ? challengeOf(0) : new Uint8Array(0),
        statementOf(RES),
      );
      seen.sw("ANSWER", await send(bench, INS.answer, data), OUT_OF_ORDER);
    },
  },
  {
    id: "ANS-11",
    section: "7",
    invariant: "I7",
    sends: "ANSWER in the other mode's form",
    expects: "6A80",
    async run(bench, seen) {
      await openRound(bench, await startSession(bench));
      const challenge = bench.mode === "signed" ? new Uint8Array(0) : challengeOf(0);
      const data = concatBytes(challenge, statementOf(RES));
      seen.sw("ANSWER", await send(bench, INS.answer, data), SW.incorrectData);
    },
  },
  {
    id: "ANS-12",
    section: "7",
    sends: "ANSWER for round 1 first, for round 2 after AUTS",
    expects: "6A80",
    needs: ["signed"],
    async run(bench, seen) {
      const session = await startSession(bench);
      seen.sw("1 first", await sendRound(bench, session, 1), SW.incorrectData);
      const next = await answerRound(bench, await startSession(bench), AUTS);
      seen.sw("2 after 0", await sendRound(bench, next, 2), SW.incorrectData);
    },
  },
  {
    id: "ANS-13",
    section: "2, 6",
    sends: "challenges that section 6 does not form",
    expects: "6A80",
    needs: ["signed"],
    async run(bench, seen) {
      await startSession(bench);
      const round = challengeOf(0).subarray(0, 3);
      for (const [what, body] of BAD_CHALLENGES) {
        const data = concatBytes(round, body, statementOf(RES));
        seen.sw(what, await send(bench, INS.answer, data), SW.incorrectData);
      }
    },
  },
  {
    id: "ANS-14",
    section: "7",
    sends: "OPEN CHALLENGE in a session of signed mode",
    expects: "6985",
    needs: ["signed"],
    async run(bench, seen) {
      const { data } = issueChallenge(bench, await startSession(bench));
      seen.sw("OPEN CHALLENGE", await send(bench, INS.openChallenge, data), OUT_OF_ORDER);
    },
  },
  {
    id: "ANS-15",
    section: "3.3",
    invariant: "I16",
    sends: "ANSWER in rounds 0 and 1",
    expects: "D0 opens as number 0 and 1, and as no other",
    needs: ["encrypted"],
    async run(bench, seen) {
      const first = await answerRound(bench, await startSession(bench), AUTS);
      const second = await answerRound(bench, first, RES);
      for (const session of [first, second]) {
        const other = { ...session, round: 1 - session.round };
        seen.holds(`number ${session.round}`, isAnswer(bench, session));
        seen.holds(`not ${other.round}`, !isAnswer(bench, other), "it does");
      }
    },
  },
]);

/** What opens round `round`: ANSWER in signed mode, OPEN CHALLENGE in encrypted. */
function sendRound(bench: Bench, session: Session, round: number): Promise<Response> {
  if (bench.mode === "signed") {
    return send(bench, INS.answer, answerData(session, statementOf(RES), round));
  }
  return send(bench, INS.openChallenge, issueChallenge(bench, session, {}, round).data);
}

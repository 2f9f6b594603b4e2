/** OPEN CHALLENGE (docs/protocol.md, sections 3.3, 5 and 7). */
import { INS, LABEL, SW } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { type Bench, send } from "./bench.ts";
import { BAD_CHALLENGES, GOOD_CHALLENGES } from "./forms.ts";
import { flip, misshape } from "./malformed.ts";
import { type Findings, inEachMode, onlyOn, type Row } from "./row.ts";
import {
  answerRound,
  AUTS,
  type ChallengeChange,
  challengeOf,
  issueChallenge,
  reachAnswered,
  RES,
  startSession,
  statementOf,
} from "./session.ts";

const REFUSED = SW.securityStatusNotSatisfied;
const OUT_OF_ORDER = SW.conditionsNotSatisfied;

/** In a session of its own, round 0. */
async function expectChallenge(
  bench: Bench,
  seen: Findings,
  what: string,
  change: ChallengeChange,
  sw: number,
): Promise<void> {
  const { data } = issueChallenge(bench, await startSession(bench), change);
  seen.sw(what, await send(bench, INS.openChallenge, data), sw);
}

export const CHALLENGE_ROWS: readonly Row[] = onlyOn(
  "encrypted",
  inEachMode([
    {
      id: "OPN-01",
      section: "5, 7",
      sends: "OPEN CHALLENGE of each form of section 6",
      expects: "90 B1 92 as the platform sealed them",
      async run(bench, seen) {
        for (const [what, body] of GOOD_CHALLENGES) {
          const { data } = issueChallenge(bench, await startSession(bench), { body });
          const answer = await send(bench, INS.openChallenge, data);
          seen.sw(what, answer, SW.success);
          const round = challengeOf(0).subarray(0, 3);
          seen.same(what, answer.data, concatBytes(round, body));
        }
      },
    },
    {
      id: "OPN-02",
      section: "3.2, 7",
      sends: "a proof over hk by another key, by another label",
      expects: "6982",
      async run(bench, seen) {
        await expectChallenge(bench, seen, "another key", { isForged: true }, REFUSED);
        for (const label of [LABEL.result, LABEL.unlock]) {
          await expectChallenge(bench, seen, label, { label }, REFUSED);
        }
      },
    },
    {
      id: "OPN-03",
      section: "3.3",
      sends: "a challenge sealed as number 1, for the other direction, with other associated data",
      expects: "6982",
      async run(bench, seen) {
        const changes: readonly [string, ChallengeChange][] = [
          ["number", { number: 1 }],
          ["direction", { direction: "card" }],
          ["associated data", { associatedData: new Uint8Array(32) }],
        ];
        for (const [what, change] of changes) {
          await expectChallenge(bench, seen, what, change, REFUSED);
        }
      },
    },
    {
      id: "OPN-04",
      section: "3.3, 7",
      sends: "a challenge with one bit of ciphertext or tag turned",
      expects: "6982",
      async run(bench, seen) {
        for (const at of [-1, -20]) {
          const { data } = issueChallenge(bench, await startSession(bench));
          const answer = await send(bench, INS.openChallenge, flip(data, at));
          seen.sw(`byte ${at}`, answer, REFUSED);
        }
      },
    },
    {
      id: "OPN-05",
      section: "7",
      sends: "E_P that is not on the curve, proven and in the form of a point",
      expects: "6982",
      needs: ["certificate suite"],
      async run(bench, seen) {
        const point = new Uint8Array(65).fill(1);
        point[0] = 4;
        await expectChallenge(bench, seen, "off the curve", { contribution: point }, REFUSED);
      },
    },
    {
      id: "OPN-06",
      section: "2",
      sends: "CB that is no uncompressed point; CC of 15 bytes",
      expects: "6A80",
      async run(bench, seen) {
        const isPair = "anchor" in bench.keys;
        const forms = isPair ? [new Uint8Array(65).fill(2), new Uint8Array(33).fill(2)] : [];
        for (const contribution of [...forms, new Uint8Array(15)]) {
          const what = `${contribution.length} bytes`;
          await expectChallenge(bench, seen, what, { contribution }, SW.incorrectData);
        }
      },
    },
    {
      id: "OPN-07",
      section: "7",
      sends: "a challenge for round 1 first, for round 0 or 2 after AUTS",
      expects: "6A80",
      async run(bench, seen) {
        const session = await startSession(bench);
        const early = issueChallenge(bench, session, {}, 1);
        seen.sw("1 first", await send(bench, INS.openChallenge, early.data), SW.incorrectData);
        const next = await answerRound(bench, await startSession(bench), AUTS);
        for (const round of [0, 2]) {
          const { data } = issueChallenge(bench, next, {}, round);
          seen.sw(`${round} after`, await send(bench, INS.openChallenge, data), SW.incorrectData);
        }
      },
    },
    {
      id: "OPN-08",
      section: "2, 6",
      sends: "sealed challenges that section 6 does not form",
      expects: "6A80",
      async run(bench, seen) {
        for (const [what, body] of BAD_CHALLENGES) {
          await expectChallenge(bench, seen, what, { body }, SW.incorrectData);
        }
      },
    },
    {
      id: "OPN-09",
      section: "2",
      sends: "90, CB or CC, 8E, D0 left out, doubled, moved, with long lengths, with a tail",
      expects: "6A80",
      async run(bench, seen) {
        const { data } = issueChallenge(bench, await startSession(bench));
        for (const [what, bad] of misshape(data)) {
          seen.sw(what, await send(bench, INS.openChallenge, bad), SW.incorrectData);
        }
      },
    },
    {
      id: "OPN-10",
      section: "7",
      sends: "OPEN CHALLENGE again before ANSWER, and after RES",
      expects: "6985",
      async run(bench, seen) {
        const session = await startSession(bench);
        const { data } = issueChallenge(bench, session);
        seen.sw("first", await send(bench, INS.openChallenge, data), SW.success);
        seen.sw("again", await send(bench, INS.openChallenge, data), OUT_OF_ORDER);
        const over = await reachAnswered(bench);
        const late = issueChallenge(bench, over);
        seen.sw("after RES", await send(bench, INS.openChallenge, late.data), OUT_OF_ORDER);
      },
    },
    {
      id: "OPN-11",
      section: "7",
      sends: "ANSWER before OPEN CHALLENGE",
      expects: "6985",
      async run(bench, seen) {
        await startSession(bench);
        seen.sw("ANSWER", await send(bench, INS.answer, statementOf(RES)), OUT_OF_ORDER);
      },
    },
    {
      id: "OPN-12",
      section: "7",
      sends: "a challenge that does not open, then the good one",
      expects: "6982, then 9000: refused, the session stays",
      async run(bench, seen) {
        const session = await startSession(bench);
        const bad = issueChallenge(bench, session, { number: 1 });
        seen.sw("wrong number", await send(bench, INS.openChallenge, bad.data), REFUSED);
        const good = issueChallenge(bench, session);
        seen.sw("good", await send(bench, INS.openChallenge, good.data), SW.success);
      },
    },
  ]),
);

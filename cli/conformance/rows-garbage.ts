/** Bytes that mean nothing, of every length (docs/protocol.md, section 7; I8). */
import { CLA, INS, SW } from "#protocol/assigned-numbers";
import { type Bench, readKept, restart, send, transmit } from "./bench.ts";
import { attempt, type Findings, type Row } from "./row.ts";
import { answerRound, AUTS, isAnswer, RES, startSession } from "./session.ts";
import { bind, lock } from "./verdict.ts";

const BINDING_INS = [INS.startSession, INS.openChallenge, INS.answer, INS.result, INS.unlock];
const SHORT_DATA_BYTES_MAX = 255;

/** Data of `length` bytes that differ from run to run in nothing. */
function garbage(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (seed * 167 + index * 59 + length) & 0xff);
}

/** What a command may answer to garbage: that it is malformed, out of order, or not now. */
const REFUSALS = [
  SW.incorrectData,
  SW.conditionsNotSatisfied,
  SW.securityStatusNotSatisfied,
  SW.blocked,
  SW.wrongLength,
];

async function sendGarbage(bench: Bench, seen: Findings): Promise<void> {
  for (let length = 1; length <= SHORT_DATA_BYTES_MAX; length++) {
    const ins = BINDING_INS[length % BINDING_INS.length] ?? INS.answer;
    const answer = await send(bench, ins, garbage(length, ins));
    seen.sw(`INS ${ins.toString(16)}, ${length} bytes`, answer, ...REFUSALS);
  }
}

async function expectKept(bench: Bench, seen: Findings, kept: string): Promise<void> {
  await restart(bench);
  const now = await readKept(bench);
  seen.holds("kept", now === kept, now);
}

export const GARBAGE_ROWS: readonly Row[] = [
  {
    id: "GRB-01",
    section: "7",
    invariant: "I8",
    sends: "garbage of 1 to 255 bytes to the commands of class 80, after AUTS while serving",
    expects: "refused each time; epoch, floor and lock as before",
    async run(bench, seen) {
      await bind(bench);
      await answerRound(bench, await startSession(bench), AUTS);
      const kept = await readKept(bench);
      await sendGarbage(bench, seen);
      await expectKept(bench, seen, kept);
    },
  },
  {
    id: "GRB-02",
    section: "7",
    invariant: "I8",
    sends: "the same to a locked card",
    expects: "refused each time; epoch, floor and lock as before",
    async run(bench, seen) {
      await lock(bench);
      const kept = await readKept(bench);
      await sendGarbage(bench, seen);
      await expectKept(bench, seen, kept);
    },
  },
  {
    id: "GRB-03",
    section: "7",
    sends: "garbage in the midst of a session, then its next round",
    expects: "the answer, proven over the rounds before it",
    async run(bench, seen) {
      const session = await answerRound(bench, await startSession(bench), AUTS);
      for (const ins of BINDING_INS) await send(bench, ins, garbage(33, ins));
      await transmit(bench, [CLA.interindustry, 0x04, 0, 0]);
      await attempt(seen, "next round", async () =>
        isAnswer(bench, await answerRound(bench, session, RES)),
      );
    },
  },
];

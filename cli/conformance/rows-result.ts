/** RESULT: what the card becomes by one that verifies (docs/protocol.md, sections 5 and 7). */
import { INS, SW } from "#protocol/assigned-numbers";
import { reach, readStatus, restart, send } from "./bench.ts";
import { inEachMode, type Row } from "./row.ts";
import { answerRound, AUTS, reachAnswered, startSession } from "./session.ts";
import { bind, issueResult, LEASE, readReceipt, sendResult } from "./verdict.ts";

const OUT_OF_ORDER = SW.conditionsNotSatisfied;

export const RESULT_ROWS: readonly Row[] = inEachMode([
  {
    id: "RES-01",
    section: "5, 7",
    sends: "SUCCESS, one epoch up",
    expects: "9000; the receipt says 8D 01 and R's epoch",
    async run(bench, seen) {
      const session = await reachAnswered(bench);
      const issued = issueResult(bench, session);
      const answer = await sendResult(bench, issued);
      seen.sw("RESULT", answer, SW.success);
      const { report } = readReceipt(bench, session, issued, answer.data);
      seen.holds("8D 01", report?.state.name === "serving", report?.state.name);
      seen.holds("8C", report?.epoch === issued.epoch, `${report?.epoch}`);
    },
  },
  {
    id: "RES-02",
    section: "3.1, 3.2, 3.3",
    sends: "SUCCESS, one epoch up; FAILURE",
    expects: "a receipt proven over h5; encrypted: sealed as the result's number with h4",
    async run(bench, seen) {
      for (const success of [true, false]) {
        const { session, issued, answer } = await bind(bench, { success });
        const { isProven } = readReceipt(bench, session, issued, answer);
        seen.holds(success ? "SUCCESS" : "FAILURE", isProven, "not proven");
      }
    },
  },
  {
    id: "RES-03",
    section: "7",
    sends: "GET DATA status after SUCCESS",
    expects: "8D 01, R's epoch, the lease as issued",
    async run(bench, seen) {
      const { issued } = await bind(bench);
      const { state, epoch, lease } = await readStatus(bench);
      seen.holds("8D 01", state.name === "serving", state.name);
      seen.holds("8C", epoch === issued.epoch, `${epoch}`);
      seen.holds("9B", lease.uses === LEASE.uses, `${lease.uses}`);
      seen.holds("9C", lease.seconds === LEASE.seconds, `${lease.seconds}`);
      seen.holds("9D", lease.services === LEASE.services, `${lease.services}`);
    },
  },
  {
    id: "RES-04",
    section: "7",
    sends: "FAILURE without lock to a serving card",
    expects: "8D 00 in receipt and status; the lease is gone",
    async run(bench, seen) {
      await bind(bench);
      const { session, issued, answer } = await bind(bench, { success: false });
      const { report } = readReceipt(bench, session, issued, answer);
      seen.holds("receipt 8D 00", report?.state.name === "idle", report?.state.name);
      const { state, lease } = await readStatus(bench);
      seen.holds("status 8D 00", state.name === "idle", state.name);
      seen.holds("lease zeros", lease.uses === 0, `${lease.uses} uses`);
    },
  },
  {
    id: "RES-05",
    section: "7",
    invariant: "I9",
    sends: "FAILURE, then reset",
    expects: "the epoch stays",
    async run(bench, seen) {
      const { issued } = await bind(bench, { success: false });
      await restart(bench);
      const { epoch } = await readStatus(bench);
      seen.holds("8C", epoch === issued.epoch, `${epoch}, not ${issued.epoch}`);
    },
  },
  {
    id: "RES-06",
    section: "5",
    invariant: "I9",
    sends: "R with a higher floor, then reset",
    expects: "the floor rises and stays",
    async run(bench, seen) {
      const floor = bench.generation + 1;
      const session = await reachAnswered(bench, { generation: floor });
      reach("RESULT", await sendResult(bench, issueResult(bench, session, { floor })));
      await restart(bench);
      const status = await readStatus(bench);
      seen.holds("9E", status.floor === floor, `${status.floor}, not ${floor}`);
    },
  },
  {
    id: "RES-07",
    section: "5",
    sends: "R with floor 0 to a card whose floor was raised",
    expects: "9000; the floor never falls",
    async run(bench, seen) {
      const floor = bench.generation;
      await bind(bench, { floor });
      await bind(bench, { floor: 0 });
      const status = await readStatus(bench);
      seen.holds("9E", status.floor === floor, `${status.floor}, not ${floor}`);
    },
  },
  {
    id: "RES-08",
    section: "5, 7",
    sends: "a verdict after AUTS in rounds 0, 1 and 2",
    expects: "9000, 8D as the verdict says",
    async run(bench, seen) {
      for (const last of [0, 1, 2]) {
        let session = await startSession(bench);
        for (let round = 0; round <= last; round++)
          session = await answerRound(bench, session, AUTS);
        const issued = issueResult(bench, session, { success: false });
        seen.sw(`round ${last}`, await sendResult(bench, issued), SW.success);
      }
    },
  },
  {
    id: "RES-09",
    section: "7",
    sends: "the next challenge after a verdict that followed AUTS",
    expects: "6985: the session is over",
    async run(bench, seen) {
      const session = await answerRound(bench, await startSession(bench), AUTS);
      const issued = issueResult(bench, session, { success: false });
      reach("RESULT", await sendResult(bench, issued));
      const ins = bench.mode === "signed" ? INS.answer : INS.openChallenge;
      seen.sw("round 1", await send(bench, ins, Uint8Array.of(0)), OUT_OF_ORDER);
    },
  },
]);

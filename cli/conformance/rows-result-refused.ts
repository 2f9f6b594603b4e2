/** RESULT: what the card does not believe (docs/protocol.md, sections 3, 5 and 7). */
import { INS, LABEL, SW, TAG } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { encodeSealed } from "#protocol/sealed-messages";
import { encodeTlv } from "#protocol/tlv";
import { type Bench, reach, readKept, readStatus, restart, send } from "./bench.ts";
import { flip, misshape, rewrap, valueOf } from "./malformed.ts";
import { type Findings, inEachMode, type Row } from "./row.ts";
import {
  answered,
  answerRound,
  AUTS,
  hashStart,
  openRound,
  prepareStart,
  reachAnswered,
  readOpening,
  RES,
  type Session,
  startSession,
} from "./session.ts";
import { bind, issueResult, type ResultChange, sendResult } from "./verdict.ts";

const REFUSED = SW.securityStatusNotSatisfied;
const OUT_OF_ORDER = SW.conditionsNotSatisfied;
/** Where the values of 99 and 9A are in E5. */
const VERDICT_AT = 4;
const LOCK_AT = 41;
/** Of a proof or a tag, every so many bytes one is altered; of E5 every byte. */
const PROOF_STRIDE = 16;

/** In a session of its own. */
async function expectResult(
  bench: Bench,
  seen: Findings,
  what: string,
  change: ResultChange,
  sw: number,
): Promise<void> {
  const issued = issueResult(bench, await reachAnswered(bench), change);
  seen.sw(what, await sendResult(bench, issued), sw);
}

function setByte(at: number, value: number): (body: Uint8Array) => Uint8Array<ArrayBuffer> {
  return (body) => Uint8Array.from(body, (byte, index) => (index === at ? value : byte));
}

/** E5 misshaped inside, proven or sealed as if it were good. */
function misshapeResult(bench: Bench, session: Session): [string, Uint8Array][] {
  const { body } = issueResult(bench, session);
  return misshape(valueOf(body)).map(([what, value]) => {
    const alter = (): Uint8Array<ArrayBuffer> => rewrap(body, value);
    return [`in E5: ${what}`, issueResult(bench, session, { alter }).data];
  });
}

export const REFUSED_ROWS: readonly Row[] = inEachMode([
  {
    id: "RES-20",
    section: "3.2, 3.3",
    invariant: "I1",
    sends: "SUCCESS proven by another key, sealed under another key",
    expects: "6982",
    run: (bench, seen) => expectResult(bench, seen, "forged", { isForged: true }, REFUSED),
  },
  {
    id: "RES-21",
    section: "3.2, 3.3",
    invariant: "I7",
    sends: "SUCCESS proven by other labels; sealed as other numbers, for the other direction",
    expects: "6982",
    async run(bench, seen) {
      const labels = [LABEL.unlock, LABEL.keyAgreement, LABEL.receipt];
      const changes: readonly [string, ResultChange][] =
        bench.mode === "signed"
          ? labels.map((label) => [label, { label }])
          : [
              ["number 0", { number: 0 }],
              ["number 2", { number: 2 }],
              ["direction", { direction: "card" }],
            ];
      for (const [what, change] of changes) await expectResult(bench, seen, what, change, REFUSED);
    },
  },
  {
    id: "RES-22",
    section: "7",
    invariant: "I1",
    sends: "SUCCESS with another card id",
    expects: "6982",
    run: (bench, seen) =>
      expectResult(bench, seen, "85", { cardId: flip(bench.cardId, 7) }, REFUSED),
  },
  {
    id: "RES-23",
    section: "7",
    invariant: "I1",
    sends: "SUCCESS with the card nonce of the session before",
    expects: "6982",
    async run(bench, seen) {
      const { cardNonce } = (await startSession(bench)).opening;
      await expectResult(bench, seen, "8B", { cardNonce }, REFUSED);
    },
  },
  {
    id: "RES-24",
    section: "5, 7",
    invariant: "I1",
    sends: "SUCCESS with the card's own epoch, with one below",
    expects: "6982",
    async run(bench, seen) {
      await bind(bench, { success: false });
      const { epoch } = await readStatus(bench);
      await expectResult(bench, seen, "the same", { epoch }, REFUSED);
      await expectResult(bench, seen, "below", { epoch: epoch - 1 }, REFUSED);
    },
  },
  {
    id: "RES-25",
    section: "5, 7",
    sends: "SUCCESS with a floor above the PKC's generation",
    expects: "6982",
    run: (bench, seen) => expectResult(bench, seen, "9E", { floor: bench.generation + 1 }, REFUSED),
  },
  {
    id: "RES-26",
    section: "3.1",
    invariant: "I7",
    sends: "SUCCESS over the hash of the round before, of START SESSION, of zeros",
    expects: "6982",
    async run(bench, seen) {
      const wrong: readonly [string, (before: Session) => Uint8Array][] = [
        ["the round before", ({ transcript }) => transcript],
        ["START SESSION", ({ h1 }) => h1],
        ["zeros", () => new Uint8Array(32)],
      ];
      for (const [what, pick] of wrong) {
        const before = await answerRound(bench, await startSession(bench), AUTS);
        const session = await answerRound(bench, before, RES);
        const issued = issueResult(bench, { ...session, transcript: pick(before) });
        seen.sw(what, await sendResult(bench, issued), REFUSED);
      }
    },
  },
  {
    id: "RES-27",
    section: "3.1",
    invariant: "I1",
    sends: "SUCCESS of a session that was another card's, with this card's id and nonce",
    expects: "6982",
    async run(bench, seen) {
      const start = prepareStart(bench);
      const answer = reach("START SESSION", await send(bench, INS.startSession, start.data));
      const session = readOpening(bench, start, answer);
      const h1 = hashStart(bench, start, session.opening, flip(bench.cardId, 0));
      const mine = await answerRound(bench, session);
      const { transcript } = answered(bench, { ...mine, transcript: h1 }, 0, mine.statement);
      const foreign = { ...mine, transcript };
      seen.sw("RESULT", await sendResult(bench, issueResult(bench, foreign)), REFUSED);
    },
  },
  {
    id: "RES-28",
    section: "7",
    invariant: "I9",
    sends: "the same RESULT again, at once and after reset",
    expects: "6985",
    async run(bench, seen) {
      const { issued } = await bind(bench);
      seen.sw("at once", await sendResult(bench, issued), OUT_OF_ORDER);
      await restart(bench);
      seen.sw("after reset", await sendResult(bench, issued), OUT_OF_ORDER);
    },
  },
  {
    id: "RES-29",
    section: "7",
    invariant: "I9",
    sends: "the RESULT of the session before, in an answered session",
    expects: "6982",
    async run(bench, seen) {
      const { issued } = await bind(bench);
      await reachAnswered(bench);
      seen.sw("replayed", await sendResult(bench, issued), REFUSED);
    },
  },
  {
    id: "RES-30",
    section: "7",
    sends: "RESULT without a session, before the first ANSWER",
    expects: "6985",
    async run(bench, seen) {
      const issued = issueResult(bench, await reachAnswered(bench));
      await restart(bench);
      seen.sw("no session", await sendResult(bench, issued), OUT_OF_ORDER);
      await openRound(bench, await startSession(bench));
      seen.sw("before ANSWER", await sendResult(bench, issued), OUT_OF_ORDER);
    },
  },
  {
    id: "RES-31",
    section: "7",
    sends: "SUCCESS with lock instruction 01",
    expects: "6A80",
    run: (bench, seen) => expectResult(bench, seen, "lock 01", { lock: true }, SW.incorrectData),
  },
  {
    id: "RES-32",
    section: "2",
    sends: "verdicts 02 and FF, lock instruction 02",
    expects: "6A80",
    async run(bench, seen) {
      const changes: readonly [string, ResultChange][] = [
        ["99 02", { alter: setByte(VERDICT_AT, 2) }],
        ["99 FF", { alter: setByte(VERDICT_AT, 0xff) }],
        ["9A 02", { success: false, alter: setByte(LOCK_AT, 2) }],
      ];
      for (const [what, change] of changes) {
        await expectResult(bench, seen, what, change, SW.incorrectData);
      }
    },
  },
  {
    id: "RES-33",
    section: "2",
    sends: "the elements of RESULT and of E5 left out, doubled, moved, with a tail",
    expects: "6A80",
    async run(bench, seen) {
      const session = await reachAnswered(bench);
      const outer = misshape(issueResult(bench, session).data).filter(
        // A sealed result that is shorter is not authentic, which is another row's question.
        ([what]) => bench.mode === "signed" || what !== "a byte less",
      );
      for (const [what, data] of [...outer, ...misshapeResult(bench, session)]) {
        seen.sw(what, await send(bench, INS.result, data), SW.incorrectData);
      }
    },
  },
  {
    id: "RES-34",
    section: "7",
    invariant: "I7",
    sends: "RESULT in the other mode's form",
    expects: "6A80",
    async run(bench, seen) {
      const { body } = issueResult(bench, await reachAnswered(bench));
      const { proofBytes } = bench.keys.tools.suite;
      const signed = concatBytes(body, encodeTlv(TAG.signature, new Uint8Array(proofBytes)));
      const data = bench.mode === "signed" ? encodeSealed(new Uint8Array(80)) : signed;
      seen.sw("RESULT", await send(bench, INS.result, data), SW.incorrectData);
    },
  },
  {
    id: "RES-35",
    section: "7",
    invariant: "I8",
    sends: "a result that does not verify, then the good one",
    expects: "6982, then 9000: garbage does not consume",
    async run(bench, seen) {
      const session = await reachAnswered(bench);
      const forged = issueResult(bench, session, { isForged: true });
      seen.sw("forged", await sendResult(bench, forged), REFUSED);
      seen.sw("good", await sendResult(bench, issueResult(bench, session)), SW.success);
    },
  },
  {
    id: "RES-36",
    section: "7",
    invariant: "I8",
    sends: "SUCCESS with wrong nonce, floor, proof and form; then GET DATA",
    expects: "epoch, floor and lock as before, and idle",
    async run(bench, seen) {
      const kept = await readKept(bench);
      const { generation } = bench;
      const changes: readonly ResultChange[] = [
        { cardNonce: new Uint8Array(16) },
        { floor: generation + 1 },
        { isForged: true },
        { alter: setByte(VERDICT_AT, 3) },
      ];
      for (const change of changes) {
        await sendResult(bench, issueResult(bench, await reachAnswered(bench), change));
        const now = await readKept(bench);
        seen.holds("kept", now === kept, now);
        if (now !== kept) return;
      }
      const { state } = await readStatus(bench);
      seen.holds("idle", state.name === "idle", state.name);
    },
  },
  {
    id: "RES-37",
    section: "3.2, 3.3",
    invariant: "I7",
    sends: "RESULT with one bit turned, in each byte of R and every 16th of proof or tag",
    expects: "6982 or 6A80, nothing changed",
    async run(bench, seen) {
      const session = await reachAnswered(bench);
      const { data, body } = issueResult(bench, session);
      const kept = await readKept(bench);
      for (let at = 0; at < data.length; at += at < body.length ? 1 : PROOF_STRIDE) {
        const answer = await send(bench, INS.result, flip(data, at));
        seen.sw(`byte ${at}`, answer, REFUSED, SW.incorrectData);
      }
      const now = await readKept(bench);
      seen.holds("kept", now === kept, now);
    },
  },
]);

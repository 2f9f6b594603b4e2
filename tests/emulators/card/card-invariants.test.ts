/** I1, I7, I8, I9, I15 and I16 as the card alone must hold to them, in every suite and mode. */
import { describe, expect, test } from "bun:test";
import { INS, LABEL, SW, TAG } from "#protocol/assigned-numbers";
import {
  type Bench,
  command,
  createBench,
  EVERY_SUITE,
  exchange,
  nameOf,
  readStatus,
  select,
  signDocument,
} from "./bench-double.ts";
import { element } from "./encoding-double.ts";
import {
  answerData,
  answerRound,
  AUTS,
  giveAnswer,
  openRound,
  type PlatformSession,
  RES,
  startSession,
} from "./platform-double.ts";
import {
  bind,
  issueResult,
  issueUnlock,
  prove,
  reachAnswered,
  type ResultOptions,
  sendResult,
  sendUnlock,
} from "./result-double.ts";

const IDLE = "00";
const SERVING = "01";
const REFUSED = SW.securityStatusNotSatisfied;
const LOCKED_CARD =
  "I9: a locked card runs START SESSION and refuses everything else, SUCCESS included";
const document = Buffer.from("document");

async function expectNoService(bench: Bench, sw: number = REFUSED): Promise<void> {
  for (const p1p2 of [0x9e9a, 0x8680, 0x8086]) {
    const pso = { cla: 0, ins: INS.performSecurityOperation, p1p2, data: Buffer.alloc(40) };
    expect((await exchange(bench, pso)).sw).toBe(sw);
  }
}

/** The result is refused, leaves the card as it was, and the good one still counts. */
async function expectRefused(
  bench: Bench,
  session: PlatformSession,
  bad: ResultOptions,
): Promise<void> {
  const before = await readStatus(bench);
  expect((await sendResult(bench, issueResult(bench, session, bad))).sw).toBe(REFUSED);
  expect(await readStatus(bench)).toEqual(before);
}

describe.each(EVERY_SUITE.map((variant) => [nameOf(variant), variant] as const))(
  "%s",
  (_, variant) => {
    const isSigned = variant.mode === "signed";

    test("I1: a card serves only under SUCCESS for this card, this session, this nonce", async () => {
      const bench = await createBench({ variant });
      await expectNoService(bench);
      const old = await reachAnswered(bench);
      const session = await reachAnswered(bench);
      await expectRefused(bench, session, { cardId: "00A1B2C3D4E5F608" });
      await expectRefused(bench, session, { nonce: old.nonce });
      await expectRefused(bench, session, { isForged: true });
      expect((await sendResult(bench, issueResult(bench, old))).sw).toBe(REFUSED);
      await expectNoService(bench);
      expect((await sendResult(bench, issueResult(bench, session))).state).toBe(SERVING);
      expect((await signDocument(bench, document)).sw).toBe(SW.success);
    });

    test("I1: a result for another card's session serves nothing here", async () => {
      const mine = await createBench({ variant });
      const theirs = await createBench({ variant, anchor: mine.anchor, seed: "2" });
      await reachAnswered(mine);
      const foreign = await reachAnswered(theirs);
      const issued = issueResult({ ...theirs, platformKey: mine.platformKey }, foreign);
      expect((await sendResult(mine, issued)).sw).toBe(REFUSED);
      await expectNoService(mine);
    });

    test("I1: epoch not above the card's own is refused", async () => {
      const bench = await createBench({ variant });
      await bind(bench, { epoch: 0x80000001 });
      for (const epoch of [0, 1, 0x7fffffff, 0x80000000, 0x80000001]) {
        await expectRefused(bench, await reachAnswered(bench), { epoch });
      }
      expect((await bind(bench, { epoch: 0xffffffff })).sw).toBe(SW.success);
      expect((await readStatus(bench)).epoch).toBe(0xffffffff);
    });

    test("I1: a floor above the credential's generation is refused", async () => {
      const bench = await createBench({ variant });
      const session = await reachAnswered(bench, { generation: 3 });
      await expectRefused(bench, session, { floor: 4 });
      const issued = issueResult(bench, session, { floor: 3 });
      expect((await sendResult(bench, issued)).sw).toBe(SW.success);
    });

    test("I7: another purpose, round, session or answer never passes for the result", async () => {
      const bench = await createBench({ variant });
      const opened = await startSession(bench);
      const round0 = await answerRound(bench, opened, 0, AUTS);
      const round1 = await answerRound(bench, round0, 1, RES);
      const purposes: readonly ResultOptions[] = isSigned
        ? [LABEL.receipt, LABEL.answerProof, LABEL.cardProof, LABEL.h4, LABEL.unlock].map(
            (label) => ({ label }),
          )
        : [{ number: 0 }, { number: 1 }, { number: 3 }, { direction: "toPlatform" }];
      for (const purpose of purposes) await expectRefused(bench, round1, purpose);
      for (const transcript of [opened.transcript, round0.transcript, Buffer.alloc(32)]) {
        await expectRefused(bench, { ...round1, transcript }, {});
      }
      expect((await sendResult(bench, issueResult(bench, round1))).state).toBe(SERVING);
    });

    test("I7: every byte of a result counts", async () => {
      const bench = await createBench({ variant });
      const session = await reachAnswered(bench);
      const issued = issueResult(bench, session);
      const before = await readStatus(bench);
      for (let at = 0; at < issued.data.length; at++) {
        const data = Buffer.from(issued.data);
        data.writeUInt8(data.readUInt8(at) ^ (1 << (at % 8)), at);
        const { sw } = await sendResult(bench, { ...issued, data });
        expect([REFUSED, SW.incorrectData] as number[]).toContain(sw);
      }
      expect(await readStatus(bench)).toEqual(before);
      expect((await sendResult(bench, issued)).state).toBe(SERVING);
    });

    test("I7: the result of the session before START SESSION is refused", async () => {
      const bench = await createBench({ variant });
      const old = await reachAnswered(bench);
      const opened = await startSession(bench);
      const issued = issueResult(bench, old);
      expect((await sendResult(bench, issued)).sw).toBe(SW.conditionsNotSatisfied);
      await answerRound(bench, opened, 0, RES);
      expect((await sendResult(bench, issued)).sw).toBe(REFUSED);
      await expectNoService(bench);
    });

    test("I7: messages of the other mode are malformed or out of order", async () => {
      const bench = await createBench({ variant });
      const other = { ...variant, mode: isSigned ? "encrypted" : "signed" } as const;
      const foreign = await createBench({ variant: other });
      const theirs = await reachAnswered(foreign);
      const mine = await startSession(bench);
      if (isSigned) expect((await openRound(bench, mine)).sw).toBe(SW.conditionsNotSatisfied);
      const opened = isSigned ? mine : await openRound(bench, mine);
      const answer = answerData(theirs, 0, RES);
      expect((await command(bench, INS.answer, answer)).sw).toBe(SW.incorrectData);
      const session = await giveAnswer(bench, opened);
      const { data } = issueResult(foreign, theirs);
      expect((await command(bench, INS.result, data)).sw).toBe(SW.incorrectData);
      expect((await sendResult(bench, issueResult(bench, session))).state).toBe(SERVING);
    });

    test("I8: garbage, silence and replay never lock", async () => {
      const bench = await createBench({ variant });
      const first = await reachAnswered(bench);
      const success = issueResult(bench, first);
      await sendResult(bench, success);
      const session = await reachAnswered(bench);
      const lock = { verdict: 0, lock: 1 };
      for (const bad of [
        { ...lock, isForged: true },
        { ...lock, nonce: first.nonce },
        { ...lock, epoch: 1 },
        { ...lock, cardId: "FFFFFFFFFFFFFFFF" },
        { ...lock, floor: 2 },
      ]) {
        await expectRefused(bench, session, bad);
      }
      const good = issueResult(bench, session, lock);
      for (const end of [0, 1, 64, good.data.length - 1]) {
        const { sw } = await sendResult(bench, { ...good, data: good.data.subarray(0, end) });
        expect([SW.incorrectData, SW.wrongLength] as number[]).toContain(sw);
      }
      expect((await sendResult(bench, success)).sw).toBe(REFUSED);
      expect((await readStatus(bench)).state).toBe(SERVING);
      expect((await signDocument(bench, document)).sw).toBe(SW.success);
      expect((await sendResult(bench, good)).state).toMatch(/^02/u);
    });

    test("I8: a result that does not verify does not consume the session either", async () => {
      const bench = await createBench({ variant });
      const session = await reachAnswered(bench);
      for (let i = 0; i < 5; i++) await expectRefused(bench, session, { epoch: 0 });
      const good = issueResult(bench, session);
      const { proofBytes } = bench.suite;
      const proof = isSigned ? proofBytes : 16;
      for (const fill of [0, 0xff]) {
        const forged = Buffer.concat([good.data.subarray(0, -proof), Buffer.alloc(proof, fill)]);
        expect((await sendResult(bench, { ...good, data: forged })).sw).toBe(REFUSED);
      }
      for (const tail of [Buffer.alloc(1), element(TAG.signature, Buffer.alloc(proofBytes))]) {
        const data = Buffer.concat([good.data, tail]);
        expect((await sendResult(bench, { ...good, data })).sw).toBe(SW.incorrectData);
      }
      expect((await sendResult(bench, good)).state).toBe(SERVING);
    });

    test("I8: verdicts, instructions and contradictions outside the page are malformed", async () => {
      const bench = await createBench({ variant });
      const session = await reachAnswered(bench);
      for (const bad of [{ verdict: 2 }, { verdict: 0xff }, { lock: 2 }, { verdict: 1, lock: 1 }]) {
        const { sw } = await sendResult(bench, issueResult(bench, session, bad));
        expect(sw).toBe(SW.incorrectData);
      }
      expect((await readStatus(bench)).state).toBe(IDLE);
    });

    test("I9: a result counts once: the nonce dies at its first valid result", async () => {
      const bench = await createBench({ variant });
      const issued = issueResult(bench, await reachAnswered(bench));
      expect((await sendResult(bench, issued)).sw).toBe(SW.success);
      expect((await sendResult(bench, issued)).sw).toBe(SW.conditionsNotSatisfied);
      await bench.card.reset();
      await select(bench);
      expect((await sendResult(bench, issued)).sw).toBe(SW.conditionsNotSatisfied);
      await expectNoService(bench);
    });

    test("I9: serving state dies at reset, power loss and SELECT", async () => {
      const bench = await createBench({ variant });
      const endings = [
        async () => void (await bench.card.reset()),
        async () => {
          bench.card.powerOff();
          await bench.card.reset();
        },
        async () => void (await select(bench)),
        async () => void (await select(bench, [0xa0, 0x00, 0x00, 0x00, 0x87])),
      ];
      for (const end of endings) {
        expect((await bind(bench)).state).toBe(SERVING);
        expect((await signDocument(bench, document)).sw).toBe(SW.success);
        const session = await reachAnswered(bench);
        await end();
        // The SELECT below ends serving by itself, so the card must have stopped before it.
        expect((await signDocument(bench, document)).sw).not.toBe(SW.success);
        expect((await sendResult(bench, issueResult(bench, session))).sw).not.toBe(SW.success);
        await select(bench);
        expect((await readStatus(bench)).state).toBe(IDLE);
        await expectNoService(bench);
        expect((await sendResult(bench, issueResult(bench, session))).sw).toBe(
          SW.conditionsNotSatisfied,
        );
      }
    });

    test(LOCKED_CARD, async () => {
      const bench = await createBench({ variant });
      const { state } = await bind(bench, { verdict: 0, lock: 1 });
      const session = await startSession(bench);
      expect(session.sw).toBe(SW.success);
      expect(session.state.toString("hex")).toBe(state);
      for (const ins of [INS.openChallenge, INS.answer, INS.result, INS.provePossession]) {
        for (const data of [Buffer.alloc(1), answerData(session, 0, RES)]) {
          expect((await command(bench, ins, data)).sw).toBe(SW.blocked);
        }
      }
      await expectNoService(bench, SW.blocked);
      for (let i = 0; i < 3; i++) {
        await bench.card.reset();
        await select(bench);
        expect((await readStatus(bench)).state).toBe(state);
      }
    });

    test("I15: one proof per round, whatever the answer", async () => {
      const bench = await createBench({ variant });
      const session = await answerRound(bench, await startSession(bench), 0, RES);
      for (const round of [0, 1, 2]) {
        expect((await giveAnswer(bench, session, round)).sw).toBe(SW.conditionsNotSatisfied);
      }
      const again = await answerRound(bench, await startSession(bench), 0, AUTS);
      const sw = isSigned ? SW.incorrectData : SW.conditionsNotSatisfied;
      expect((await giveAnswer(bench, again, 0, RES)).sw).toBe(sw);
      expect((await giveAnswer(bench, again, 0, AUTS)).sw).toBe(sw);
    });

    test("I15: one S2 per START SESSION, each over a nonce of its own", async () => {
      const bench = await createBench({ variant });
      const nonces = new Set<string>();
      for (let i = 0; i < 20; i++) nonces.add((await startSession(bench)).nonce.toString("hex"));
      expect(nonces.size).toBe(20);
    });

    test("I16: the card seals nothing twice under one key and nonce", async () => {
      const bench = await createBench({ variant });
      for (let i = 0; i < 3; i++) {
        let session = await startSession(bench);
        for (const [round, answer] of [AUTS, AUTS, RES].entries()) {
          session = await answerRound(bench, session, round, answer);
          // Repeats and refusals must not make the card seal once more.
          await openRound(bench, session, round, { isForged: true });
          await giveAnswer(bench, session, round, REFUSED_ANSWER).catch(() => undefined);
        }
        await sendResult(bench, issueResult(bench, session, { epoch: 0 }));
        const issued = issueResult(bench, session);
        await sendResult(bench, issued);
        await sendResult(bench, issued);
      }
      expect(bench.nonces.length).toBe(isSigned ? 0 : 3 * 4);
      expect(new Set(bench.nonces).size).toBe(bench.nonces.length);
    });

    test("I15: the proof of possession is one, and UNLOCK proves once", async () => {
      const bench = await createBench({ variant });
      const first = await prove(bench, 1);
      expect((await prove(bench, 2)).sw).toBe(SW.conditionsNotSatisfied);
      await bind(bench, { verdict: 0, lock: 1 });
      const issued = issueUnlock(bench, await startSession(bench));
      expect((await sendUnlock(bench, issued)).sw).toBe(SW.success);
      expect((await sendUnlock(bench, issued)).sw).toBe(SW.conditionsNotSatisfied);
      expect(await prove(bench, 1)).toEqual(first);
    });
  },
);

/** Another answer than the ones that the rounds were given. */
const REFUSED_ANSWER = element(TAG.statusWord, [0x69, 0x82]);

test("I15: a result signed by the card's own service key is refused", async () => {
  const bench = await createBench();
  await bind(bench);
  const session = await reachAnswered(bench);
  const issued = issueResult(bench, session);
  const message = Buffer.concat([
    element(TAG.label, Buffer.from(LABEL.result)),
    element(TAG.hash, issued.previous),
  ]);
  const own = await signDocument(bench, message);
  const data = Buffer.concat([issued.data.subarray(0, -64), own.data]);
  expect((await sendResult(bench, { ...issued, data })).sw).toBe(REFUSED);
});

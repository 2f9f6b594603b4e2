/** OPEN CHALLENGE, sealed results and UNLOCK against a platform that is not the card's. */
import { describe, expect, test } from "bun:test";
import { INS, LABEL, SW, TAG } from "#protocol/assigned-numbers";
import {
  type Bench,
  command,
  createBench,
  EVERY_SUITE,
  nameOf,
  readStatus,
  select,
} from "./bench-double.ts";
import { element } from "./encoding-double.ts";
import {
  answerRound,
  AUTS,
  type ChallengeOptions,
  giveAnswer,
  issueChallenge,
  openRound,
  type PlatformSession,
  RES,
  startSession,
} from "./platform-double.ts";
import {
  bind,
  issueResult,
  issueUnlock,
  reachAnswered,
  sendResult,
  sendUnlock,
  type UnlockOptions,
} from "./result-double.ts";

const SERVING = "01";
const REFUSED = SW.securityStatusNotSatisfied;
const OUT_OF_ORDER = SW.conditionsNotSatisfied;

async function expectUnopened(
  bench: Bench,
  session: PlatformSession,
  bad: ChallengeOptions,
  sw: number = REFUSED,
): Promise<void> {
  const round = session.round + 1;
  expect((await openRound(bench, session, round, bad)).sw).toBe(sw);
}

describe.each(
  EVERY_SUITE.filter(({ mode }) => mode === "encrypted").map(
    (variant) => [nameOf(variant), variant] as const,
  ),
)("%s", (_, variant) => {
  test("a challenge that nobody proved, or sealed for something else, does not open", async () => {
    const bench = await createBench({ variant });
    const session = await startSession(bench);
    await expectUnopened(bench, session, { isForged: true });
    for (const label of [LABEL.result, LABEL.unlock, LABEL.cardProof, LABEL.hk]) {
      await expectUnopened(bench, session, { label });
    }
    await expectUnopened(bench, session, { number: 1 });
    await expectUnopened(bench, session, { direction: "toPlatform" });
    await expectUnopened(bench, session, { associatedData: session.h1 });
    // Refused: the session is as it was.
    const opened = await openRound(bench, session);
    expect(opened.sw).toBe(SW.success);
    expect((await giveAnswer(bench, opened)).sw).toBe(SW.success);
  });

  test("E_P off the curve is 6982, another form of it 6A80", async () => {
    const bench = await createBench({ variant });
    const session = await startSession(bench);
    if (bench.suite.scheme === undefined) {
      for (const bytes of [0, 15, 17, 65]) {
        const contribution = Buffer.alloc(bytes, 4);
        await expectUnopened(bench, session, { contribution }, SW.incorrectData);
      }
    } else {
      const off = Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]);
      await expectUnopened(bench, session, { contribution: off });
      const infinity = Buffer.concat([Buffer.of(4), Buffer.alloc(64)]);
      await expectUnopened(bench, session, { contribution: infinity });
      for (const contribution of [
        Buffer.alloc(0),
        off.subarray(0, 64),
        Buffer.concat([off, off]),
        Buffer.concat([Buffer.of(6), off.subarray(1)]),
        Buffer.concat([Buffer.of(2), session.cardKey.subarray(1, 33)]),
      ]) {
        await expectUnopened(bench, session, { contribution }, SW.incorrectData);
      }
    }
    expect((await openRound(bench, session)).sw).toBe(SW.success);
  });

  test("the card's own E_C sent back proves nothing", async () => {
    const bench = await createBench({ variant });
    const session = await startSession(bench);
    if (session.cardKey.length === 0) return;
    await expectUnopened(bench, session, { contribution: session.cardKey });
  });

  test("elements truncated, repeated, moved and unknown: 6A80, and nothing changes", async () => {
    const bench = await createBench({ variant });
    const session = await startSession(bench);
    const { data } = issueChallenge(bench, session, 0);
    const extra = element(0x9f, [1]);
    for (const bad of [
      data.subarray(0, -1),
      data.subarray(3),
      Buffer.concat([data, extra]),
      Buffer.concat([extra, data]),
      Buffer.concat([data.subarray(0, 3), data]),
      Buffer.concat([data.subarray(3), data.subarray(0, 3)]),
      Buffer.concat([data.subarray(0, 3), element(TAG.sealed, Buffer.alloc(40))]),
      Buffer.concat([data.subarray(0, 3), element(TAG.sealed, Buffer.alloc(16))]),
    ]) {
      expect((await command(bench, INS.openChallenge, bad)).sw).toBe(SW.incorrectData);
    }
    expect((await openRound(bench, session)).sw).toBe(SW.success);
  });

  test("I7: every byte of a challenge counts", async () => {
    const bench = await createBench({ variant });
    const session = await startSession(bench);
    const { data } = issueChallenge(bench, session, 0);
    for (let at = 0; at < data.length; at++) {
      const altered = Buffer.from(data);
      altered.writeUInt8(altered.readUInt8(at) ^ (1 << (at % 8)), at);
      const { sw } = await command(bench, INS.openChallenge, altered);
      expect([REFUSED, SW.incorrectData] as number[]).toContain(sw);
    }
    expect((await command(bench, INS.openChallenge, data)).sw).toBe(SW.success);
  });

  test("OPEN CHALLENGE and ANSWER take turns", async () => {
    const bench = await createBench({ variant });
    const session = await startSession(bench);
    expect((await giveAnswer(bench, session)).sw).toBe(OUT_OF_ORDER);
    const opened = await openRound(bench, session);
    expect((await openRound(bench, session)).sw).toBe(OUT_OF_ORDER);
    expect((await openRound(bench, opened)).sw).toBe(OUT_OF_ORDER);
    expect((await sendResult(bench, issueResult(bench, opened))).sw).toBe(OUT_OF_ORDER);
    const answered = await giveAnswer(bench, opened, 0, AUTS);
    expect((await giveAnswer(bench, opened, 0, AUTS)).sw).toBe(OUT_OF_ORDER);
    const next = await openRound(bench, answered, 1);
    expect(next.sw).toBe(SW.success);
    expect((await sendResult(bench, issueResult(bench, next))).sw).toBe(OUT_OF_ORDER);
    const last = await giveAnswer(bench, next, 1, RES);
    expect((await openRound(bench, last, 2)).sw).toBe(OUT_OF_ORDER);
    expect((await sendResult(bench, issueResult(bench, last))).state).toBe(SERVING);
  });

  test("a challenge of another session does not open", async () => {
    const bench = await createBench({ variant });
    const old = await startSession(bench);
    const { data } = issueChallenge(bench, old, 0);
    const opened = await openRound(bench, old);
    const answered = await giveAnswer(bench, opened, 0, AUTS);
    const next = issueChallenge(bench, answered, 1);
    const session = await startSession(bench);
    expect((await command(bench, INS.openChallenge, data)).sw).toBe(REFUSED);
    expect((await command(bench, INS.openChallenge, next.data)).sw).toBe(SW.incorrectData);
    const here = await answerRound(bench, session, 0, AUTS);
    expect((await command(bench, INS.openChallenge, next.data)).sw).toBe(REFUSED);
    expect((await openRound(bench, here, 1)).sw).toBe(SW.success);
  });

  test("I16: two sessions share no key", async () => {
    const bench = await createBench({ variant });
    for (let i = 0; i < 4; i++) await bind(bench);
    const keys = new Set(bench.nonces.map((nonce) => nonce.split(" ")[0]));
    expect(keys.size).toBe(4);
  });
});

describe.each(EVERY_SUITE.map((variant) => [nameOf(variant), variant] as const))(
  "UNLOCK: %s",
  (_, variant) => {
    test("another card, nonce, lock, epoch, key or purpose is 6982 and stays locked", async () => {
      const bench = await createBench({ variant });
      await bind(bench, { verdict: 0, lock: 1, epoch: 5 });
      const old = await startSession(bench);
      const session = await startSession(bench);
      const before = await readStatus(bench);
      const bad: readonly UnlockOptions[] = [
        { cardId: "00A1B2C3D4E5F608" },
        { nonce: old.nonce },
        { lockId: Buffer.alloc(16) },
        { epoch: 5 },
        { epoch: 0 },
        { isForged: true },
        { label: LABEL.result },
        { label: LABEL.unlockReceipt },
      ];
      for (const options of bad) {
        expect((await sendUnlock(bench, issueUnlock(bench, session, options))).sw).toBe(REFUSED);
      }
      expect((await sendUnlock(bench, issueUnlock(bench, old))).sw).toBe(REFUSED);
      expect(await readStatus(bench)).toEqual(before);
      const issued = issueUnlock(bench, session);
      for (const broken of [
        issued.data.subarray(0, -1),
        Buffer.concat([issued.data, Buffer.alloc(1)]),
        Buffer.concat([issued.data.subarray(-66), issued.data]),
        element(TAG.sealed, issued.data),
      ]) {
        const { sw } = await sendUnlock(bench, { ...issued, data: broken });
        expect(sw).toBe(SW.incorrectData);
      }
      expect(await sendUnlock(bench, issued)).toEqual({ sw: SW.success, state: "00" });
      expect((await readStatus(bench)).epoch).toBe(6);
      expect((await sendUnlock(bench, issued)).sw).toBe(OUT_OF_ORDER);
    });

    test("on a card that is not locked, or without a session: 6985", async () => {
      const bench = await createBench({ variant });
      const session = await startSession(bench);
      const early = { ...session, state: Buffer.alloc(17) };
      expect((await sendUnlock(bench, issueUnlock(bench, early))).sw).toBe(OUT_OF_ORDER);
      await bind(bench, { verdict: 0, lock: 1 });
      expect((await sendUnlock(bench, issueUnlock(bench, early))).sw).toBe(OUT_OF_ORDER);
      const locked = await startSession(bench);
      await select(bench);
      expect((await sendUnlock(bench, issueUnlock(bench, locked))).sw).toBe(OUT_OF_ORDER);
    });

    test("a result's SUCCESS never lifts a lock", async () => {
      const bench = await createBench({ variant });
      const session = await reachAnswered(bench);
      await sendResult(bench, issueResult(bench, session, { verdict: 0, lock: 1 }));
      expect((await sendResult(bench, issueResult(bench, session, { epoch: 9 }))).sw).toBe(
        SW.blocked,
      );
      expect((await readStatus(bench)).state).toMatch(/^02/u);
    });
  },
);

import { expect, test } from "bun:test";
import { INS, LABEL, SW, TAG } from "#protocol/assigned-numbers";
import { createSigningKey, element } from "./encoding-double.ts";
import {
  answerParts,
  answerRound,
  AUTS,
  type Bench,
  bind,
  createBench,
  exchange,
  issueResult,
  type PlatformSession,
  reachAnswered,
  readStatus,
  RES,
  type ResultOptions,
  select,
  sendResult,
  signDocument,
  startSession,
} from "./platform-double.ts";

const IDLE = "00";
const SERVING = "01";
const REFUSED = SW.securityStatusNotSatisfied;
const LOCKED_CARD =
  "I9: a locked card runs START SESSION and refuses everything else, SUCCESS included";
const document = Buffer.from("document");

async function expectNoService(bench: Bench, sw: number = REFUSED): Promise<void> {
  for (const p1p2 of [0x9e9a, 0x8680, 0x8086]) {
    const command = { cla: 0, ins: INS.performSecurityOperation, p1p2, data: Buffer.alloc(40) };
    expect((await exchange(bench, command)).sw).toBe(sw);
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

test("I1: a card serves only under SUCCESS for this card, this session, this nonce", async () => {
  const bench = await createBench();
  await expectNoService(bench);
  const old = await reachAnswered(bench);
  const session = await reachAnswered(bench);
  await expectRefused(bench, session, { cardId: "00A1B2C3D4E5F608" });
  await expectRefused(bench, session, { nonce: old.nonce });
  await expectRefused(bench, session, { platformKey: createSigningKey() });
  await expectRefused(bench, session, { platformKey: bench.anchor });
  expect((await sendResult(bench, issueResult(bench, old))).sw).toBe(REFUSED);
  await expectNoService(bench);
  expect((await sendResult(bench, issueResult(bench, session))).state).toBe(SERVING);
  expect((await signDocument(bench, document)).sw).toBe(SW.success);
});

test("I1: a result for another card's session serves nothing here", async () => {
  const anchor = createSigningKey();
  const [mine, theirs] = [await createBench({ anchor }), await createBench({ anchor, seed: "2" })];
  await reachAnswered(mine);
  const foreign = await reachAnswered(theirs);
  const issued = issueResult({ ...theirs, platformKey: mine.platformKey }, foreign);
  expect((await sendResult(mine, issued)).sw).toBe(REFUSED);
  await expectNoService(mine);
});

test("I1: epoch not above the card's own is refused", async () => {
  const bench = await createBench();
  await bind(bench, { epoch: 0x80000001 });
  for (const epoch of [0, 1, 0x7fffffff, 0x80000000, 0x80000001]) {
    await expectRefused(bench, await reachAnswered(bench), { epoch });
  }
  expect((await bind(bench, { epoch: 0xffffffff })).sw).toBe(SW.success);
  expect((await readStatus(bench)).epoch).toBe(0xffffffff);
});

test("I1: a floor above the credential's generation is refused", async () => {
  const bench = await createBench();
  const session = await reachAnswered(bench, { generation: 3 });
  await expectRefused(bench, session, { floor: 4 });
  expect((await sendResult(bench, issueResult(bench, session, { floor: 3 }))).sw).toBe(SW.success);
});

test("I7: another purpose, round, session or answer never passes for the result", async () => {
  const bench = await createBench();
  const opened = await startSession(bench);
  const round0 = await answerRound(bench, opened, 0, AUTS);
  const round1 = await answerRound(bench, round0, 1, RES);
  for (const label of [LABEL.receipt, LABEL.answerProof, LABEL.cardProof, LABEL.h4]) {
    await expectRefused(bench, round1, { label });
  }
  for (const transcript of [opened.transcript, round0.transcript, Buffer.alloc(32)]) {
    await expectRefused(bench, { ...round1, transcript }, {});
  }
  expect((await sendResult(bench, issueResult(bench, round1))).state).toBe(SERVING);
});

test("I7: every bit of a signed result counts", async () => {
  const bench = await createBench();
  const session = await reachAnswered(bench);
  const issued = issueResult(bench, session);
  const before = await readStatus(bench);
  for (let bit = 0; bit < issued.data.length * 8; bit += 3) {
    const data = Buffer.from(issued.data);
    data.writeUInt8(data.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    const { sw } = await sendResult(bench, { ...issued, data });
    expect([REFUSED, SW.incorrectData] as number[]).toContain(sw);
  }
  expect(await readStatus(bench)).toEqual(before);
  expect((await sendResult(bench, issued)).state).toBe(SERVING);
});

test("I7: the result of the session before START SESSION is refused", async () => {
  const bench = await createBench();
  const old = await reachAnswered(bench);
  await startSession(bench);
  const issued = issueResult(bench, old);
  expect((await sendResult(bench, issued)).sw).toBe(SW.conditionsNotSatisfied);
  const [challenge, statement] = answerParts(0, RES);
  const data = Buffer.concat([challenge, statement]);
  await exchange(bench, { cla: 0x80, ins: INS.answer, p1p2: 0, data });
  expect((await sendResult(bench, issued)).sw).toBe(REFUSED);
  await expectNoService(bench);
});

test("I8: garbage, silence and replay never lock", async () => {
  const bench = await createBench();
  const first = await reachAnswered(bench);
  const success = issueResult(bench, first);
  await sendResult(bench, success);
  const session = await reachAnswered(bench);
  const lock = { verdict: 0, lock: 1 };
  const foreignKey = createSigningKey();
  for (const bad of [
    { ...lock, platformKey: foreignKey },
    { ...lock, nonce: first.nonce },
    { ...lock, epoch: 1 },
    { ...lock, cardId: "FFFFFFFFFFFFFFFF" },
    { ...lock, floor: 2 },
    { ...lock, label: LABEL.receipt },
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
  const bench = await createBench();
  const session = await reachAnswered(bench);
  for (let i = 0; i < 20; i++) await expectRefused(bench, session, { epoch: 0 });
  const zeroes = { ...issueResult(bench, session) };
  const r = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex");
  for (const signature of [Buffer.alloc(64), Buffer.alloc(64, 0xff), Buffer.concat([r, r])]) {
    const data = Buffer.concat([zeroes.data.subarray(0, -64), signature]);
    expect((await sendResult(bench, { ...zeroes, data })).sw).toBe(REFUSED);
  }
  for (const byteCount of [0, 63, 65]) {
    const signature = element(TAG.signature, Buffer.alloc(byteCount, 1));
    const data = Buffer.concat([zeroes.data.subarray(0, -66), signature]);
    expect((await sendResult(bench, { ...zeroes, data })).sw).toBe(SW.incorrectData);
  }
  expect((await sendResult(bench, issueResult(bench, session))).state).toBe(SERVING);
});

test("I8: verdicts, instructions and contradictions outside the page are malformed", async () => {
  const bench = await createBench();
  const session = await reachAnswered(bench);
  for (const bad of [{ verdict: 2 }, { verdict: 0xff }, { lock: 2 }, { verdict: 1, lock: 1 }]) {
    const { sw } = await sendResult(bench, issueResult(bench, session, bad));
    expect(sw).toBe(SW.incorrectData);
  }
  expect((await readStatus(bench)).state).toBe(IDLE);
});

test("I9: a result counts once: the nonce dies at its first valid result", async () => {
  const bench = await createBench();
  const issued = issueResult(bench, await reachAnswered(bench));
  expect((await sendResult(bench, issued)).sw).toBe(SW.success);
  const again = { ...issued };
  expect((await sendResult(bench, again)).sw).toBe(SW.conditionsNotSatisfied);
  await bench.card.reset();
  await select(bench);
  expect((await sendResult(bench, again)).sw).toBe(SW.conditionsNotSatisfied);
  await expectNoService(bench);
});

test("I9: serving state dies at reset, power loss and SELECT", async () => {
  const bench = await createBench();
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
  const bench = await createBench();
  const { state } = await bind(bench, { verdict: 0, lock: 1 });
  const session = await startSession(bench);
  expect(session.sw).toBe(SW.success);
  expect(session.state.toString("hex")).toBe(state);
  expect((await answerRound(bench, session)).sw).toBe(SW.blocked);
  expect((await sendResult(bench, issueResult(bench, session))).sw).toBe(SW.conditionsNotSatisfied);
  await expectNoService(bench, SW.blocked);
  const challenge = element(TAG.enrolmentChallenge, Buffer.alloc(16));
  const prove = { cla: 0x80, ins: INS.provePossession, p1p2: 0, data: challenge };
  expect((await exchange(bench, prove)).sw).toBe(SW.blocked);
  for (let i = 0; i < 3; i++) {
    await bench.card.reset();
    await select(bench);
    expect((await readStatus(bench)).state).toBe(state);
  }
});

test("I15: one S3 per round, whatever the answer", async () => {
  const bench = await createBench();
  const session = await answerRound(bench, await startSession(bench), 0, RES);
  for (const round of [0, 1, 2]) {
    expect((await answerRound(bench, session, round)).sw).toBe(SW.conditionsNotSatisfied);
  }
  const other = await answerRound(bench, await startSession(bench), 0, AUTS);
  expect((await answerRound(bench, other, 0, RES)).sw).toBe(SW.incorrectData);
  expect((await answerRound(bench, other, 0, AUTS)).sw).toBe(SW.incorrectData);
});

test("I15: one S2 per START SESSION, each over a nonce of its own", async () => {
  const bench = await createBench();
  const nonces = new Set<string>();
  for (let i = 0; i < 50; i++) nonces.add((await startSession(bench)).nonce.toString("hex"));
  expect(nonces.size).toBe(50);
});

test("I15: a result signed by the card's own keys is refused", async () => {
  const bench = await createBench();
  await bind(bench);
  const session = await reachAnswered(bench);
  const issued = issueResult(bench, session);
  const message = Buffer.concat([
    element(TAG.label, Buffer.from(LABEL.result)),
    element(TAG.hash, issued.h4),
  ]);
  const own = await signDocument(bench, message);
  const data = Buffer.concat([issued.data.subarray(0, -64), own.data]);
  expect((await sendResult(bench, { ...issued, data })).sw).toBe(REFUSED);
});

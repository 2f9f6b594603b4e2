/** The client as an attacker: messages of two sessions and two cards mixed, results passed on. */
import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { encodeBase64Url } from "#protocol/bytes";
import { TAG } from "#protocol/assigned-numbers";
import { concatBytes, encodeCounter } from "#protocol/bytes";
import { decodeChallenge, decodeReceipt, encodeCardState } from "#protocol/messages";
import { encodeTlv } from "#protocol/tlv";
import { dumpState, flipBit, readDurable } from "#tests/invariants/bench";
import { bytesOf, textOf, SUITE } from "#tests/platform/exchange";
import {
  type Arena,
  createTally,
  openArena,
  reportTally,
  spliceAll,
  twistSignature,
} from "./hostile.ts";

const tally = createTally();
let arena: Arena;
beforeEach(async () => {
  arena = await openArena(tally);
});
afterEach(() => arena.rig.dispose());
afterAll(() => {
  reportTally("hostile sessions", tally);
  expect([tally.accepted, tally.wronglyLocked]).toEqual([0, 0]);
});

const epochs = (): unknown => readDurable(arena.rig, "SELECT object, epoch FROM card");
const twist = (text: string): string => encodeBase64Url(twistSignature(bytesOf(text)));

test("step 3 of two cards, and of two sessions of one card, spliced at every field", async () => {
  const { rig, one, two, phone, refuse, recover } = arena;
  const left = await phone(one);
  const right = await phone(two);
  const oldBody = await left.start();
  const old = { sid: oldBody.sid, ...(await left.sign(await left.prove(oldBody))) };
  const leftBody = await left.start();
  const rightBody = await right.start();
  const ours = { sid: leftBody.sid, ...(await left.sign(await left.prove(leftBody))) };
  const theirs = { sid: rightBody.sid, ...(await right.sign(await right.prove(rightBody))) };
  const before = dumpState(rig);
  for (const others of [theirs, old])
    for (const splice of [...spliceAll(ours, others), ...spliceAll(others, ours)]) {
      const base = others === theirs || splice.token === undefined ? ours : others;
      const { sid, ...body } = { ...base, ...splice };
      const isWhole = [ours, theirs, old].some(
        (whole) =>
          whole.sid === sid &&
          whole.proof === body.proof &&
          whole.token === body.token &&
          whole.statement === body.statement,
      );
      if (!isWhole) refuse(await left.answer(sid, body));
    }
  const { sid: oldSid, ...oldSigned } = old;
  expect(refuse(await left.answer(oldSid, oldSigned))).toBe("session_expired");
  expect(dumpState(rig)).toBe(before);
  const { sid, ...signed } = ours;
  expect((await left.answer(sid, signed)).json["verdict"]).toBe("SUCCESS");
  await recover(one, two);
});

test("receipts of two cards and two sessions, spliced and forged", async () => {
  const { rig, one, two, phone, refuse, recover } = arena;
  const left = await phone(one);
  const right = await phone(two);
  const oldRun = await left.run();
  const oldBytes = (await left.applet.deliverResult(SUITE, bytesOf(oldRun.reply.json["result"])))
    .bytes;
  const old = { sid: oldRun.sid, token: oldRun.token, receipt: encodeBase64Url(oldBytes) };
  const run = await left.run();
  const other = await right.run();
  const bytes = (await left.applet.deliverResult(SUITE, bytesOf(run.reply.json["result"]))).bytes;
  const theirBytes = (await right.applet.deliverResult(SUITE, bytesOf(other.reply.json["result"])))
    .bytes;
  const ours = { sid: run.sid, token: run.token, receipt: encodeBase64Url(bytes) };
  const theirs = { sid: other.sid, token: other.token, receipt: encodeBase64Url(theirBytes) };
  const before = dumpState(rig);
  const post = ({ sid, ...body }: typeof ours) => rig.post(`/${sid}/receipt`, body);
  for (const others of [theirs, old])
    for (const splice of spliceAll(ours, others)) refuse(await post({ ...ours, ...splice }));
  const honest = decodeReceipt(bytes, SUITE.proofBytes);
  if (honest === undefined) throw new Error("no receipt");
  const locked = { name: "locked", lockId: new Uint8Array(16) } as const;
  for (const change of [
    { state: { name: "idle" } as const },
    { state: locked },
    { epoch: honest.epoch + 1 },
    { epoch: honest.epoch - 1 },
    { epoch: 0xffff_ffff, state: locked },
    { signature: bytesOf(run.reply.json["result"]).slice(-64) },
    { signature: decodeReceipt(oldBytes, SUITE.proofBytes)?.signature ?? new Uint8Array(64) },
    { signature: new Uint8Array(64) },
  ]) {
    const { state, epoch, signature } = { ...honest, ...change };
    const forged = concatBytes(
      encodeTlv(TAG.cardState, encodeCardState(state)),
      encodeTlv(TAG.epoch, encodeCounter(epoch)),
      encodeTlv(TAG.signature, signature),
    );
    expect(refuse(await post({ ...ours, receipt: encodeBase64Url(forged) }))).toBe(
      "card_not_authenticated",
    );
  }
  expect(dumpState(rig)).toBe(before);
  for (const body of [ours, theirs, old]) {
    expect((await post(body)).status).toBe(204);
    expect((await post(body)).status).toBe(204);
    expect(refuse(await post({ ...body, receipt: twist(body.receipt) }))).toBe("out_of_order");
  }
  await recover(one, two);
});

test("a SUCCESS for one card is nothing to another, nor to the same one later", async () => {
  const { one, two, phone, refuseAtCard, recover } = arena;
  const left = await phone(one);
  const right = await phone(two);
  const ours = await left.run();
  const theirs = await right.run();
  const [mine, foreign] = [ours, theirs].map(({ reply }) => bytesOf(reply.json["result"]));
  if (mine === undefined || foreign === undefined) throw new Error("no result");
  expect(await refuseAtCard(left.applet.deliverResult(SUITE, foreign))).toBe(0x6982);
  expect(await refuseAtCard(right.applet.deliverResult(SUITE, mine))).toBe(0x6982);
  const random = crypto.getRandomValues(new Uint8Array(mine.length));
  for (let i = 0; i < mine.length; i++) {
    const sw = await refuseAtCard(left.applet.deliverResult(SUITE, flipBit(mine, 8 * i + (i % 8))));
    expect([0x6982, 0x6a80, 0x6700]).toContain(sw);
  }
  expect(await refuseAtCard(left.applet.deliverResult(SUITE, random))).toBe(0x6a80);
  expect((await left.applet.readStatus()).state.name).toBe("idle");
  expect((await left.finish(ours.sid, ours.token, ours.reply)).status).toBe(204);
  expect(await refuseAtCard(left.applet.deliverResult(SUITE, mine))).toBe(0x6985);
  const later = await left.run();
  expect(await refuseAtCard(left.applet.deliverResult(SUITE, mine))).toBe(0x6982);
  expect((await left.finish(later.sid, later.token, later.reply)).status).toBe(204);
  expect((await right.finish(theirs.sid, theirs.token, theirs.reply)).status).toBe(204);
  await recover(one, two);
});

test("parallel bodies that the card's proof both covers: one is taken", async () => {
  const { one, phone, refuse, recover, rig } = arena;
  const attempt = await phone(one);
  const body = await attempt.start();
  const twisted = { ...body, proof: twist(body.proof) };
  const opened = await Promise.all(
    [body, twisted, body, twisted].map((sent) => attempt.prove(sent)),
  );
  const challenges = opened.filter(({ status }) => status === 200);
  expect(new Set(challenges.map(({ text }) => text)).size).toBe(1);
  for (const loser of opened.filter(({ status }) => status !== 200))
    expect(refuse(loser)).toBe("out_of_order");
  expect(challenges).toHaveLength(2);
  expect(readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge")).toEqual([{ n: 1 }]);
  const [challenge] = challenges;
  if (challenge === undefined) throw new Error("no challenge");
  const signed = await attempt.sign(challenge);
  const other = { ...signed, proof: twist(signed.proof) };
  const answers = await Promise.all(
    [other, signed, other, signed].map((sent) => attempt.answer(body.sid, sent)),
  );
  const decided = answers.filter(({ status }) => status === 200);
  expect(decided.map(({ text }) => text)).toEqual([answers[0]?.text ?? "", answers[0]?.text ?? ""]);
  for (const loser of answers.filter(({ status }) => status !== 200))
    expect(refuse(loser)).toBe("out_of_order");
  expect(epochs()).toEqual([{ object: `default:${one.card.cardId}`, epoch: 1 }]);
  await recover(one);
});

test("an old step 2 after a new session, and the same body twice at every step", async () => {
  const { one, phone, fail, recover, rig } = arena;
  const attempt = await phone(one);
  const held = await attempt.start();
  const body = await attempt.start();
  const challenge = await attempt.prove(body);
  expect((await attempt.prove(body)).text).toBe(challenge.text);
  const signed = await attempt.sign(challenge);
  const reply = await attempt.answer(body.sid, signed);
  expect((await attempt.answer(body.sid, signed)).text).toBe(reply.text);
  expect((await attempt.prove(body)).text).toBe(challenge.text);
  const receipt = await attempt.applet.deliverResult(SUITE, bytesOf(reply.json["result"]));
  const sent = { token: signed.token, receipt: encodeBase64Url(receipt.bytes) };
  for (let i = 0; i < 2; i++)
    expect((await rig.post(`/${body.sid}/receipt`, sent)).status).toBe(204);
  // The proof made before that session is genuine, and of an epoch that is over.
  const late = await attempt.prove(held);
  const round = decodeChallenge(bytesOf(late.json["challenge"]));
  expect(round?.round).toBe(0);
  const vectors = readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge");
  expect(vectors).toEqual([{ n: 1 }]);
  const next = await attempt.start();
  const answer = await attempt.ask(late);
  expect(answer.kind).toBe("refusal");
  // The card has moved on: its S3 belongs to the session opened last.
  const crossed = await attempt.sign(late, { answer });
  expect((await attempt.answer(held.sid, crossed)).json["code"]).toBe("card_not_authenticated");
  const again = await attempt.prove(next);
  expect(textOf(again.json["token"])).not.toBe(textOf(late.json["token"]));
  const fresh = await attempt.start();
  fail(
    await attempt.answer(
      fresh.sid,
      await attempt.sign(await attempt.prove(fresh), {
        answer: { kind: "res", values: [new Uint8Array(8)] },
      }),
    ),
  );
  await recover(one);
});

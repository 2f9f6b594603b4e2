import { afterEach, expect, test } from "bun:test";
import { encodeBase64Url } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { decodeAnswerStatement, encodeAnswerStatement } from "#protocol/messages";
import { bytesOf, createExchange, textOf } from "#tests/platform/exchange";
import { type RigOptions, wrapSigning } from "#tests/platform/rig";
import { type Bench, createBench, dumpState, flipBit, HOME, readDurable } from "./bench.ts";

let bench: Bench | undefined;
async function open(options?: RigOptions): Promise<Bench> {
  bench = await createBench(options);
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

test("I2: a wrong RES gets FAILURE, the right one SUCCESS", async () => {
  const { exchange } = await open();
  const wrong = await exchange();
  const body = await wrong.start();
  const challenge = await wrong.prove(body);
  const answer = await wrong.ask(challenge);
  if (answer.kind !== "res") throw new Error("the USIM gave no RES");
  const values = answer.values.map((value) => flipBit(value, 5));
  const signed = await wrong.sign(challenge, { answer: { kind: "res", values } });
  expect((await wrong.answer(body.sid, signed)).json["verdict"]).toBe("FAILURE");
  expect((await (await exchange()).run()).reply.json["verdict"]).toBe("SUCCESS");
});

test("I2: RES of another length, empty, doubled or halved gets FAILURE or malformed", async () => {
  const { exchange } = await open();
  for (const change of [
    (res: Uint8Array) => [res.slice(0, 4)],
    (res: Uint8Array) => [new Uint8Array([...res, ...res])],
    (res: Uint8Array) => [res, res],
    (res: Uint8Array) => [res.slice(0, 7)],
  ]) {
    const attempt = await exchange();
    const body = await attempt.start();
    const challenge = await attempt.prove(body);
    const answer = await attempt.ask(challenge);
    if (answer.kind !== "res" || answer.values[0] === undefined) throw new Error("no RES");
    const values = change(answer.values[0]);
    const signed = await attempt.sign(challenge, { answer: { kind: "res", values } });
    expect((await attempt.answer(body.sid, signed)).json["verdict"]).toBe("FAILURE");
  }
});

test("I2: without a rule that allows the pair there is no SUCCESS", async () => {
  const { rig, fleet, subscriber } = await open();
  const unruled = await fleet.addCard();
  const { reply } = await (await createExchange(rig, unruled, subscriber)).run();
  expect(reply.json["verdict"]).toBe("FAILURE");
  await fleet.addRule(unruled, { operator: HOME }, "refuse");
  const second = await (await createExchange(rig, unruled, subscriber)).run();
  expect(second.reply.json["verdict"]).toBe("SUCCESS");
});

test("I2: the IMSI of step 3 is the IMSI of step 2", async () => {
  const { rig, fleet, card, subscriber } = await open();
  const other = await fleet.addSubscriber({ operator: HOME });
  const attempt = await createExchange(rig, card, other);
  const body = await attempt.start();
  const challenge = await attempt.prove(body);
  const signed = await attempt.sign(challenge, { imsi: subscriber.imsi });
  expect((await attempt.answer(body.sid, signed)).json["verdict"]).toBe("FAILURE");
  expect(readDurable(rig, "SELECT lock_phase FROM card")).toEqual([{ lock_phase: "none" }]);
});

test("I3: a consumed session id gives the same bytes to the same body, nothing to another", async () => {
  const { rig, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const first = await attempt.prove(body);
  expect((await attempt.prove(body)).text).toBe(first.text);
  const otherImsi = `${body.imsi.slice(0, -1)}${(Number(body.imsi.at(-1)) + 1) % 10}`;
  const before = dumpState(rig);
  const other = await attempt.prove({ ...body, imsi: otherImsi });
  expect([other.status, other.json["code"]]).toEqual([409, "out_of_order"]);
  expect(dumpState(rig)).toBe(before);
});

test("I3: one step 2 sent to two points of presence at once opens one session", async () => {
  const { rig, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const answers = await Promise.all([
    attempt.prove(body),
    attempt.prove(body),
    attempt.prove(body),
  ]);
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge")).toEqual([{ n: 1 }]);
});

test("I3: an open RAND is answered at most once", async () => {
  const { exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const challenge = await attempt.prove(body);
  const answer = await attempt.ask(challenge);
  const refused = await attempt.sign(challenge, {
    answer: { kind: "refusal", statusWord: 0x9862 },
  });
  const first = await attempt.answer(body.sid, refused);
  expect(first.json["verdict"]).toBe("FAILURE");
  const statement = decodeAnswerStatement(bytesOf(refused.statement));
  if (statement === undefined) throw new Error("no statement");
  const late = encodeBase64Url(encodeAnswerStatement({ ...statement, answer }));
  const second = await attempt.answer(body.sid, { ...refused, statement: late });
  expect([second.status, second.json["code"]]).toEqual([409, "out_of_order"]);
  expect((await attempt.answer(body.sid, refused)).text).toBe(first.text);
});

test("I3: a session that a newer one replaced takes no answer", async () => {
  const { exchange } = await open();
  const first = await exchange();
  const firstBody = await first.start();
  const firstChallenge = await first.prove(firstBody);
  const signed = await first.sign(firstChallenge);
  const second = await exchange();
  await second.prove(await second.start());
  const late = await first.answer(firstBody.sid, signed);
  expect([late.status, late.json["code"]]).toEqual([410, "session_expired"]);
});

test("I3: tokens, rounds and sessions end when they should", async () => {
  const { rig, exchange } = await open();
  const slow = await exchange();
  const body = await slow.start();
  rig.advance(62_000);
  expect((await slow.prove(body)).json["code"]).toBe("session_expired");
  const stalled = await exchange();
  const stalledBody = await stalled.start();
  const signed = await stalled.sign(await stalled.prove(stalledBody));
  rig.advance(31_000);
  const before = dumpState(rig);
  expect((await stalled.answer(stalledBody.sid, signed)).json["code"]).toBe("session_expired");
  expect(dumpState(rig)).toBe(before);
});

test("I7: a token opens only its own session, for its own card", async () => {
  const { rig, fleet, subscriber, exchange } = await open();
  const one = await exchange();
  const oneBody = await one.start();
  const card = await fleet.addCard();
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const two = await createExchange(rig, card, subscriber);
  const twoBody = await two.start();
  const before = dumpState(rig);
  for (const spliced of [
    { ...oneBody, sid: twoBody.sid },
    { ...oneBody, token: twoBody.token },
    { ...oneBody, cardId: twoBody.cardId },
    { ...oneBody, token: twoBody.token, sid: twoBody.sid },
    { ...oneBody, proof: twoBody.proof },
  ]) {
    const answer = await one.prove(spliced);
    expect(["session_expired", "card_not_authenticated"]).toContain(textOf(answer.json["code"]));
  }
  expect(dumpState(rig)).toBe(before);
  expect((await one.prove(oneBody)).status).toBe(200);
});

test("I7: T2 opens only its own session", async () => {
  const { rig, fleet, subscriber, exchange } = await open();
  const one = await exchange();
  const oneBody = await one.start();
  const oneSigned = await one.sign(await one.prove(oneBody));
  const card = await fleet.addCard();
  const two = await createExchange(rig, card, subscriber);
  const twoBody = await two.start();
  const twoSigned = await two.sign(await two.prove(twoBody));
  const before = dumpState(rig);
  for (const [sid, body] of [
    [oneBody.sid, { ...oneSigned, token: twoSigned.token }],
    [twoBody.sid, oneSigned],
    [oneBody.sid, { ...oneSigned, token: oneBody.token }],
  ] as const) {
    const answer = await one.answer(sid, body);
    expect(textOf(answer.json["code"])).toBe("session_expired");
  }
  expect(dumpState(rig)).toBe(before);
});

test("I7: T2 of one session opens no other session of the same card", async () => {
  const { rig, exchange } = await open();
  const first = await exchange();
  const firstChallenge = await first.prove(await first.start());
  const second = await exchange();
  const secondBody = await second.start();
  const signed = await second.sign(await second.prove(secondBody));
  const before = dumpState(rig);
  const spliced = { ...signed, token: textOf(firstChallenge.json["token"]) };
  const refused = await second.answer(secondBody.sid, spliced);
  expect([refused.status, refused.json["code"]]).toEqual([410, "session_expired"]);
  expect(dumpState(rig)).toBe(before);
  expect((await second.answer(secondBody.sid, signed)).json["verdict"]).toBe("SUCCESS");
});

test("I7: T2 renamed to another card calls no writer of that card", async () => {
  const { rig, fleet, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const signed = await attempt.sign(await attempt.prove(body));
  const token = bytesOf(signed.token);
  token.set(cardIdBytes((await fleet.addCard()).cardId), 2);
  const refused = await attempt.answer(body.sid, { ...signed, token: encodeBase64Url(token) });
  expect(refused.json["code"]).toBe("session_expired");
  expect(rig.log.at(-1)).toContain('"token_invalid"');
});

test("I7: a step-3 proof of another session or over other bytes is refused, nothing consumed", async () => {
  const { rig, exchange } = await open();
  const first = await exchange();
  const firstBody = await first.start();
  const firstSigned = await first.sign(await first.prove(firstBody));
  const second = await exchange();
  const secondBody = await second.start();
  const signed = await second.sign(await second.prove(secondBody));
  const before = dumpState(rig);
  const statement = bytesOf(signed.statement);
  for (const body of [
    { ...signed, proof: firstSigned.proof },
    { ...signed, statement: firstSigned.statement },
    { ...signed, proof: secondBody.proof.slice(-88) },
    { ...signed, statement: encodeBase64Url(flipBit(statement, 8 * 20)) },
  ]) {
    const answer = await second.answer(secondBody.sid, body);
    expect(["card_not_authenticated", "malformed"]).toContain(textOf(answer.json["code"]));
  }
  expect(dumpState(rig)).toBe(before);
  expect((await second.answer(secondBody.sid, signed)).json["verdict"]).toBe("SUCCESS");
});

test("I12: the bytes sent are stored and sent again", async () => {
  const { rig, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const signed = await attempt.sign(await attempt.prove(body));
  const first = await attempt.answer(body.sid, signed);
  const again = await Promise.all([1, 2, 3].map(() => attempt.answer(body.sid, signed)));
  for (const answer of again) expect(answer.text).toBe(first.text);
  expect(readDurable(rig, "SELECT epoch FROM card")).toEqual([{ epoch: 1 }]);
});

test("I12: killed between commit and signature, the same body is signed again", async () => {
  let failures = 1;
  const { rig, exchange } = await open({
    wrap: (dependencies) =>
      wrapSigning(dependencies, () => {
        if (failures-- > 0) throw new Error("killed before signing");
      }),
  });
  const attempt = await exchange();
  const body = await attempt.start();
  const signed = await attempt.sign(await attempt.prove(body));
  expect((await attempt.answer(body.sid, signed)).json["code"]).toBe("unavailable");
  const [committed] = readDurable(rig, "SELECT epoch, hex(result) AS result FROM card_session");
  expect(committed?.["epoch"]).toBe(1);
  const reply = await attempt.answer(body.sid, signed);
  expect(reply.json["verdict"]).toBe("SUCCESS");
  const sent = Buffer.from(bytesOf(reply.json["result"])).toString("hex").toUpperCase();
  expect(sent.startsWith(textOf(committed?.["result"]))).toBe(true);
  expect(readDurable(rig, "SELECT epoch FROM card")).toEqual([{ epoch: 1 }]);
  expect((await attempt.finish(body.sid, signed.token, reply)).status).toBe(204);
});

test("I12: decision, epoch and audit event are one commit, durable before the answer leaves", async () => {
  const { rig, fleet, exchange } = await open();
  for (const epoch of [1, 2, 3]) {
    const { sid } = await (await exchange()).run();
    const decided = readDurable(
      rig,
      `SELECT epoch, verdict FROM card_session WHERE sid = '${sid}'`,
    );
    expect(decided).toEqual([{ epoch, verdict: "SUCCESS" }]);
    expect(readDurable(rig, "SELECT epoch FROM card")).toEqual([{ epoch }]);
    const events = await decisions(fleet, sid);
    expect(events).toHaveLength(1);
    expect(events[0]?.reason).toStartWith("RESULT=SUCCESS");
  }
});

async function decisions(fleet: Bench["fleet"], session: string) {
  for (let poll = 0; poll < 100; poll++) {
    const events = await fleet.admin.getAudit({ session });
    const decided = events.filter(({ type }) => type === "decided");
    if (decided.length > 0) return decided;
    await Bun.sleep(5);
  }
  return [];
}

test("I14: before the card's proof verifies no writer is called, created or changed", async () => {
  const { rig, fleet, card, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const before = dumpState(rig);
  const unknown = "00000000000000AA";
  const proof = bytesOf(body.proof);
  for (let i = 0; i < 1000; i++) {
    const forged = encodeBase64Url(flipBit(proof, 8 * (proof.length - 1 - (i % 60)) + (i % 8)));
    const answer = await attempt.prove({ ...body, proof: forged });
    expect(answer.json["code"]).toBe("card_not_authenticated");
  }
  await rig.post("", { cardId: unknown, suites: ["P-256"], modes: ["signed"], moduleKind: "USIM" });
  expect(dumpState(rig)).toBe(before);
  expect((await fleet.admin.getAudit({ card: card.cardId })).length).toBe(0);
  expect((await attempt.prove(body)).status).toBe(200);
});

test("I14: an unknown card is answered like a known one with a wrong proof", async () => {
  const { rig, exchange } = await open();
  const attempt = await exchange();
  const known = await attempt.start();
  const cardId = "00000000000000AA";
  const offer = { cardId, suites: ["P-256"], modes: ["signed"], moduleKind: "USIM" };
  const access = await rig.post("", offer);
  const knownAccess = await rig.post("", { ...offer, cardId: known.cardId });
  expect(access.status).toBe(knownAccess.status);
  expect(Object.keys(access.json)).toEqual(Object.keys(knownAccess.json));
  expect(textOf(access.json["token"]).length).toBe(textOf(knownAccess.json["token"]).length);
  const { sid, token } = { sid: textOf(access.json["sid"]), token: textOf(access.json["token"]) };
  const unknownAnswer = await attempt.prove({ ...known, sid, token, cardId });
  const forged = encodeBase64Url(flipBit(bytesOf(known.proof), 8 * 80));
  const knownAnswer = await attempt.prove({ ...known, proof: forged });
  expect(unknownAnswer.status).toBe(knownAnswer.status);
  expect(unknownAnswer.text).toBe(knownAnswer.text);
});

test("I14: no verification of a first proof is faster the next time, of a card or of a stranger", async () => {
  const seen: string[] = [];
  const { rig, exchange } = await open({
    wrap: (dependencies) => ({
      ...dependencies,
      suites(name) {
        const tools = dependencies.suites(name);
        if (!("verify" in tools)) return tools;
        const spy =
          (how: "verify" | "verifyOnce"): typeof tools.verify =>
          (...input) => {
            seen.push(how);
            return tools[how](...input);
          };
        return { ...tools, verify: spy("verify"), verifyOnce: spy("verifyOnce") };
      },
    }),
  });
  const cardId = "00000000000000AA";
  const offer = { cardId, suites: ["P-256"], modes: ["signed"], moduleKind: "USIM" };
  const { sid, token } = (await rig.post("", offer)).json;
  const attempt = await exchange();
  const body = await attempt.start();
  seen.length = 0;
  await attempt.prove({ ...body, sid: textOf(sid), token: textOf(token), cardId });
  expect(seen).toEqual(["verifyOnce"]);
  await attempt.prove({ ...body, proof: encodeBase64Url(flipBit(bytesOf(body.proof), 8 * 80)) });
  expect(seen).toEqual(["verifyOnce", "verifyOnce"]);
  await attempt.answer(body.sid, await attempt.sign(await attempt.prove(body)));
  expect(seen).toEqual(["verifyOnce", "verifyOnce", "verifyOnce", "verify"]);
});

test("I14: a revoked card, and one whose certificate is revoked or out of date, is not authenticated", async () => {
  const { rig, fleet, card, subscriber, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  await fleet.admin.setCardStatus(card.cardId, { status: "revoked" });
  const revoked = dumpState(rig);
  expect((await attempt.prove(body)).json["code"]).toBe("card_not_authenticated");
  expect(dumpState(rig)).toBe(revoked);
  await fleet.admin.setCardStatus(card.cardId, { status: "active" });
  const before = dumpState(rig);
  const chained = await fleet.addCard();
  const applet = await createExchange(rig, chained, subscriber);
  const second = await applet.start();
  const certificate = await applet.applet.readCertificate();
  const fingerprint = Buffer.from(rig.dependencies.core.sha256(certificate)).toString("hex");
  await fleet.admin.revokeCertificate({ fingerprint });
  expect((await applet.prove(second)).json["code"]).toBe("card_not_authenticated");
  rig.advance(40 * 365 * 86_400_000);
  const late = await exchange();
  expect((await late.prove(await late.start())).json["code"]).toBe("card_not_authenticated");
  expect(dumpState(rig)).toBe(before);
});

/** What an attacker found in the platform: each test says what ought to hold. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "bun:test";
import { safeParse } from "valibot";
import { createApp } from "#edge/app";
import type { Dependencies } from "#edge/dependencies";
import { receiptRequestSchema } from "#edge/routes/binding-schemas";
import { SEQ_DELTA } from "#edge/limits";
import { decodeChallenge } from "#protocol/messages";
import { type Bench, createBench, HOME, readDurable } from "#tests/invariants/bench";
import { bytesOf, createExchange } from "#tests/platform/exchange";
import { type Rig, type RigOptions, wrapSigning } from "#tests/platform/rig";

let rig: Rig | undefined;
async function open(options?: RigOptions): Promise<Bench> {
  const bench = await createBench(options);
  ({ rig } = bench);
  return bench;
}
afterEach(async () => {
  await rig?.dispose();
  rig = undefined;
});

/** Runs `now.act`, once, when the platform reads the rules to decide. */
function pauseAtRules(now: { act?: () => Promise<void> }): Pick<RigOptions, "wrap"> {
  const wrap = (dependencies: Dependencies): Dependencies => {
    const { rules } = dependencies.repositories;
    const findState: typeof rules.findState = async (tenant) => {
      const { act } = now;
      delete now.act;
      await act?.();
      return rules.findState(tenant);
    };
    const repositories = { ...dependencies.repositories, rules: { ...rules, findState } };
    // Nothing is kept, so that every decision reads them, and before its last look at the pair.
    const limits = { ...dependencies.limits, ruleStalenessSeconds: 0 };
    return { ...dependencies, repositories, limits };
  };
  return { wrap };
}

test("I11: a card reported stolen between step 2 and step 3 gets no SUCCESS", async () => {
  const { fleet, card, exchange } = await open();
  const attempt = await exchange();
  const body = await attempt.start();
  const signed = await attempt.sign(await attempt.prove(body));
  await fleet.admin.setCardStatus(card.cardId, { status: "revoked" });
  const reply = await attempt.answer(body.sid, signed);
  expect(reply.json["verdict"] ?? reply.json["code"]).not.toBe("SUCCESS");
});

test("I11: a certificate revoked between step 2 and step 3 ends in no SUCCESS", async () => {
  const { rig: platform, fleet, exchange } = await open();
  const attempt = await exchange();
  const fingerprint = Buffer.from(
    platform.dependencies.core.sha256(await attempt.applet.readCertificate()),
  ).toString("hex");
  const body = await attempt.start();
  const signed = await attempt.sign(await attempt.prove(body));
  await fleet.admin.revokeCertificate({ fingerprint });
  const reply = await attempt.answer(body.sid, signed);
  expect(reply.json["verdict"] ?? reply.json["code"]).not.toBe("SUCCESS");
});

test("I11: a subscriber barred while step 3 is under way gets no SUCCESS", async () => {
  const now: { act?: () => Promise<void> } = {};
  const { fleet, subscriber, exchange } = await open(pauseAtRules(now));
  now.act = () => fleet.admin.setSubscriberStatus(subscriber.imsi, { status: "barred" });
  const attempt = await exchange();
  const body = await attempt.start();
  const signed = await attempt.sign(await attempt.prove(body));
  const reply = await attempt.answer(body.sid, signed);
  expect(reply.json["verdict"] ?? reply.json["code"]).not.toBe("SUCCESS");
});

test("I3: a session that a newer one replaces while it is being decided gets no SUCCESS", async () => {
  const now: { act?: () => Promise<void> } = {};
  const { exchange } = await open(pauseAtRules(now));
  const attempt = await exchange();
  const body = await attempt.start();
  const signed = await attempt.sign(await attempt.prove(body));
  now.act = async () => {
    const newer = await exchange();
    expect((await newer.prove(await newer.start())).status).toBe(200);
  };
  const reply = await attempt.answer(body.sid, signed);
  expect([reply.status, reply.json["code"]]).toEqual([410, "session_expired"]);
});

/** Runs `lost`, then puts back the state of before and starts the next store generation. */
async function restoreOver(bench: Bench, lost: (rig: Rig) => Promise<void>): Promise<Rig> {
  await bench.rig.host.close();
  const state = join(bench.rig.folder, "state.db");
  const backup = join(bench.rig.folder, "backup.db");
  copyFileSync(state, backup);
  const before = await bench.rig.reopen();
  await lost(before);
  await before.close();
  copyFileSync(backup, state);
  rig = await before.reopen({ environment: { SIMLATCH_STORE_GENERATION: "2" } });
  return rig;
}

/** A fresh platform whose backup is older than anything that the pair did. */
async function restoreOverFirstBinding() {
  const bench = await open();
  const { card, subscriber } = bench;
  const newcomer = await bench.fleet.addCard();
  const restored = await restoreOver(bench, async (before) => {
    const attempt = await createExchange(before, card, subscriber);
    for (let binding = 0; binding < 3; binding++) {
      const { sid, token, reply } = await attempt.run();
      expect((await attempt.finish(sid, token, reply)).status).toBe(204);
    }
  });
  return { restored, card, newcomer, subscriber };
}

test("I4: a slot that the backup does not know is not begun at SEQ 1 again", async () => {
  const { restored, newcomer, subscriber } = await restoreOverFirstBinding();
  const attempt = await createExchange(restored, newcomer, subscriber);
  await attempt.prove(await attempt.start());
  const [slot] = readDurable(restored, "SELECT seq FROM slot");
  expect(Number(slot?.["seq"])).toBeGreaterThan(3);
  expect(Number(slot?.["seq"])).toBeLessThan(SEQ_DELTA);
});

test("a card that the backup does not know binds after the restore", async () => {
  const { restored, card, subscriber } = await restoreOverFirstBinding();
  const attempt = await createExchange(restored, card, subscriber);
  const body = await attempt.start();
  await attempt.prove(body);
  const reasons = readDurable(restored, "SELECT objection FROM card_session");
  expect(reasons).toEqual([{ objection: "" }]);
});

test("I3: no configuration lets a session id be consumed again", async () => {
  const { rig: platform, exchange } = await open({
    environment: { SIMLATCH_CHALLENGE_SECONDS: "3600" },
  });
  const attempt = await exchange();
  const spare = await attempt.start();
  const body = await attempt.start();
  const first = await attempt.prove(body);
  const signed = await attempt.sign(first);
  expect((await attempt.answer(body.sid, signed)).json["verdict"]).toBe("SUCCESS");
  // Another session of the card prunes what is longer over than replies are kept.
  platform.advance(730_000);
  expect((await attempt.prove(spare)).status).toBe(200);
  const again = await attempt.prove(body);
  expect([first.text, 410, 409]).toContain(again.status === 200 ? again.text : again.status);
  const replayed = await attempt.answer(body.sid, signed);
  expect(replayed.json["verdict"]).toBeUndefined();
  const current = readDurable(platform, "SELECT current_sid, epoch FROM card");
  expect(current).toEqual([{ current_sid: spare.sid, epoch: 1 }]);
});

test("I6: whatever the number of slots, unrelated cards cannot drain the reserve", async () => {
  const environment = { SIMLATCH_SLOTS: "8" };
  const {
    rig: platform,
    fleet,
    subscriber,
    exchange,
  } = await open({
    environment: { ...environment, SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "10" },
  });
  expect((await (await exchange()).run()).reply.json["verdict"]).toBe("SUCCESS");
  platform.advance(3_600_001);
  const stranger = await fleet.addCard();
  for (let i = 0; i < 4; i++) {
    const attempt = await createExchange(platform, stranger, subscriber);
    await attempt.prove(await attempt.start());
  }
  const { reply } = await (await exchange()).run();
  expect(reply.json["verdict"]).toBe("SUCCESS");
});

test("I6: a barred IMSI's challenge has the AMF that its vectors have", async () => {
  const { rig: platform, fleet, card, subscriber } = await open();
  const imsi = `${HOME}0123456789`;
  const key = "0123456789abcdef0123456789abcdef";
  await fleet.admin.createSubscriber({ imsi, mncLength: 2, k: key, opc: key, amf: "8000" });
  const amfOf = async (): Promise<string> => {
    const attempt = await createExchange(platform, card, subscriber);
    const reply = await attempt.prove({ ...(await attempt.start()), imsi });
    const challenge = decodeChallenge(bytesOf(reply.json["challenge"]));
    return Buffer.from(challenge?.autn.subarray(6, 8) ?? []).toString("hex");
  };
  const active = await amfOf();
  await fleet.admin.setSubscriberStatus(imsi, { status: "barred" });
  expect([active, await amfOf()]).toEqual(["8000", "8000"]);
});

test("I6: a locked card cannot open sessions without end", async () => {
  const {
    rig: platform,
    fleet,
    card,
  } = await open({
    environment: { SIMLATCH_CHALLENGES_PER_CARD_HOUR: "3" },
  });
  const other = await fleet.addSubscriber({ operator: HOME });
  const thief = await createExchange(platform, card, other);
  const { sid, token, reply } = await thief.run();
  expect((await thief.finish(sid, token, reply)).status).toBe(204);
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await thief.prove(await thief.start())).status);
  expect(statuses).toContain(429);
});

test("an extra member is malformed whatever its name", () => {
  const names = ["extra", "__proto__", "constructor", "toString", "valueOf", "hasOwnProperty"];
  const accepted = names.filter((name) => {
    const body: unknown = JSON.parse(`{"token":"AAAA","receipt":"AAAA","${name}":1}`);
    return safeParse(receiptRequestSchema, body).success;
  });
  expect(accepted).toEqual([]);
});

test("I11: SUCCESS decided but not yet signed is not signed after a theft report", async () => {
  let failures = 1;
  const { fleet, card, exchange } = await open({
    wrap: (dependencies) =>
      wrapSigning(dependencies, () => {
        if (failures-- > 0) throw new Error("killed before signing");
      }),
  });
  const attempt = await exchange();
  const body = await attempt.start();
  const signed = await attempt.sign(await attempt.prove(body));
  expect((await attempt.answer(body.sid, signed)).json["code"]).toBe("unavailable");
  await fleet.admin.setCardStatus(card.cardId, { status: "revoked" });
  const reply = await attempt.answer(body.sid, signed);
  expect(reply.json["verdict"] ?? reply.json["code"]).not.toBe("SUCCESS");
});

test("I4: a profile that may be enrolled still has SQNs left after a restore", async () => {
  const {
    rig: platform,
    fleet,
    card,
    subscriber,
  } = await open({
    environment: { SIMLATCH_STORE_GENERATION: "2" },
  });
  const k = "0123456789abcdef0123456789abcdef";
  const imsis = [5, 16, 24, 28].map((indBits) => ({ indBits, imsi: `${HOME}00000000${indBits}` }));
  for (const { indBits, imsi } of imsis) {
    await fleet.admin
      .createSubscriber({ imsi, mncLength: 2, k, opc: k, indBits })
      .catch(() => expect(indBits).toBeGreaterThan(16));
    const attempt = await createExchange(platform, card, subscriber);
    await attempt.prove({ ...(await attempt.start()), imsi });
  }
  const spent = readDurable(platform, "SELECT sid FROM card_session WHERE objection = 'sqn_spent'");
  expect(spent).toEqual([]);
});

test("a client that goes away in the middle of its body is no defect of ours", async () => {
  const { rig: platform } = await open();
  const app = createApp(
    { dependencies: platform.dependencies, adminKey: undefined },
    platform.host,
  );
  const body = new ReadableStream({
    pull(controller) {
      controller.error(new Error("connection reset"));
    },
  });
  const request = new Request("http://rig.test/v1/bindings", { method: "POST", body });
  await app.fetch(request);
  expect(platform.log.filter((line) => line.includes('"defect"'))).toEqual([]);
});

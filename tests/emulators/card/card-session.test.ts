import { describe, expect, test } from "bun:test";
import { INS, LABEL, SERVICE, SW, TAG } from "#protocol/assigned-numbers";
import {
  createSigningKey,
  element,
  hash,
  isSignature,
  labelled,
  seededRandom,
  values,
} from "./encoding-double.ts";
import {
  type Answer,
  answerParts,
  answerRound,
  AUTS,
  type Bench,
  bind,
  CARD_ID,
  createBench,
  exchange,
  issueResult,
  reachAnswered,
  readStatus,
  REFUSAL,
  RES,
  sendResult,
  signDocument,
  startData,
  startSession,
  TENANT,
} from "./platform-double.ts";

const IDLE = "00";
const SERVING = "01";
const pso = { cla: 0, ins: INS.performSecurityOperation };

describe("a whole session", () => {
  test("SUCCESS serves: sign, encipher, decipher; the receipt verifies", async () => {
    const bench = await createBench();
    expect(await readStatus(bench)).toEqual({ cardId: CARD_ID, epoch: 0, state: IDLE, floor: 0 });
    expect(await bind(bench, { floor: 1, uses: 3 })).toEqual({ sw: SW.success, state: SERVING });
    const status = { cardId: CARD_ID, epoch: 1, state: SERVING, floor: 1 };
    expect(await readStatus(bench)).toEqual(status);

    const document = Buffer.from("pay 10 to 42");
    const signed = await signDocument(bench, document);
    expect(signed.sw).toBe(SW.success);
    const key = await exchange(bench, { cla: 0, ins: INS.getData, p1p2: 0x00c9 });
    const servicePublicKey = values(key.data)[0] ?? Buffer.alloc(0);
    expect(key.data[0]).toBe(TAG.servicePublicKey);
    expect(isSignature(servicePublicKey, document, signed.data)).toBe(true);

    const secret = Buffer.alloc(1024, 0x73);
    const sealed = await exchange(bench, { ...pso, p1p2: 0x8680, data: secret });
    expect(sealed.data.length).toBe(12 + 1024 + 16);
    expect(sealed.data.includes(secret.subarray(0, 16))).toBe(false);
    const opened = await exchange(bench, { ...pso, p1p2: 0x8086, data: sealed.data });
    expect(opened.data.equals(secret)).toBe(true);
  });

  test("FAILURE without lock makes a serving card idle and stores the epoch", async () => {
    const bench = await createBench();
    await bind(bench);
    expect(await bind(bench, { verdict: 0, floor: 1 })).toEqual({ sw: SW.success, state: IDLE });
    expect(await readStatus(bench)).toEqual({ cardId: CARD_ID, epoch: 2, state: IDLE, floor: 1 });
    expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(SW.securityStatusNotSatisfied);
  });

  test("FAILURE with the lock instruction locks with a fresh lock id, for good", async () => {
    const bench = await createBench();
    const locked = await bind(bench, { verdict: 0, lock: 1 });
    expect(locked.state).toMatch(/^02[0-9a-f]{32}$/u);
    await bench.card.reset();
    await reselect(bench);
    expect((await readStatus(bench)).state).toBe(locked.state);
    const other = await createBench({ seed: "another card" });
    expect((await bind(other, { verdict: 0, lock: 1 })).state).not.toBe(locked.state);
  });

  test("a renewal replaces the lease while the old one serves on", async () => {
    const bench = await createBench();
    await bind(bench, { uses: 2, services: SERVICE.sign });
    const session = await reachAnswered(bench);
    expect(session.state.toString("hex")).toBe(SERVING);
    expect((await signDocument(bench, Buffer.from("old"))).sw).toBe(SW.success);
    const renewal = issueResult(bench, session, { uses: 1, services: SERVICE.encipher });
    expect((await sendResult(bench, renewal)).state).toBe(SERVING);
    expect((await signDocument(bench, Buffer.from("old"))).sw).toBe(SW.securityStatusNotSatisfied);
    const sealed = await exchange(bench, { ...pso, p1p2: 0x8680, data: Buffer.from("new") });
    expect(sealed.sw).toBe(SW.success);
  });

  test("rounds 0, 1 and 2 after AUTS, and no fourth", async () => {
    const bench = await createBench();
    let session = await startSession(bench);
    for (const round of [0, 1, 2]) {
      session = await answerRound(bench, session, round, AUTS);
      expect(session.sw).toBe(SW.success);
      const forged = issueResult(bench, session, { platformKey: bench.anchor });
      expect((await sendResult(bench, forged)).sw).toBe(SW.securityStatusNotSatisfied);
    }
    for (const round of [0, 1, 2, 3]) {
      expect((await answerRound(bench, session, round, RES)).sw).toBe(SW.conditionsNotSatisfied);
    }
    expect((await sendResult(bench, issueResult(bench, session))).state).toBe(SERVING);
  });

  test("a verdict may follow an AUTS in every round, and its lock is obeyed", async () => {
    for (const last of [0, 1, 2]) {
      const bench = await createBench();
      let session = await startSession(bench);
      for (let round = 0; round <= last; round++) {
        session = await answerRound(bench, session, round, AUTS);
      }
      const failure = issueResult(bench, session, { verdict: 0, lock: 1 });
      expect((await sendResult(bench, failure)).state).toMatch(/^02/u);
      expect((await answerRound(bench, session, last + 1, RES)).sw).toBe(SW.blocked);
    }
  });

  test("no round goes on after a verdict", async () => {
    const bench = await createBench();
    const session = await answerRound(bench, await startSession(bench), 0, AUTS);
    await sendResult(bench, issueResult(bench, session, { verdict: 0 }));
    expect((await answerRound(bench, session, 1, RES)).sw).toBe(SW.conditionsNotSatisfied);
  });

  test("a refusal of the module is an answer, too", async () => {
    const bench = await createBench();
    const session = await answerRound(bench, await startSession(bench), 0, REFUSAL);
    expect(session.sw).toBe(SW.success);
    const failure = issueResult(bench, session, { verdict: 0 });
    expect(await sendResult(bench, failure)).toEqual({ sw: SW.success, state: IDLE });
  });

  test("up to four RANDs and four RES are signed, a fifth is refused", async () => {
    const bench = await createBench();
    for (const count of [4, 5]) {
      await startSession(bench);
      const answers = Array.from({ length: count }, () => RES);
      const rands = Array.from({ length: count }, () => element(TAG.rand, Buffer.alloc(16)));
      const [, statement] = answerParts(0, Buffer.concat(answers));
      const challenge = [element(TAG.round, [0]), element(TAG.rands, ...rands)];
      const data = Buffer.concat([...challenge, element(TAG.autn, Buffer.alloc(16)), statement]);
      const answer = await exchange(bench, { cla: 0x80, ins: INS.answer, p1p2: 0, data });
      expect(answer.sw).toBe(count === 4 ? SW.success : SW.incorrectData);
    }
  });
});

describe("order", () => {
  test("RESULT and ANSWER without a session, RESULT before ANSWER: 6985", async () => {
    const bench = await createBench();
    const session = await startSession(bench);
    expect((await sendResult(bench, issueResult(bench, session))).sw).toBe(
      SW.conditionsNotSatisfied,
    );
    await reselect(bench);
    expect((await answerRound(bench, session)).sw).toBe(SW.conditionsNotSatisfied);
    expect((await sendResult(bench, issueResult(bench, session))).sw).toBe(
      SW.conditionsNotSatisfied,
    );
  });

  test("ANSWER must name the round that is next", async () => {
    const bench = await createBench();
    const session = await startSession(bench);
    expect((await answerRound(bench, session, 1)).sw).toBe(SW.incorrectData);
    const first = await answerRound(bench, session, 0, AUTS);
    expect((await answerRound(bench, first, 0)).sw).toBe(SW.incorrectData);
    expect((await answerRound(bench, first, 2)).sw).toBe(SW.incorrectData);
    expect((await answerRound(bench, first, 1)).sw).toBe(SW.success);
  });

  test("a refused START SESSION leaves the session that was open", async () => {
    const bench = await createBench();
    const session = await startSession(bench);
    const refused = await startSession(bench, { anchor: createSigningKey() });
    expect(refused.sw).toBe(SW.securityStatusNotSatisfied);
    expect((await answerRound(bench, session)).sw).toBe(SW.success);
  });
});

describe("platform key credential", () => {
  const notVerified = SW.securityStatusNotSatisfied;
  const cases = [
    ["another anchor", { anchor: createSigningKey() }, notVerified],
    ["another tenant", { tenant: `${TENANT}2` }, notVerified],
    ["another deployment", { deployment: seededRandom("elsewhere")(16) }, notVerified],
    ["another suite in the credential", { suite: 3 }, SW.incorrectData],
    ["another suite named", { namedSuite: 2 }, SW.incorrectData],
    ["another mode named", { namedMode: 2 }, SW.incorrectData],
    ["an empty token", { token: Buffer.alloc(0) }, SW.incorrectData],
    ["a token of 256 bytes", { token: Buffer.alloc(256, 1) }, SW.incorrectData],
    ["nothing wrong", {}, SW.success],
    ["a token of 255 bytes", { token: Buffer.alloc(255, 1) }, SW.success],
  ] as const;
  for (const [name, options, sw] of cases) {
    test(`START SESSION with ${name}: ${sw.toString(16)}`, async () => {
      const bench = await createBench();
      expect((await startSession(bench, options)).sw).toBe(sw);
    });
  }

  test("a generation below the floor is refused, the floor itself is not", async () => {
    const bench = await createBench();
    const session = await reachAnswered(bench, { generation: 6 });
    await sendResult(bench, issueResult(bench, session, { floor: 5 }));
    expect((await startSession(bench, { generation: 4 })).sw).toBe(notVerified);
    expect((await startSession(bench, { generation: 5 })).sw).toBe(SW.success);
  });

  test("I9: a result whose floor is lower leaves the floor where it is", async () => {
    const bench = await createBench();
    const session = await reachAnswered(bench, { generation: 6 });
    await sendResult(bench, issueResult(bench, session, { floor: 5 }));
    const next = await reachAnswered(bench, { generation: 6 });
    expect((await sendResult(bench, issueResult(bench, next, { floor: 2 }))).sw).toBe(SW.success);
    expect((await readStatus(bench)).floor).toBe(5);
  });

  test("every element of START SESSION altered, left out or doubled is refused", async () => {
    const bench = await createBench();
    const data = startData(bench);
    const list = [data.subarray(0, 92), data.subarray(92, -6), data.subarray(-6, -3)];
    list.push(data.subarray(-3));
    for (const [index, part] of list.entries()) {
      const without = list.filter((_, at) => at !== index);
      const doubled = list.flatMap((each) => (each === part ? [each, each] : [each]));
      for (const broken of [without, doubled]) {
        const command = { cla: 0x80, ins: INS.startSession, p1p2: 0, data: Buffer.concat(broken) };
        expect((await exchange(bench, command)).sw).toBe(SW.incorrectData);
      }
    }
  });
});

describe("lease", () => {
  test("uses run out, one per operation, failed ones included", async () => {
    const bench = await createBench();
    await bind(bench, { uses: 3 });
    const forged = await exchange(bench, { ...pso, p1p2: 0x8086, data: Buffer.alloc(40) });
    expect(forged).toEqual({ sw: SW.incorrectData, data: Buffer.alloc(0) });
    expect((await signDocument(bench, Buffer.from("1"))).sw).toBe(SW.success);
    expect((await readStatus(bench)).state).toBe(SERVING);
    expect((await signDocument(bench, Buffer.from("2"))).sw).toBe(SW.success);
    expect((await readStatus(bench)).state).toBe(IDLE);
    expect((await signDocument(bench, Buffer.from("3"))).sw).toBe(SW.securityStatusNotSatisfied);
  });

  test("a command of wrong length takes no use", async () => {
    const bench = await createBench();
    await bind(bench, { uses: 1 });
    expect((await signDocument(bench, Buffer.alloc(1025))).sw).toBe(SW.wrongLength);
    const short = await exchange(bench, { ...pso, p1p2: 0x8086, data: Buffer.alloc(28) });
    expect(short.sw).toBe(SW.wrongLength);
    expect((await signDocument(bench, Buffer.alloc(1024, 1))).sw).toBe(SW.success);
  });

  test("a lease covers exactly the services whose bits it has", async () => {
    const operations = [
      [SERVICE.sign, 0x9e9a],
      [SERVICE.encipher, 0x8680],
      [SERVICE.decipher, 0x8086],
    ] as const;
    const bench = await createBench();
    for (const services of [0, 1, 2, 4, 7]) {
      await bind(bench, { services });
      for (const [bit, p1p2] of operations) {
        const answer = await exchange(bench, { ...pso, p1p2, data: Buffer.alloc(40) });
        const isRefused = answer.sw === SW.securityStatusNotSatisfied;
        expect(isRefused).toBe((services & bit) === 0);
      }
    }
  });

  test("a lease of no uses serves nothing", async () => {
    const bench = await createBench();
    await bind(bench, { uses: 0 });
    expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(SW.securityStatusNotSatisfied);
  });
});

function prove(bench: Bench, fill: number): Promise<Answer> {
  const data = element(TAG.enrolmentChallenge, Buffer.alloc(16, fill));
  return exchange(bench, { cla: 0x80, ins: INS.provePossession, p1p2: 0, data });
}

describe("proof of possession", () => {
  test("I15: one proof of possession in the card's life, across resets", async () => {
    const bench = await createBench();
    const first = await prove(bench, 1);
    const { keys } = bench.profile;
    const message = labelled(
      LABEL.enrolment,
      element(TAG.deployment, bench.deployment),
      element(TAG.tenant, Buffer.from(TENANT)),
      element(TAG.cardId, Buffer.from(CARD_ID, "hex")),
      element(TAG.cardKind, [1]),
      element(TAG.publicKey, keys.credentialPublicKey),
      element(TAG.servicePublicKey, keys.servicePublicKey),
      element(TAG.enrolmentChallenge, Buffer.alloc(16, 1)),
    );
    const signature = values(first.data)[0] ?? Buffer.alloc(0);
    expect(isSignature(keys.credentialPublicKey, message, signature)).toBe(true);
    await bind(bench, { floor: 1 });
    await bench.card.reset();
    await reselect(bench);
    expect(await prove(bench, 1)).toEqual(first);
    expect((await prove(bench, 2)).sw).toBe(SW.conditionsNotSatisfied);
    expect((await readStatus(bench)).epoch).toBe(1);
  });

  test("a challenge of another length is refused and proves nothing", async () => {
    const bench = await createBench();
    const data = element(TAG.enrolmentChallenge, Buffer.alloc(15));
    const command = { cla: 0x80, ins: INS.provePossession, p1p2: 0, data };
    expect((await exchange(bench, command)).sw).toBe(SW.incorrectData);
    expect((await prove(bench, 1)).sw).toBe(SW.success);
  });
});

describe("I15: the credential key signs no document", () => {
  test("a step-3 message given to PSO sign makes no valid S3", async () => {
    const bench = await createBench();
    await bind(bench);
    const session = await startSession(bench);
    const [challenge, statement] = answerParts(0, RES);
    const h2 = hash(LABEL.h2, element(TAG.hash, session.transcript), challenge);
    const h3 = hash(LABEL.h3, element(TAG.hash, h2), statement);
    const message = labelled(LABEL.answerProof, element(TAG.hash, h3));
    const forged = await signDocument(bench, message);
    const { keys } = bench.profile;
    expect(isSignature(keys.servicePublicKey, message, forged.data)).toBe(true);
    expect(isSignature(keys.credentialPublicKey, message, forged.data)).toBe(false);
    expect(Buffer.from(keys.servicePublicKey).equals(keys.credentialPublicKey)).toBe(false);
  });
});

async function reselect(bench: Bench): Promise<void> {
  const data = Buffer.from("f053494d4c41544348", "hex");
  const answer = await exchange(bench, { cla: 0, ins: INS.select, p1p2: 0x0400, data });
  expect(answer.sw).toBe(SW.success);
}

/** Every suite, in both modes, on both kinds of card, from START SESSION to the receipt. */
import { describe, expect, test } from "bun:test";
import { INS, LABEL, SERVICE, SW, TAG } from "#protocol/assigned-numbers";
import {
  CARD_ID,
  command,
  createBench,
  EVERY_VARIANT,
  exchange,
  nameOf,
  readLease,
  readStatus,
  select,
  signDocument,
  TENANT,
} from "./bench-double.ts";
import { createCard } from "./card.ts";
import type { CardProfile } from "./context.ts";
import { element, labelled, seededRandom, uint32, valueOf } from "./encoding-double.ts";
import { generateCardKeys } from "./keys.ts";
import { createNonVolatileMemory } from "./non-volatile-memory.ts";
import {
  answerRound,
  AUTS,
  RANDBS,
  REFUSAL,
  RES,
  startData,
  startSession,
} from "./platform-double.ts";
import {
  bind,
  issueResult,
  issueUnlock,
  prove,
  reachAnswered,
  sendResult,
  sendUnlock,
} from "./result-double.ts";
import { deriveShared, isServiceSignature, mac } from "./suites-double.ts";

const IDLE = "00";
const SERVING = "01";
const pso = { cla: 0, ins: INS.performSecurityOperation };

describe.each(EVERY_VARIANT.map((variant) => [nameOf(variant), variant] as const))(
  "%s",
  (_, variant) => {
    test("SUCCESS serves: sign, encipher, decipher", async () => {
      const bench = await createBench({ variant });
      expect(await readStatus(bench)).toEqual({ cardId: CARD_ID, epoch: 0, state: IDLE, floor: 0 });
      expect(await bind(bench, { floor: 1, uses: 3 })).toEqual({ sw: SW.success, state: SERVING });
      const status = { cardId: CARD_ID, epoch: 1, state: SERVING, floor: 1 };
      expect(await readStatus(bench)).toEqual(status);

      const document = Buffer.from("pay 10 to 42");
      const signed = await signDocument(bench, document);
      const key = await exchange(bench, { cla: 0, ins: INS.getData, p1p2: 0x00c9 });
      const servicePublicKey = valueOf(key.data, TAG.servicePublicKey);
      const { data } = signed;
      expect(isServiceSignature(bench.suite, servicePublicKey, document, data)).toBe(true);

      const secret = Buffer.alloc(1024, 0x73);
      const sealed = await exchange(bench, { ...pso, p1p2: 0x8680, data: secret });
      expect(sealed.data.length).toBe(12 + 1024 + 16);
      expect(sealed.data.includes(secret.subarray(0, 16))).toBe(false);
      const opened = await exchange(bench, { ...pso, p1p2: 0x8086, data: sealed.data });
      expect(opened.data.equals(secret)).toBe(true);
      expect((await readStatus(bench)).state).toBe(IDLE);
    });

    test("renewal: the old lease serves until the new result replaces it", async () => {
      const bench = await createBench({ variant });
      await bind(bench, { uses: 2, services: SERVICE.sign });
      const session = await reachAnswered(bench);
      expect(session.state.toString("hex")).toBe(SERVING);
      expect((await signDocument(bench, Buffer.from("old"))).sw).toBe(SW.success);
      const renewal = { uses: 5, seconds: 9, services: SERVICE.encipher };
      const issued = issueResult(bench, session, renewal);
      expect((await sendResult(bench, issued)).state).toBe(SERVING);
      expect(await readLease(bench)).toEqual(renewal);
      const refused = await signDocument(bench, Buffer.from("old"));
      expect(refused.sw).toBe(SW.securityStatusNotSatisfied);
    });

    test("AUTS, RANDBS and RES in three rounds; a refusal in one", async () => {
      const bench = await createBench({ variant });
      let session = await startSession(bench);
      for (const [round, answer] of [AUTS, RANDBS, RES].entries()) {
        session = await answerRound(bench, session, round, answer);
        expect(session.sw).toBe(SW.success);
      }
      expect((await sendResult(bench, issueResult(bench, session))).state).toBe(SERVING);
      const refused = await answerRound(bench, await startSession(bench), 0, REFUSAL);
      const failure = issueResult(bench, refused, { verdict: 0 });
      expect(await sendResult(bench, failure)).toEqual({ sw: SW.success, state: IDLE });
      expect(new Set(bench.nonces).size).toBe(bench.nonces.length);
    });

    test("FAILURE locks with a fresh lock id, UNLOCK lifts it, the next session serves", async () => {
      const bench = await createBench({ variant });
      const { state } = await bind(bench, { verdict: 0, lock: 1 });
      expect(state).toMatch(/^02[0-9a-f]{32}$/u);
      await bench.card.reset();
      await select(bench);
      const session = await startSession(bench);
      expect(session.state.toString("hex")).toBe(state);
      const unlocked = await sendUnlock(bench, issueUnlock(bench, session));
      expect(unlocked).toEqual({ sw: SW.success, state: IDLE });
      expect(await readStatus(bench)).toEqual({ cardId: CARD_ID, epoch: 2, state: IDLE, floor: 0 });
      expect((await bind(bench)).state).toBe(SERVING);
      const again = await bind(bench, { verdict: 0, lock: 1 });
      expect(again.state).not.toBe(state);
    });

    test("the proof of possession is of this suite, and is the only one", async () => {
      const bench = await createBench({ variant });
      const { suite, profile } = bench;
      const first = await prove(bench, 1);
      const key =
        suite.scheme === undefined
          ? element(TAG.keyVersion, uint32(7))
          : element(TAG.publicKey, profile.keys.credentialPublicKey);
      const challenge = element(TAG.enrolmentChallenge, Buffer.alloc(16, 1));
      const message = labelled(
        LABEL.enrolment,
        element(TAG.deployment, profile.deployment),
        element(TAG.tenant, Buffer.from(TENANT)),
        element(TAG.cardId, Buffer.from(CARD_ID, "hex")),
        element(TAG.cardKind, [variant.kind === "TF" ? 1 : 2]),
        element(TAG.suite, [suite.number]),
        key,
        element(TAG.servicePublicKey, profile.keys.servicePublicKey),
        challenge,
      );
      const proof = valueOf(first.data, TAG.signature);
      const macKey = (): Buffer =>
        deriveShared(suite, bench.sharedKey, LABEL.cardMac, challenge, 16);
      const isProof =
        suite.scheme === undefined
          ? mac(suite, macKey(), message).equals(proof)
          : suite.scheme.isSigned(profile.keys.credentialPublicKey, message, proof);
      expect(isProof).toBe(true);
      await bench.card.reset();
      await select(bench);
      expect(await prove(bench, 1)).toEqual(first);
      expect((await prove(bench, 2)).sw).toBe(SW.conditionsNotSatisfied);
    });

    test("the certificate, or 6A88 in the symmetric suites", async () => {
      const bench = await createBench({ variant });
      const answer = await exchange(bench, { cla: 0, ins: INS.getData, p1p2: 0x7f21 });
      const isShared = bench.suite.scheme === undefined;
      expect(answer.sw).toBe(isShared ? SW.referencedDataNotFound : SW.success);
      expect(answer.data.equals(bench.profile.certificate)).toBe(true);
    });

    test("the random source and the key decide every byte of START SESSION", async () => {
      const { profile, ...bench } = await createBench({ variant });
      const start = startData({ ...bench, profile });
      const answers = await Promise.all(
        [1, 2].map(async () => {
          const environment = {
            random: seededRandom("same"),
            nonVolatile: createNonVolatileMemory(),
          };
          const same = { ...bench, profile, card: createCard(profile, environment) };
          await select(same);
          return command(same, INS.startSession, start);
        }),
      );
      expect(answers[0]?.sw).toBe(SW.success);
      expect(answers[0]).toEqual(answers[1]);
    });
  },
);

test("a profile that is no card's makes no card", async () => {
  const { profile, random } = await createBench();
  const shared = await createBench({ variant: { suite: "AES", mode: "signed", kind: "TF" } });
  const bad: readonly (readonly [Partial<CardProfile>, string])[] = [
    [{ cardId: "00a1b2c3d4e5f607" }, "card id"],
    [{ deployment: new Uint8Array(15) }, "16 bytes"],
    [{ tenant: "-acme" }, "tenant"],
    [{ anchorPublicKey: new Uint8Array(256) }, "anchor"],
    [{ suite: "RSA-2048" }, "anchor"],
    [{ keys: shared.profile.keys }, "keys"],
    [{ keyVersion: 1 }, "key version"],
    [{ modes: [] }, "one mode"],
  ];
  for (const [part, message] of bad) {
    const environment = { random, nonVolatile: createNonVolatileMemory() };
    expect(() => createCard({ ...profile, ...part }, environment)).toThrow(message);
  }
  const material = { sharedKey: new Uint8Array(15) };
  expect(() => generateCardKeys("SM4", { random }, material)).toThrow("16 bytes");
});

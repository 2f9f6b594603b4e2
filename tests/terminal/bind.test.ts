import { expect, test } from "bun:test";
import { decodeBase64Url } from "#protocol/bytes";
import { decodeAnswerStatement, type ModuleAnswer } from "#protocol/messages";
import type { StepReport } from "#protocol/steps";
import { SUITES } from "#protocol/suites";
import { bind } from "#terminal/bind";
import { PlatformError } from "#terminal/platform-client";
import {
  AUTS,
  base64,
  CARD_ID,
  challengeParts,
  challengeReply,
  concat,
  ENCRYPTED,
  IMSI,
  LOCKED,
  LOCKED_REPLY,
  RES,
  sealedChallenge,
  SID,
  SIGNED,
  UNLOCK,
  verdictReply,
} from "./doubles.ts";
import { rejectionOf } from "./rejection.ts";
import { commandsOf, createRig, type Rig, routesOf } from "./rig.ts";

const FIG_3_ROUND = [320, 321, 322, 323, 324, 325, 326, 327];
const FIG_3 = [311, 312, 313, 314, 315, 316, ...FIG_3_ROUND, 332, 333, 334];
const FIG_4_ROUND = [420, 421, 422, 423, 424, 425, 426, 427, 428, 429, 430];
const FIG_4 = [411, 412, 413, 414, 415, 416, ...FIG_4_ROUND, 435, 436, 437];
const BOTH = [SIGNED, ENCRYPTED] as const;

function numbers(steps: readonly StepReport[]): number[] {
  return steps.map(({ step }) => step);
}

function outcomeOf(rig: Rig, step: number): string | undefined {
  return rig.steps.findLast((report) => report.step === step)?.outcome;
}

function bodyOf(rig: Rig, route: string): Readonly<Record<string, unknown>> {
  return rig.platform.requests.findLast((request) => request.route === route)?.body ?? {};
}

function bytesOf(value: unknown): Uint8Array {
  return decodeBase64Url(String(value)) ?? new Uint8Array(0);
}

test("Fig. 3 and Fig. 4: every suite over TF and SD goes through every step in its order", async () => {
  let cells = 0;
  for (const suite of SUITES)
    for (const mode of ["signed", "encrypted"] as const)
      for (const kind of ["TF", "SD"] as const) {
        const rig = createRig({ suite, mode }, { card: { kind } });
        expect(await bind(rig.options)).toEqual({
          verdict: "SUCCESS",
          cardState: "serving",
          sid: SID,
          receipt: "delivered",
        });
        expect(numbers(rig.steps)).toEqual(mode === "signed" ? FIG_3 : FIG_4);
        expect(routesOf(rig)).toEqual(["access", "card", "answer", "receipt"]);
        const times = rig.steps.map(({ at }) => at);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        cells += 1;
      }
  expect(cells).toBe(24);
});

test("signed mode: each party is given what the one before it gave", async () => {
  const rig = createRig(SIGNED);
  await bind({ ...rig.options, tenant: "acme" });
  expect(bodyOf(rig, "access")).toEqual({
    tenant: "acme",
    cardId: CARD_ID,
    suites: SUITES.map(({ name }) => name),
    modes: ["encrypted", "signed"],
    moduleKind: "USIM",
  });
  expect(rig.card.commands[1]).toEqual({ name: "start", data: "8a0101e200880101890101" });
  const { proof, ...rest } = bodyOf(rig, "card");
  expect(rest).toEqual({ token: base64(1), cardId: CARD_ID, imsi: IMSI, moduleKind: "USIM" });
  expect(bytesOf(proof).toHex()).toStartWith("8601018b10");
  const answer = bodyOf(rig, "answer");
  expect(Object.keys(answer)).toEqual(["token", "statement", "proof"]);
  expect(answer["token"]).toBe(base64(0x50));
  const statement = bytesOf(answer["statement"]);
  expect(decodeAnswerStatement(statement)).toEqual({
    imsi: IMSI,
    moduleKind: 2,
    answer: RES,
    confirmationTag: new Uint8Array(0),
  });
  const seen = concat([...challengeParts(0), statement]).toHex();
  expect(rig.card.commands[2]).toEqual({ name: "answer", data: seen });
  expect(bytesOf(answer["proof"]).toHex()).toBe(`8e40${"8e".repeat(64)}`);
  expect(rig.card.commands[3]).toEqual({ name: "result", data: "e50102" });
  const receipt = bodyOf(rig, "receipt");
  expect(receipt["token"]).toBe(base64(0x50));
  expect(bytesOf(receipt["receipt"]).toHex()).toStartWith("8d01018c04");
  expect(commandsOf(rig)).toEqual(["status", "start", "answer", "result"]);
});

test("encrypted mode: the IMSI is concealed, challenge, answer, result and receipt are opaque", async () => {
  const rig = createRig(ENCRYPTED);
  await bind(rig.options);
  expect(rig.card.commands[1]).toEqual({ name: "start", data: "8a0101e200880101890102" });
  const { proof, concealedImsi, ...rest } = bodyOf(rig, "card");
  expect(rest).toEqual({ token: base64(1), cardId: CARD_ID, moduleKind: "USIM" });
  expect(bytesOf(proof).toHex()).toContain(`ca41${"ca".repeat(65)}8e40`);
  expect(bytesOf(concealedImsi)).toHaveLength(50);
  expect(bytesOf(concealedImsi)[0]).toBe(3);
  expect(rig.card.commands[2]).toEqual({ name: "open", data: sealedChallenge(0).toHex() });
  const statement = Uint8Array.fromHex(rig.card.commands[3]?.data ?? "");
  expect(decodeAnswerStatement(statement)?.answer).toEqual(RES);
  const sealed = `d0${(statement.length + 16).toString(16)}${"d0".repeat(statement.length + 16)}`;
  const answer = bodyOf(rig, "answer");
  expect(Object.keys(answer)).toEqual(["token", "sealed"]);
  expect(bytesOf(answer["sealed"]).toHex()).toBe(sealed);
  expect(rig.card.commands[4]).toEqual({ name: "result", data: "e50102" });
  expect(bytesOf(bodyOf(rig, "receipt")["receipt"]).toHex()).toBe(`d019${"d0".repeat(25)}`);
  expect(commandsOf(rig)).toEqual(["status", "start", "open", "answer", "result", "status"]);
  expect(JSON.stringify(rig.platform.requests)).not.toContain(IMSI);
  expect(outcomeOf(rig, 435)).toBe("done");
  expect(outcomeOf(rig, 437)).toBe("serving");
});

test("the offer is narrowed by options, and an answer outside it ends the exchange", async () => {
  const narrow = { suites: ["SM", "SM4"], modes: ["encrypted"] } as const;
  const rig = createRig(ENCRYPTED);
  expect(await rejectionOf(bind({ ...rig.options, ...narrow }))).toMatchObject({
    code: "malformed_response",
    status: 201,
  });
  expect(bodyOf(rig, "access")).toMatchObject(narrow);
  expect(commandsOf(rig)).toEqual(["status"]);
  const down = createRig(SIGNED);
  const error = await rejectionOf(bind({ ...down.options, modes: ["encrypted"] }));
  expect(error).toBeInstanceOf(PlatformError);
  expect(routesOf(down)).toEqual(["access"]);
  expect(numbers(down.steps)).toEqual([411]);
});

test("a card id from the caller is used without asking the card", async () => {
  const rig = createRig(SIGNED);
  await bind({ ...rig.options, cardId: "FEDCBA9876543210" });
  expect(bodyOf(rig, "access")["cardId"]).toBe("FEDCBA9876543210");
  expect(commandsOf(rig)).toEqual(["start", "answer", "result"]);
});

test("AUTS, then RANDBS: three rounds in both modes, each with its own token and challenge", async () => {
  const randbs: ModuleAnswer = { kind: "randbs", randbs: Uint8Array.of(1, 2, 3, 4) };
  for (const terms of BOTH) {
    const rig = createRig(terms, {
      moduleAnswers: [AUTS, randbs, RES],
      platform: { answers: [challengeReply(terms, 1), challengeReply(terms, 2)] },
    });
    expect((await bind(rig.options)).verdict).toBe("SUCCESS");
    const rounds = terms.mode === "signed" ? FIG_3_ROUND : FIG_4_ROUND;
    const figure = terms.mode === "signed" ? FIG_3 : FIG_4;
    expect(numbers(rig.steps)).toEqual([
      ...figure.slice(0, 6),
      ...rounds,
      ...rounds,
      ...rounds,
      ...figure.slice(-3),
    ]);
    const computed = terms.mode === "signed" ? 322 : 425;
    const outcomes = rig.steps.filter(({ step }) => step === computed);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      "synchronisation_failure",
      "network_challenge",
      "done",
    ]);
    const answers = rig.platform.requests.filter(({ route }) => route === "answer");
    expect(answers.map(({ body }) => body["token"])).toEqual(
      [0x50, 0x51, 0x52].map((t) => base64(t)),
    );
    expect(bodyOf(rig, "receipt")["token"]).toBe(base64(0x52));
  }
});

test("a platform that challenges a fourth time is outside the protocol", async () => {
  for (const terms of BOTH) {
    const again = challengeReply(terms, 2);
    const rig = createRig(terms, { platform: { answers: [again, again, again] } });
    expect(await rejectionOf(bind(rig.options))).toMatchObject({ code: "malformed_response" });
    expect(rig.module.responses).toHaveLength(3);
  }
});

test("the module's refusal travels as an answer", async () => {
  const refusal: ModuleAnswer = { kind: "refusal", statusWord: 0x9862 };
  const rig = createRig(SIGNED, {
    moduleAnswers: [refusal],
    platform: { answers: [verdictReply(SIGNED, "FAILURE")] },
    card: { next: { name: "idle" } },
  });
  expect(await bind(rig.options)).toMatchObject({ verdict: "FAILURE", cardState: "idle" });
  const statement = decodeAnswerStatement(bytesOf(bodyOf(rig, "answer")["statement"]));
  expect(statement?.answer).toEqual(refusal);
  expect(outcomeOf(rig, 322)).toBe("refused 9862");
  expect(outcomeOf(rig, 332)).toBe("FAILURE");
});

test("the verdict is the card's: its receipt in signed mode, its status in encrypted mode", async () => {
  for (const terms of BOTH)
    for (const next of [{ name: "idle" } as const, LOCKED]) {
      const rig = createRig(terms, { card: { next } });
      expect(await bind(rig.options)).toEqual({
        verdict: "FAILURE",
        cardState: next.name,
        sid: SID,
        receipt: "delivered",
      });
      expect(rig.steps.at(-1)?.outcome).toBe(next.name);
    }
});

test("a card that was locked before ends at step 316 or 416", async () => {
  for (const terms of BOTH) {
    const rig = createRig(terms, {
      card: { state: LOCKED },
      platform: { cardReply: LOCKED_REPLY },
    });
    expect(await bind(rig.options)).toEqual({
      verdict: "FAILURE",
      cardState: "locked",
      sid: SID,
      receipt: "none",
      reason: "locked already",
    });
    expect(numbers(rig.steps)).toEqual((terms.mode === "signed" ? FIG_3 : FIG_4).slice(0, 6));
    expect(commandsOf(rig)).toEqual(["status", "start"]);
    expect(rig.module.responses).toEqual([]);
  }
});

test("unlock: the order goes to the card, the receipt back, and the caller may bind again", async () => {
  for (const terms of BOTH) {
    const rig = createRig(terms, { card: { state: LOCKED }, platform: { cardReply: UNLOCK } });
    expect(await bind(rig.options)).toEqual({
      verdict: "UNLOCKED",
      cardState: "idle",
      sid: SID,
      receipt: "delivered",
    });
    expect(rig.card.commands.at(-1)).toEqual({ name: "unlock", data: "e603" });
    const receipt = bodyOf(rig, "receipt");
    expect(receipt["token"]).toBe(base64(0x75));
    // In the clear in both modes.
    expect(bytesOf(receipt["receipt"]).toHex()).toStartWith("8d01008c04");
    const decided = terms.mode === "signed" ? [320, 333, 334] : [420, 436, 437];
    expect(numbers(rig.steps).slice(6)).toEqual(decided);
    expect(outcomeOf(rig, decided[0] ?? 0)).toBe("unlock");
    expect(rig.steps.at(-1)?.outcome).toBe("unlocked");
    expect(rig.module.responses).toEqual([]);
  }
});

test("a card that was ordered to unlock and says it is not idle is no card of this protocol", async () => {
  const rig = createRig(SIGNED, {
    card: {
      state: LOCKED,
      onAnswer: (command, parts) =>
        concat(command === "unlock" ? [Uint8Array.of(0x8d, 1, 1), ...parts.slice(1)] : parts),
    },
    platform: { cardReply: UNLOCK },
  });
  expect(await rejectionOf(bind(rig.options))).toMatchObject({
    name: "CardError",
    code: "malformed",
  });
  expect(routesOf(rig)).not.toContain("receipt");
});

test("locked and unlock are no answers to a card that did not say it is locked", async () => {
  for (const cardReply of [LOCKED_REPLY, UNLOCK]) {
    const rig = createRig(SIGNED, { platform: { cardReply } });
    expect(await rejectionOf(bind(rig.options))).toMatchObject({ code: "malformed_response" });
    expect(commandsOf(rig)).toEqual(["status", "start"]);
  }
});

test("REFUSED: the card accepts neither credential, challenge, answer, result nor unlock", async () => {
  const cases = [
    { terms: SIGNED, refused: "start", last: 314 },
    { terms: SIGNED, refused: "answer", last: 325 },
    { terms: SIGNED, refused: "result", last: 334 },
    { terms: SIGNED, refused: "unlock", last: 334 },
    { terms: ENCRYPTED, refused: "start", last: 414 },
    { terms: ENCRYPTED, refused: "open", last: 422 },
    { terms: ENCRYPTED, refused: "answer", last: 428 },
    { terms: ENCRYPTED, refused: "result", last: 437 },
    { terms: ENCRYPTED, refused: "unlock", last: 437 },
  ];
  for (const { terms, refused, last } of cases) {
    const isLocked = refused === "unlock";
    const rig = createRig(terms, {
      platform: isLocked ? { cardReply: UNLOCK } : {},
      card: {
        state: isLocked ? LOCKED : { name: "idle" },
        onAnswer: (command, answer) => (command === refused ? 0x6982 : concat(answer)),
      },
    });
    const outcome = await bind(rig.options);
    expect(outcome).toMatchObject({ verdict: "REFUSED", receipt: "none" });
    expect(outcome.reason).toContain("refused 6982");
    expect(rig.steps.at(-1)).toMatchObject({ step: last, outcome: "refused 6982" });
    expect(routesOf(rig)).not.toContain("receipt");
  }
});

test("a problem of the platform surfaces typed, and its step says which", async () => {
  const problem = { type: "about:blank", title: "no", status: 403, code: "card_not_authenticated" };
  const steps = { access: [311, 411], card: [316, 416], answer: [327, 430] } as const;
  for (const terms of BOTH)
    for (const route of ["access", "card", "answer"] as const) {
      const rig = createRig(terms, {
        platform: {
          onReply: (asked, reply) =>
            asked === route ? Response.json(problem, { status: 403 }) : reply,
        },
      });
      const modes = [terms.mode] as const;
      expect(await rejectionOf(bind({ ...rig.options, modes }))).toMatchObject({
        code: "card_not_authenticated",
      });
      const step = steps[route][terms.mode === "signed" ? 0 : 1];
      expect(rig.steps.at(-1)).toMatchObject({ step, outcome: "card_not_authenticated" });
    }
});

test("a receipt that cannot be delivered changes nothing but what is said about it", async () => {
  for (const terms of BOTH) {
    const rig = createRig(terms, {
      platform: {
        onReply: (route, reply) => {
          if (route === "receipt") throw new TypeError("connection reset");
          return reply;
        },
      },
    });
    expect(await bind(rig.options)).toEqual({
      verdict: "SUCCESS",
      cardState: "serving",
      sid: SID,
      receipt: "unreachable",
    });
    // The same bytes, as often as the client tries.
    const receipts = rig.platform.requests.filter(({ route }) => route === "receipt");
    expect(receipts).toHaveLength(4);
    expect(new Set(receipts.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  }
});

test("encrypted mode without a concealment key is an error before anything is sent", async () => {
  const cases = [
    { concealment: undefined, code: "concealment_missing" },
    { concealment: { keyId: 0, publicKey: new Uint8Array(65) }, code: "concealment_key_invalid" },
  ];
  for (const { concealment, code } of cases) {
    const rig = createRig(ENCRYPTED);
    const { concealment: _, ...options } = rig.options;
    const given = concealment === undefined ? options : { ...options, concealment };
    expect(await rejectionOf(bind(given))).toMatchObject({ name: "ConcealmentError", code });
    expect([...commandsOf(rig), ...routesOf(rig)]).toEqual([]);
  }
  const rig = createRig(SIGNED);
  const { concealment: _, ...options } = rig.options;
  expect((await bind({ ...options, modes: ["signed"] })).verdict).toBe("SUCCESS");
});

test("a module whose IMSI is none is malformed, before anything is sent", async () => {
  const rig = createRig(SIGNED, { module: { readImsi: async () => "46001123456789A" } });
  expect(await rejectionOf(bind(rig.options))).toMatchObject({ name: "ModuleError" });
  expect(routesOf(rig)).toEqual([]);
});

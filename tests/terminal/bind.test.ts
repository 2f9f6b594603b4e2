import { expect, test } from "bun:test";
import { decodeAnswerStatement, type ModuleAnswer } from "#protocol/messages";
import type { CardState } from "#protocol/messages";
import type { StepReport } from "#protocol/steps";
import { bind, type BindOptions } from "#terminal/bind";
import { CancelledError } from "#terminal/cancel";
import { type CardApplet, CardError } from "#terminal/card";
import type { IdentityModule } from "#terminal/module";
import { type PlatformClient, PlatformError } from "#terminal/platform-client";
import type { AnswerReply, CardReply, ChallengeReply } from "#terminal/platform-messages";
import { rejectionOf } from "./rejection.ts";

const SIGNATURE = new Uint8Array(64);
const RES: ModuleAnswer = { kind: "res", values: [new Uint8Array(8).fill(1)] };
const AUTS: ModuleAnswer = { kind: "auts", auts: new Uint8Array(14).fill(2) };
const SUCCESS: AnswerReply = {
  kind: "verdict",
  verdict: "SUCCESS",
  result: Uint8Array.of(0xe5, 0x8e),
};

function challenge(round: number): ChallengeReply {
  const rands = [new Uint8Array(16).fill(round)];
  return {
    kind: "challenge",
    token: Uint8Array.of(100 + round),
    challenge: { round, rands, autn: new Uint8Array(16) },
    bytes: Uint8Array.of(0x90, round),
  };
}

interface Parts {
  readonly cardReply: CardReply;
  readonly answers: readonly AnswerReply[];
  readonly moduleAnswers: readonly ModuleAnswer[];
  readonly state: CardState;
  readonly platform: Partial<PlatformClient>;
  readonly card: Partial<CardApplet>;
  readonly module: Partial<IdentityModule>;
}

interface Rig {
  readonly options: BindOptions;
  readonly steps: StepReport[];
  /** Who was called, in order, with what is worth checking. */
  readonly calls: string[];
}

function unexpected(): never {
  throw new Error("bind must not call this");
}

function refuse(name: string, sw: number): () => Promise<never> {
  return () => Promise.reject(new CardError("refused", name, sw));
}

function fail(): Promise<never> {
  return Promise.reject(new PlatformError("card_not_authenticated", 403));
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** Card, module and platform that all do their part, except for what the test changes. */
function createRig(parts: Partial<Parts> = {}): Rig {
  const calls: string[] = [];
  const steps: StepReport[] = [];
  const state: CardState = parts.state ?? { name: "serving" };
  let answersSent = 0;
  let authentications = 0;
  const platform: PlatformClient = {
    async requestAccess(offer) {
      calls.push(`access ${offer.cardId} ${offer.tenant ?? "-"}`);
      return {
        sid: "sid",
        token: Uint8Array.of(1),
        credential: Uint8Array.of(0xe2, 0),
        suite: "P-256",
        mode: "signed",
      };
    },
    async proveCard(sid, proof) {
      calls.push(`card ${sid} ${proof.imsi} ${proof.token.toHex()} ${proof.proof.toHex()}`);
      return parts.cardReply ?? challenge(0);
    },
    async sendAnswer(sid, answer) {
      const statement = decodeAnswerStatement(answer.statement);
      const proof = answer.proof.toHex();
      calls.push(`answer ${sid} ${answer.token.toHex()} ${statement?.answer.kind} ${proof}`);
      return parts.answers?.[answersSent++] ?? SUCCESS;
    },
    async deliverReceipt(sid, receipt) {
      calls.push(`receipt ${sid} ${receipt.token.toHex()} ${receipt.receipt.toHex()}`);
    },
    ...parts.platform,
  };
  const card: CardApplet = {
    select: unexpected,
    readServiceKey: unexpected,
    readCertificate: unexpected,
    provePossession: unexpected,
    sign: unexpected,
    encipher: unexpected,
    decipher: unexpected,
    async readStatus() {
      return { cardId: "0123456789ABCDEF", cardKind: 1, epoch: 0, floor: 0, state };
    },
    async startSession(start) {
      calls.push(`start ${start.token.toHex()} ${start.suite} ${start.mode}`);
      const cardNonce = new Uint8Array(16);
      const value = { cardKind: 1, cardNonce, epoch: 0, state, signature: SIGNATURE };
      return { value, bytes: Uint8Array.of(0xaa) };
    },
    async answer(bytes) {
      calls.push(`sign ${bytes.toHex()}`);
      return { value: SIGNATURE, bytes: Uint8Array.of(0xbb) };
    },
    async deliverResult(result) {
      calls.push(`result ${result.toHex()}`);
      return { value: { state, epoch: 1, signature: SIGNATURE }, bytes: Uint8Array.of(0xcc) };
    },
    ...parts.card,
  };
  const module: IdentityModule = {
    kind: "USIM",
    readImsi: async () => "460011234567890",
    authenticate: async () => ({ answer: parts.moduleAnswers?.[authentications++] ?? RES }),
    ...parts.module,
  };
  let clock = 1000;
  const now = (): number => clock++;
  const onStep = (report: StepReport): void => {
    steps.push(report);
  };
  return { options: { platform, card, module, now, onStep }, steps, calls };
}

function numbers(steps: readonly StepReport[]): number[] {
  return steps.map(({ step }) => step);
}

const ROUND = [320, 321, 322, 323, 324, 325, 326, 327];
const OPENING = [311, 312, 313, 314, 315, 316];

test("Fig. 3: every step in its order, each party given what the one before it gave", async () => {
  const { options, steps, calls } = createRig();
  expect(await bind({ ...options, tenant: "acme" })).toEqual({
    verdict: "SUCCESS",
    cardState: "serving",
    sid: "sid",
    receipt: "delivered",
  });
  expect(calls).toEqual([
    "access 0123456789ABCDEF acme",
    "start 01 1 1",
    "card sid 460011234567890 01 aa",
    "sign 9000",
    "answer sid 64 res bb",
    "result e58e",
    "receipt sid 64 cc",
  ]);
  expect(numbers(steps)).toEqual([...OPENING, ...ROUND, 332, 333, 334]);
  expect(steps.map(({ outcome }) => outcome)).toEqual([
    ...Array.from({ length: 14 }, () => "done"),
    "SUCCESS",
    "done",
    "serving",
  ]);
  const times = steps.map(({ at }) => at);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test("a card id from the caller is used without asking the card", async () => {
  const { options, calls } = createRig({ card: { readStatus: unexpected } });
  await bind({ ...options, cardId: "FEDCBA9876543210" });
  expect(calls[0]).toBe("access FEDCBA9876543210 -");
});

test("AUTS twice: three rounds, each with its own token and challenge", async () => {
  const { options, steps, calls } = createRig({
    moduleAnswers: [AUTS, AUTS, RES],
    answers: [challenge(1), challenge(2), SUCCESS],
  });
  expect((await bind(options)).verdict).toBe("SUCCESS");
  expect(numbers(steps)).toEqual([...OPENING, ...ROUND, ...ROUND, ...ROUND, 332, 333, 334]);
  expect(steps.filter(({ step }) => step === 322).map(({ outcome }) => outcome)).toEqual([
    "synchronisation_failure",
    "synchronisation_failure",
    "done",
  ]);
  expect(calls.filter((call) => /^(sign|answer|receipt)/.test(call))).toEqual([
    "sign 9000",
    "answer sid 64 auts bb",
    "sign 9001",
    "answer sid 65 auts bb",
    "sign 9002",
    "answer sid 66 res bb",
    "receipt sid 66 cc",
  ]);
});

test("a platform that challenges a fourth time is outside the protocol", async () => {
  const { options } = createRig({ answers: [challenge(1), challenge(2), challenge(2)] });
  expect(await rejectionOf(bind(options))).toMatchObject({ code: "malformed_response" });
});

test("the module's refusal travels as an answer", async () => {
  const refusal: ModuleAnswer = { kind: "refusal", statusWord: 0x9862 };
  const { options, steps, calls } = createRig({
    moduleAnswers: [refusal],
    answers: [{ kind: "verdict", verdict: "FAILURE", result: Uint8Array.of(1) }],
    state: { name: "idle" },
  });
  expect(await bind(options)).toMatchObject({ verdict: "FAILURE", cardState: "idle" });
  expect(calls).toContain("answer sid 64 refusal bb");
  expect(steps.find(({ step }) => step === 322)?.outcome).toBe("refused 9862");
  expect(steps.find(({ step }) => step === 332)?.outcome).toBe("FAILURE");
});

test("FAILURE with a lock: the card's own state is what is reported", async () => {
  const { options, steps } = createRig({
    answers: [{ kind: "verdict", verdict: "FAILURE", result: Uint8Array.of(1) }],
    state: { name: "locked", lockId: new Uint8Array(16) },
  });
  expect(await bind(options)).toEqual({
    verdict: "FAILURE",
    cardState: "locked",
    sid: "sid",
    receipt: "delivered",
  });
  expect(steps.at(-1)).toMatchObject({ step: 334, outcome: "locked" });
});

test("JSON that says SUCCESS beside a result that the card took for FAILURE fools nobody", async () => {
  const { options } = createRig({ answers: [SUCCESS], state: { name: "idle" } });
  expect(await bind(options)).toMatchObject({ verdict: "FAILURE", cardState: "idle" });
});

test("a card that was locked before ends at step 316", async () => {
  const { options, steps } = createRig({
    cardReply: { kind: "locked" },
    module: { authenticate: unexpected },
  });
  expect(await bind(options)).toEqual({
    verdict: "FAILURE",
    cardState: "locked",
    sid: "sid",
    receipt: "none",
    reason: "locked already",
  });
  expect(numbers(steps)).toEqual(OPENING);
});

test("REFUSED: the card accepts neither credential, challenge nor result", async () => {
  const cases = [
    { card: { startSession: refuse("START SESSION", 0x6982) }, last: 314, sw: "6982" },
    { card: { answer: refuse("ANSWER", 0x6983) }, last: 325, sw: "6983" },
    { card: { deliverResult: refuse("RESULT", 0x6982) }, last: 334, sw: "6982" },
  ];
  for (const { card, last, sw } of cases) {
    const { options, steps, calls } = createRig({ card, state: { name: "idle" } });
    const outcome = await bind(options);
    expect(outcome).toMatchObject({ verdict: "REFUSED", cardState: "idle", receipt: "none" });
    expect(outcome.reason).toContain(`refused ${sw}`);
    expect(steps.at(-1)).toMatchObject({ step: last, outcome: `refused ${sw}` });
    expect(calls.some((call) => call.startsWith("receipt"))).toBe(false);
  }
});

test("a card that breaks or is pulled out is an error, not a verdict", async () => {
  for (const code of ["malformed", "transport"] as const) {
    const { options } = createRig({
      card: { deliverResult: () => Promise.reject(new CardError(code, "RESULT")) },
    });
    expect(await rejectionOf(bind(options))).toMatchObject({ name: "CardError", code });
  }
});

test("a problem of the platform surfaces typed, and its step says which", async () => {
  const cases = [
    { platform: { requestAccess: fail }, last: 311 },
    { platform: { proveCard: fail }, last: 316 },
    { platform: { sendAnswer: fail }, last: 327 },
  ];
  for (const { platform, last } of cases) {
    const { options, steps } = createRig({ platform });
    expect(await rejectionOf(bind(options))).toMatchObject({ code: "card_not_authenticated" });
    expect(steps.at(-1)).toMatchObject({ step: last, outcome: "card_not_authenticated" });
  }
});

test("a receipt that cannot be delivered changes nothing but what is said about it", async () => {
  for (const error of [new PlatformError("unreachable", 0), new CancelledError("aborted")]) {
    const { options } = createRig({ platform: { deliverReceipt: () => Promise.reject(error) } });
    expect(await bind(options)).toEqual({
      verdict: "SUCCESS",
      cardState: "serving",
      sid: "sid",
      receipt: error.code,
    });
  }
});

test("deadline and signal end a card, a module or a platform that never answers", async () => {
  const hanging: Partial<Parts>[] = [
    { card: { readStatus: never } },
    { card: { startSession: never } },
    { module: { authenticate: never } },
    { platform: { sendAnswer: never } },
  ];
  for (const parts of hanging) {
    const late = createRig(parts);
    expect(await rejectionOf(bind({ ...late.options, deadlineMs: 20 }))).toMatchObject({
      code: "deadline_exceeded",
    });
    const controller = new AbortController();
    const given = bind({ ...createRig(parts).options, signal: controller.signal });
    controller.abort();
    expect(await rejectionOf(given)).toMatchObject({ code: "aborted" });
  }
});

/**
 * Cards and platforms that send what no card and no platform would: every message cut, stretched
 * and rearranged, the other mode's messages; and callers who leave at every step.
 */
import { expect, test } from "bun:test";
import { suiteNamed } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import { bind } from "#terminal/bind";
import { CancelledError } from "#terminal/cancel";
import { CardError } from "#terminal/card";
import { PlatformError } from "#terminal/platform-client";
import {
  base64,
  type CardCommand,
  challengeParts,
  challengeReply,
  concat,
  ENCRYPTED,
  filled,
  LOCKED,
  type PlatformReply,
  type Route,
  SID,
  SIGNED,
  type Terms,
  UNLOCK,
  verdictReply,
} from "./doubles.ts";
import { rejectionOf } from "./rejection.ts";
import { commandsOf, createRig, type Rig, type RigParts, routesOf, trafficOf } from "./rig.ts";

const RSA_SIGNED: Terms = { suite: suiteNamed("RSA-2048"), mode: "signed" };
const AES_ENCRYPTED: Terms = { suite: suiteNamed("AES"), mode: "encrypted" };
const TERMS = [SIGNED, ENCRYPTED, RSA_SIGNED, AES_ENCRYPTED] as const;
const UNLOCKING: RigParts = { card: { state: LOCKED }, platform: { cardReply: UNLOCK } };

/** The answers of a card in `mode`, with the requests that went out before each one. */
function cardAnswers(mode: Terms["mode"]): (readonly [CardCommand, readonly Route[]])[] {
  return [
    ["status", []],
    ["start", ["access"]],
    ...(mode === "signed" ? [] : ([["open", ["access", "card"]]] as const)),
    ["answer", ["access", "card"]],
    ["result", ["access", "card", "answer"]],
    ["unlock", ["access", "card"]],
  ];
}

/** Encodings that differ from the valid one in exactly one way that every decoder must see. */
function defectsOf(parts: readonly Uint8Array[]): Uint8Array[] {
  const valid = concat(parts);
  const defects = [concat([...parts, Uint8Array.of(0)])];
  for (let length = 0; length < valid.length; length++) defects.push(valid.slice(0, length));
  parts.forEach((part, index) => {
    const replaced = (...by: readonly Uint8Array[]): Uint8Array =>
      concat(parts.toSpliced(index, 1, ...by));
    const [tag = 0, length = 0] = part;
    defects.push(replaced(), replaced(part, part), replaced(encodeTlv(0xdf, part.slice(2))));
    if (length >= 0x7f) return;
    // A length written in more bytes than it needs, and a value one byte too long; what is sealed
    // may have any.
    defects.push(replaced(Uint8Array.of(tag, 0x81, length, ...part.slice(2))));
    if (tag !== 0xd0) defects.push(replaced(Uint8Array.of(tag, length + 1, ...part.slice(2), 0)));
  });
  if (parts.length > 1) defects.push(concat(parts.toReversed()));
  return defects;
}

test("every answer of the card cut, stretched and rearranged: malformed, and nobody is told", async () => {
  const counts: Partial<Record<CardCommand, number>> = {};
  for (const terms of TERMS)
    for (const [command, told] of cardAnswers(terms.mode)) {
      const base = command === "unlock" ? UNLOCKING : {};
      let defects: Uint8Array[] = [];
      const learn = createRig(terms, {
        ...base,
        card: {
          ...base.card,
          onAnswer: (name, parts) => {
            if (name === command && defects.length === 0) defects = defectsOf(parts);
            return concat(parts);
          },
        },
      });
      await bind(learn.options);
      for (const defect of defects) {
        const rig = createRig(terms, {
          ...base,
          card: {
            ...base.card,
            onAnswer: (name, parts) => (name === command ? defect : concat(parts)),
          },
        });
        const error = await rejectionOf(bind(rig.options));
        expect(error).toBeInstanceOf(CardError);
        expect(error).toMatchObject({ code: "malformed", sw: undefined });
        expect(routesOf(rig)).toEqual([...told]);
        expect(commandsOf(rig).at(-1)).toBe(command);
        counts[command] = (counts[command] ?? 0) + 1;
      }
    }
  expect(Object.keys(counts).toSorted()).toEqual([
    "answer",
    "open",
    "result",
    "start",
    "status",
    "unlock",
  ]);
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(100);
});

function proof(bytes: number): Uint8Array {
  return filled(0x8e, bytes);
}

test("the other mode's and the other suite's answers of a card are malformed", async () => {
  const cases: readonly (readonly [Terms, CardCommand, Uint8Array])[] = [
    [SIGNED, "answer", filled(0xd0, 64)],
    [SIGNED, "answer", proof(16)],
    [SIGNED, "answer", proof(256)],
    [SIGNED, "result", filled(0xd0, 25)],
    [SIGNED, "start", startAnswer(filled(0xca, 65), proof(64))],
    [ENCRYPTED, "start", startAnswer(proof(64))],
    [ENCRYPTED, "answer", proof(64)],
    [ENCRYPTED, "answer", filled(0xd0, 16)],
    [ENCRYPTED, "answer", filled(0xd0, 500)],
    [ENCRYPTED, "result", concat([filled(0x8d, 1), filled(0x8c, 4), proof(64)])],
    [ENCRYPTED, "result", filled(0xd0, 64)],
    [AES_ENCRYPTED, "start", startAnswer(filled(0xca, 65), proof(16))],
    [RSA_SIGNED, "answer", proof(64)],
  ];
  for (const [terms, command, answer] of cases) {
    const rig = createRig(terms, {
      card: { onAnswer: (name, parts) => (name === command ? answer : concat(parts)) },
    });
    expect(await rejectionOf(bind(rig.options))).toMatchObject({
      name: "CardError",
      code: "malformed",
    });
    expect(routesOf(rig)).not.toContain("receipt");
  }
});

function startAnswer(...tail: readonly Uint8Array[]): Uint8Array {
  const state = Uint8Array.of(0x8d, 1, 0);
  return concat([Uint8Array.of(0x86, 1, 1), filled(0x8b, 16), filled(0x8c, 4), state, ...tail]);
}

test("a card that reports a state that does not exist is malformed", async () => {
  for (const state of [Uint8Array.of(3), Uint8Array.of(2), new Uint8Array(17)]) {
    const rig = createRig(SIGNED, {
      card: {
        onAnswer: (name, parts) =>
          concat(name === "result" ? [encodeTlv(0x8d, state), ...parts.slice(1)] : parts),
      },
    });
    expect(await rejectionOf(bind(rig.options))).toMatchObject({ code: "malformed" });
  }
});

test("in encrypted mode a status that cannot be read after RESULT does not hold the receipt back", async () => {
  let statuses = 0;
  const rig = createRig(ENCRYPTED, {
    card: {
      onAnswer: (name, parts) => {
        if (name === "status") statuses += 1;
        return concat(statuses > 1 ? [] : parts);
      },
    },
  });
  let delivered = false;
  const { platform } = rig.options;
  const slow = {
    ...platform,
    async deliverReceipt(...args: Parameters<typeof platform.deliverReceipt>) {
      await platform.deliverReceipt(...args);
      await Bun.sleep(5);
      delivered = true;
    },
  };
  const error = await rejectionOf(bind({ ...rig.options, platform: slow }));
  expect(error).toMatchObject({ code: "malformed" });
  expect(delivered).toBe(true);
  expect(routesOf(rig)).toEqual(["access", "card", "answer", "receipt"]);
});

const REPLIES = ["access", "card", "answer"] as const;

/** JSON that differs in one member; `valid` members are all needed. */
function jsonDefects(valid: PlatformReply): PlatformReply[] {
  const defects: PlatformReply[] = [];
  for (const [name, value] of Object.entries(valid)) {
    const { [name]: _, ...rest } = valid;
    defects.push(rest);
    const text = String(value);
    for (const by of [null, 7, {}, "", `${text}=`, ` ${text}`, "A".repeat(9001), "?"])
      defects.push({ ...valid, [name]: by });
  }
  return defects;
}

async function expectMalformed(terms: Terms, route: Route, reply: PlatformReply): Promise<void> {
  const rig = createRig(terms, {
    platform: { onReply: (asked, valid) => (asked === route ? reply : valid) },
  });
  const error = await rejectionOf(bind(rig.options));
  expect(error).toBeInstanceOf(PlatformError);
  expect(error).toMatchObject({ code: "malformed_response" });
  // It ends there: the same step is not taken again with what came back.
  expect(routesOf(rig)).toEqual(
    ["access", "card", "answer"].slice(0, routesOf(rig).indexOf(route) + 1),
  );
  expect(commandsOf(rig)).not.toContain("result");
}

test("every member of every answer of the platform missing or of another type: malformed_response", async () => {
  let count = 0;
  for (const terms of TERMS) {
    const replies: Readonly<Record<(typeof REPLIES)[number], PlatformReply>> = {
      access: {
        sid: SID,
        token: base64(1),
        credential: base64(0xe2, 0),
        suite: terms.suite.name,
        mode: terms.mode,
      },
      card: challengeReply(terms, 0),
      answer: verdictReply(terms),
    };
    for (const route of REPLIES)
      for (const defect of jsonDefects(replies[route])) {
        await expectMalformed(terms, route, defect);
        count += 1;
      }
  }
  expect(count).toBeGreaterThan(300);
});

test("the other mode's bodies, and two answers in one, are malformed_response", async () => {
  const cases: readonly (readonly [Terms, Route, PlatformReply])[] = [
    [SIGNED, "answer", verdictReply(ENCRYPTED)],
    [ENCRYPTED, "answer", verdictReply(SIGNED)],
    [SIGNED, "card", challengeReply(ENCRYPTED, 0)],
    [SIGNED, "card", { ...challengeReply(SIGNED, 0), unlock: base64(1) }],
    [SIGNED, "card", { ...challengeReply(SIGNED, 0), verdict: "FAILURE" }],
    [SIGNED, "card", { verdict: "SUCCESS" }],
    [SIGNED, "card", {}],
    [SIGNED, "answer", { ...challengeReply(SIGNED, 1), ...verdictReply(SIGNED) }],
    [SIGNED, "answer", { ...challengeReply(SIGNED, 1), verdict: "FAILURE" }],
    [ENCRYPTED, "answer", { ...challengeReply(ENCRYPTED, 1), ...verdictReply(ENCRYPTED) }],
    [SIGNED, "answer", { verdict: "MAYBE", result: base64(1) }],
    [SIGNED, "answer", UNLOCK],
  ];
  for (const [terms, route, reply] of cases) await expectMalformed(terms, route, reply);
});

test("in encrypted mode a signed challenge reaches the card alone, which refuses it", async () => {
  const rig = createRig(ENCRYPTED, {
    platform: { cardReply: challengeReply(SIGNED, 0) },
    card: { onAnswer: (name, parts) => (name === "open" ? 0x6a80 : concat(parts)) },
  });
  expect(await bind(rig.options)).toMatchObject({ verdict: "REFUSED" });
  expect(rig.module.responses).toEqual([]);
});

test("signed mode: every challenge cut, stretched and rearranged is kept from module and card", async () => {
  const defects = defectsOf(challengeParts(0));
  for (const defect of defects) {
    const challenge = base64(...defect);
    const rig = createRig(SIGNED, { platform: { cardReply: { token: base64(2), challenge } } });
    const error = await rejectionOf(bind(rig.options));
    expect(error).toMatchObject({ name: "PlatformError", code: "malformed_response" });
    expect(rig.module.responses).toEqual([]);
    expect(commandsOf(rig)).toEqual(["status", "start"]);
  }
  expect(defects.length).toBeGreaterThan(50);
});

test("a caller who leaves at any step: aborted, and nothing more crosses any wire", async () => {
  let steps = 0;
  for (const [terms, parts] of [
    [SIGNED, {}],
    [ENCRYPTED, {}],
    [SIGNED, UNLOCKING],
    [ENCRYPTED, UNLOCKING],
  ] as const) {
    const whole = createRig(terms, parts);
    await bind(whole.options);
    for (let leaveAt = 1; leaveAt <= whole.steps.length; leaveAt++) {
      const rig = createRig(terms, parts);
      const controller = new AbortController();
      let seen = 0;
      let trafficThen = -1;
      const onStep = (): void => {
        if (++seen < leaveAt) return;
        controller.abort();
        if (trafficThen < 0) trafficThen = trafficOf(rig);
      };
      const work = bind({ ...rig.options, onStep, signal: controller.signal });
      // With the last two steps the card has decided: only its receipt is left undelivered, and in
      // encrypted mode its status unread.
      const stepsLeft = whole.steps.length - leaveAt;
      const saysState = terms.mode === "signed" || parts === UNLOCKING;
      if (stepsLeft > (saysState ? 1 : 0))
        expect(await rejectionOf(work)).toMatchObject({ name: "CancelledError", code: "aborted" });
      else expect((await work).receipt).toBe(saysState ? "aborted" : "delivered");
      await Bun.sleep(0);
      expect(trafficOf(rig)).toBe(trafficThen);
      steps += 1;
    }
  }
  expect(steps).toBeGreaterThan(50);
});

test("a caller who left before bind begins: nothing is sent at all", async () => {
  const rig = createRig(ENCRYPTED);
  const error = await rejectionOf(bind({ ...rig.options, signal: AbortSignal.abort() }));
  expect(error).toBeInstanceOf(CancelledError);
  expect(trafficOf(rig)).toBe(0);
});

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** A handset whose card, platform or module hangs in the method named. */
function hang(terms: Terms, at: string): Rig {
  const rig = createRig(terms, at === "module" ? { module: { authenticate: never } } : {});
  const { card, platform } = rig.options;
  const options = {
    ...rig.options,
    card: at in card ? { ...card, [at]: never } : card,
    platform: at in platform ? { ...platform, [at]: never } : platform,
  };
  return { ...rig, options };
}

test("deadline and signal end a card, a module or a platform that never answers", async () => {
  const cases: readonly (readonly [Terms, readonly string[]])[] = [
    [SIGNED, ["readStatus", "startSession", "signAnswer", "deliverResult", "proveCard", "module"]],
    [ENCRYPTED, ["openChallenge", "sealAnswer", "deliverSealedResult", "sendAnswer", "module"]],
  ];
  for (const [terms, places] of cases)
    for (const at of places) {
      const late = hang(terms, at);
      expect(await rejectionOf(bind({ ...late.options, deadlineMs: 20 }))).toMatchObject({
        code: "deadline_exceeded",
      });
      const controller = new AbortController();
      const given = bind({ ...hang(terms, at).options, signal: controller.signal });
      setTimeout(() => {
        controller.abort();
      }, 5);
      expect(await rejectionOf(given)).toMatchObject({ code: "aborted" });
    }
});

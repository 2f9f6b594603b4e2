/** What a proof is worth, and what rules make of it. */
import { createHmac } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { RuleSubject } from "#edge/binding-verification/rule-match";
import { makeSubject, verifyRuleList } from "#tests/rules/scene";
import type { AuthenticationCentre } from "#edge/dependencies";
import type { BindingRule } from "#protocol/rules";
import { type Strength, STRENGTHS } from "#protocol/suites";
import { confirmationMessage } from "#protocol/transcript";
import { convertRes } from "../emulators/sim/conversions.ts";
import { CAVE, COMP128_1, COMP128_3, MILENAGE, type Phone, PHONES } from "./phones.ts";
import { type Asked, openScene, random, res, type Scene, wordOf } from "./scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const USIMS = PHONES.filter(({ kind }) => kind === "USIM").map((p) => [p.algorithm, p] as const);

/** As docs/protocol.md, section 3.5, has it. */
function tagOf(
  phone: Phone,
  asked: Asked,
  changes: { readonly sid?: Uint8Array } = {},
): Uint8Array {
  const [rand = random(16)] = asked.vector.rands;
  const key = phone.confirmationKey?.(rand) ?? random(32);
  const answer = res(phone.respond(rand));
  const message = confirmationMessage(changes.sid ?? asked.sidBytes, asked.challenge, answer);
  return new Uint8Array(createHmac("sha256", key).update(message).digest());
}
const rightAnswer = (phone: Phone, asked: Asked) => res(...asked.vector.rands.map(phone.respond));

test.each(USIMS)("%s: a confirmation tag that fits raises the strength", async (_, phone) => {
  await scene.enrol(phone.enrolment);
  const asked = await scene.ask(phone);
  const outcome = await asked.answer(rightAnswer(phone, asked), tagOf(phone, asked));
  expect(outcome).toMatchObject({ kind: "verified", strength: "USIM with tag" });
});

test.each(USIMS)("%s: a confirmation tag that does not fit is a wrong answer", async (_, phone) => {
  await scene.enrol(phone.enrolment);
  const wrongs: readonly ((asked: Asked) => Uint8Array)[] = [
    () => random(32),
    (asked) => tagOf(phone, asked).with(31, (tagOf(phone, asked)[31] ?? 0) ^ 1),
    (asked) => tagOf(phone, asked, { sid: random(16) }),
    (asked) => tagOf(phone, asked).slice(0, 31),
  ];
  for (const wrong of wrongs) {
    const asked = await scene.ask(phone);
    const word = wordOf(await asked.answer(rightAnswer(phone, asked), wrong(asked)));
    expect(word).toBe("response_mismatch");
  }
  const asked = await scene.ask(phone);
  const tagged = await asked.answer(res(random(8)), tagOf(phone, asked));
  expect(wordOf(tagged)).toBe("response_mismatch");
});

test("I10: CK and IK rest wrapped with XRES while the challenge is open, and nowhere after it", async () => {
  await scene.enrol(MILENAGE.enrolment);
  const asked = await scene.ask(MILENAGE);
  const [rand = random(16)] = asked.vector.rands;
  const key = MILENAGE.confirmationKey?.(rand) ?? random(32);
  const held = () => scene.rows("SELECT wrapped_vector AS held FROM slot_challenge")[0]?.["held"];
  expect(held()).toBeInstanceOf(Uint8Array);
  for (const secret of [key.slice(0, 16), key.slice(16), MILENAGE.respond(rand)]) {
    expect(scene.dump()).not.toContain(secret.toHex());
  }
  // The search works: RAND is public and is found.
  expect(scene.dump()).toContain(rand.toHex());
  await asked.answer({ kind: "refusal", statusWord: 0x9862 });
  expect(held()).toBeNull();
});

test("a tag where nobody has CK and IK cannot be checked, and does not count as none", async () => {
  for (const phone of [COMP128_3, CAVE]) {
    await scene.enrol(phone.enrolment);
    const asked = await scene.ask(phone);
    const outcome = await asked.answer(rightAnswer(phone, asked), random(32));
    expect(wordOf(outcome)).toBe("tag_unverifiable");
  }
  await scene.enrol(MILENAGE.enrolment);
  const asked = await scene.ask(MILENAGE);
  const outcome = await asked.answer({ kind: "auts", auts: random(14) }, random(32));
  expect(wordOf(outcome)).toBe("tag_unverifiable");
});

/** A centre that gives XRES and keeps CK and IK to itself, as a UDM does. */
function withholdKeys(centre: AuthenticationCentre): AuthenticationCentre {
  return {
    ...centre,
    vector(subscriber, order) {
      const { autn, expected } = centre.vector(subscriber, order);
      return { autn, expected };
    },
  };
}

test("a centre that never releases CK and IK proves a USIM, and refuses every tag", async () => {
  await scene.enrol(MILENAGE.enrolment);
  scene.reopen({ centre: withholdKeys(scene.dependencies.centre) });
  const plain = await scene.ask(MILENAGE);
  expect(await plain.answer(rightAnswer(MILENAGE, plain))).toMatchObject({ strength: "USIM" });
  const tagged = await scene.ask(MILENAGE);
  const outcome = await tagged.answer(rightAnswer(MILENAGE, tagged), tagOf(MILENAGE, tagged));
  expect(wordOf(outcome)).toBe("tag_unverifiable");
});

test("a USIM's RES below 8 bytes never counts", async () => {
  await scene.enrol(MILENAGE.enrolment);
  const { centre } = scene.dependencies;
  scene.reopen({
    centre: {
      ...centre,
      vector: (subscriber, order) => {
        const vector = centre.vector(subscriber, order);
        return { ...vector, expected: vector.expected.map((value) => value.slice(0, 7)) };
      },
    },
  });
  const asked = await scene.ask(MILENAGE);
  const [rand = random(16)] = asked.vector.rands;
  const outcome = await asked.answer(res(MILENAGE.respond(rand).slice(0, 7)));
  expect(wordOf(outcome)).toBe("response_mismatch");
});

test.each(USIMS)("%s in the GSM context is worth a SIM, and takes no SQN", async (_, phone) => {
  await scene.enrol(phone.enrolment);
  const asked = await scene.ask({ ...phone, kind: "SIM" });
  expect(asked.vector.autn.length).toBe(0);
  const sres = asked.vector.rands.map((rand) => convertRes(phone.respond(rand)));
  expect(await asked.answer(res(...sres))).toMatchObject({
    kind: "verified",
    strength: "SIM",
    subscriber: { provisionedStrength: "USIM" },
  });
  expect(scene.rows("SELECT seq FROM slot")).toEqual([{ seq: 0 }]);
});

const CARD_ID = "00112233445566AA";
const HOME = { imsi: "460010000000001", operator: "46001" };
const rule = (changes: Partial<BindingRule> = {}): BindingRule => ({
  id: "r",
  target: { card: CARD_ID },
  condition: { operator: "46001" },
  onMismatch: "lock",
  ...changes,
});
const proven = (strength: Strength, provisionedStrength: Strength): RuleSubject =>
  makeSubject({ ...HOME, cardId: CARD_ID, strength, provisionedStrength });

test("a rule without a strength asks for what the subscriber's own module proves", () => {
  for (const own of ["SIM", "CAVE", "CHAP", "USIM"] as const) {
    for (const strength of STRENGTHS) {
      const verdict = verifyRuleList([rule()], proven(strength, own));
      const enough = STRENGTHS.indexOf(strength) >= STRENGTHS.indexOf(own);
      expect([own, strength, verdict.allowed]).toEqual([own, strength, enough]);
    }
  }
});

test("a rule's strength is asked for, neither more nor less", () => {
  for (const minimumStrength of STRENGTHS) {
    for (const strength of STRENGTHS) {
      const verdict = verifyRuleList([rule({ minimumStrength })], proven(strength, "USIM"));
      const enough = STRENGTHS.indexOf(strength) >= STRENGTHS.indexOf(minimumStrength);
      expect([minimumStrength, strength, verdict.allowed]).toEqual([
        minimumStrength,
        strength,
        enough,
      ]);
    }
  }
});

test("COMP128-1 binds only under a rule that names it", () => {
  const subscriber = proven("COMP128-1", "COMP128-1");
  expect(verifyRuleList([rule()], subscriber).allowed).toBe(false);
  expect(verifyRuleList([rule({ minimumStrength: "SIM" })], subscriber).allowed).toBe(false);
  expect(verifyRuleList([rule({ minimumStrength: "COMP128-1" })], subscriber).allowed).toBe(true);
});

test("I8: a proof that is too weak refuses, and never locks", () => {
  const weak = proven("SIM", "USIM");
  const refused = {
    allowed: false,
    reason: "strength_too_low",
    action: "refuse",
    isMismatch: false,
    rule: "r",
    field: "minimumStrength",
  } as const;
  expect(verifyRuleList([rule()], weak)).toEqual(refused);
  const other = rule({ id: "s", condition: { imsi: "460010000000002" } });
  expect(verifyRuleList([other, rule()], weak)).toEqual(refused);
  expect(verifyRuleList([other], weak)).toMatchObject({
    action: "lock",
    isMismatch: true,
    reason: "no_rule_allows",
    field: "imsi",
  });
  const lower = rule({ id: "t", minimumStrength: "SIM" });
  expect(verifyRuleList([rule(), lower], weak)).toEqual({ allowed: true, rule: "t", lease: {} });
});

test("strengths are ordered as the protocol says", () => {
  expect([...STRENGTHS]).toEqual(["COMP128-1", "SIM", "CAVE", "CHAP", "USIM", "USIM with tag"]);
  expect(COMP128_1.strength).toBe("COMP128-1");
});

test.each([undefined, ...STRENGTHS])("a rule keeps its strength: %s", async (minimumStrength) => {
  const { id, ...body } = rule({ ...(minimumStrength && { minimumStrength }) });
  expect((await scene.platform.call("PUT", `/rules/${id}`, body)).status).toBe(204);
  const answer = await scene.platform.call("GET", "/rules?version=draft");
  expect(answer.json).toEqual({ version: 1, rules: [{ id, ...body }] });
});

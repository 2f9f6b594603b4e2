/** Every algorithm of the table, enrolled and answered; answers come from other implementations. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { algorithms } from "#edge/algorithms";
import { DEFAULT_LIMITS } from "#edge/limits";
import { CAVE, CHAP, COMP128_3, MILENAGE, type Phone, PHONES } from "./phones.ts";
import { openScene, random, res, type Scene, wordOf } from "./scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const nameOf = ({ algorithm, enrolment }: Phone): string =>
  `${algorithm}, key of ${String(enrolment["k"] ?? enrolment["ki"] ?? "").length / 2 || "other"}`;
const CASES = PHONES.map((phone) => [nameOf(phone), phone] as const);

test("no algorithm of the table is left out but those that are experimental", () => {
  const enrolled = new Set(PHONES.map(({ algorithm }) => algorithm));
  const all = algorithms.names.filter((name) => algorithms.find(name)?.status !== "experimental");
  expect([...enrolled].toSorted()).toEqual(all.toSorted());
});

test.each(CASES)(
  "%s: challenged in its form, and the right answer is worth what it is",
  async (_, phone) => {
    await scene.enrol(phone.enrolment);
    const view = await scene.platform.call("GET", `/subscribers/${phone.imsi}`);
    expect(view.json).toMatchObject({ algorithm: phone.algorithm, moduleKind: phone.kind });
    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const asked = await scene.ask(phone);
      expect(asked.objection).toBe("");
      const { rands, autn } = asked.vector;
      expect(rands.map((rand) => rand.length)).toEqual(
        Array.from({ length: phone.rands }, () => phone.randBytes),
      );
      expect(autn.length).toBe(phone.autnBytes);
      for (const rand of rands) seen.add(rand.toHex());
      const outcome = await asked.answer(res(...rands.map(phone.respond)));
      expect(outcome).toMatchObject({
        kind: "verified",
        strength: phone.strength,
        subscriber: { imsi: phone.imsi, keyVersion: 1, provisionedStrength: phone.strength },
      });
    }
    expect(seen.size).toBe(3 * phone.rands);
    expect(
      scene.rows("SELECT number FROM slot_challenge WHERE wrapped_vector IS NOT NULL"),
    ).toEqual([]);
  },
);

/** What a module could answer beside the truth. */
function wrongAnswers(values: readonly Uint8Array[]): [string, readonly Uint8Array[]][] {
  const [first = random(4), ...rest] = values;
  const flipped = first.with(first.length - 1, (first.at(-1) ?? 0) ^ 1);
  const wrong: [string, readonly Uint8Array[]][] = [
    ["none", []],
    ["one bit", [flipped, ...rest]],
    ["first byte", [first.with(0, (first[0] ?? 0) ^ 0x80), ...rest]],
    ["short", [first.slice(0, -1), ...rest]],
    ["empty", [new Uint8Array(0), ...rest]],
    ["over-long", [new Uint8Array([...first, 0]), ...rest]],
    ["an extra one", [...values, first]],
    ["random", values.map((value) => random(value.length))],
  ];
  if (rest.length > 0) {
    wrong.push(
      ["one missing", rest],
      ["last missing", values.slice(0, -1)],
      ["swapped", [rest[0] ?? first, first, ...rest.slice(1)]],
      ["backwards", values.toReversed()],
      ["all the first", values.map(() => first)],
      ["last wrong", [...values.slice(0, -1), random(first.length)]],
    );
  }
  return wrong;
}

test.each(CASES)(
  "I2: %s: an answer that is not whole, in place and right counts as wrong",
  async (_, phone) => {
    await scene.enrol(phone.enrolment);
    const names = wrongAnswers(Array.from({ length: phone.rands }, () => random(4))).length;
    for (let i = 0; i < names; i++) {
      const asked = await scene.ask(phone);
      const right = asked.vector.rands.map(phone.respond);
      const [name, values] = wrongAnswers(right)[i] ?? ["", []];
      expect([name, wordOf(await asked.answer(res(...values)))]).toEqual([
        name,
        "response_mismatch",
      ]);
      // The RANDs are consumed: the right answer comes too late.
      expect(wordOf(await asked.answer(res(...right)))).toBe("no_open_challenge");
    }
  },
);

test.each(CASES)(
  "I3: %s: one outcome, for the answer that closed the challenge alone",
  async (_, phone) => {
    await scene.enrol(phone.enrolment);
    const asked = await scene.ask(phone);
    const again = await scene.ask({ ...phone, sid: asked.sid });
    expect(again.vector).toEqual(asked.vector);
    const right = res(...asked.vector.rands.map(phone.respond));
    const digest = random(32);
    expect(wordOf(await asked.answer(right, undefined, digest))).toBe("verified");
    expect(await asked.answer(right, undefined, digest)).toMatchObject({
      strength: phone.strength,
    });
    expect(wordOf(await asked.answer(right))).toBe("no_open_challenge");
    const other = await scene.ask(phone);
    expect(wordOf(await other.answer(right))).toBe("response_mismatch");
  },
);

test.each(CASES)(
  "%s: a refusal, AUTS or RANDBS out of place consume and prove nothing",
  async (_, phone) => {
    await scene.enrol(phone.enrolment);
    const refused = await scene.ask(phone);
    const refusal = { kind: "refusal", statusWord: 0x9862 } as const;
    expect(wordOf(await refused.answer(refusal))).toBe("module_refused");
    const auts = await scene.ask(phone);
    const word = wordOf(await auts.answer({ kind: "auts", auts: random(14) }));
    expect(word).toBe(phone.kind === "USIM" ? "mac_failure" : "response_mismatch");
    const randbs = await scene.ask(phone);
    expect(wordOf(await randbs.answer({ kind: "randbs", randbs: random(4) }))).toBe(
      "response_mismatch",
    );
    expect(scene.rows("SELECT object FROM slot_ssd")).toEqual([]);
  },
);

test.each([MILENAGE, COMP128_3, CAVE, CHAP].map((phone) => [phone.algorithm, phone] as const))(
  "I4: %s: a RAND among the last 1,024 of the subscriber is not drawn again",
  async (_, phone) => {
    const drawn: Uint8Array[] = [];
    const repeating = (length: number): Uint8Array => {
      const next = random(length);
      // Every second one has been seen before.
      const known = drawn.length > 0 && drawn.length % 2 === 0;
      const value = known ? (drawn.findLast((rand) => rand.length === length) ?? next) : next;
      drawn.push(value);
      return value.slice();
    };
    scene.close();
    scene = await openScene();
    await scene.enrol(phone.enrolment);
    scene.reopen({ random: repeating });
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const asked = await scene.ask(phone);
      for (const rand of asked.vector.rands) seen.add(rand.toHex());
    }
    expect(seen.size).toBe(20 * phone.rands);
  },
);

test("a RAND is remembered for 1,024 challenges and up to 63 more, a challenge for an hour", async () => {
  await scene.enrol(COMP128_3.enrolment);
  const start = Date.now();
  let now = start;
  scene.reopen({ clock: () => now });
  const counts = () =>
    scene.rows(
      "SELECT (SELECT COUNT(*) FROM slot_challenge) AS open, (SELECT COUNT(*) FROM slot_rand) AS rands",
    );
  for (let i = 1; i <= 1087; i++) {
    now = start + (i > 1000 ? 1800_000 : 0);
    await scene.ask(COMP128_3);
  }
  expect(counts()).toEqual([{ open: 1087, rands: 2 * 1087 }]);
  now = start + 3600_000;
  await scene.ask(COMP128_3);
  expect(counts()).toEqual([{ open: 88, rands: 2 * 1024 }]);
});

test("a challenge is kept for as long as its session may last", async () => {
  await scene.enrol(COMP128_3.enrolment);
  const start = Date.now();
  let now = start;
  const limits = { ...scene.dependencies.limits, sessionSeconds: 7200 };
  scene.reopen({ clock: () => now, limits });
  const kept = () => scene.rows("SELECT COUNT(*) AS n FROM slot_challenge");
  await scene.ask(COMP128_3);
  now = start + 7_199_000;
  await scene.ask(COMP128_3);
  expect(kept()).toEqual([{ n: 2 }]);
  now = start + 7_200_000;
  await scene.ask(COMP128_3);
  expect(kept()).toEqual([{ n: 2 }]);
});

test("a subscriber of a test algorithm is neither enrolled nor challenged unless it is let in", async () => {
  const xor = PHONES.filter(({ algorithm }) => algorithm.startsWith("xor"));
  expect(xor).toHaveLength(2);
  for (const phone of xor) await scene.enrol(phone.enrolment);
  scene.reopen({ limits: DEFAULT_LIMITS });
  for (const phone of xor) {
    const asked = await scene.ask(phone);
    expect(asked.objection).toBe("algorithm_not_allowed");
    expect(asked.vector.rands).toHaveLength(phone.rands);
  }
  const strict = await openScene({ limits: DEFAULT_LIMITS });
  for (const phone of xor) {
    const answer = await strict.platform.call("POST", "/subscribers", phone.enrolment);
    expect(answer.json).toMatchObject({ code: "malformed" });
  }
  strict.close();
});

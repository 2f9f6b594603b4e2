/** A subscriber whose keys another centre has, from the slot's and the card's point of view. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { CentreOutage, FetchedQuintet, FetchedVector } from "#edge/dependencies";
import { DEFAULT_LIMITS } from "#edge/limits";
import { failure, success } from "#protocol/result";
import { createAkaFunctions } from "../emulators/sim/aka-functions.ts";
import { convertRes } from "../emulators/sim/conversions.ts";
import { createEmulatedCentre, type EmulatedCentre } from "./emulated-centre.ts";
import { type Asked, asText, openScene, random, res, type Scene, wordOf } from "./scene.ts";

const IMSI = "460017000000042";
const OTHER_IMSI = "460017000000043";
const [K, OPC] = [random(16), random(16)];
const { f2, f3, f4 } = createAkaFunctions({ k: K, opc: OPC });
const USIM = { imsi: IMSI, kind: "USIM" } as const;
const SIM = { imsi: IMSI, kind: "SIM" } as const;
const MINUTES_MS = 60_000;

let scene: Scene;
let hlr: EmulatedCentre;
let now: number;

const enrolment = (changes: object = {}) => ({
  imsi: IMSI,
  mncLength: 2,
  centre: "hlr",
  proves: "USIM",
  ...changes,
});

beforeEach(async () => {
  now = Date.UTC(2026, 10, 25);
  hlr = createEmulatedCentre(IMSI, { k: K, opc: OPC });
  const connectors = new Map([["hlr", hlr]]);
  scene = await openScene({ connectors, clock: () => now });
  await scene.enrol(enrolment());
});
afterEach(() => scene.close());

const right = ({ vector }: Asked) => res(...vector.rands.map(f2));
const waiting = () => scene.rows("SELECT COUNT(*) AS n FROM slot_vector")[0]?.["n"];

function auts({ vector }: Asked, seq: number) {
  const [rand = random(16)] = vector.rands;
  return { kind: "auts", auts: hlr.makeAuts(rand, seq) } as const;
}

function firstOf(vectors: readonly FetchedVector[]): FetchedVector {
  const [vector] = vectors;
  if (vector === undefined) throw new Error("no vectors");
  return vector;
}

function quintetOf({ quintet }: FetchedVector): FetchedQuintet {
  if (quintet === undefined) throw new Error("no quintet");
  return quintet;
}

const withoutSres = ({ rand, quintet }: FetchedVector): FetchedVector => ({ rand, quintet });
const withoutQuintet = ({ rand, sres }: FetchedVector): FetchedVector => ({ rand, sres });

describe("M13: vectors of a centre behind a connector", () => {
  test("one query serves five challenges, in the order of their SQN, and each answer counts", async () => {
    const ranks: number[] = [];
    for (let i = 0; i < 6; i++) {
      const asked = await scene.ask(USIM);
      expect(asked.objection).toBe("");
      const { rands, autn } = asked.vector;
      expect([rands.length, autn.length]).toEqual([1, 16]);
      ranks.push(hlr.queries.length);
      expect(await asked.answer(right(asked))).toMatchObject({
        kind: "verified",
        strength: "USIM",
        subscriber: { imsi: IMSI, provisionedStrength: "USIM" },
      });
    }
    expect(ranks).toEqual([1, 1, 1, 1, 1, 2]);
    expect(hlr.queries.every(({ imsi, count }) => imsi === IMSI && count === 5)).toBe(true);
  });

  test("a wrong answer, a second one, and one to another challenge do not count", async () => {
    const first = await scene.ask(USIM);
    const second = await scene.ask(USIM);
    expect(wordOf(await first.answer(right(second)))).toBe("response_mismatch");
    expect(wordOf(await first.answer(right(first)))).toBe("no_open_challenge");
    const short = res(f2(second.vector.rands[0] ?? random(16)).slice(0, 4));
    expect(wordOf(await second.answer(short))).toBe("response_mismatch");
  });

  test("I10: CK and IK of the centre check the confirmation tag", async () => {
    const asked = await scene.ask(USIM);
    const [rand = random(16)] = asked.vector.rands;
    const { confirmationMessage } = await import("#protocol/transcript");
    const message = confirmationMessage(asked.sidBytes, asked.challenge, right(asked));
    const key = new Uint8Array([...f3(rand), ...f4(rand)]);
    const tag = new Uint8Array(new Bun.CryptoHasher("sha256", key).update(message).digest());
    expect(await asked.answer(right(asked), tag)).toMatchObject({ strength: "USIM with tag" });
    const other = await scene.ask(USIM);
    expect(wordOf(await other.answer(right(other), random(32)))).toBe("response_mismatch");
  });

  test("M6: two of its vectors make the challenge of a SIM", async () => {
    await scene.enrol(enrolment({ imsi: OTHER_IMSI, proves: "SIM" }));
    const centre = createEmulatedCentre(OTHER_IMSI, { k: K, opc: OPC });
    centre.distort((truth) => (truth.ok ? success(truth.value.map(withoutQuintet)) : truth));
    scene.reopen({ connectors: new Map([["hlr", centre]]) });
    for (let i = 0; i < 2; i++) {
      const asked = await scene.ask({ imsi: OTHER_IMSI, kind: "SIM" });
      expect(new Set(asked.vector.rands.map((rand) => rand.toHex())).size).toBe(2);
      const answer = res(...asked.vector.rands.map((rand) => convertRes(f2(rand))));
      expect(await asked.answer(answer)).toMatchObject({ kind: "verified", strength: "SIM" });
    }
    expect(centre.queries.length).toBe(1);
    expect((await scene.ask({ imsi: OTHER_IMSI, kind: "USIM" })).objection).toBe(
      "module_kind_mismatch",
    );
  });

  test("a USIM in the GSM context is worth a SIM", async () => {
    const asked = await scene.ask(SIM);
    const answer = res(...asked.vector.rands.map((rand) => convertRes(f2(rand))));
    expect(await asked.answer(answer)).toMatchObject({
      strength: "SIM",
      subscriber: { provisionedStrength: "USIM" },
    });
  });

  test("I13: nothing of a vector is in a plain column, a log or a view", async () => {
    const secrets: Uint8Array[] = [];
    hlr.distort((truth) => {
      if (!truth.ok) throw new Error("no vectors");
      for (const { sres, quintet } of truth.value) {
        for (const secret of [sres, quintet?.xres, quintet?.confirmationKey]) {
          if (secret !== undefined) secrets.push(secret.slice());
        }
      }
      return truth;
    });
    await scene.ask(USIM);
    expect(secrets.length).toBe(15);
    const stored = asText(scene.rows("SELECT * FROM slot_vector")) + scene.dump();
    for (const secret of secrets) {
      for (const text of [stored, scene.platform.logged.join("")]) {
        expect(text).not.toContain(secret.toHex());
      }
    }
  });
});

describe("the life of a batch", () => {
  test("minutes, and not a moment longer", async () => {
    await scene.ask(USIM);
    now += DEFAULT_LIMITS.fetchedVectorSeconds * 1000 - 1;
    await scene.ask(USIM);
    expect(hlr.queries.length).toBe(1);
    now += 1;
    await scene.ask(USIM);
    expect(hlr.queries.length).toBe(2);
  });

  test("I11: an order to bar it, and its withdrawal, erase what waits", async () => {
    await scene.ask(USIM);
    expect(waiting()).toBe(4);
    const slot = String(scene.rows("SELECT object FROM slot")[0]?.["object"]);
    const { SubscriberWriter } = await import("#edge/state/subscriber-writer");
    const writer = new SubscriberWriter(scene.sql, slot, scene.dependencies);
    writer.order({ tenant: "default", mark: "barred", set: true, by: [] });
    expect(waiting()).toBe(0);
    expect((await scene.ask(USIM)).objection).toBe("imsi_barred");
    expect(hlr.queries.length).toBe(1);
    writer.order({ tenant: "default", mark: "barred", set: false, by: [] });
    expect((await scene.ask(USIM)).objection).toBe("");
    expect(hlr.queries.length).toBe(2);
  });

  test("I4: a restore leaves none of them, since each may have been spent", async () => {
    await scene.ask(USIM);
    scene.reopen({ storeGeneration: 2 });
    await scene.ask(USIM);
    expect(hlr.queries.length).toBe(2);
  });

  test("who comes second with a batch leaves the first in place", async () => {
    const [one, two] = await Promise.all([scene.ask(USIM), scene.ask(USIM)]);
    expect(hlr.queries.length).toBe(2);
    expect(one.vector.rands).not.toEqual(two.vector.rands);
    expect(waiting()).toBe(3);
    expect((await two.answer(right(two))).kind).toBe("verified");
  });
});

describe("I6: quotas come first", () => {
  test("over quota, barred or of the wrong kind: the centre is not asked", async () => {
    expect((await scene.ask({ imsi: IMSI, kind: "UIM" })).objection).toBe("module_kind_mismatch");
    scene.reopen({ limits: { ...DEFAULT_LIMITS, challengesPerImsiHour: 0 } });
    // One challenge an hour is the least that a slot gives.
    await scene.ask(USIM);
    expect((await scene.ask(USIM)).objection).toBe("imsi_quota_exceeded");
    expect(hlr.queries.length).toBe(1);
    expect(await scene.put(IMSI, "status", { status: "barred" })).toBe(204);
    expect((await scene.ask(USIM)).objection).toBe("imsi_barred");
    expect(hlr.queries.length).toBe(1);
  });

  test("a query that failed counts; the same session asks again for the same one", async () => {
    const limits = { ...DEFAULT_LIMITS, challengesPerImsiHour: 2, reservedPerImsiHour: 0 };
    scene.reopen({ limits });
    const sid = "AAAAAAAAAAAAAAAAAAAAAA";
    for (let i = 0; i < 4; i++) {
      hlr.distort(() => failure("centre_silent"));
      expect(scene.ask({ ...USIM, sid })).rejects.toThrow("centre_unavailable");
    }
    await Bun.sleep(0);
    hlr.distort(() => failure("centre_silent"));
    expect(scene.ask(USIM)).rejects.toThrow("centre_unavailable");
    await Bun.sleep(0);
    expect((await scene.ask(USIM)).objection).toBe("imsi_quota_exceeded");
    expect((await scene.ask({ ...USIM, sid })).objection).toBe("");
    now += 60 * MINUTES_MS;
    expect((await scene.ask(USIM)).objection).toBe("");
  });
});

describe("AUTS", () => {
  test("I5: the centre goes on past SEQ_MS, and its next vectors are used", async () => {
    const asked = await scene.ask(USIM);
    expect(wordOf(await asked.answer(auts(asked, 5000)))).toBe("resynchronised");
    expect(hlr.queries.at(-1)?.resynchronisation?.rand).toEqual(asked.vector.rands[0]);
    expect(waiting()).toBe(5);
    const next = await scene.ask({ ...USIM, sid: asked.sid, round: 1 });
    expect((await next.answer(right(next))).kind).toBe("verified");
    expect(hlr.queries.length).toBe(2);
  });

  test("I5: it counts for the newest challenge alone, and with a right MAC-S", async () => {
    const first = await scene.ask(USIM);
    const second = await scene.ask(USIM);
    expect(wordOf(await first.answer(auts(first, 5000)))).toBe("auts_not_newest");
    expect(hlr.queries.length).toBe(1);
    const wrong = { kind: "auts", auts: random(14) } as const;
    expect(wordOf(await second.answer(wrong))).toBe("mac_failure");
    expect(wordOf(await second.answer(auts(second, 5000)))).toBe("no_open_challenge");
  });

  test("a centre that goes out in between: the same answer again ends in the same outcome", async () => {
    const asked = await scene.ask(USIM);
    const digest = random(32);
    const answer = auts(asked, 5000);
    hlr.distort(() => failure("centre_unreachable"));
    expect(asked.answer(answer, undefined, digest)).rejects.toThrow("centre_unavailable");
    await Bun.sleep(0);
    expect(wordOf(await asked.answer(answer))).toBe("no_open_challenge");
    expect(wordOf(await asked.answer(answer, undefined, digest))).toBe("resynchronised");
    expect(wordOf(await asked.answer(answer, undefined, digest))).toBe("resynchronised");
    expect(hlr.queries.length).toBe(3);
    expect(waiting()).toBe(5);
  });

  test("a centre that refuses in between ends the round", async () => {
    const asked = await scene.ask(USIM);
    hlr.distort(() => failure("imsi_refused_by_centre"));
    expect(wordOf(await asked.answer(auts(asked, 9)))).toBe("centre_refused");
  });
});

describe("a centre that fails or lies", () => {
  test.each([
    "centre_unreachable",
    "centre_silent",
    "centre_busy",
    "centre_answer_invalid",
    "centre_failed",
  ] satisfies CentreOutage[])("%s: said in the log, and over with it", async (reason) => {
    hlr.distort(() => failure(reason));
    const sid = "AAAAAAAAAAAAAAAAAAAAAA";
    expect(scene.ask({ ...USIM, sid })).rejects.toThrow("centre_unavailable");
    await Bun.sleep(0);
    expect(scene.platform.logged.join("")).toContain(`"centre":"hlr","reason":"${reason}"`);
    expect(scene.rows("SELECT * FROM slot_challenge")).toEqual([]);
    const asked = await scene.ask({ ...USIM, sid });
    expect((await asked.answer(right(asked))).kind).toBe("verified");
  });

  test.each(["imsi_unknown_at_centre", "imsi_refused_by_centre"] as const)(
    "%s: a dummy challenge",
    async (reason) => {
      hlr.distort(() => failure(reason));
      const asked = await scene.ask(USIM);
      expect(asked.objection).toBe(reason);
      expect([asked.vector.rands.length, asked.vector.autn.length]).toEqual([1, 16]);
    },
  );

  const lies: Record<string, (vectors: readonly FetchedVector[]) => readonly FetchedVector[]> = {
    none: () => [],
    "six of them": (vectors) => [...vectors, { rand: random(16), sres: random(4) }],
    "one RAND twice": (vectors) => [...vectors.slice(0, 4), firstOf(vectors)],
    "a short RAND": (vectors) => [{ ...firstOf(vectors), rand: random(15) }],
    "a short AUTN": (vectors) => {
      const quintet = { ...quintetOf(firstOf(vectors)), autn: random(15) };
      return [{ ...firstOf(vectors), quintet }];
    },
    "a long XRES": (vectors) => {
      const quintet = { ...quintetOf(firstOf(vectors)), xres: random(17) };
      return [{ ...firstOf(vectors), quintet }];
    },
    "half of CK and IK": (vectors) => {
      const quintet = { ...quintetOf(firstOf(vectors)), confirmationKey: random(16) };
      return [{ ...firstOf(vectors), quintet }];
    },
    "a long SRES": (vectors) => [{ ...firstOf(vectors), sres: random(5) }],
    "a RAND alone": () => [{ rand: random(16) }],
  };

  test.each(Object.keys(lies))("vectors_unusable: %s", async (name) => {
    hlr.distort((truth) => (truth.ok ? success(lies[name]?.(truth.value) ?? []) : truth));
    expect(scene.ask(USIM)).rejects.toThrow("centre_unavailable");
    await Bun.sleep(0);
    expect(scene.platform.logged.join("")).toContain("vectors_unusable");
    expect(waiting()).toBe(0);
    expect((await scene.ask(USIM)).objection).toBe("");
  });

  test("I4: a RAND that the slot has issued is not issued again", async () => {
    const asked = await scene.ask(USIM);
    const [rand = random(16)] = asked.vector.rands;
    scene.sql.run("DELETE FROM slot_vector");
    hlr.distort((truth) => (truth.ok ? success([{ ...firstOf(truth.value), rand }]) : truth));
    expect(scene.ask(USIM)).rejects.toThrow("centre_unavailable");
    await Bun.sleep(0);
    expect((await scene.ask(USIM)).vector.rands[0]).not.toEqual(rand);
  });

  test("vectors_unfit: an XRES too short to count, and no SRES for a SIM", async () => {
    hlr.distort((truth) => {
      if (!truth.ok) return truth;
      const quintet = { ...quintetOf(firstOf(truth.value)), xres: random(4) };
      return success([{ rand: random(16), quintet }]);
    });
    expect((await scene.ask(USIM)).objection).toBe("vectors_unfit");
    scene.sql.run("DELETE FROM slot_vector");
    hlr.distort((truth) => (truth.ok ? success(truth.value.map(withoutSres)) : truth));
    expect((await scene.ask(SIM)).objection).toBe("vectors_unfit");
    expect((await scene.ask(USIM)).objection).toBe("");
  });

  test("centre_not_configured at this point of presence", async () => {
    scene.reopen({ connectors: new Map() });
    expect(scene.ask(USIM)).rejects.toThrow("centre_unavailable");
    await Bun.sleep(0);
    expect(scene.platform.logged.join("")).toContain("centre_not_configured");
  });
});

describe("enrolment", () => {
  test("the view names the centre; keys stay where they are", async () => {
    const view = await scene.platform.call("GET", `/subscribers/${IMSI}`);
    expect(view.json).toMatchObject({ centre: "hlr", algorithm: "USIM", moduleKind: "USIM" });
    const keys = { k: K.toHex(), opc: OPC.toHex() };
    expect(await scene.put(IMSI, "keys", keys)).toBe(409);
    expect(await scene.put(IMSI, "ssd-update", {})).toBe(409);
  });

  test.each([
    { centre: "nowhere" },
    { centre: "" },
    { centre: 7 },
    { proves: undefined },
    { proves: "CAVE" },
    { proves: "usim" },
    { centre: "embedded" },
    { centre: undefined },
    { k: K.toHex(), opc: OPC.toHex() },
    { algorithm: "milenage" },
    { indBits: 5 },
    { proves: "SIM", amf: "8000" },
    { amf: "80" },
  ])("malformed: %j", async (changes) => {
    const body = enrolment({ imsi: OTHER_IMSI, ...changes });
    const answer = await scene.platform.call("POST", "/subscribers", body);
    expect(answer.json).toMatchObject({ code: "malformed" });
    const found = await scene.platform.call("GET", `/subscribers/${OTHER_IMSI}`);
    expect(found.status).toBe(404);
  });
});

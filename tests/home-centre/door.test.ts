/** The route by which other points of presence ask for vectors: who is let in, and with what. */
import { afterEach, describe, expect, test } from "bun:test";
import { checkEnvironment } from "#edge/bindings";
import { ConfigurationError } from "#edge/environment";
import type { VectorQuery } from "#edge/dependencies";
import { NONCE_BYTES, openAnswer, type QuestionHead, sealQuestion } from "#edge/relay/envelope";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { failure } from "#protocol/result";
import type { SubscriberKind } from "#tests/fleet/modules";
import { HOME } from "#tests/invariants/bench";
import { createRig, random, type Rig } from "#tests/platform/rig";

const KEYS = { "edge-fra": random(32), "edge-oslo": random(32) } as const;
type Caller = keyof typeof KEYS;
const CALLERS =
  `edge-fra:${encodeBase64Url(KEYS["edge-fra"])}:1 ` +
  `edge-oslo:${encodeBase64Url(KEYS["edge-oslo"])}:2:nordic`;
const ENVIRONMENT = { SIMLATCH_SLOTS: "4", SIMLATCH_CENTRE_CALLERS: CALLERS };

let rig: Rig | undefined;
async function open(environment: Record<string, string> = ENVIRONMENT): Promise<Rig> {
  rig = await createRig({ environment });
  return rig;
}
afterEach(async () => {
  await rig?.dispose();
  rig = undefined;
});

const makeHead = (at: Rig, caller: string): QuestionHead => {
  at.advance(1);
  return { caller, at: at.now(), nonce: random(NONCE_BYTES) };
};
const post = (at: Rig, body: string, method = "POST") =>
  at.fetch("http://rig.test/v1/vectors", method === "POST" ? { method, body } : { method });

/** How many vectors, or the reason why there are none. */
async function ask(at: Rig, caller: Caller, imsi: string, changes: Partial<VectorQuery> = {}) {
  const key = KEYS[caller];
  const head = makeHead(at, caller);
  const response = await post(at, sealQuestion(key, head, { imsi, count: 5, ...changes }));
  if (response.status !== 200) return response.status;
  const answer = openAnswer(key, head, await response.text());
  if (answer === undefined) throw new Error("the answer does not open");
  return answer.ok ? answer.value.length : answer.reason;
}
async function enrol(at: Rig, kind: SubscriberKind = "USIM/Milenage"): Promise<string> {
  return (await (await at.fleet()).addSubscriber({ operator: HOME, kind })).imsi;
}

describe("the door", () => {
  test("is not there unless somebody may come in", async () => {
    const at = await open({});
    const head = makeHead(at, "edge-fra");
    const query = { imsi: "460010000000001", count: 5 };
    expect((await post(at, sealQuestion(KEYS["edge-fra"], head, query))).status).toBe(404);
  });

  test("opens to the key of the name alone, for a question of now, once", async () => {
    const at = await open();
    const imsi = await enrol(at);
    const query = { imsi, count: 5 };
    expect(await ask(at, "edge-fra", imsi)).toBe(5);
    const head = makeHead(at, "edge-fra");
    const foreign = sealQuestion(KEYS["edge-oslo"], head, query);
    expect((await post(at, foreign)).status).toBe(401);
    const stranger = sealQuestion(KEYS["edge-fra"], { ...head, caller: "edge-x" }, query);
    expect((await post(at, stranger)).status).toBe(401);
    const question = sealQuestion(KEYS["edge-fra"], head, query);
    expect((await post(at, question)).status).toBe(200);
    expect((await post(at, question)).status).toBe(409);
    const old = { ...makeHead(at, "edge-fra"), at: at.now() - 31_000 };
    expect((await post(at, sealQuestion(KEYS["edge-fra"], old, query))).status).toBe(409);
    expect((await post(at, "{}")).status).toBe(400);
    expect((await post(at, "x".repeat(5000))).status).toBe(413);
    expect((await post(at, "", "GET")).status).toBe(404);
  });

  test("a question that is replayed after a restart gets no vectors", async () => {
    let at = await open();
    const imsi = await enrol(at);
    const head = makeHead(at, "edge-fra");
    const question = sealQuestion(KEYS["edge-fra"], head, { imsi, count: 5 });
    expect((await post(at, question)).status).toBe(200);
    at = rig = await at.reopen({ environment: ENVIRONMENT });
    const again = await post(at, question);
    const answer = openAnswer(KEYS["edge-fra"], head, await again.text());
    expect(answer).toEqual({ ok: false, reason: "centre_busy" });
  });

  test("I13: neither IMSI nor vectors nor keys are in what crosses the wire, or in a log", async () => {
    const at = await open();
    const imsi = await enrol(at);
    const head = makeHead(at, "edge-fra");
    const question = sealQuestion(KEYS["edge-fra"], head, { imsi, count: 1 });
    const answer = await (await post(at, question)).text();
    const opened = openAnswer(KEYS["edge-fra"], head, answer);
    const [vector] = opened?.ok === true ? opened.value : [];
    const xres = encodeBase64Url(vector?.quintet?.xres ?? new Uint8Array(0));
    expect(xres).toHaveLength(11);
    const seen = question + answer + at.log.join("");
    for (const secret of [imsi, xres]) expect(seen).not.toContain(secret);
  });
});

describe("what a caller may ask for", () => {
  test("subscribers of its own tenant", async () => {
    const at = await open();
    const imsi = await enrol(at);
    expect(await ask(at, "edge-fra", imsi)).toBe(5);
    expect(await ask(at, "edge-oslo", imsi)).toBe("imsi_unknown_at_centre");
  });

  test("imsi_unknown_at_centre: of an IMSI that nobody has, or whose keys are elsewhere", async () => {
    const nobody = { fetchVectors: async () => failure("centre_unreachable") };
    rig = await createRig({
      environment: ENVIRONMENT,
      wrap: (dependencies) => ({ ...dependencies, connectors: new Map([["hlr", nobody]]) }),
    });
    const at = rig;
    expect(await ask(at, "edge-fra", "460019999999999")).toBe("imsi_unknown_at_centre");
    const fleet = await at.fleet();
    const centre = { name: "hlr", provision: () => undefined };
    const { imsi } = await fleet.addSubscriber({ operator: HOME, centre });
    expect(await ask(at, "edge-fra", imsi)).toBe("imsi_unknown_at_centre");
  });

  test.each(["UIM", "UIM/CHAP"] as const)(
    "no_vectors_of_algorithm: %s, whose challenges are not made beforehand",
    async (kind) => {
      const at = await open();
      expect(await ask(at, "edge-fra", await enrol(at, kind))).toBe("imsi_refused_by_centre");
      expect(at.log.join("\n")).toContain("no_vectors_of_algorithm");
    },
  );

  test("algorithm_not_allowed: a test card's, when it is not let in any more", async () => {
    const lenient = { ...ENVIRONMENT, SIMLATCH_TEST_ALGORITHMS: "1" };
    let at = await open(lenient);
    const { admin, tenant } = await at.fleet();
    const imsi = "460010000000007";
    const keys = { algorithm: "xor-3g", k: encodeHex(random(16)) };
    await admin.createSubscriber({ tenant, imsi, mncLength: 2, ...keys });
    expect(await ask(at, "edge-fra", imsi)).toBe(5);
    at = rig = await at.reopen({ environment: ENVIRONMENT });
    expect(await ask(at, "edge-fra", imsi)).toBe("imsi_refused_by_centre");
    expect(at.log.join("\n")).toContain("algorithm_not_allowed");
  });

  test("imsi_barred, imsi_quota_exceeded: refused alike, the log has the reason", async () => {
    const at = await open({ ...ENVIRONMENT, SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1" });
    const fleet = await at.fleet();
    const { imsi } = await fleet.addSubscriber({ operator: HOME });
    expect(await ask(at, "edge-fra", imsi)).toBe(5);
    expect(await ask(at, "edge-fra", imsi)).toBe("imsi_refused_by_centre");
    expect(at.log.join("\n")).toContain("imsi_quota_exceeded");
    await fleet.admin.setSubscriberStatus(imsi, { status: "barred" });
    expect(await ask(at, "edge-fra", imsi)).toBe("imsi_refused_by_centre");
    expect(at.log.join("\n")).toContain("imsi_barred");
  });

  test("mac_failure: of an AUTS that no module made", async () => {
    const at = await open();
    const imsi = await enrol(at);
    await ask(at, "edge-fra", imsi);
    const resynchronisation = { rand: random(16), auts: random(14) };
    expect(await ask(at, "edge-fra", imsi, { resynchronisation })).toBe("mac_failure");
  });
});

describe("SIMLATCH_CENTRE_CALLERS", () => {
  const base = {
    SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
    SIMLATCH_DEPLOYMENT: encodeHex(random(16)),
    SIMLATCH_SLOTS: "4",
  };
  const read = (callers: string) =>
    checkEnvironment({ ...base, SIMLATCH_CENTRE_CALLERS: callers }).centreCallers;
  const key = encodeBase64Url(random(32));

  test("each has a key, a slot and a tenant", () => {
    const callers = read(CALLERS)?.callers;
    expect(callers?.get("edge-fra")).toMatchObject({ slot: 1, tenant: "default" });
    expect(callers?.get("edge-oslo")).toMatchObject({ slot: 2, tenant: "nordic" });
    expect(callers?.get("edge-oslo")?.key).toEqual(new Uint8Array(KEYS["edge-oslo"]));
    expect(read(" ")).toBeUndefined();
  });

  test.each([
    ["without a slot", `edge:${key}`],
    ["no number", `edge:${key}:x`],
    ["beyond SIMLATCH_SLOTS", `edge:${key}:4`],
    ["SIMLATCH_SLOT itself", `edge:${key}:0`],
    ["of another", `edge:${key}:1 fra:${key}:1`],
    ["a name twice", `edge:${key}:1 edge:${key}:2`],
    ["no name", `:${key}:1`],
    ["no tenant", `edge:${key}:1:Nordic`],
    ["more", `edge:${key}:1:nordic:x`],
    ["a short key", `edge:${key.slice(4)}:1`],
    ["a regular key", `edge:${encodeBase64Url(new Uint8Array(32))}:1`],
  ])("does not start: %s", (_, callers) => {
    let said = "";
    try {
      read(callers);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      said = error.message;
    }
    expect(said).toContain("SIMLATCH_CENTRE_CALLERS");
    expect(said).not.toContain(key);
  });
});

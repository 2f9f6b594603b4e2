import { expect, test } from "bun:test";
import { encodeBase64Url } from "#protocol/bytes";
import { encodeChallenge } from "#protocol/messages";
import { PROBLEM_CODES } from "#protocol/wire";
import { CancelledError } from "#terminal/cancel";
import { createPlatformClient, PlatformError } from "#terminal/platform-client";
import type { Fetch, PlatformClient, PlatformClientOptions } from "#terminal/platform-client";
import { parseAccessGrant, parseAnswerReply, parseCardReply } from "#terminal/platform-messages";
import { parseProblemCode, parseRetryAfter } from "#terminal/platform-messages";
import { createSeeded, damageText, reportCounts } from "./seeded.ts";
import { rejectionOf } from "./rejection.ts";

const MALFORMED_INPUTS = 100_000;
const SID = encodeBase64Url(new Uint8Array(16).fill(7));
const OFFER = {
  cardId: "0123456789ABCDEF",
  suites: ["P-256"],
  modes: ["signed"],
  moduleKind: "USIM",
} as const;
const GRANT = {
  sid: SID,
  token: encodeBase64Url(Uint8Array.of(1, 2, 3)),
  credential: encodeBase64Url(Uint8Array.of(0xe2, 0)),
  suite: "P-256",
  mode: "signed",
};
const CHALLENGE = {
  token: encodeBase64Url(Uint8Array.of(4, 5)),
  challenge: encodeBase64Url(
    encodeChallenge({ round: 0, rands: [new Uint8Array(16)], autn: new Uint8Array(16) }),
  ),
};
const VERDICT = { verdict: "SUCCESS", result: encodeBase64Url(new Uint8Array(140)) };
const ANSWER = { token: Uint8Array.of(1), statement: Uint8Array.of(2), proof: Uint8Array.of(3) };

type Reply = () => Response | Promise<Response>;

interface Scripted {
  readonly client: PlatformClient;
  readonly requests: { readonly url: string; readonly method: string; readonly body: string }[];
  readonly pauses: number[];
}

/** A platform that gives these replies in turn; the last one again and again. */
function scriptPlatform(
  replies: readonly Reply[],
  options: Partial<PlatformClientOptions> = {},
): Scripted {
  const requests: Scripted["requests"][number][] = [];
  const pauses: number[] = [];
  const fetch: Fetch = async (url, init) => {
    const reply = replies[Math.min(requests.length, replies.length - 1)];
    requests.push({
      url,
      method: String(init.method),
      body: typeof init.body === "string" ? init.body : "",
    });
    if (reply === undefined) throw new Error("the script is empty");
    return reply();
  };
  const client = createPlatformClient({
    baseUrl: "https://platform.example/base",
    fetch,
    sleep: async (milliseconds) => {
      pauses.push(milliseconds);
    },
    ...options,
  });
  return { client, requests, pauses };
}

function json(body: unknown, status = 200, headers: Record<string, string> = {}): Reply {
  return () => new Response(JSON.stringify(body), { status, headers });
}

function problem(code: string, status: number, headers: Record<string, string> = {}): Reply {
  return json({ type: "about:blank", title: code, status, code }, status, {
    "content-type": "application/problem+json",
    ...headers,
  });
}

const lost: Reply = () => Promise.reject(new TypeError("connection reset"));
const never: Reply = () => new Promise<Response>(() => undefined);
const cutBody: Reply = () =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.error(new TypeError("connection reset"));
      },
    }),
    { status: 201 },
  );

test("the four exchanges: path, body in base64url, and what comes back as values", async () => {
  const { client, requests } = scriptPlatform([
    json(GRANT, 201),
    json(CHALLENGE),
    json(VERDICT),
    () => new Response(null, { status: 204 }),
  ]);
  const grant = await client.requestAccess({ ...OFFER, tenant: "acme" });
  expect(grant).toEqual({
    sid: SID,
    token: Uint8Array.of(1, 2, 3),
    credential: Uint8Array.of(0xe2, 0),
    suite: "P-256",
    mode: "signed",
  });
  const proof = {
    token: grant.token,
    cardId: OFFER.cardId,
    proof: Uint8Array.of(0xff, 0xfe),
    imsi: "460011234567890",
    moduleKind: "USIM" as const,
  };
  const reply = await client.proveCard(SID, proof);
  expect(reply).toMatchObject({ kind: "challenge", token: Uint8Array.of(4, 5) });
  expect(await client.sendAnswer(SID, ANSWER)).toMatchObject({ kind: "verdict" });
  await client.deliverReceipt(SID, { token: Uint8Array.of(1), receipt: Uint8Array.of(9) });
  expect(requests.map(({ url, method }) => `${method} ${url}`)).toEqual([
    "POST https://platform.example/base/v1/bindings",
    `POST https://platform.example/base/v1/bindings/${SID}/card`,
    `POST https://platform.example/base/v1/bindings/${SID}/answer`,
    `POST https://platform.example/base/v1/bindings/${SID}/receipt`,
  ]);
  expect(requests.map(({ body }): unknown => JSON.parse(body))).toEqual([
    { ...OFFER, tenant: "acme" },
    { cardId: OFFER.cardId, imsi: proof.imsi, moduleKind: "USIM", token: "AQID", proof: "__4" },
    { token: "AQ", statement: "Ag", proof: "Aw" },
    { token: "AQ", receipt: "CQ" },
  ]);
});

test("no answer, a cut answer and 503 are followed by the same body", async () => {
  const { client, requests, pauses } = scriptPlatform([
    lost,
    cutBody,
    problem("unavailable", 503, { "retry-after": "2" }),
    json(GRANT, 201),
  ]);
  expect((await client.requestAccess(OFFER)).sid).toBe(SID);
  expect(requests).toHaveLength(4);
  expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
  expect(pauses).toEqual([200, 400, 2000]);
});

test("attempts are bounded: the last error is what surfaces", async () => {
  const unreachable = scriptPlatform([lost], { attemptsMax: 3 });
  expect(await rejectionOf(unreachable.client.requestAccess(OFFER))).toMatchObject({
    code: "unreachable",
    status: 0,
  });
  expect(unreachable.requests).toHaveLength(3);
  const busy = scriptPlatform([problem("unavailable", 503, { "retry-after": "1" })]);
  expect(await rejectionOf(busy.client.requestAccess(OFFER))).toMatchObject({
    code: "unavailable",
    status: 503,
    retryAfterSeconds: 1,
  });
  expect(busy.requests).toHaveLength(4);
});

test("an attempt that hangs is given up and sent again, even if fetch ignores its signal", async () => {
  const { client, requests } = scriptPlatform([never, json(GRANT, 201)], { attemptMs: 20 });
  expect((await client.requestAccess(OFFER)).sid).toBe(SID);
  expect(requests).toHaveLength(2);
});

test("the deadline ends all attempts together, the pause between them included", async () => {
  const hanging = scriptPlatform([never], { deadlineMs: 30 });
  expect(await rejectionOf(hanging.client.requestAccess(OFFER))).toMatchObject({
    code: "deadline_exceeded",
  });
  expect(hanging.requests).toHaveLength(1);
  const once = scriptPlatform([never], { deadlineMs: 30, attemptsMax: 1 });
  expect(await rejectionOf(once.client.requestAccess(OFFER))).toMatchObject({
    code: "deadline_exceeded",
  });
  const pausing = scriptPlatform([problem("unavailable", 503, { "retry-after": "3600" })], {
    deadlineMs: 30,
    sleep: () => new Promise(() => undefined),
  });
  expect(await rejectionOf(pausing.client.requestAccess(OFFER))).toBeInstanceOf(CancelledError);
  expect(pausing.requests).toHaveLength(1);
});

test("the caller's signal ends the call at once: before it, during it, between attempts", async () => {
  const before = scriptPlatform([json(GRANT, 201)]);
  expect(await rejectionOf(before.client.requestAccess(OFFER, AbortSignal.abort()))).toMatchObject({
    code: "aborted",
  });
  expect(before.requests).toHaveLength(0);
  const during = new AbortController();
  const hanging = scriptPlatform([
    () => {
      during.abort();
      return new Promise<Response>(() => undefined);
    },
  ]);
  expect(await rejectionOf(hanging.client.requestAccess(OFFER, during.signal))).toMatchObject({
    code: "aborted",
  });
  const between = new AbortController();
  const pausing = scriptPlatform([lost], {
    sleep: () => {
      between.abort();
      return new Promise(() => undefined);
    },
  });
  expect(await rejectionOf(pausing.client.requestAccess(OFFER, between.signal))).toMatchObject({
    code: "aborted",
  });
  expect(pausing.requests).toHaveLength(1);
});

test("every problem code surfaces with its status and is not tried again, but for 503", async () => {
  const statuses: Record<(typeof PROBLEM_CODES)[number], number> = {
    malformed: 400,
    card_not_authenticated: 403,
    session_expired: 410,
    out_of_order: 409,
    quota: 429,
    too_large: 413,
    unavailable: 503,
    not_found: 404,
    unauthorized: 401,
    conflict: 409,
  };
  for (const code of PROBLEM_CODES) {
    const status = statuses[code];
    const { client, requests } = scriptPlatform([problem(code, status, { "retry-after": "60" })]);
    const call = client.sendAnswer(SID, ANSWER);
    expect(await rejectionOf(call)).toBeInstanceOf(PlatformError);
    expect(await rejectionOf(call)).toMatchObject({ code, status, retryAfterSeconds: 60 });
    expect(requests).toHaveLength(code === "unavailable" ? 4 : 1);
  }
});

test("answers of another shape are malformed_response", async () => {
  const grants: unknown[] = [
    {},
    [],
    null,
    "text",
    { ...GRANT, sid: `${SID}A` },
    { ...GRANT, sid: encodeBase64Url(new Uint8Array(15)) },
    { ...GRANT, sid: 7 },
    { ...GRANT, token: "" },
    { ...GRANT, token: "AQI=" },
    { ...GRANT, token: encodeBase64Url(new Uint8Array(256)) },
    { ...GRANT, credential: undefined },
    { ...GRANT, suite: "RSA-2048" },
    { ...GRANT, mode: "encrypted" },
    { ...GRANT, padding: "x".repeat(20_000) },
  ];
  for (const body of grants) {
    const { client } = scriptPlatform([json(body, 201)]);
    expect(await rejectionOf(client.requestAccess(OFFER))).toMatchObject({
      code: "malformed_response",
    });
  }
  const answers: Reply[] = [
    json({ ...VERDICT, verdict: "MAYBE" }),
    json({ verdict: "SUCCESS" }),
    json({ ...CHALLENGE, challenge: "AAAA" }),
    json(VERDICT, 201),
    () => new Response("<html>", { status: 200 }),
    () => new Response("<html>", { status: 502 }),
    problem("surprise", 400),
    () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } }),
    problem("quota", 200),
    problem("quota", 201),
  ];
  for (const reply of answers) {
    const { client, requests } = scriptPlatform([reply]);
    expect(await rejectionOf(client.sendAnswer(SID, ANSWER))).toMatchObject({
      code: "malformed_response",
    });
    expect(requests).toHaveLength(1);
  }
});

test("members that this version does not know are passed over", () => {
  expect(parseAccessGrant(JSON.stringify({ ...GRANT, later: 1 }))?.sid).toBe(SID);
  expect(parseCardReply(JSON.stringify({ verdict: "FAILURE" }))).toEqual({ kind: "locked" });
  expect(parseCardReply(JSON.stringify({ verdict: "SUCCESS" }))).toBeUndefined();
});

test("Retry-After is whole seconds; dates and signs are passed over", () => {
  expect(
    ["0", "120", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", ""].map(parseRetryAfter),
  ).toEqual([0, 120, undefined, undefined, undefined, undefined]);
  expect(parseRetryAfter(null)).toBeUndefined();
});

test("100,000 malformed answers to each of the four parsers: none throws, what passes has its shape", () => {
  const seeded = createSeeded(5);
  const counts = { accepted: 0, refused: 0 };
  const valid: [string, ...string[]] = [
    JSON.stringify(GRANT),
    JSON.stringify(CHALLENGE),
    JSON.stringify(VERDICT),
    JSON.stringify({ verdict: "FAILURE" }),
    JSON.stringify({ type: "about:blank", title: "quota", status: 429, code: "quota" }),
  ];
  for (let i = 0; i < MALFORMED_INPUTS; i++) {
    const text = damageText(seeded, seeded.pick(valid));
    const grant = parseAccessGrant(text);
    const card = parseCardReply(text);
    const answer = parseAnswerReply(text);
    const code = parseProblemCode(text);
    if (grant !== undefined) expect([grant.suite, grant.mode]).toEqual(["P-256", "signed"]);
    if (card?.kind === "challenge") expect(card.challenge.rands).toHaveLength(1);
    if (answer?.kind === "verdict") expect(answer.result.length).toBeGreaterThan(0);
    if (code !== undefined) expect(PROBLEM_CODES).toContain(code);
    const any = grant ?? card ?? answer ?? code;
    counts[any === undefined ? "refused" : "accepted"] += 1;
  }
  reportCounts("platform answers", counts);
  expect(counts.accepted + counts.refused).toBe(MALFORMED_INPUTS);
  expect(counts.refused).toBeGreaterThan(MALFORMED_INPUTS / 2);
});

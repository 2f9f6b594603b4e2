import { expect, test } from "bun:test";
import { encodeBase64Url } from "#protocol/bytes";
import { encodeChallenge } from "#protocol/messages";
import { PROBLEM_CODES } from "#protocol/wire";
import { CancelledError, sleepMilliseconds } from "#terminal/cancel";
import { createPlatformClient, PlatformError } from "#terminal/platform-client";
import type { Fetch, PlatformClient, PlatformClientOptions } from "#terminal/platform-client";
import { rejectionOf } from "./rejection.ts";

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
const UNLOCK = { token: encodeBase64Url(Uint8Array.of(6)), unlock: "5gCO" };
const SEALED = { result: encodeBase64Url(new Uint8Array(83)) };
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

test("encrypted mode: the concealed IMSI and what is sealed go out, opaque bytes come back", async () => {
  const { client, requests } = scriptPlatform([
    json({ ...GRANT, mode: "encrypted" }, 201),
    json(CHALLENGE),
    json(SEALED),
  ]);
  const grant = await client.requestAccess({ ...OFFER, modes: ["encrypted", "signed"] });
  expect(grant.mode).toBe("encrypted");
  const { token } = grant;
  const { cardId, moduleKind } = OFFER;
  const [proof, concealedImsi] = [Uint8Array.of(1), new Uint8Array(50).fill(0xff)];
  const body = { token, cardId, proof, concealedImsi, moduleKind };
  expect(await client.proveCard(SID, body)).toMatchObject({ kind: "challenge" });
  const verdict = await client.sendAnswer(SID, { token, sealed: Uint8Array.of(0xd0, 0) });
  expect(verdict).toEqual({ kind: "verdict", verdict: undefined, result: new Uint8Array(83) });
  expect(requests.slice(1).map((request): unknown => JSON.parse(request.body))).toEqual([
    { token: "AQID", cardId, proof: "AQ", concealedImsi: `${"_".repeat(66)}8`, moduleKind },
    { token: "AQID", sealed: "0AA" },
  ]);
});

test("a locked card is told so, or gets the order to unlock", async () => {
  const { client } = scriptPlatform([json({ verdict: "FAILURE" }), json(UNLOCK)]);
  const body = {
    token: Uint8Array.of(1),
    cardId: OFFER.cardId,
    proof: Uint8Array.of(1),
    imsi: "460011234567890",
    moduleKind: OFFER.moduleKind,
  };
  expect(await client.proveCard(SID, body)).toEqual({ kind: "locked" });
  expect(await client.proveCard(SID, body)).toEqual({
    kind: "unlock",
    token: Uint8Array.of(6),
    unlock: Uint8Array.of(0xe6, 0, 0x8e),
  });
});

test("a body over 16 KiB is not read to its end", async () => {
  let pulled = 0;
  let cancelled = false;
  const endless = (): Response =>
    new Response(
      new ReadableStream({
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(1024).fill(0x20));
          // Who reads on fails below, and not by never coming back.
          if (pulled === 1000) controller.close();
        },
        cancel() {
          cancelled = true;
        },
      }),
      { status: 200 },
    );
  const { client, requests } = scriptPlatform([endless]);
  expect(await rejectionOf(client.sendAnswer(SID, ANSWER))).toMatchObject({
    code: "malformed_response",
  });
  expect(requests).toHaveLength(1);
  expect(pulled).toBeLessThan(30);
  expect(cancelled).toBe(true);
});

test("a redirect is no answer of this protocol: nothing is carried elsewhere", async () => {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(incoming) {
      asked.push(new URL(incoming.url).pathname);
      return Response.redirect(new URL("/elsewhere", incoming.url).href, 307);
    },
  });
  const client = createPlatformClient({
    baseUrl: server.url.href,
    fetch: (url, init) => fetch(url, init),
  });
  try {
    expect(await rejectionOf(client.requestAccess(OFFER))).toMatchObject({
      code: "malformed_response",
      status: 307,
    });
    expect(asked).toEqual(["/v1/bindings"]);
  } finally {
    await server.stop(true);
  }
});

test("who is asked to come back after the deadline is told so at once", async () => {
  const { client, requests, pauses } = scriptPlatform([
    problem("unavailable", 503, { "retry-after": "31" }),
  ]);
  expect(await rejectionOf(client.requestAccess(OFFER))).toMatchObject({
    code: "unavailable",
    retryAfterSeconds: 31,
  });
  expect(requests).toHaveLength(1);
  expect(pauses).toEqual([]);
});

test("the SDK's own pause ends with its signal and leaves no timer", async () => {
  const controller = new AbortController();
  const started = performance.now();
  const pause = sleepMilliseconds(60_000, controller.signal);
  controller.abort();
  await pause;
  await sleepMilliseconds(60_000, controller.signal);
  expect(performance.now() - started).toBeLessThan(1000);
  await sleepMilliseconds(1, new AbortController().signal);
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
  const pausing = scriptPlatform([lost], {
    deadlineMs: 300,
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
    const { client, requests } = scriptPlatform([problem(code, status, { "retry-after": "20" })]);
    const call = client.sendAnswer(SID, ANSWER);
    expect(await rejectionOf(call)).toBeInstanceOf(PlatformError);
    expect(await rejectionOf(call)).toMatchObject({ code, status, retryAfterSeconds: 20 });
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
    { ...GRANT, suite: "RSA-1024" },
    { ...GRANT, mode: "toString" },
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
    json({ ...CHALLENGE, challenge: "AAA=" }),
    json({ ...CHALLENGE, ...VERDICT }),
    json(SEALED),
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

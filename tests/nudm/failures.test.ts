/** A UDM that refuses, lies, stalls or is gone: one typed reason each, and never an exception. */
import { afterEach, describe, expect, test } from "bun:test";
import { encodeAvEapAkaPrime, generateQuintet } from "#tests/emulators/udm/vectors";
import type { Fault } from "#tests/emulators/udm/listen";
import type { NudmFailure, NudmMethod } from "#edge/nudm/client";
import { IMSI, NETWORK, openScene, type Scene } from "./scene.ts";

let scene: Scene | undefined;
afterEach(async () => {
  await scene?.stop();
  scene = undefined;
});

const problem = (status: number, cause?: unknown): Fault => ({
  kind: "reply",
  status,
  headers: { "content-type": "application/problem+json" },
  body: JSON.stringify({ status, cause, detail: `about imsi-${IMSI}` }),
});
const ok = (body: unknown): Fault => ({
  kind: "reply",
  status: 200,
  headers: { "content-type": "application/json" },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

const secrets = { k: new Uint8Array(16).fill(1), opc: new Uint8Array(16).fill(2), sqn: 0n };
const vector = encodeAvEapAkaPrime(generateQuintet(secrets, "fiveG"), NETWORK);
const SUPI = `imsi-${IMSI}`;
const authType = "EAP_AKA_PRIME";
const good = { authType, supi: SUPI, authenticationVector: vector };
const starred = {
  avType: "5G_HE_AKA",
  rand: vector.rand,
  autn: vector.autn,
  xresStar: "00".repeat(16),
  kausf: "00".repeat(32),
};
const quintet = {
  avType: "EAP_AKA",
  rand: vector.rand,
  autn: vector.autn,
  xres: vector.xres,
  ck: "11".repeat(16),
  ik: "22".repeat(16),
};

async function reasonOf(
  protocol: "h2c" | "http/1.1",
  method: NudmMethod,
  fault: Fault,
): Promise<NudmFailure | "none"> {
  scene ??= await openScene({ protocol, settings: { timeoutMs: 300 } });
  scene.peer.plan(fault);
  const answer = await scene.clientWith({ method }).fetchVectors(IMSI, 2);
  return answer.ok ? "none" : answer.reason;
}

const CASES: readonly (readonly [string, NudmMethod, Fault, NudmFailure | "none"])[] = [
  ["the good answer", authType, ok(good), "none"],
  ["no supi", authType, ok({ authType, authenticationVector: vector }), "none"],
  ["members of a later release", authType, ok({ ...good, akmaInd: true }), "none"],
  ["USER_NOT_FOUND", authType, problem(404, "USER_NOT_FOUND"), "user_not_found"],
  ["404 of a wrong root", authType, problem(404), "request_refused"],
  ["USER_NOT_FOUND as 403", authType, problem(403, "USER_NOT_FOUND"), "request_refused"],
  ["rejected", authType, problem(403, "AUTHENTICATION_REJECTED"), "authentication_rejected"],
  [
    "network not authorized",
    authType,
    problem(403, "SERVING_NETWORK_NOT_AUTHORIZED"),
    "serving_network_not_authorized",
  ],
  ["a cause nobody knows", authType, problem(403, "SOMETHING_ELSE"), "request_refused"],
  ["a cause that is no text", authType, problem(403, { a: 1 }), "request_refused"],
  ["400", authType, problem(400, "MANDATORY_IE_INCORRECT"), "request_refused"],
  ["501, as free5GC says to generate-av", "EAP_AKA", problem(501), "operation_unsupported"],
  ["500", authType, problem(500, "SYSTEM_FAILURE"), "peer_failed"],
  ["503", authType, problem(503), "peer_failed"],
  ["429", authType, problem(429), "peer_failed"],
  ["401 without tokens", authType, problem(401), "unauthorized"],
  ["204", authType, { kind: "reply", status: 204, body: "" }, "answer_invalid"],
  ["no JSON", authType, ok("{"), "answer_invalid"],
  ["no body", authType, ok(""), "answer_invalid"],
  ["an array", authType, ok([good]), "answer_invalid"],
  ["null", authType, ok("null"), "answer_invalid"],
  ["no vector", authType, ok({ authType, supi: SUPI }), "answer_invalid"],
  ["another subscriber", authType, ok({ ...good, supi: "imsi-1" }), "another_subscriber"],
  ["an NAI", authType, ok({ ...good, supi: `nai-${IMSI}` }), "another_subscriber"],
  ["another method", authType, ok({ ...good, authType: "5G_AKA" }), "method_unfit"],
  ["EAP_TLS", authType, ok({ authType: "EAP_TLS", supi: SUPI }), "method_unfit"],
  ["another vector", authType, ok({ ...good, authenticationVector: starred }), "method_unfit"],
  ["no hex", authType, withVector({ rand: "g".repeat(32) }), "answer_invalid"],
  ["short RAND", authType, withVector({ rand: "00".repeat(15) }), "answer_invalid"],
  ["long AUTN", authType, withVector({ autn: "00".repeat(17) }), "answer_invalid"],
  ["short XRES", authType, withVector({ xres: "000000" }), "answer_invalid"],
  ["long XRES", authType, withVector({ xres: "00".repeat(17) }), "answer_invalid"],
  ["odd XRES", authType, withVector({ xres: "000000000" }), "answer_invalid"],
  ["RAND as a number", authType, withVector({ rand: 5 }), "answer_invalid"],
  ["no CK'", authType, withVector({ ckPrime: undefined }), "answer_invalid"],
  ["one quintet of two", "EAP_AKA", ok({ hssAuthenticationVectors: [quintet] }), "none"],
  ["three of two", "EAP_AKA", quintets(quintet, quintet, quintet), "answer_invalid"],
  ["none", "EAP_AKA", quintets(), "answer_invalid"],
  ["an EPS vector", "EAP_AKA", quintets({ ...quintet, avType: "EPS_AKA" }), "method_unfit"],
  ["one bad of two", "EAP_AKA", quintets(quintet, { ...quintet, ck: "11" }), "answer_invalid"],
  ["silence", authType, { kind: "silence" }, "timed_out"],
  ["an answer too late", authType, { kind: "wait", milliseconds: 900 }, "timed_out"],
  ["a stalled body", authType, { kind: "stall" }, "timed_out"],
  ["a body without end", authType, { kind: "flood" }, "answer_too_large"],
  ["16 KiB and one", authType, ok(`"${"a".repeat(16 * 1024)}"`), "answer_too_large"],
  ["a broken connection", authType, { kind: "reset" }, "unreachable"],
  ["half a body", authType, { kind: "break" }, "unreachable"],
  [
    "a redirect",
    authType,
    { kind: "reply", status: 307, headers: { location: "http://127.0.0.1:1/" }, body: "" },
    "redirected",
  ],
];

function withVector(change: object): Fault {
  return ok({ ...good, authenticationVector: { ...vector, ...change } });
}
function quintets(...vectors: readonly object[]): Fault {
  return ok({ hssAuthenticationVectors: vectors });
}

describe.each(["h2c", "http/1.1"] as const)("over %s", (protocol) => {
  test.each(CASES)("%s", async (_name, method, fault, reason) => {
    expect(await reasonOf(protocol, method, fault)).toBe(reason);
    // And the next request is served as if nothing had been.
    expect(await reasonOf(protocol, authType, ok(good))).toBe("none");
  });
});

test("a peer that is not there is unreachable, one that comes back is used again", async () => {
  scene = await openScene();
  const gone = scene.clientWith({ root: "http://127.0.0.1:1" });
  expect(await gone.fetchVectors(IMSI, 1)).toEqual({ ok: false, reason: "unreachable" });
  expect((await scene.client.fetchVectors(IMSI, 1)).ok).toBe(true);
});

test("bytes that are no UTF-8 are not text, and no HTTP/2 is no answer", async () => {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
        socket.write(Uint8Array.of(0x22, 0xff, 0x22));
      },
    },
  });
  const root = `http://127.0.0.1:${server.port}`;
  try {
    scene = await openScene({ protocol: "http/1.1", settings: { root, timeoutMs: 500 } });
    const text = await scene.client.fetchVectors(IMSI, 1);
    expect(text).toEqual({ ok: false, reason: "answer_not_text" });
    await scene.stop();
    scene = await openScene({ protocol: "h2c", settings: { root, timeoutMs: 500 } });
    const http2 = await scene.client.fetchVectors(IMSI, 1);
    expect(http2.ok ? "none" : http2.reason).toBe("unreachable");
  } finally {
    server.stop(true);
  }
});

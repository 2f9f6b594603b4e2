/** OAuth2 client credentials: one token until it expires or is refused, and never in the clear. */
import { afterEach, expect, test } from "bun:test";
import type { NudmSettings } from "#edge/nudm/client";
import type { UdmOptions } from "#tests/emulators/udm/udm";
import { CLIENT, IMSI, INSTANCE, openScene, type Scene } from "./scene.ts";

let scene: Scene | undefined;
afterEach(async () => {
  await scene?.stop();
  scene = undefined;
});

async function open(
  oauth: Partial<NonNullable<UdmOptions["oauth"]>> = {},
  settings: Partial<NudmSettings> = {},
): Promise<Scene> {
  const opened = await openScene({ udm: { oauth: { instanceId: INSTANCE, ...oauth } } });
  const token = { url: `${opened.peer.url}/oauth2/token`, client: oauth.client };
  scene = { ...opened, client: opened.clientWith({ token, ...settings }) };
  return scene;
}

const tokensAsked = ({ udm }: Scene): number =>
  udm.asked.filter((path) => path === "/oauth2/token").length;
const fetchOnce = async ({ client }: Scene): Promise<string> => {
  const answer = await client.fetchVectors(IMSI, 1);
  return answer.ok ? "none" : answer.reason;
};

test("a token is fetched once, used until it expires, and then fetched again", async () => {
  const opened = await open({ client: CLIENT, expiresIn: 60 });
  for (let i = 0; i < 3; i++) expect(await fetchOnce(opened)).toBe("none");
  expect(tokensAsked(opened)).toBe(1);
  opened.advance(49_000);
  expect(await fetchOnce(opened)).toBe("none");
  expect(tokensAsked(opened)).toBe(1);
  opened.advance(1000);
  expect(await fetchOnce(opened)).toBe("none");
  expect(tokensAsked(opened)).toBe(2);
  expect(opened.udm.violations).toEqual([]);
});

test("without a term it serves until the peer refuses it", async () => {
  const opened = await open();
  expect(await fetchOnce(opened)).toBe("none");
  opened.advance(1e9);
  expect(await fetchOnce(opened)).toBe("none");
  expect(tokensAsked(opened)).toBe(1);
});

test("401 to a kept token fetches another, once; 401 to that one is the end", async () => {
  const opened = await open({ expiresIn: 3600 });
  expect(await fetchOnce(opened)).toBe("none");
  opened.udm.revokeTokens();
  expect(await fetchOnce(opened)).toBe("none");
  expect(tokensAsked(opened)).toBe(2);
  const refusal = { kind: "reply", status: 401 } as const;
  opened.peer.plan(refusal, undefined, refusal);
  expect(await fetchOnce(opened)).toBe("unauthorized");
  expect(tokensAsked(opened)).toBe(3);
  expect(await fetchOnce(opened)).toBe("none");
  expect(tokensAsked(opened)).toBe(4);
});

test("a wrong secret, or none, gets no token and asks the UDM nothing", async () => {
  const opened = await open({ client: CLIENT });
  const url = `${opened.peer.url}/oauth2/token`;
  for (const client of [undefined, { ...CLIENT, secret: "another" }]) {
    const wrong = opened.clientWith({ token: { url, client } });
    expect(await wrong.fetchVectors(IMSI, 1)).toEqual({ ok: false, reason: "token_refused" });
  }
  expect(opened.udm.asked.filter((path) => path !== "/oauth2/token")).toEqual([]);
});

const reply = (body: unknown, status = 200) =>
  ({
    kind: "reply",
    status,
    body: typeof body === "string" ? body : JSON.stringify(body),
  }) as const;
const TOKEN = { access_token: "abc", token_type: "Bearer", expires_in: 5 };

test.each([
  ["no JSON", reply("{"), "token_unavailable"],
  ["an empty token", reply({ ...TOKEN, access_token: "" }), "token_unavailable"],
  ["a token with a line break", reply({ ...TOKEN, access_token: "a\r\nb" }), "token_unavailable"],
  ["a token of another type", reply({ ...TOKEN, token_type: "mac" }), "token_unavailable"],
  ["a term of zero", reply({ ...TOKEN, expires_in: 0 }), "token_unavailable"],
  ["a term that is text", reply({ ...TOKEN, expires_in: "60" }), "token_unavailable"],
  ["500", reply("", 500), "token_unavailable"],
  ["400", reply({ error: "invalid_scope" }, 400), "token_refused"],
  ["silence", { kind: "silence" } as const, "token_unavailable"],
  ["a redirect", reply("", 302), "token_unavailable"],
])("the token endpoint answers with %s", async (_name, fault, reason) => {
  const opened = await open({}, { timeoutMs: 300 });
  opened.peer.plan(fault);
  expect(await fetchOnce(opened)).toBe(reason);
  expect(await fetchOnce(opened)).toBe("none");
});

test("what is said of a failure repeats neither IMSI nor secret nor token", async () => {
  const opened = await open({ client: CLIENT });
  opened.peer.plan(undefined, { kind: "reply", status: 403, body: `{"cause":"imsi-${IMSI}"}` });
  const text = JSON.stringify(await opened.client.fetchVectors(IMSI, 1));
  expect(text).toBe('{"ok":false,"reason":"request_refused"}');
});

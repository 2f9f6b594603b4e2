/** The administration key goes to the platform that was named, and to nobody else. */
import { expect, test } from "bun:test";
import { adminUrl, callAdmin } from "#cli/admin-call";
import { UsageError } from "#cli/command";

const KEY = "an-administration-key-0123456789abcdef";

test("in clear it stays on this machine", () => {
  for (const base of [
    "http://platform.example",
    "ftp://127.0.0.1",
    "platform",
    "http://127.0.0.1.example",
  ])
    expect(() => adminUrl(base, "cards")).toThrow(UsageError);
  expect(adminUrl("https://platform.example/at", "cards")).toBe(
    "https://platform.example/at/v1/admin/cards",
  );
  expect(adminUrl("http://[::1]:8787", "cards")).toBe("http://[::1]:8787/v1/admin/cards");
});

test("a redirect is not followed, and a body that is no problem is no platform", async () => {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(incoming) {
      const { pathname } = new URL(incoming.url);
      asked.push(pathname);
      if (pathname.endsWith("moved"))
        return Response.redirect(new URL("/elsewhere", incoming.url).href, 307);
      return new Response("<html>", { status: pathname.endsWith("page") ? 200 : 404 });
    },
  });
  const call = (path: string): ReturnType<typeof callAdmin> =>
    callAdmin(adminUrl(server.url.origin, path), KEY, { method: "POST", body: {} });
  try {
    expect(await call("moved")).toEqual({ ok: false, reason: "unreachable" });
    expect(await call("page")).toEqual({ ok: false, reason: "unexpected_answer" });
    expect(await call("absent")).toEqual({ ok: false, reason: "unexpected_answer" });
    expect(asked).toEqual(["/v1/admin/moved", "/v1/admin/page", "/v1/admin/absent"]);
  } finally {
    await server.stop(true);
  }
});

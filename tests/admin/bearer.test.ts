import { afterAll, beforeAll, expect, test } from "bun:test";

import { createAdminRoutes } from "#edge/routes/admin";

import { ADMIN_KEY, openTenant, type Platform } from "./platform.ts";
import { expectRefusal, MARKER } from "./refusal.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await openTenant();
});
afterAll(() => platform.close());

const WRONG: readonly (readonly [string, string | undefined])[] = [
  ["no header", undefined],
  ["an empty header", ""],
  ["a scheme only", "Bearer"],
  ["an empty bearer", "Bearer "],
  ["another bearer", `Bearer ${MARKER}`],
  ["a prefix", `Bearer ${ADMIN_KEY.slice(0, -1)}`],
  ["a longer bearer", `Bearer ${ADMIN_KEY}x`],
  ["another case", `Bearer ${ADMIN_KEY.toUpperCase()}`],
  ["another scheme", `Basic ${ADMIN_KEY}`],
  ["no scheme", ADMIN_KEY],
  ["two bearers", `Bearer ${ADMIN_KEY}, Bearer ${ADMIN_KEY}`],
];

const REQUESTS = [
  ["PUT", "/tenants/default"],
  ["POST", "/platform-keys"],
  ["PUT", "/platform-keys/1"],
  ["PUT", "/floor"],
  ["POST", "/enrolments"],
  ["POST", "/cards"],
  ["GET", "/cards/0011223344556677"],
  ["PUT", "/cards/0011223344556677/status"],
  ["POST", "/cards/0011223344556677/orders"],
  ["POST", "/revocations"],
  ["POST", "/subscribers"],
  ["GET", "/subscribers/001010123456789"],
  ["PUT", "/subscribers/001010123456789/status"],
  ["POST", "/subscribers/001010123456789/orders"],
  ["PUT", "/rules/one"],
  ["DELETE", "/rules/one"],
  ["GET", "/rules"],
  ["GET", "/audit"],
  ["POST", "/rewrap"],
  ["GET", "/nothing"],
] as const;

test.each([...WRONG])("%s is refused by every route", async (_, authorization) => {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  for (const [method, path] of REQUESTS) {
    const init = method === "PUT" || method === "POST" ? { method, body: "{}" } : { method };
    await expectRefusal(platform, "unauthorized", async () =>
      platform.send(path, { ...init, headers }),
    );
  }
  const answer = await platform.send("/rules", { headers });
  expect(answer.headers.get("www-authenticate")).toBe("Bearer");
});

test("digests are compared whole: none of 3,000 wrong keys that share bytes of them", async () => {
  for (let i = 0; i < 3_000; i++) {
    const headers = { authorization: `Bearer ${MARKER}${i}` };
    expect((await platform.send("/rules", { headers })).status).toBe(401);
  }
});

test("the right bearer is let in, whatever the case of the scheme", async () => {
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    const headers = { authorization: `${scheme} ${ADMIN_KEY}` };
    expect((await platform.send("/rules", { headers })).status).toBe(200);
  }
});

test("routes with an empty key cannot be made", () => {
  expect(() => createAdminRoutes(platform.dependencies, "", platform.host)).toThrow(RangeError);
});

test("unknown routes and methods are not found", async () => {
  for (const [method, path] of [
    ["GET", `/${MARKER}`],
    ["GET", "/"],
    ["POST", "/rules"],
    ["DELETE", "/cards/0011223344556677"],
    ["GET", "/tenants/default"],
  ] as const) {
    await expectRefusal(platform, "not_found", async () => platform.call(method, path));
  }
});

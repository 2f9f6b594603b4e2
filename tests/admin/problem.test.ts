/** The map from reason to problem, and what becomes of defects. */
import { expect, test } from "bun:test";

import { Hono } from "hono";
import * as v from "valibot";

import { createErrorHandler, respondProblem, validateJson } from "#edge/routes/problem";
import { FAILURE_REASONS, problemFor } from "#edge/wire-error";
import { PROBLEM_CODES } from "#protocol/wire";

import { openTenant } from "./platform.ts";
import { expectProblem, MARKER } from "./refusal.ts";

test.each([...FAILURE_REASONS])("%s is a problem that says no more than its code", (reason) => {
  const { type, title, status, code } = problemFor(reason);
  expect(PROBLEM_CODES).toContain(code);
  expect(type).toBe(`urn:simlatch:problem:${code}`);
  expect(title).toMatch(/^[A-Z][a-z -]+[a-z]$/i);
  expect(status).toBeGreaterThanOrEqual(400);
});

test("every code of the protocol has a reason", () => {
  const codes = new Set(FAILURE_REASONS.map((reason) => problemFor(reason).code));
  expect([...codes].toSorted()).toEqual([...PROBLEM_CODES].toSorted());
});

test.each([
  ["storage_unavailable", "Retry-After", "5"],
  ["quota_exceeded", "Retry-After", "60"],
  ["unauthorized", "WWW-Authenticate", "Bearer"],
  ["malformed", "Retry-After", null],
] as const)("%s comes with %s: %s", async (reason, name, value) => {
  const app = new Hono().get("/", (c) => respondProblem(c, reason));
  const response = await app.request("/");
  expect(response.headers.get(name)).toBe(value);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
});

test("a body that is not UTF-8 is malformed, even where any text will do", async () => {
  const app = new Hono();
  app.post("/", validateJson(v.strictObject({ text: v.string() })), (c) => c.body(null, 204));
  const post = async (byte: number) => {
    const body = new TextEncoder().encode('{"text":"?"}');
    body[9] = byte;
    return (await app.request("/", { method: "POST", body })).status;
  };
  expect(await post(0x41)).toBe(204);
  expect(await post(0xc0)).toBe(400);
});

test("a defect is unavailable, and only its name is logged", async () => {
  const lines: string[] = [];
  const app = new Hono();
  app.onError(createErrorHandler((event, fields) => lines.push(JSON.stringify({ event, fields }))));
  app.get("/", () => {
    throw new RangeError(`failed query, params ${MARKER}`);
  });
  const response = await app.request("/");
  const text = await response.text();
  expectProblem(
    { status: response.status, headers: response.headers, text, json: JSON.parse(text) },
    "unavailable",
  );
  expect(lines).toEqual([JSON.stringify({ event: "defect", fields: { name: "RangeError" } })]);
});

test("a database that fails makes admin routes unavailable", async () => {
  const platform = await openTenant();
  platform.close();
  const answer = await platform.call("GET", "/rules");
  expectProblem(answer, "unavailable");
  expect(answer.headers.get("retry-after")).toBe("5");
  expect(platform.logged).toHaveLength(1);
});

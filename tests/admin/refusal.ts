/** What every refusal has in common. */
import { expect } from "bun:test";

import type { ProblemCode } from "#protocol/wire";

import type { Answer, Platform } from "./platform.ts";

/** Put into inputs; no answer and no log may ever hold it. */
export const MARKER = "MaRk3r";

/** docs/protocol.md, section 4. */
export const STATUS: Readonly<Record<ProblemCode, number>> = {
  malformed: 400,
  card_not_authenticated: 403,
  session_expired: 410,
  out_of_order: 409,
  quota: 429,
  too_large: 413,
  unavailable: 503,
  unauthorized: 401,
  not_found: 404,
  conflict: 409,
};

/** The problem of `code`, complete, without a word of the input (docs/protocol.md, section 4). */
export function expectProblem(answer: Answer, code: ProblemCode): void {
  expect(answer.json).toEqual({
    type: `urn:simlatch:problem:${code}`,
    title: expect.any(String),
    status: STATUS[code],
    code,
  });
  expect(answer.status).toBe(STATUS[code]);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.text).not.toContain(MARKER);
  for (const [, value] of answer.headers) expect(value).not.toContain(MARKER);
}

/** As expectProblem, and nothing was written or logged of it. */
export async function expectRefusal(
  platform: Platform,
  code: ProblemCode,
  request: () => Promise<Answer>,
): Promise<void> {
  const before = await platform.dump();
  expectProblem(await request(), code);
  expect(await platform.dump()).toBe(before);
  expect(platform.logged.join("")).not.toContain(MARKER);
}

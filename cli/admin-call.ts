/** Calls of a running platform's /v1/admin, as sub-commands make them. */
import { failure, type Result, success } from "#protocol/result";
import { PROBLEM_CODES, type ProblemCode } from "#protocol/wire";
import { UsageError } from "./command.ts";
import { DEFAULT_HOSTNAME, DEFAULT_PORT } from "./platform-host.ts";

export const DEFAULT_PLATFORM_URL = `http://${DEFAULT_HOSTNAME}:${DEFAULT_PORT}`;
/** A report on a subscriber may wait two seconds; nothing else here does. */
const TIMEOUT_MS = 10_000;

export type AdminProblem = ProblemCode | "unreachable" | "unexpected_answer";

export const ADMIN_ADVICE: Readonly<Partial<Record<AdminProblem, string>>> = {
  unauthorized: "SIMLATCH_ADMIN_KEY is not the platform's administration key",
  unavailable: "a part behind the platform does not answer; give the order again",
  unreachable: "the platform does not answer; whether the order arrived is not known: repeat it",
  unexpected_answer: "what answers there is not a simlatch platform",
};

/** The administration key crosses no network in clear. Throws UsageError. */
export function adminUrl(base: string, path: string): string {
  const url = URL.parse(`v1/admin/${path}`, base.endsWith("/") ? base : `${base}/`);
  const isLocal = url !== null && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isLocal)) {
    throw new UsageError("--url wants https://..., or http:// on this machine");
  }
  return url.href;
}

export interface AdminRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly body?: unknown;
  readonly timeoutMs?: number;
  /** The answer is text of many lines. */
  readonly isText?: boolean;
}

/** The body of an answer with a status of 2xx, as JSON; undefined when it had none. */
export async function callAdmin(
  url: string,
  adminKey: string,
  request: AdminRequest,
): Promise<Result<unknown, AdminProblem>> {
  try {
    const { method, body, timeoutMs = TIMEOUT_MS, isText = false } = request;
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (isText && response.ok) return success(text);
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return success(answer);
    return failure(problemIn(answer) ?? "unexpected_answer");
  } catch (error) {
    return failure(error instanceof SyntaxError ? "unexpected_answer" : "unreachable");
  }
}

function problemIn(answer: unknown): ProblemCode | undefined {
  const code = typeof answer === "object" && answer !== null && "code" in answer ? answer.code : "";
  return PROBLEM_CODES.find((known) => known === code);
}

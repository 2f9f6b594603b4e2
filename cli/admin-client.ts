/** What every command that speaks to /v1/admin of a running platform has in common. */
import { PROBLEM_CODES, type ProblemCode } from "#protocol/wire";
import { UsageError } from "./command.ts";
import { DEFAULT_HOSTNAME, DEFAULT_PORT } from "./platform-host.ts";

export const DEFAULT_URL = `http://${DEFAULT_HOSTNAME}:${DEFAULT_PORT}`;

export type AdminProblem = ProblemCode | "unreachable" | "unexpected_answer";

export interface AdminRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly adminKey: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
}

export type AdminAnswer =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly problem: AdminProblem };

/** `path` below /v1/admin. The administration key crosses no network in clear. */
export function adminUrl(base: string, path: string): string {
  const url = URL.parse(`v1/admin/${path}`, base.endsWith("/") ? base : `${base}/`);
  const isLocal = url !== null && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isLocal)) {
    throw new UsageError("--url wants https://..., or http:// on this machine");
  }
  return url.href;
}

/** Empty when it is not set. */
export function readAdminKey(): string {
  return process.env["SIMLATCH_ADMIN_KEY"] ?? "";
}

export async function askAdmin(request: AdminRequest): Promise<AdminAnswer> {
  const { method, url, adminKey, body, timeoutMs } = request;
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return { ok: true, body: answer };
    const code = typeof answer === "object" && answer !== null && "code" in answer && answer.code;
    const problem = PROBLEM_CODES.find((known) => known === code) ?? "unexpected_answer";
    return { ok: false, problem };
  } catch (error) {
    const problem = error instanceof SyntaxError ? "unexpected_answer" : "unreachable";
    return { ok: false, problem };
  }
}

/** What to do about the problems that say the same everywhere. */
export const ADMIN_ADVICE: Readonly<Partial<Record<AdminProblem, string>>> = {
  unauthorized: "SIMLATCH_ADMIN_KEY is not the platform's administration key",
  unavailable: "a part behind the platform does not answer; try again",
  unexpected_answer: "what answers there is not a simlatch platform",
};

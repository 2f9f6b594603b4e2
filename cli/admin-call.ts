/** Calls of a running platform's /v1/admin, as sub-commands make them. */
import { TENANT_PATTERN } from "#protocol/identifiers";
import { failure, type Result, success } from "#protocol/result";
import { PROBLEM_CODES, type ProblemCode } from "#protocol/wire";
import { EXIT, UsageError } from "./command.ts";
import { printNote } from "./output.ts";
import { DEFAULT_HOSTNAME, DEFAULT_PORT } from "./platform-host.ts";

export const DEFAULT_PLATFORM_URL = `http://${DEFAULT_HOSTNAME}:${DEFAULT_PORT}`;
/** Unless given. A report on a subscriber may wait two seconds, a batch much longer. */
const TIMEOUT_MS = 10_000;

export type AdminProblem = ProblemCode | "unreachable" | "unexpected_answer";

export const ADMIN_ADVICE: Readonly<Partial<Record<AdminProblem, string>>> = {
  unauthorized: "SIMLATCH_ADMIN_KEY is not the platform's administration key",
  unavailable: "a part behind the platform does not answer; give the order again",
  unreachable: "the platform does not answer; whether the order arrived is not known: repeat it",
  unexpected_answer: "what answers there is not a simlatch platform",
};

/** The administration key crosses no network in clear. Throws UsageError. */
export function adminUrl(base: string, path: string, option = "--url"): string {
  const url = URL.parse(`v1/admin/${path}`, base.endsWith("/") ? base : `${base}/`);
  const isLocal = url !== null && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isLocal)) {
    throw new UsageError(`${option} wants https://..., or http:// on this machine`);
  }
  return url.href;
}

interface AdminCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** The body of an answer with a status of 2xx, as it came; empty when it had none. */
export async function askAdmin(
  url: string,
  adminKey: string,
  { method, body, timeoutMs = TIMEOUT_MS }: AdminCall,
): Promise<Result<string, AdminProblem>> {
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (response.ok) return success(text);
    return failure(problemIn(JSON.parse(text)) ?? "unexpected_answer");
  } catch (error) {
    return failure(error instanceof SyntaxError ? "unexpected_answer" : "unreachable");
  }
}

/** The same as JSON; undefined when there was no body. */
export async function callAdmin(
  url: string,
  adminKey: string,
  call: AdminCall,
): Promise<Result<unknown, AdminProblem>> {
  const answer = await askAdmin(url, adminKey, call);
  if (!answer.ok) return answer;
  try {
    return success(answer.value === "" ? undefined : JSON.parse(answer.value));
  } catch {
    return failure("unexpected_answer");
  }
}

function problemIn(answer: unknown): ProblemCode | undefined {
  const code = typeof answer === "object" && answer !== null && "code" in answer ? answer.code : "";
  return PROBLEM_CODES.find((known) => known === code);
}

/** Undefined, and said, when the environment has none. */
export function readAdminKey(command: string): string | undefined {
  const adminKey = process.env["SIMLATCH_ADMIN_KEY"] ?? "";
  if (adminKey !== "") return adminKey;
  printNote(`simlatch ${command}: set SIMLATCH_ADMIN_KEY to the platform's administration key`);
  return undefined;
}

/** Throws UsageError. */
export function checkTenant(tenant: string | undefined): void {
  if (tenant !== undefined && !TENANT_PATTERN.test(tenant)) {
    throw new UsageError("a tenant is named by 1 to 32 of a-z, 0-9 and -");
  }
}

/** Says why the platform did not do it; a key that is not the platform's is configuration. */
export function reportProblem(
  command: string,
  problem: AdminProblem,
  advice: typeof ADMIN_ADVICE = ADMIN_ADVICE,
): number {
  printNote(`simlatch ${command}: ${advice[problem] ?? `the platform said ${problem}`}`);
  return problem === "unauthorized" ? EXIT.configuration : EXIT.unexpected;
}

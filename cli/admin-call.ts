/** Calls of an operator's commands to /v1/admin of a running platform. */
import { TENANT_PATTERN } from "#protocol/identifiers";
import { PROBLEM_CODES, type ProblemCode } from "#protocol/wire";
import { EXIT, UsageError } from "./command.ts";
import { printNote } from "./output.ts";
import { DEFAULT_HOSTNAME, DEFAULT_PORT } from "./platform-host.ts";

export const DEFAULT_URL = `http://${DEFAULT_HOSTNAME}:${DEFAULT_PORT}`;

export type AdminProblem = ProblemCode | "unreachable" | "unexpected_answer";

export type AdminAnswer =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: AdminProblem };

export interface AdminAccess {
  /** The platform, as the command line names it. */
  readonly base: string;
  readonly adminKey: string;
  readonly timeoutMs: number;
}

/** The administration key crosses no network in clear. */
export function adminUrl(base: string, path: string): string {
  const url = URL.parse(`v1/admin/${path}`, base.endsWith("/") ? base : `${base}/`);
  const isLocal = url !== null && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isLocal)) {
    throw new UsageError("--url wants https://..., or http:// on this machine");
  }
  return url.href;
}

/** Undefined, and said, when the environment has none. */
export function readAdminKey(command: string): string | undefined {
  const adminKey = process.env["SIMLATCH_ADMIN_KEY"] ?? "";
  if (adminKey !== "") return adminKey;
  printNote(`simlatch ${command}: set SIMLATCH_ADMIN_KEY to the platform's administration key`);
  return undefined;
}

export function checkTenant(tenant: string | undefined): void {
  if (tenant !== undefined && !TENANT_PATTERN.test(tenant)) {
    throw new UsageError("a tenant is named by 1 to 32 of a-z, 0-9 and -");
  }
}

export async function callAdmin(
  { base, adminKey, timeoutMs }: AdminAccess,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  body?: object,
): Promise<AdminAnswer> {
  try {
    const response = await fetch(adminUrl(base, path), {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (response.ok) return { ok: true, text };
    const { code }: { readonly code?: unknown } = JSON.parse(text);
    const problem = PROBLEM_CODES.find((known) => known === code);
    return { ok: false, problem: problem ?? "unexpected_answer" };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const problem = error instanceof SyntaxError ? "unexpected_answer" : "unreachable";
    return { ok: false, problem };
  }
}

/** A key that is missing or not the platform's is a matter of configuration. */
export function exitCodeOf(problem: AdminProblem): number {
  return problem === "unauthorized" ? EXIT.configuration : EXIT.unexpected;
}

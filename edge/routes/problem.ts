/**
 * Refusals and request bodies, the same for every route: RFC 9457 problems that repeat nothing of
 * the input, bodies of bounded size, JSON of a known shape.
 */
import type { Context, Env, ErrorHandler, MiddlewareHandler, Next, NotFoundHandler } from "hono";
import { type GenericSchema, type InferInput, type InferOutput, safeParse } from "valibot";

import type { ProblemCode } from "#protocol/wire";
import { failure, type Result, success } from "#protocol/result";

import type { Log } from "../dependencies.ts";
import { decodeUtf8, readBounded } from "../peers/bounded-body.ts";
import { StorageError } from "../state/sql.ts";
import { absentKeyIn } from "../vault.ts";
import { type FailureReason, problemFor } from "../wire-error.ts";

/** docs/protocol.md, section 4: the longest message is far below it. */
const BODY_BYTES_MAX = 16 * 1024;

const RETRY_UNAVAILABLE_SECONDS = 5;
const RETRY_QUOTA_SECONDS = 60;

/** Headers that RFC 9110 wants beside a status (sections 10.2.3 and 11.6.1). */
const HEADERS: Readonly<Partial<Record<ProblemCode, Readonly<Record<string, string>>>>> = {
  quota: { "Retry-After": String(RETRY_QUOTA_SECONDS) },
  unavailable: { "Retry-After": String(RETRY_UNAVAILABLE_SECONDS) },
  unauthorized: { "WWW-Authenticate": "Bearer" },
};

export function respondProblem(c: Context, reason: FailureReason): Response {
  const problem = problemFor(reason);
  const headers = { ...HEADERS[problem.code], "Content-Type": "application/problem+json" };
  return c.newResponse(JSON.stringify(problem), { status: problem.status, headers });
}

export const handleNotFound: NotFoundHandler = (c) => respondProblem(c, "not_found");

export function createErrorHandler(log: Log): ErrorHandler {
  return (error, c) => respondProblem(c, reportError(log, error));
}

/**
 * A defect or a failed part. Only the error's name is logged: messages of database drivers hold
 * the values of the query.
 */
export function reportError(
  log: Log,
  error: Error,
): "wrapping_key_absent" | "storage_unavailable" | "unexpected" {
  const key = absentKeyIn(error);
  if (key !== undefined) {
    log("wrapping_key_absent", { key });
    return "wrapping_key_absent";
  }
  if (error instanceof StorageError) {
    log("storage_unavailable", {});
    return "storage_unavailable";
  }
  log("defect", { name: error.name });
  return "unexpected";
}

type ObjectSchema = GenericSchema<unknown, object>;

type Validator<Part extends string, Schema extends ObjectSchema> = MiddlewareHandler<
  Env,
  string,
  {
    in: { readonly [K in Part]: InferInput<Schema> };
    out: { readonly [K in Part]: InferOutput<Schema> };
  }
>;

/** Hands the handler `c.req.valid("json")`; a body of another shape is malformed. */
export function validateJson<Schema extends ObjectSchema>(
  schema: Schema,
  bytesMax = BODY_BYTES_MAX,
): Validator<"json", Schema> {
  return async function validateJsonBody(c, next) {
    const body = await readJson(c.req.raw.body, bytesMax);
    if (!body.ok) return respondProblem(c, body.reason);
    return validatePart(c, next, "json", schema, body.value);
  };
}

/** The same for `c.req.valid("param")`: all parameters of the path. */
export function validatePath<Schema extends ObjectSchema>(
  schema: Schema,
): Validator<"param", Schema> {
  return async function validatePathParameters(c, next) {
    return validatePart(c, next, "param", schema, c.req.param());
  };
}

/** The same for `c.req.valid("query")`. */
export function validateQuery<Schema extends ObjectSchema>(
  schema: Schema,
): Validator<"query", Schema> {
  return async function validateQueryParameters(c, next) {
    return validatePart(c, next, "query", schema, c.req.query());
  };
}

async function validatePart(
  c: Context,
  next: Next,
  part: "json" | "param" | "query",
  schema: ObjectSchema,
  value: unknown,
): Promise<Response | undefined> {
  const parsed = safeParse(schema, value);
  if (!parsed.success) return respondProblem(c, "malformed");
  c.req.addValidatedData(part, parsed.output);
  await next();
  return undefined;
}

async function readJson(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Result<unknown, "malformed" | "body_too_large">> {
  try {
    const bytes = body === null ? new Uint8Array(0) : await readBounded(body, bytesMax);
    if (bytes === undefined) return failure("body_too_large");
    return success(JSON.parse(decodeUtf8(bytes)));
  } catch {
    // No JSON, or a client that went away in the middle of it.
    return failure("malformed");
  }
}

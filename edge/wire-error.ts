/**
 * The one map from failure reason to HTTP problem. Exhaustive by type; deliberately vague to the
 * client, which learns the code and a fixed title and never sees its own input again.
 */
import type { Problem, ProblemCode } from "#protocol/wire";

/** Why a request was refused, in the platform's own words: for log and audit. */
export const FAILURE_REASONS = [
  "malformed",
  "body_too_large",
  "not_found",
  "unauthorized",
  "conflict",
  "card_unknown",
  "card_revoked",
  "certificate_out_of_date",
  "certificate_revoked",
  "suite_not_offered",
  "kind_mismatch",
  "key_changed",
  "proof_invalid",
  "token_invalid",
  "session_unknown",
  "session_expired",
  "session_consumed",
  "step_out_of_order",
  "quota_exceeded",
  "platform_key_absent",
  "storage_unavailable",
  "centre_unavailable",
  "wrapping_key_absent",
  "wrapping_key_changed",
  "unexpected",
  "chain_invalid",
  "possession_unproven",
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

const CODES: Readonly<Record<FailureReason, ProblemCode>> = {
  malformed: "malformed",
  body_too_large: "too_large",
  not_found: "not_found",
  unauthorized: "unauthorized",
  conflict: "conflict",
  card_unknown: "card_not_authenticated",
  card_revoked: "card_not_authenticated",
  certificate_out_of_date: "card_not_authenticated",
  certificate_revoked: "card_not_authenticated",
  suite_not_offered: "card_not_authenticated",
  kind_mismatch: "card_not_authenticated",
  key_changed: "card_not_authenticated",
  proof_invalid: "card_not_authenticated",
  token_invalid: "session_expired",
  session_unknown: "session_expired",
  session_expired: "session_expired",
  session_consumed: "out_of_order",
  step_out_of_order: "out_of_order",
  quota_exceeded: "quota",
  platform_key_absent: "card_not_authenticated",
  storage_unavailable: "unavailable",
  centre_unavailable: "unavailable",
  wrapping_key_absent: "unavailable",
  wrapping_key_changed: "unavailable",
  unexpected: "unavailable",
  chain_invalid: "card_not_authenticated",
  possession_unproven: "card_not_authenticated",
};

type ProblemStatus = 400 | 401 | 403 | 404 | 409 | 410 | 413 | 429 | 503;

/** docs/protocol.md, section 4. */
const PROBLEMS: Readonly<
  Record<ProblemCode, { readonly status: ProblemStatus; readonly title: string }>
> = {
  malformed: { status: 400, title: "The request is malformed" },
  card_not_authenticated: { status: 403, title: "The card is not authenticated" },
  session_expired: { status: 410, title: "The session is over" },
  out_of_order: { status: 409, title: "The step is out of order" },
  quota: { status: 429, title: "Too many requests for this card" },
  too_large: { status: 413, title: "The request body is too large" },
  unavailable: { status: 503, title: "The platform cannot answer now" },
  unauthorized: { status: 401, title: "The right bearer is required" },
  not_found: { status: 404, title: "No such resource" },
  conflict: { status: 409, title: "It contradicts what is there" },
};

/** What the client is told about `reason` (RFC 9457). */
export function problemFor(reason: FailureReason): Problem & { readonly status: ProblemStatus } {
  const code = CODES[reason];
  return { type: `urn:simlatch:problem:${code}`, ...PROBLEMS[code], code };
}

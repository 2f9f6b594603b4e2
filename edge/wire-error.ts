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
  "card_not_started",
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
  "chain_invalid",
  "possession_unproven",
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** The JSON envelopes of /v1/admin for binding rules and their versions (docs/rules.md). */
import type { BindingRule } from "./rules.ts";

/** PUT /v1/admin/rules/{id}; the id is in the path. */
export interface RuleUpdate extends Omit<BindingRule, "id"> {
  readonly tenant?: string;
}

/** GET /v1/admin/rules?version=&after=&limit=: of the active version unless another is named. */
export interface RuleList {
  readonly version: number;
  /** In the order of ids; more follow when there are as many as `limit`. */
  readonly rules: readonly BindingRule[];
}

/** GET /v1/admin/rule-set. */
export interface RuleSetView {
  /** The version that decides; 0 before the first activation. */
  readonly active: number;
  /** Decisions under an older version do not count. */
  readonly floor: number;
  /** The version that PUT and DELETE change. */
  readonly draft: number;
  /** Those that were active, the newest first; Unix milliseconds. */
  readonly versions: readonly { readonly version: number; readonly activatedAt: number }[];
}

/** What is odd about one rule of a draft (docs/rules.md). */
export const RULE_FINDINGS = [
  "never_valid",
  "empty_range",
  "contradicts_itself",
  "card_unknown",
  "group_unknown",
  "subscriber_unknown",
  "shadowed",
  "contradicted",
  "locks_out_everybody",
] as const;

export interface RuleFinding {
  readonly finding: (typeof RULE_FINDINGS)[number];
  /** Absent of what is said about the draft as a whole. */
  readonly rule?: string | undefined;
  /** The rule that shadows or contradicts it. */
  readonly by?: string | undefined;
}

/** POST /v1/admin/rule-set/check. */
export interface RuleCheck {
  readonly version: number;
  readonly rules: number;
  readonly findings: readonly RuleFinding[];
}

/** POST /v1/admin/rule-set/activate. */
export interface RuleActivationRequest {
  readonly tenant?: string;
  /** Also when the draft locks out everybody. */
  readonly force?: boolean;
  /** False: points of presence may go on with what they have for as long as it counts as fresh. */
  readonly raiseFloor?: boolean;
}

export interface RuleActivationView {
  readonly version: number;
  readonly findings: readonly RuleFinding[];
}

/** POST /v1/admin/rule-set/rollback. */
export interface RuleRollbackRequest {
  readonly tenant?: string;
  readonly version: number;
  readonly force?: boolean;
}

/** POST /v1/admin/rule-set/dry-run: bounds of what is looked at, and of what is told. */
export interface DryRunRequest {
  readonly tenant?: string;
  /** Pairs of a registered card and a registered subscriber. */
  readonly pairs?: number;
  /** Past decisions, the newest first. */
  readonly bindings?: number;
  readonly changes?: number;
}

/** The answer is one of these a line; the last is the summary, without which it is not whole. */
export type DryRunLine =
  | {
      readonly kind: "pair" | "binding";
      readonly card: string;
      readonly imsi: string;
      /** Of a past binding. */
      readonly session?: string | undefined;
      readonly before: string;
      readonly after: string;
    }
  | {
      readonly kind: "summary";
      readonly active: number;
      readonly draft: number;
      readonly pairs: DryRunCount;
      readonly bindings: DryRunCount;
    };

export interface DryRunCount {
  readonly checked: number;
  readonly changed: number;
  /** The bound was reached before the end. */
  readonly isPartial: boolean;
}

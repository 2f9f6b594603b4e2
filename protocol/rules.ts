/** Binding rules as data: which subscriber a card may sit beside. */
import type { Strength } from "./suites.ts";

export type RuleTarget = { readonly card: string } | { readonly all: true };

/** `operator` is MCC and MNC of the subscriber. */
export type RuleCondition = { readonly imsi: string } | { readonly operator: string };

/** What a card is told when rules name it and none allows the subscriber it was found beside. */
export type MismatchAction = "lock" | "refuse";

export interface BindingRule {
  readonly id: string;
  readonly target: RuleTarget;
  readonly condition: RuleCondition;
  readonly onMismatch: MismatchAction;
  /**
   * What the module's proof must be worth. Without it: as much as the subscriber's own module
   * proves when it is used as it was provisioned, and never as little as COMP128-1.
   */
  readonly minimumStrength?: Strength | undefined;
}

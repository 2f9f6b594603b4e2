/** Binding rules as data: which subscriber a card may sit beside (docs/rules.md). */
import type { ModuleKindName, Strength } from "./suites.ts";

export type RuleTarget =
  | { readonly card: string }
  | { readonly group: string }
  | { readonly all: true };

/**
 * What must be so of the subscriber; every member that is given must hold. All of it was proved by
 * the module or is said by the subscriber database, none of it by the terminal.
 */
export interface RuleCondition {
  readonly imsi?: string | undefined;
  /** Both ends included, of equal length, by digits. */
  readonly imsiRange?: { readonly from: string; readonly to: string } | undefined;
  /** E.164 digits. */
  readonly msisdn?: string | undefined;
  /** MCC and MNC of the subscriber. */
  readonly operator?: string | undefined;
  /** TS 22.022, 4.2: with `operator`. */
  readonly networkSubset?: string | undefined;
  /** GID1, hex (TS 22.022, 4.3). */
  readonly serviceProvider?: string | undefined;
  /** GID2, hex (TS 22.022, 4.4). */
  readonly corporate?: string | undefined;
  readonly homeRegion?: string | undefined;
  readonly userGroup?: string | undefined;
  readonly level?: string | undefined;
  readonly company?: string | undefined;
  /** The subscriber's company is the card's. */
  readonly sameCompany?: true | undefined;
  /** The subscriber has all of these. */
  readonly services?: readonly string[] | undefined;
  readonly moduleKind?: ModuleKindName | undefined;
}

/** Days of ISO 8601, 1 to 7; minutes since midnight at `utcOffset` minutes east of UTC. */
export interface TimeWindow {
  /** Every day unless given. */
  readonly days?: readonly number[] | undefined;
  readonly from: number;
  /** Exclusive; before `from` it ends on the day after. */
  readonly to: number;
  readonly utcOffset: number;
}

/**
 * What terminal, place and time add. They never choose a rule that allows: once chosen, such a rule
 * refuses when one of these does not hold. A rule that denies is left out only when it does not.
 */
export interface RuleClaims {
  /** Any of these (TS 23.003, 6.2.1); said by the terminal. */
  readonly imeis?: readonly string[] | undefined;
  /** Any of these (ISO 3166-1 alpha-2): where the point of presence was asked. */
  readonly countries?: readonly string[] | undefined;
  readonly window?: TimeWindow | undefined;
}

export type RuleEffect = "allow" | "deny";

/**
 * What a card is told that sits beside a proven subscriber whom rules do not allow. `lockAfter`:
 * refused, and locked with the n-th such decision without a SUCCESS between, 2 to 99.
 */
export type MismatchAction = "lock" | "refuse" | { readonly lockAfter: number };

export const SERVICE_NAMES = ["sign", "decipher", "encipher"] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** What a SUCCESS grants; what is absent is the platform's own limit, which none may exceed. */
export interface LeaseTerms {
  readonly uses?: number | undefined;
  readonly seconds?: number | undefined;
  readonly services?: readonly ServiceName[] | undefined;
}

export interface BindingRule {
  readonly id: string;
  readonly target: RuleTarget;
  /** `allow` unless given. */
  readonly effect?: RuleEffect | undefined;
  /** The highest that matches decides; 0 unless given, at most PRIORITY_MAX. */
  readonly priority?: number | undefined;
  readonly condition: RuleCondition;
  readonly claims?: RuleClaims | undefined;
  readonly onMismatch: MismatchAction;
  /**
   * What the module's proof must be worth. Without it: as much as the subscriber's own module
   * proves when it is used as it was provisioned, and never as little as COMP128-1. Of a rule that
   * allows.
   */
  readonly minimumStrength?: Strength | undefined;
  /** Unix milliseconds; the rule does not exist before and from `validUntil` on. */
  readonly validFrom?: number | undefined;
  readonly validUntil?: number | undefined;
  /** Of a rule that allows. */
  readonly lease?: LeaseTerms | undefined;
}

export const PRIORITY_MAX = 1000;
export const LOCK_AFTER_MAX = 99;
export const MINUTES_OF_DAY = 1440;
export const RULE_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** 15 digits with the check digit, or 14 without. */
export const IMEI_PATTERN = /^[0-9]{14,15}$/;
export const COUNTRY_PATTERN = /^[A-Z]{2}$/;

/** Members of condition and claims, as decisions name them. */
export type RuleField = keyof RuleCondition | "imei" | "country" | "window" | "minimumStrength";

/** The same terminal with and without its check digit (TS 23.003, 6.2.1). */
export function imeiDigits(imei: string): string {
  return imei.slice(0, 14);
}

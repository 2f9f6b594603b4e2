/** One row a suite. Nothing else enumerates suites, modes or kinds. */
import { CARD_KIND, MODE, MODULE_KIND, SUITE } from "./assigned-numbers.ts";

export type SuiteName = "P-256";
export type ModeName = "signed";
export type CardKindName = "TF";
export type ModuleKindName = "USIM";

export interface Suite {
  readonly name: SuiteName;
  readonly number: number;
  readonly modes: readonly ModeName[];
}

/** Strongest first. */
export const SUITES: readonly Suite[] = [{ name: "P-256", number: SUITE.p256, modes: ["signed"] }];

export const MODE_NUMBERS: Readonly<Record<ModeName, number>> = { signed: MODE.signed };
export const CARD_KIND_NUMBERS: Readonly<Record<CardKindName, number>> = { TF: CARD_KIND.tf };
export const MODULE_KIND_NUMBERS: Readonly<Record<ModuleKindName, number>> = {
  USIM: MODULE_KIND.usim,
};

/**
 * How much an answer of a module kind proves (protocol, "strength"), weakest first; an audit
 * event records it.
 */
export type Strength = "COMP128-1" | "SIM" | "CAVE" | "CHAP" | "USIM" | "USIM with tag";

export function findSuite(number: number): Suite | undefined {
  return SUITES.find((suite) => suite.number === number);
}

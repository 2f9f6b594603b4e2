/** The matrix: every suite in both modes, on both kinds of card, beside each kind of module. */
import type { AppletKindName, ModeName, SuiteName } from "#protocol/suites";
import type { SubscriberKind } from "#tests/fleet/modules";

export interface Cell {
  readonly suite: SuiteName;
  readonly mode: ModeName;
  readonly card: AppletKindName;
  readonly module: SubscriberKind;
}

const CELL_SUITES: readonly SuiteName[] = ["P-256", "RSA-2048", "SM", "AES", "SM4"];
const CELL_MODES: readonly ModeName[] = ["signed", "encrypted"];
const CELL_CARDS: readonly AppletKindName[] = ["TF", "SD"];
const CELL_MODULES: readonly SubscriberKind[] = ["SIM", "USIM/Milenage", "USIM/TUAK", "UIM"];

/** 5 x 2 x 2 x 4 = 80. */
export const CELLS: readonly Cell[] = CELL_SUITES.flatMap((suite) =>
  CELL_MODES.flatMap((mode) =>
    CELL_CARDS.flatMap((card) => CELL_MODULES.map((module) => ({ suite, mode, card, module }))),
  ),
);

export function nameCell({ suite, mode, card, module }: Cell): string {
  return `${suite} ${mode} ${card} ${module}`;
}

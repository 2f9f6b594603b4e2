/** Every attack in every chosen cell; before the first and after each the card must bind. */
import { type Cell, nameCell } from "#tests/matrix/cells";
import { createSeeded } from "#tests/terminal/seeded";
import type { Fleet } from "#tests/fleet/fleet";
import { AGAINST_THE_PLATFORM } from "./attacks-platform.ts";
import { ALTERING } from "./attacks-altered.ts";
import { AT_THE_CARD } from "./attacks-card.ts";
import { CUTTING } from "./attacks-power.ts";
import { OUTLASTING } from "./attacks-state.ts";
import { SPYING } from "./attacks-secrets.ts";
import { CLAIMING } from "./attacks-identity.ts";
import { ORDERING } from "./attacks-order.ts";
import { SPLICING } from "./attacks-splice.ts";
import { UPDATING } from "./attacks-ssd.ts";
import { UNLOCKING } from "./attacks-unlock.ts";
import type { Pair } from "./phone.ts";
import { HOSTILE_CELLS } from "./cells.ts";
import { type Attack, describe, Scene, type SceneParts } from "./scene.ts";
import { createTally, type Tally } from "./tally.ts";
import { openWorld } from "./world.ts";

export const ATTACKS: readonly Attack[] = [
  ...ALTERING,
  ...ORDERING,
  ...SPLICING,
  ...CLAIMING,
  ...AT_THE_CARD,
  ...CUTTING,
  ...AGAINST_THE_PLATFORM,
  ...UNLOCKING,
  ...UPDATING,
  ...OUTLASTING,
  ...SPYING,
];

export interface HostileOptions {
  readonly edge: boolean;
  /** Indices into HOSTILE_CELLS. */
  readonly cells: readonly number[];
  readonly seed: number;
  /** Alterations of one field. */
  readonly perField: number;
  /** Bad proofs for one victim: once a suite; 12 in the other cells. */
  readonly guesses: number;
  /** Names of classes; all of them when empty. */
  readonly classes: readonly string[];
}

const HOME_OPERATOR = "46001";
const FEW_GUESSES = 12;
const UNTOUCHED = { name: "untouched", invariant: "I2" };

export async function runCells(options: HostileOptions): Promise<Tally> {
  const tally = createTally(options.cells.length);
  for (const index of options.cells) {
    const cell = HOSTILE_CELLS[index];
    if (cell !== undefined) await runCell(options, cell, index, tally);
  }
  return tally;
}

async function runCell(
  { edge, seed, perField, guesses, classes }: HostileOptions,
  cell: Cell,
  index: number,
  tally: Tally,
): Promise<void> {
  const world = await openWorld(edge);
  const found = tally.findings.length;
  try {
    const one = await addPair(world.fleet, cell);
    const two = await addPair(world.fleet, cell);
    const seeded = createSeeded(seed * HOSTILE_CELLS.length + index);
    const isFirst = HOSTILE_CELLS.findIndex(({ suite }) => suite === cell.suite) === index;
    const chosen = { perField, guesses: isFirst ? guesses : FEW_GUESSES };
    const parts = { world, cell, tally, seeded, ...chosen, one, two };
    await new Scene(parts, UNTOUCHED).recover();
    for (const attack of ATTACKS)
      if (classes.length === 0 || classes.includes(attack.name)) await runAttack(parts, attack);
  } catch (error) {
    const place = { cell: nameCell(cell), attack: UNTOUCHED.name, invariant: UNTOUCHED.invariant };
    tally.broken(place, describe(error));
  } finally {
    await world.close();
  }
  if (tally.findings.length === found) tally.totals.cellsCovered += 1;
}

async function runAttack(parts: SceneParts, attack: Attack): Promise<void> {
  const { tally, cell } = parts;
  const scene = new Scene(parts, attack);
  const absence = attack.findAbsence?.(cell);
  if (absence !== undefined) {
    tally.notApplicable(scene.at, absence);
    return;
  }
  const { cases } = tally.totals;
  try {
    await attack.run(scene);
    await scene.judge();
    if (tally.totals.cases === cases) tally.broken(scene.at, "nothing was attacked");
  } catch (error) {
    tally.broken(scene.at, describe(error));
  }
  await scene.recover();
}

async function addPair(fleet: Fleet, cell: Cell): Promise<Pair> {
  const card = await fleet.addCard({ suite: cell.suite, modes: [cell.mode], kind: cell.card });
  const subscriber = await fleet.addSubscriber({ operator: HOME_OPERATOR, kind: cell.module });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  return { card, subscriber };
}

/** Every attack in every chosen cell; before the first and after each the card must bind. */
import { CELLS, type Cell, nameCell } from "#tests/matrix/cells";
import { createSeeded } from "#tests/terminal/seeded";
import type { Fleet } from "#tests/fleet/fleet";
import { AGAINST_THE_PLATFORM } from "./attacks-platform.ts";
import { ALTERING } from "./attacks-altered.ts";
import { AT_THE_CARD } from "./attacks-card.ts";
import { CLAIMING } from "./attacks-identity.ts";
import { ORDERING } from "./attacks-order.ts";
import { SPLICING } from "./attacks-splice.ts";
import { UNLOCKING } from "./attacks-unlock.ts";
import type { Pair } from "./phone.ts";
import { type Attack, describe, Scene } from "./scene.ts";
import { createTally, type Tally } from "./tally.ts";
import { openUniverse, type Universe } from "./world.ts";

export const ATTACKS: readonly Attack[] = [
  ...ALTERING,
  ...ORDERING,
  ...SPLICING,
  ...CLAIMING,
  ...AT_THE_CARD,
  ...AGAINST_THE_PLATFORM,
  ...UNLOCKING,
];

export interface HostileOptions {
  readonly edge: boolean;
  /** Indices into CELLS. */
  readonly cells: readonly number[];
  readonly seed: number;
  /** Alterations of one field. */
  readonly perField: number;
  /** Names of classes; all of them when empty. */
  readonly classes: readonly string[];
}

const HOME_OPERATOR = "46001";
const UNTOUCHED = { name: "untouched", invariant: "I2" };

export async function runCells(options: HostileOptions): Promise<Tally> {
  const universe = await openUniverse(options.edge);
  try {
    return await runIn(universe, options);
  } finally {
    await universe.stop();
  }
}

export async function runIn(universe: Universe, options: HostileOptions): Promise<Tally> {
  const tally = createTally(options.cells.length);
  for (const index of options.cells) {
    const cell = CELLS[index];
    if (cell !== undefined) await runCell(universe, options, cell, index, tally);
  }
  return tally;
}

async function runCell(
  universe: Universe,
  { seed, perField, classes }: HostileOptions,
  cell: Cell,
  index: number,
  tally: Tally,
): Promise<void> {
  const world = await universe.open();
  const found = tally.findings.length;
  try {
    const one = await addPair(world.fleet, cell);
    const two = await addPair(world.fleet, cell);
    const seeded = createSeeded(seed * CELLS.length + index);
    const parts = { world, cell, tally, seeded, perField, one, two };
    await new Scene(parts, UNTOUCHED).recover();
    for (const attack of ATTACKS) {
      if (classes.length > 0 && !classes.includes(attack.name)) continue;
      const scene = new Scene(parts, attack);
      if (attack.needsBackup === true && world.backup === undefined) {
        tally.notApplicable(scene.at, "this host's state cannot be put back from here");
        continue;
      }
      const { cases } = tally.totals;
      try {
        await attack.run(scene);
        if (tally.totals.cases === cases) tally.broken(scene.at, "nothing was attacked");
      } catch (error) {
        tally.broken(scene.at, describe(error));
      }
      await scene.recover();
    }
  } catch (error) {
    const place = { cell: nameCell(cell), attack: UNTOUCHED.name, invariant: UNTOUCHED.invariant };
    tally.broken(place, describe(error));
  } finally {
    await world.close();
  }
  if (tally.findings.length === found) tally.totals.cellsCovered += 1;
}

async function addPair(fleet: Fleet, cell: Cell): Promise<Pair> {
  const card = await fleet.addCard({ suite: cell.suite, modes: [cell.mode], kind: cell.card });
  const subscriber = await fleet.addSubscriber({ operator: HOME_OPERATOR, kind: cell.module });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  return { card, subscriber };
}

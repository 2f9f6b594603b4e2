/**
 * Run by matrix.ts in a patched copy: plants the faults of every EVERYth of the cells START to
 * END - 1, each time runs every cell, and prints the cells that turned red, a line of JSON a fault.
 */
import { CELLS, nameCell } from "#tests/matrix/cells";
import { CellError, type CellParts, checkCell, makeCellParts } from "#tests/matrix/check";
import { startMatrixHost } from "#tests/matrix/host";
import type { Fleet } from "#tests/fleet/fleet";
import { plantCellFault } from "./cell-fault.ts";

const [start = 0, end = 0, every = 1] = process.argv.slice(2).map(Number);
const host = await startMatrixHost("Bun");
const fleet = await host.createFleet();
const parts = new Map<string, CellParts>();
for (const cell of CELLS) parts.set(nameCell(cell), await makeCellParts(fleet, cell));
// Without a fault everything is green, or red says nothing.
report("none", await runAll(fleet));
for (const [index, cell] of CELLS.entries()) {
  if (index < start || index >= end || index % every !== 0) continue;
  plantCellFault(cell);
  report(nameCell(cell), await runAll(fleet));
}
await host.stop();
process.exit(0);

function report(fault: string, red: readonly string[]): void {
  process.stdout.write(`${JSON.stringify({ fault, red })}\n`);
}

/** The names of the cells that are red. */
async function runAll(fleetOfCells: Fleet): Promise<string[]> {
  const red: string[] = [];
  for (const [name, cellParts] of parts) {
    try {
      await checkCell(fleetOfCells, cellParts);
    } catch (error) {
      if (!(error instanceof CellError)) throw error;
      red.push(name);
    }
  }
  return red;
}

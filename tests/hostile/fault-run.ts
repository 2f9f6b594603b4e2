/**
 * Run by planted.ts in a patched copy: plants the fault of each index given, attacks its cell with
 * its class, and prints what was found, one line of JSON a fault.
 */
import { CELLS, nameCell } from "#tests/matrix/cells";
import { HOSTILE_FAULTS } from "./faults.ts";
import { plantFault } from "./fault-switch.ts";
import { runCells } from "./run.ts";

for (const index of process.argv.slice(2).map(Number)) {
  const fault = HOSTILE_FAULTS[index];
  if (fault === undefined) throw new Error(`there is no fault ${index}`);
  const { name, attack } = fault;
  const at = CELLS.findIndex((cell) => nameCell(cell) === fault.cell);
  const options = { edge: false, cells: [at], seed: 1, perField: 2, classes: [attack] };
  // Asleep, the fault must not be found, or finding it says nothing.
  plantFault("");
  const healthy = await runCells(options);
  plantFault(name);
  const { totals } = await runCells(options);
  const count = totals.byClass[attack];
  const found = (count?.accepted ?? 0) + (count?.wronglyLocked ?? 0);
  const isHealthy = healthy.findings.length === 0 && healthy.totals.cellsCovered === 1;
  process.stdout.write(`${JSON.stringify({ name, found, isHealthy })}\n`);
}
process.exit(0);

/**
 * Run by planted.ts in a patched copy, with `edge` or `bun` and the indices of faults: plants each,
 * attacks its cell with its class, and prints what was found, one line of JSON a fault.
 */
import { nameCell } from "#tests/matrix/cells";
import { HOSTILE_CELLS } from "./cells.ts";
import { HOSTILE_FAULTS } from "./faults.ts";
import { plantFault } from "./fault-switch.ts";
import { runCells } from "./run.ts";

const [runtime, ...indices] = process.argv.slice(2);
for (const index of indices.map(Number)) {
  const fault = HOSTILE_FAULTS[index];
  if (fault === undefined) throw new Error(`there is no fault ${index}`);
  const { name, attack } = fault;
  const at = HOSTILE_CELLS.findIndex((cell) => nameCell(cell) === fault.cell);
  const chosen = { seed: 1, perField: 4, guesses: 12, classes: [attack] };
  const options = { edge: runtime === "edge", cells: [at], ...chosen };
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

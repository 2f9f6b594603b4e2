/** Run by hostile.ts, one process a share of the cells: prints one line of JSON. */
import { type HostileOptions, runCells } from "./run.ts";

const options: HostileOptions = JSON.parse(process.argv[2] ?? "{}");
const { totals, findings } = await runCells(options);
process.stdout.write(`${JSON.stringify({ totals, findings })}\n`);
process.exit(0);

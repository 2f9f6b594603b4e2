/**
 * 80 cells on each runtime. A cell is green only because its own planted fault turns it red:
 * `bun run planted matrix`.
 */
import { afterAll, beforeAll, describe, test } from "bun:test";
import type { Fleet } from "#tests/fleet/fleet";
import { CELLS, nameCell } from "./cells.ts";
import { checkCell, makeCellParts } from "./check.ts";
import { type MatrixHost, startMatrixHost } from "./host.ts";

describe.each([{ runtime: "Bun" as const }, { runtime: "workerd" as const }])(
  "$runtime",
  ({ runtime }) => {
    let host: MatrixHost;
    let fleet: Fleet;
    beforeAll(async () => {
      host = await startMatrixHost(runtime);
      fleet = await host.createFleet();
    });
    afterAll(async () => {
      await host.stop();
    });

    test.each(CELLS.map((cell) => ({ name: nameCell(cell), cell })))("$name", async ({ cell }) => {
      await checkCell(fleet, await makeCellParts(fleet, cell));
    });
  },
);

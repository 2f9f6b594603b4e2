/** Plants deviations, one test each: its rows turn red, and no other. */
import { afterAll, expect, test } from "bun:test";
import { ROWS } from "#cli/conformance/rows";
import { examine, type Line, tryRows } from "#cli/conformance/run";
import { openEmulated } from "#cli/conformance/slot";
import { isPassed } from "#cli/conformance/table";
import { type Deviation, openWorkshop, type Workshop } from "./deviation.ts";

/** Symmetric, since that is quick; one mode, since most rows are the same in both. */
const USUAL = { suite: "AES", kind: "TF", modes: ["signed"], hasClock: false } as const;

export function plant(deviations: readonly Deviation[]): void {
  const workshop = openWorkshop();
  let caught = 0;
  afterAll(() => {
    workshop.close();
    process.stdout.write(
      `conformance: ${ROWS.length} rows, ${deviations.length} deviations planted, ` +
        `${caught} caught\n`,
    );
  });
  for (const deviation of deviations) {
    const rows = deviation.rows.toSorted();
    test(`${rows.join(" ")}: ${deviation.what}`, async () => {
      const lines = await tryDeviation(workshop, deviation);
      const red = lines.filter(({ verdict }) => verdict !== "pass");
      expect([...new Set(red.map(({ id }) => id))].toSorted()).toEqual(rows);
      expect(red.some(({ verdict }) => verdict === "FAIL")).toBe(true);
      expect(isPassed(lines)).toBe(red.every(({ isMandatory }) => !isMandatory));
      caught += 1;
    });
  }
}

async function tryDeviation(workshop: Workshop, deviation: Deviation): Promise<Line[]> {
  const options = { ...USUAL, ...deviation.on };
  const slot = openEmulated(options, await workshop.build(deviation));
  const { suite, modes } = options;
  const lines: Line[] = [];
  for await (const line of tryRows(await examine(slot, { suite, modes }), ROWS)) lines.push(line);
  return lines;
}

/** `simlatch bench summary`: several runs of `bench core` put together, row by row. */
import type { BenchRow } from "./core.ts";
import { summarise } from "./measure.ts";

const keyOf = ({ name, runtime, peer }: BenchRow): string => `${name} on ${runtime} to ${peer}`;

const present = (value: number | null): number[] => (value === null ? [] : [value]);

function combine(rows: readonly [BenchRow, ...BenchRow[]]): BenchRow {
  const peerValues = rows.flatMap(({ peerValue }) => present(peerValue));
  const ratios = rows.flatMap(({ ratio }) => present(ratio));
  const spread = ratios.length === 0 ? undefined : summarise(ratios);
  return {
    ...rows[0],
    value: summarise(rows.map(({ value }) => value)).median,
    peerValue: peerValues.length === 0 ? null : summarise(peerValues).median,
    ratio: spread?.median ?? null,
    min: spread?.min ?? null,
    max: spread?.max ?? null,
  };
}

/** Medians over the runs; min and max are those of the runs' ratios. Rows keep their order. */
export function summariseRuns(runs: readonly (readonly BenchRow[])[]): BenchRow[] {
  const groups = Map.groupBy(runs.flat(), keyOf);
  return [...groups.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [combine([first, ...others])],
  );
}

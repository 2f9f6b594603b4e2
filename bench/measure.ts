/** How a rate is measured: samplers take turns, round after round, all in the same noise. */

/** Something whose rate can be asked for. */
export interface Sampler {
  /** Operations per second, over about so many seconds. */
  sample(seconds: number): Promise<number>;
}

/** Runs an operation so many times, in one go. */
export type Repeat = (count: number) => void | Promise<void>;

export interface Statistics {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** A look at the clock costs something, so it is looked at about this often. */
const CHUNK_SECONDS = 0.001;
const GROWTH_MAX = 8;

/** Repeats an operation until the time is up; operations per second, `perCall` of them in each. */
export async function rateOf(repeat: Repeat, perCall: number, seconds: number): Promise<number> {
  let chunk = 1;
  let calls = 0;
  let elapsed = 0;
  const start = performance.now();
  while (calls === 0 || elapsed < seconds) {
    // An await of nothing would cost more than the fastest operation.
    const pending = repeat(chunk);
    if (pending !== undefined) await pending;
    calls += chunk;
    elapsed = (performance.now() - start) / 1000;
    const fitting = elapsed === 0 ? Infinity : (calls / elapsed) * CHUNK_SECONDS;
    chunk = Math.max(1, Math.floor(Math.min(chunk * GROWTH_MAX, fitting)));
    if (calls > Number.MAX_SAFE_INTEGER / GROWTH_MAX) throw new Error("the clock stands still");
  }
  return (calls * perCall) / elapsed;
}

/** Lets every sampler run once a round, A B A B; the rates of each, a round each, in that order. */
export async function interleave(
  samplers: readonly Sampler[],
  rounds: number,
  seconds: number,
): Promise<number[][]> {
  const rates = samplers.map((): number[] => []);
  for (const sampler of samplers) await sampler.sample(seconds / 2); // engines compile meanwhile
  for (let round = 0; round < rounds; round += 1)
    for (const [index, sampler] of samplers.entries())
      rates[index]?.push(await sampler.sample(seconds));
  return rates;
}

export function summarise(values: readonly number[]): Statistics {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] ?? 0;
  const high = sorted[Math.ceil(middle)] ?? 0;
  return { median: (low + high) / 2, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

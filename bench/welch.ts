/**
 * Welch's t-test for a difference of times between two classes of secrets, with the slowest times
 * cropped: O. Reparaz, J. Balasch, I. Verbauwhede, "Dude, is my code constant time?", DATE 2017.
 */

/** A difference is taken as real from here on: two normal means differ as much once in 150,000. */
export const T_THRESHOLD = 4.5;

/** Shares of all times, the fastest, that a test looks at; interrupts are in the others. */
const SHARES = [1, 0.99, 0.9, 0.75, 0.5];

const SHIFT_MIN = 1 / 64;
const BISECTIONS = 5;
const DITHER_COUNT = 32_768;

export interface WelchResult {
  /** Of the share at which it is largest. */
  readonly t: number;
  readonly share: number;
  /** Mean of class 1 less mean of class 0, there. */
  readonly difference: number;
}

interface Moments {
  count: number;
  mean: number;
  /** Sum of squared distances from the mean. */
  squares: number;
}

/** Welford's update. */
function add(moments: Moments, value: number): void {
  moments.count += 1;
  const distance = value - moments.mean;
  moments.mean += distance / moments.count;
  moments.squares += distance * (value - moments.mean);
}

/** The test of the fastest `share`; the limit is that of both classes together. */
function testShare(
  times: Float64Array,
  classes: Uint8Array,
  sorted: Float64Array,
  share: number,
): WelchResult {
  const limit = sorted[Math.ceil(share * sorted.length) - 1] ?? Infinity;
  const zero: Moments = { count: 0, mean: 0, squares: 0 };
  const one: Moments = { count: 0, mean: 0, squares: 0 };
  for (let index = 0; index < times.length; index += 1) {
    const time = times[index] ?? 0;
    if (time <= limit) add(classes[index] === 1 ? one : zero, time);
  }
  const variance = ({ count, squares }: Moments): number => squares / (count - 1) / count;
  const error = Math.sqrt(variance(zero) + variance(one));
  const difference = one.mean - zero.mean;
  return { t: error > 0 ? difference / error : 0, share, difference };
}

/** The test at every share, the one that shows most. */
export function welch(times: Float64Array, classes: Uint8Array): WelchResult {
  const sorted = times.toSorted();
  const tests = SHARES.map((share) => testShare(times, classes, sorted, share));
  return tests.reduce((a, b) => (Math.abs(b.t) > Math.abs(a.t) ? b : a));
}

/**
 * Times with class 1 shifted by `shift` nanoseconds on average. The clock counts whole ones, so
 * each time moves to one of the two next to where it should be.
 */
function shiftClass(times: Float64Array, classes: Uint8Array, shift: number): Float64Array {
  const dither = new Uint16Array(DITHER_COUNT);
  crypto.getRandomValues(dither);
  return times.map((time, index) => {
    if (classes[index] !== 1) return time;
    const part = (dither[index % DITHER_COUNT] ?? 0) / 65_536;
    return time + Math.floor(shift + part);
  });
}

/** Whether the test finds class 1 slower, and also class 1 faster, by so much. */
function isShiftFound(times: Float64Array, classes: Uint8Array, shift: number): boolean {
  return [shift, -shift].every(
    (each) => Math.abs(welch(shiftClass(times, classes, each), classes).t) >= T_THRESHOLD,
  );
}

/** The smallest shift of one class of these times that the test finds, to a few percent. */
export function detectableShift(times: Float64Array, classes: Uint8Array): number {
  let high = SHIFT_MIN;
  while (!isShiftFound(times, classes, high)) high *= 2;
  let low = high / 2;
  for (let step = 0; step < BISECTIONS; step += 1) {
    const middle = (low + high) / 2;
    if (isShiftFound(times, classes, middle)) high = middle;
    else low = middle;
  }
  return high;
}

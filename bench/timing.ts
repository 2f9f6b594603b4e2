/**
 * `simlatch bench timing`: whether the time of the core depends on a secret. Samples of two classes
 * are mixed at random: in one the secret is always the same, in the other it is random each time.
 * A comparison that ends at the first difference shows that the test would find a dependence.
 */
import { T_THRESHOLD, detectableShift, welch } from "./welch.ts";
import { type TimingTarget, createTargets } from "./timing-targets.ts";

export interface TimingRow {
  readonly name: string;
  readonly samples: number;
  /** Operations in one sample; all nanoseconds are of one operation. */
  readonly operations: number;
  /** Median. */
  readonly nanoseconds: number;
  readonly t: number;
  /** Of the times, the fastest, at which |t| is largest; likewise the difference of means. */
  readonly share: number;
  readonly difference: number;
  /** The smallest difference that would have been found; the control needs none. */
  readonly detectable: number | null;
  readonly isControl: boolean;
  /** Whether |t| reaches the threshold. */
  readonly isFound: boolean;
}

export interface TimingOptions {
  readonly samples: number;
  readonly onTarget?: (name: string) => void;
}

/** Secrets are drawn for so many samples ahead, so that drawing one is far from its use. */
const BLOCK_SAMPLES = 1000;
const WARM_UP_SHARE = 0.05; // of the samples, taken before and thrown away: engines compile
const SECRET_BYTES_MAX = 64;
const RANDOM_BYTES_MAX = 65_536; // that one call of getRandomValues gives

function fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
  for (let start = 0; start < bytes.length; start += RANDOM_BYTES_MAX)
    crypto.getRandomValues(bytes.subarray(start, start + RANDOM_BYTES_MAX));
}

/** Times of `count` samples and the class of each; 0 is the class of the fixed secret. */
function sample(
  target: TimingTarget,
  fixedSecret: Uint8Array,
  count: number,
): { times: Float64Array; classes: Uint8Array } {
  const times = new Float64Array(count);
  const classes = new Uint8Array(count);
  const secrets = new Uint8Array(BLOCK_SAMPLES * target.secretBytes);
  const pool = new Uint8Array(secrets.length);
  const slots = Array.from({ length: BLOCK_SAMPLES }, (_, index) =>
    secrets.subarray(index * target.secretBytes, (index + 1) * target.secretBytes),
  );
  const fixed = fixedSecret.subarray(0, target.secretBytes);
  const choices = new Uint8Array(BLOCK_SAMPLES);
  for (let start = 0; start < count; start += BLOCK_SAMPLES) {
    fillRandom(pool);
    fillRandom(choices);
    const end = Math.min(BLOCK_SAMPLES, count - start);
    for (let index = 0; index < end; index += 1) {
      const choice = (choices[index] ?? 0) & 1;
      classes[start + index] = choice;
      // Every slot is written here, whatever its class, so that caches treat the classes alike.
      const at = index * target.secretBytes;
      slots[index]?.set(choice === 0 ? fixed : pool.subarray(at, at + target.secretBytes));
    }
    for (let index = 0; index < end; index += 1) {
      target.prepare(slots[index] ?? fixed);
      Bun.nanoseconds(); // lets what prepare began come to an end
      const begin = Bun.nanoseconds();
      target.run();
      times[start + index] = Bun.nanoseconds() - begin;
    }
  }
  return { times, classes };
}

function measure(target: TimingTarget, fixedSecret: Uint8Array, samples: number): TimingRow {
  sample(target, fixedSecret, Math.ceil(samples * WARM_UP_SHARE));
  const { times, classes } = sample(target, fixedSecret, samples);
  const { t, share, difference } = welch(times, classes);
  const { name, operations, isControl } = target;
  const sorted = times.toSorted();
  return {
    name,
    samples,
    operations,
    nanoseconds: (sorted[sorted.length >> 1] ?? 0) / operations,
    t,
    share,
    difference: difference / operations,
    detectable: isControl ? null : detectableShift(times, classes) / operations,
    isControl,
    isFound: Math.abs(t) >= T_THRESHOLD,
  };
}

/** Tests every target, the control first. */
export function benchTiming({ samples, onTarget }: TimingOptions): TimingRow[] {
  const fixedSecret = new Uint8Array(SECRET_BYTES_MAX);
  fillRandom(fixedSecret);
  return createTargets(fixedSecret).map((target) => {
    onTarget?.(target.name);
    return measure(target, fixedSecret, samples);
  });
}

/** What an example is made of: steps, each with named values, in the order they come about. */
import { seededRandom } from "#tests/emulators/card/encoding-double";
import { type Bytes, encodeHex } from "#protocol/bytes";
import type { ModeName, SuiteName } from "#protocol/suites";
import type { Hash } from "#protocol/transcript";

export interface Step {
  readonly title: string;
  /** Hex. */
  readonly values: Readonly<Record<string, string>>;
}

export interface Example {
  readonly title: string;
  readonly suite?: SuiteName;
  readonly mode?: ModeName;
  readonly steps: readonly Step[];
}

type Heading = Omit<Example, "steps">;

export interface Recorder {
  /** What follows belongs to a new step. */
  readonly step: (title: string) => void;
  /** A name occurs once a step. */
  readonly add: (name: string, value: Uint8Array) => void;
  readonly finish: () => Example;
}

export function createRecorder(heading: Heading): Recorder {
  const steps: { title: string; values: Record<string, string> }[] = [];
  return {
    step: (title) => {
      steps.push({ title, values: {} });
    },
    add: (name, value) => {
      const values = steps.at(-1)?.values;
      if (values === undefined || name in values) throw new Error(`${name} has no place`);
      values[name] = encodeHex(value);
    },
    finish: () => ({ ...heading, steps }),
  };
}

/** Records input and value of one hash of the transcript, and gives the value. */
export function addHash(
  { add }: Recorder,
  tools: { readonly hash: Hash },
  name: string,
  compute: (hash: Hash) => Uint8Array,
): Uint8Array {
  const value = compute((input) => {
    add(`${name} input`, input);
    return tools.hash(input);
  });
  add(name, value);
  return value;
}

/** A random source that always gives the same, and remembers what it gave. */
export interface Draws {
  readonly random: (byteCount: number) => Bytes;
  /** What was drawn since the last call; throws unless it was `count` values. */
  readonly take: (count: number) => readonly Bytes[];
}

export function createDraws(seed: string): Draws {
  const source = seededRandom(`protocol example ${seed}`);
  let drawn: Bytes[] = [];
  return {
    random: (byteCount) => {
      const bytes = source(byteCount);
      drawn.push(bytes);
      return bytes.slice();
    },
    take: (count) => {
      const taken = drawn;
      drawn = [];
      if (taken.length !== count) throw new Error(`${taken.length} values drawn, not ${count}`);
      return taken;
    },
  };
}

/** The two sides disagree: the example would be wrong. */
export function check(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`the two sides disagree: ${what}`);
}

export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}

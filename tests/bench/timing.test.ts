/** The short form of `simlatch bench timing`: that the control is found; the statistics. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { detectableShift, welch } from "#bench/welch";
import { SeededRandom } from "#tests/core/random";

const ROOT = join(import.meta.dir, "..", "..");
const KEYS =
  "name samples operations nanoseconds t share difference detectable isControl isFound".split(" ");

test("the short form finds the control and measures everything else", async () => {
  const command = ["bun", "cli/main.ts", "bench", "timing", "--short", "--json"];
  const child = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "ignore" });
  const rows: Record<string, unknown>[] = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  for (const row of rows) expect(Object.keys(row)).toEqual(KEYS);
  const [control, ...others] = rows;
  expect(control?.["isControl"]).toBe(true);
  expect(Math.abs(Number(control?.["t"]))).toBeGreaterThan(4.5);
  expect(others.map(({ name }) => name)).toEqual([
    "AES-128",
    "SM4",
    "Milenage, one vector",
    "Milenage, batch",
    "TUAK, one vector",
    "SM2 signing",
  ]);
  for (const { isControl, detectable } of others) {
    expect(isControl).toBe(false);
    expect(detectable).toBeGreaterThan(0);
  }
});

/** Times around 1,000 ns, whole ones, class 1 slower by `shift` on average. */
function simulate(count: number, shift: number): { times: Float64Array; classes: Uint8Array } {
  const random = new SeededRandom(0x7e57);
  const bytes = random.bytes(8 * count);
  const classes = Uint8Array.from({ length: count }, (_, index) => (bytes[8 * index] ?? 0) & 1);
  const times = Float64Array.from({ length: count }, (_, index) => {
    const noise = bytes.subarray(8 * index + 1, 8 * index + 8).reduce((sum, byte) => sum + byte, 0);
    return Math.round(1000 + noise / 16 + (classes[index] === 1 ? shift : 0));
  });
  return { times, classes };
}

test("equal classes give a small t, shifted ones a large one, as large a shift as foreseen", () => {
  const equal = simulate(20_000, 0);
  expect(Math.abs(welch(equal.times, equal.classes).t)).toBeLessThan(4.5);
  const smallest = detectableShift(equal.times, equal.classes);
  const shifted = simulate(20_000, Math.ceil(2 * smallest));
  const { t, difference } = welch(shifted.times, shifted.classes);
  expect(t).toBeGreaterThan(4.5);
  expect(difference).toBeGreaterThan(0);
  // A sum of seven bytes over 16 deviates by 12.2 ns: 4.5 times the error of two halves is 0.78 ns.
  expect(smallest).toBeWithin(0.2, 1.6);
});

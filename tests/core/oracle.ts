// Runs osmo-auc-gen of libosmocore, an independent implementation, on many cases at once.

const PROCESSES_AT_ONCE = 8;

const program = Bun.which("osmo-auc-gen");

/** Whether the oracle is missing; says so once per `what`. */
export function isOracleAbsent(what: string): boolean {
  if (program === null) process.stdout.write(`SKIP osmo-auc-gen-absent: ${what}\n`);
  return program === null;
}

/** What the oracle prints, by name; undefined if it refuses. */
export async function askOracle(
  arguments_: readonly string[],
): Promise<Map<string, string> | undefined> {
  const child = Bun.spawn([program ?? "", ...arguments_], { stdout: "pipe", stderr: "ignore" });
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) return undefined;
  const lines = output.matchAll(/^([A-Za-z.]+):\t(\S+)$/gmu);
  return new Map(Array.from(lines, ([, name = "", value = ""]) => [name, value]));
}

/** Runs a check on all cases, several at a time, and returns how many passed. */
export async function countPassed<T>(
  cases: readonly T[],
  check: (input: T, index: number) => Promise<void>,
): Promise<number> {
  const entries = cases.entries();
  let passed = 0;
  const worker = async (): Promise<void> => {
    for (const [index, input] of entries) {
      await check(input, index);
      passed += 1;
    }
  };
  await Promise.all(Array.from({ length: PROCESSES_AT_ONCE }, worker));
  return passed;
}

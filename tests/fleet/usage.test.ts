/** What the program says of things that are not there: a clear sentence, no stack, its own code. */
import { expect, test } from "bun:test";
import { runSimlatch } from "./program.ts";

async function expectFailure(args: readonly string[], code: number, advice: string): Promise<void> {
  const finished = await runSimlatch(args);
  expect([finished.code, finished.stdout]).toEqual([code, ""]);
  expect(finished.stderr).toContain(advice);
  expect(finished.stderr).not.toContain("    at ");
}

test("what would check or measure nothing is a usage error, and no success", async () => {
  await expectFailure(["planted", "I99"], 2, 'no fault is planted for "I99"');
  await expectFailure(["planted", "matrix", "I4"], 2, "matrix takes no names");
  await expectFailure(["hostile", "--cells", "no such cell"], 2, "--cells leaves no cell");
  await expectFailure(["conformance", "--emulated", "--only", "ZZZ"], 2, "--only leaves no row");
  await expectFailure(["bench", "summary", "no-such-run"], 2, "no run is kept");
  await expectFailure(["keys", "--wrapping", "2", "--json"], 2, "not JSON");
});

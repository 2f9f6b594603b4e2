/** What the program says of things that are not there: a clear sentence, no stack, its own code. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reportFailure } from "#cli/binding-run";
import { generatePlatformKeys } from "#cli/keys";
import { CardError } from "#terminal/card";
import { PcscError } from "#terminal/pcsc";
import { PlatformError } from "#terminal/platform-client";
import { TpmConnectionError } from "#terminal/tpm-connection";
import { createRig } from "#tests/platform/rig";
import { runSimlatch, serveRig } from "./program.ts";

const folder = mkdtempSync(join(tmpdir(), "simlatch-usage-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function expectFailure(
  args: readonly string[],
  code: number,
  advice: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const finished = await runSimlatch(args, environment);
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

function exitOf(error: Error): number {
  return reportFailure("terminal", error, false);
}

test("serve where its folder cannot be is a matter of configuration: 3", async () => {
  const file = join(folder, "a-file");
  writeFileSync(file, "");
  const args = ["serve", "--port", "0", "--folder"];
  await expectFailure([...args, file], 3, "--folder", generatePlatformKeys());
  await expectFailure([...args, join(file, "below")], 3, "--folder", generatePlatformKeys());
});

test("emulate gives the administration key to its platform alone, and says what went wrong", async () => {
  const keys = generatePlatformKeys();
  const emulate = ["emulate", "usim", "--vpcd", "127.0.0.1:9", "--platform"];
  await expectFailure([...emulate, "http://platform.example"], 2, "--platform wants https", keys);
  const rig = await createRig();
  const server = serveRig(rig);
  const { origin } = server.url;
  try {
    await expectFailure([...emulate, origin], 3, "not the platform's administration key", keys);
  } finally {
    await server.stop(true);
    await rig.dispose();
  }
  await expectFailure([...emulate, origin], 1, "the platform does not answer", keys);
});

test("a reader or a TPM that is not there is 4, a platform that does not answer is 1", () => {
  expect(exitOf(new PcscError("no_service", undefined))).toBe(4);
  expect(exitOf(new PcscError("removed", "a reader"))).toBe(1);
  const tpm = new TpmConnectionError("unreachable");
  expect(exitOf(new CardError("transport", "TPM2_Sign", undefined, tpm))).toBe(4);
  expect(exitOf(new PlatformError("unreachable", 0))).toBe(1);
});

/** What a shell prints that runs `script`. */
async function shell(script: string): Promise<string> {
  const child = Bun.spawn(["/bin/sh", "-c", script], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return stdout + stderr;
}

test("standard output that nobody reads, or that is full, ends in no stack, and a full one in 1", async () => {
  const simlatch = `${process.execPath} ${join(import.meta.dir, "../../cli/main.ts")}`;
  const unread = await shell(
    `(${simlatch} conformance --emulated; echo "code $?" >&2) | head -n 1`,
  );
  expect(unread.split("\n")).toEqual([expect.stringContaining("TF, P-256"), "code 0", ""]);
  expect(await shell(`${simlatch} keys > /dev/full; echo "code $?"`)).toBe("code 1\n");
});

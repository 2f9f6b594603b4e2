/** `simlatch conformance` as an applet developer starts it. */
import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");

/** Where libpcsclite looks for its service: nowhere, whatever else this machine runs. */
const NO_SERVICE = { PCSCLITE_CSOCK_NAME: join(import.meta.dir, "no-such-socket") };

async function simlatch(...args: readonly string[]) {
  const command = [process.execPath, "cli/main.ts", "conformance", ...args];
  const env = { ...process.env, ...NO_SERVICE };
  const child = Bun.spawn(command, { cwd: ROOT, env, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

test("--emulated prints a row for each requirement and a tally, and exits with 0", async () => {
  const { code, stdout } = await simlatch("--emulated", "--suite", "AES", "--only", "UNL");
  expect(code).toBe(0);
  expect(stdout).toContain("card 5445535443415244, TF, AES, signed and encrypted");
  expect(stdout).toMatch(/^UNL-01 S {2}5, 7 +pass +UNLOCK for this card/m);
  expect(stdout).toMatch(/^UNL-15 E /m);
  expect(stdout).toContain("mandatory: 30 passed, 0 failed, 0 not reached");
  expect(stdout.trimEnd()).toEndWith(": conforms");
});

test("--json gives the same as one object", async () => {
  const args = ["--emulated", "--kind", "SD", "--mode", "signed", "--suite", "AES", "--json"];
  const { code, stdout } = await simlatch(...args);
  expect(code).toBe(0);
  const report: unknown = JSON.parse(stdout);
  expect(report).toMatchObject({
    passed: true,
    card: expect.stringContaining(", SD, AES, signed"),
  });
  expect(report).toHaveProperty("rows.0.id", "SEL-01");
  expect(report).toHaveProperty("rows.0.verdict", "pass");
});

test("rows that this card is not asked prove nothing: it exits with 1", async () => {
  const args = ["--emulated", "--suite", "AES", "--only", "SD"];
  const { code, stdout } = await simlatch(...args);
  expect(code).toBe(1);
  expect(stdout.trimEnd()).toEndWith(": does not conform");
});

test.each([
  [[]],
  [["--emulated", "--reader", "A"]],
  [["--reader", "A", "--kind", "TF"]],
  [["--emulated", "--kind", "MTM"]],
  [["--emulated", "--suite", "P-384"]],
  [["--emulated", "--mode", "loud"]],
  [["--emulated", "--only", "XYZ"]],
  [["--emulated", "--timeout", "0"]],
])("a command line that makes no sense exits with 2: %p", async (args) => {
  const { code, stdout } = await simlatch(...args);
  expect(code).toBe(2);
  expect(stdout).toBe("");
});

test("without a PC/SC service it exits with 4", async () => {
  const { code, stderr } = await simlatch("--reader", "Virtual PCD 00 00");
  expect(code).toBe(4);
  expect(stderr).toMatch(/PC\/SC.*: (no_service|not_installed)/);
});

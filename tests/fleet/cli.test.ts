import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePort, UsageError } from "#cli/command";
import { generatePlatformKeys } from "#cli/keys";
import { createPaint } from "#cli/output";
import { isPortTaken } from "#cli/platform-host";
import { formatScenario } from "#cli/step-table";
import { runSimlatch, spawnSimlatch } from "./program.ts";

const LONGEST = "verifies the result, decides whether to serve";

const folders: string[] = [];

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-cli-test-"));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

test("--help names every command, and each command explains itself, with exit code 0", async () => {
  const all = await runSimlatch(["--help"]);
  expect(all.code).toBe(0);
  const names = [...all.stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name = ""]) => name);
  const sources = new Bun.Glob("*.ts").scanSync({ cwd: join(import.meta.dir, "../../cli") });
  const commands = [...sources].filter((file) => names.includes(file.replace(".ts", "")));
  expect(commands).toHaveLength(names.length);
  expect(names).toContain("quickstart");
  for (const name of names) {
    const { code, stdout } = await runSimlatch([name, "--help"]);
    expect([name, code]).toEqual([name, 0]);
    expect(stdout).toStartWith(`Usage: simlatch ${name}`);
  }
});

test("no command, an unknown one, an unknown option and a bad port are usage errors: 2", async () => {
  const wrong = [[], ["fly"], ["keys", "--fast"], ["quickstart", "--port", "high"], ["keys", "x"]];
  for (const { code, stderr } of await Promise.all(wrong.map((args) => runSimlatch(args)))) {
    expect(code).toBe(2);
    expect(stderr).not.toContain("    at ");
  }
});

test("keys are fresh, and --json holds the same three names", async () => {
  const [lines, json] = await Promise.all([runSimlatch(["keys"]), runSimlatch(["keys", "--json"])]);
  const names = ["SIMLATCH_MASTER_KEY", "SIMLATCH_DEPLOYMENT", "SIMLATCH_ADMIN_KEY"];
  const printed = lines.stdout.trimEnd().split("\n");
  expect(printed.map((line) => line.split("=")[0])).toEqual(names);
  const other: unknown = JSON.parse(json.stdout);
  expect(Object.keys(other ?? {})).toEqual(names);
  expect(json.stdout).not.toContain(printed[0]?.split("=")[1] ?? "nothing");
});

test("serve without keys, or with a key nobody should use, says what to do: 3", async () => {
  const folder = await makeFolder();
  const args = ["serve", "--port", "0", "--folder", folder];
  const none = await runSimlatch(args);
  expect(none.code).toBe(3);
  expect(none.stderr).toContain("SIMLATCH_MASTER_KEY");
  const weak = { ...generatePlatformKeys(), SIMLATCH_MASTER_KEY: "A".repeat(43) };
  const refused = await runSimlatch(args, weak);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain("SIMLATCH_MASTER_KEY");
  expect(refused.stderr).not.toContain("A".repeat(43));
  expect(refused.stdout).toBe("");
});

test("serve listens where it says, refuses a taken port with 3, and ends with 0 on two Ctrl-C", async () => {
  const keys = generatePlatformKeys();
  const args = ["serve", "--port", "0", "--json", "--folder", await makeFolder()];
  const child = spawnSimlatch(args, keys);
  const reader = child.stdout.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  const { url }: { readonly url: string } = JSON.parse(first);
  expect((await fetch(`${url}/v1/admin/audit`)).status).toBe(401);
  const { port } = new URL(url);
  const second = await runSimlatch(["serve", "--port", port, "--folder", await makeFolder()], keys);
  expect(second.code).toBe(3);
  expect(second.stderr).toContain(port);
  child.kill("SIGINT");
  child.kill("SIGINT");
  expect(await child.exited).toBe(0);
});

test("a port is 0 to 65535", () => {
  expect([parsePort("0"), parsePort("65535")]).toEqual([0, 65_535]);
  for (const text of ["", "-1", "65536", "1e3", "80 ", "0x50"])
    expect(() => parsePort(text)).toThrow(UsageError);
});

test("a port that something listens on is taken; port 0 never is", async () => {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const port = server.port ?? 0;
  expect(await isPortTaken("127.0.0.1", port)).toBe(true);
  expect(await isPortTaken("127.0.0.1", 0)).toBe(false);
  await server.stop(true);
  expect(await isPortTaken("127.0.0.1", port)).toBe(false);
});

test("colour only on a terminal, and not with NO_COLOR", () => {
  expect(createPaint(true, {})("red", "x")).toBe("\u001B[31mx\u001B[0m");
  expect(createPaint(true, { NO_COLOR: "" })("red", "x")).toContain("\u001B");
  expect(createPaint(true, { NO_COLOR: "1" })("red", "x")).toBe("x");
  expect(createPaint(false, {})("red", "x")).toBe("x");
});

test("a scenario is a table whose columns line up, with RESULT= where the verdict is", () => {
  const lines = formatScenario(
    {
      name: "good-binding",
      title: "a title",
      verdict: "SUCCESS",
      cardState: "serving",
      session: "",
      expected: true,
      checks: [
        { what: "it signs", holds: true },
        { what: "it flies", holds: false },
      ],
      steps: [
        { step: 311, who: "client -> platform", what: "access request", outcome: "done" },
        { step: 332, who: "platform -> client", what: "signed result", outcome: "SUCCESS" },
        { step: 334, who: "card", what: LONGEST, outcome: "serving" },
      ],
      milliseconds: [0, 12, 3456],
    },
    createPaint(false, {}),
  );
  expect(lines.slice(0, 4)).toEqual([
    "good-binding: a title",
    `  311  client -> platform  ${"access request".padEnd(45)}      0 ms  done`,
    `  332  platform -> client  ${"signed result".padEnd(45)}     12 ms  RESULT=SUCCESS`,
    `  334  card                ${LONGEST}   3456 ms  serving`,
  ]);
  expect(lines.slice(4)).toEqual([
    "  yes  it signs",
    "  NO   it flies",
    "  RESULT=SUCCESS  card serving  as expected",
    "",
  ]);
});

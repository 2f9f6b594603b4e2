/** `simlatch rules`: the program as an operator starts it, against a platform that listens. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runSimlatch, serveRig } from "#tests/fleet/program";
import { ADMIN_KEY } from "#tests/platform/rig";
import { AWAY, HOME, openRules, type RuleBench } from "./bench.ts";

let bench: RuleBench;
let server: Bun.Server<undefined>;
let folder = "";
beforeAll(async () => {
  bench = await openRules();
  folder = mkdtempSync(join(tmpdir(), "simlatch-rules-"));
  server = serveRig(bench.rig);
});
afterAll(async () => {
  await server.stop(true);
  await bench.rig.dispose();
  rmSync(folder, { recursive: true });
});

const run = async (args: readonly string[], adminKey = ADMIN_KEY) =>
  runSimlatch(
    ["rules", ...args, "--url", server.url.origin],
    adminKey === "" ? {} : { SIMLATCH_ADMIN_KEY: adminKey },
  );

async function write(rules: unknown): Promise<string> {
  const path = join(folder, "rules.json");
  await Bun.write(path, JSON.stringify(rules));
  return path;
}

test("a draft is written, checked, tried, activated and rolled back", async () => {
  const subscriber = await bench.addSubscriber();
  const target = { card: bench.card.cardId };
  const home = { id: "home", target, condition: { operator: HOME }, onMismatch: "refuse" };
  const unknown = { ...home, id: "unknown", target: { group: "nobody" } };
  expect(await run(["put", await write([home, unknown])])).toMatchObject({
    code: 0,
    stdout: "2 in the draft\n",
  });
  const checked = await run(["check"]);
  expect(checked.code).toBe(1);
  expect(checked.stdout).toBe(
    "rule unknown: no card is in this group\nversion 1: 2 rules, 1 findings\n",
  );
  expect((await run(["remove", "unknown"])).code).toBe(0);
  const tried = await run(["dry-run"]);
  expect(tried.code).toBe(1);
  expect(tried.stdout).toBe(
    `pair card ${bench.card.cardId} IMSI ${subscriber.imsi}\n` +
      "  FAILURE: no_rule_for_card\n  SUCCESS: rule home\n" +
      "version 1 in place of 0: 1 of 1 registered pairs would change; " +
      "0 of 0 past bindings would change\n",
  );
  expect(await run(["activate"])).toMatchObject({ code: 0, stdout: "version 1 decides\n" });
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  const away = { ...home, condition: { operator: AWAY } };
  expect((await run(["put", await write(away)])).code).toBe(0);
  const listed = await run(["list", "--version", "draft"]);
  expect(listed.stdout).toBe(`${JSON.stringify(away)}\n`);
  expect(listed.stderr).toContain("version 1 decides; changes go into version 2");
  expect(await run(["activate", "--json"])).toMatchObject({
    code: 0,
    stdout: '{"version":2,"findings":[]}\n',
  });
  expect((await bench.bind(subscriber)).verdict).toBe("FAILURE");
  expect(await run(["rollback", "1"])).toMatchObject({ code: 0, stdout: "version 3 decides\n" });
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
});

test("what locks out everybody wants --force", async () => {
  const nobody = {
    id: "nobody",
    target: { all: true },
    effect: "deny",
    priority: 9,
    condition: {},
    onMismatch: "refuse",
  };
  await run(["put", await write(nobody)]);
  const refused = await run(["activate"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("it locks out everybody");
  expect((await run(["activate", "--force"])).stdout).toContain(
    "no rule can allow anybody: everybody is locked out\nversion 4 decides\n",
  );
  expect((await run(["rollback", "3", "--tenant", "other"])).code).toBe(1);
  expect((await run(["rollback", "3"])).code).toBe(0);
});

test.each([
  [[]],
  [["lists"]],
  [["constructor"]],
  [["put"]],
  [["put", "one", "two"]],
  [["put", "/nowhere/rules.json"]],
  [["check", "more"]],
  [["list", "--version", "newest"]],
  [["dry-run", "--pairs", "many"]],
  [["rollback"]],
  [["rollback", "first"]],
  [["remove", "../tenants"]],
  [["list", "--tenant", "No Body"]],
])("usage: rules %j", async (args) => {
  const { code, stderr } = await run(args);
  expect([code, stderr.includes("--help")]).toEqual([2, true]);
});

test("a rule that is none, and a key that is missing or wrong", async () => {
  const malformed = await run(["put", await write({ id: "r", target: {} })]);
  expect([malformed.code, malformed.stderr.includes("docs/rules.md")]).toEqual([1, true]);
  expect((await run(["put", await write({ target: {} })])).code).toBe(2);
  expect((await run(["check"], "")).code).toBe(3);
  expect((await run(["check"], "another key, and a long one too")).code).toBe(3);
});

/** `simlatch cards`: the program as an operator starts it, against a platform that listens. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Bench, createBench, readDurable } from "#tests/invariants/bench";
import { ADMIN_KEY } from "#tests/platform/rig";
import { type Finished, runSimlatch, serveRig } from "./program.ts";

let bench: Bench;
let server: Bun.Server<undefined>;
beforeAll(async () => {
  bench = await createBench();
  server = serveRig(bench.rig);
});
afterAll(async () => {
  await server.stop(true);
  await bench.rig.dispose();
});

function runCards(args: readonly string[], adminKey = ADMIN_KEY): Promise<Finished> {
  return runSimlatch(["cards", ...args], adminKey === "" ? {} : { SIMLATCH_ADMIN_KEY: adminKey });
}

const at = (): readonly string[] => ["--url", server.url.origin];
const TWO = ["--by", "Ada", "--by", "Grace"];

test("report, unlock and clear are durable when the command ends with 0", async () => {
  const { cardId } = bench.card;
  const orders = () => readDurable(bench.rig, "SELECT report, granted FROM card_order");
  const report = ["report", cardId, "--reason", "stolen", "--by", "Ada", ...at()];
  expect(await runCards(report)).toEqual({
    code: 0,
    stdout: `report of card ${cardId}: done\n`,
    stderr: "",
  });
  expect(orders()).toEqual([{ report: "stolen", granted: 0 }]);
  const unlock = await runCards(["unlock", cardId, ...TWO, ...at(), "--json"]);
  expect(unlock.code).toBe(0);
  expect(JSON.parse(unlock.stdout)).toEqual({ card: cardId, order: "unlock", done: true });
  expect(orders()).toEqual([{ report: "", granted: 0 }]);
  expect((await runCards(["clear", cardId, ...TWO, ...at()])).code).toBe(0);
  const again = await runCards(["unlock", cardId, ...TWO, ...at(), "--json"]);
  expect(again.code).toBe(1);
  expect(JSON.parse(again.stdout)).toMatchObject({ done: false, problem: "conflict" });
  expect(again.stderr).toContain("neither locked nor reported");
});

test("what the platform refuses is 1, a key that is missing or wrong is 3; no key is shown", async () => {
  const { cardId } = bench.card;
  const wrongKey = "another-administration-key-0123456789";
  const runs: readonly (readonly [number, string, Promise<Finished>])[] = [
    [1, "no such card", runCards(["clear", "0000000000000000", ...TWO, ...at()])],
    [1, "no such card", runCards(["clear", cardId, "--tenant", "other", ...TWO, ...at()])],
    [1, "does not answer", runCards(["clear", cardId, ...TWO, "--url", "http://127.0.0.1:1"])],
    [3, "set SIMLATCH_ADMIN_KEY", runCards(["clear", cardId, ...TWO, ...at()], "")],
    [3, "is not the platform's", runCards(["clear", cardId, ...TWO, ...at()], wrongKey)],
  ];
  for (const [expected, advice, run] of runs) {
    const { code, stdout, stderr } = await run;
    expect([code, stdout]).toEqual([expected, ""]);
    expect(stderr).toContain(advice);
    expect(stderr).not.toContain(wrongKey);
    expect(stderr).not.toContain("    at ");
  }
});

test("a command line that cannot be right is 2, and nothing is sent", async () => {
  const { cardId } = bench.card;
  const wrong = [
    [],
    ["lock", cardId, ...TWO],
    ["report", "--reason", "lost", "--by", "Ada"],
    ["report", cardId, cardId, "--reason", "lost", "--by", "Ada"],
    ["report", cardId.slice(1), "--reason", "lost", "--by", "Ada"],
    ["report", cardId, "--by", "Ada"],
    ["report", cardId, "--reason", "eaten", "--by", "Ada"],
    ["report", cardId, "--reason", "lost"],
    ["report", cardId, "--reason", "lost", ...TWO],
    ["unlock", cardId, "--by", "Ada"],
    ["unlock", cardId, "--by", "Ada", "--by", " ADA"],
    ["unlock", cardId, "--reason", "lost", ...TWO],
    ["clear", cardId, ...TWO, "--by", "Joan"],
    ["clear", cardId, "--by", "Ada", "--by", "Gr\nce"],
    ["clear", cardId, ...TWO, "--tenant", "No"],
    ["clear", cardId, ...TWO, "--url", "http://platform.example"],
    ["clear", cardId, ...TWO, "--url", "platform"],
    ["clear", cardId, ...TWO, "--fast"],
  ];
  const numbers = () => readDurable(bench.rig, "SELECT * FROM outbox_number");
  const before = numbers();
  for (const { code, stdout, stderr } of await Promise.all(wrong.map((args) => runCards(args)))) {
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("simlatch cards --help");
  }
  expect(numbers()).toEqual(before);
});

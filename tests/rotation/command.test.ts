/** `simlatch rewrap` and `simlatch keys --wrapping`, as an operator starts them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { checkEnvironment } from "#edge/bindings";
import { encodeBase64Url } from "#protocol/bytes";
import { runSimlatch } from "#tests/fleet/program";
import { random } from "#tests/platform/rig";
import { makeKey, openStage, type Stage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = openStage(false);
  await stage.start([stage.key0]);
  const fleet = await stage.fleet();
  for (let i = 0; i < 70; i++) await fleet.addSubscriber({ operator: "46001" });
  await stage.stop();
  await stage.start([makeKey(1), stage.key0]);
});
afterAll(() => stage.dispose());

test("--check tells what is left and ends with 1; the job ends with 0, and so does the next check", async () => {
  const before = await stage.rewrap("--check");
  expect(before.code).toBe(1);
  expect(before.stdout).toContain("remaining under older keys: 142\n  key 0: 142\n");
  const job = await stage.rewrap();
  expect(job).toEqual({
    code: 0,
    stdout:
      "re-wrapped with key 1: 142 of 284 secrets seen\nremaining under older keys: 0\n" +
      "keys that a start asks for: 1\n",
    stderr: "",
  });
  const after = await stage.rewrap("--check", "--json");
  expect(after.code).toBe(0);
  expect(JSON.parse(after.stdout)).toEqual({
    done: true,
    newest: 1,
    passes: 1,
    seen: 142,
    rewrapped: 0,
    remaining: 0,
    byKey: {},
    unreadable: [],
    retired: [],
    needed: [1],
  });
});

test("wrong use is 2, a cursor that is none is 1, no key of the administration is 3", async () => {
  expect((await stage.rewrap("--slots", "33")).code).toBe(2);
  expect((await stage.rewrap("--check", "--cursor", "AA")).code).toBe(2);
  const lost = await stage.rewrap("--cursor", "AA", "--json");
  expect(lost.code).toBe(1);
  expect(JSON.parse(lost.stdout)).toMatchObject({ done: false, problem: "malformed" });
  expect((await runSimlatch(["rewrap"])).code).toBe(3);
  const other = { SIMLATCH_ADMIN_KEY: "another-administration-key-0123456789" };
  const { url } = stage;
  expect((await runSimlatch(["rewrap", "--url", url()], other)).code).toBe(3);
});

test("keys --wrapping prints an entry that the platform takes", async () => {
  const entry = (await runSimlatch(["keys", "--wrapping", "12"])).stdout.trim();
  const { wrappingKeys } = checkEnvironment({
    SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
    SIMLATCH_DEPLOYMENT: "00".repeat(16),
    SIMLATCH_WRAPPING_KEYS: entry,
  });
  expect(wrappingKeys.map(({ id, key }) => [id, key.length])).toEqual([[12, 32]]);
  for (const id of ["0", "65536", "x"])
    expect((await runSimlatch(["keys", "--wrapping", id])).code).toBe(2);
});

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openCatalog } from "#db/bun";
import { createRepositories } from "#db/catalog";
import { prepareStatement, build } from "#db/database";
import { tenants } from "#db/schema";

let folder: string;
let files = 0;
const freshPath = (): string => join(folder, `catalog-${(files += 1)}.db`);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "simlatch-bun-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const FULL = 2;

test("commits survive power loss, references hold, other processes are waited for", async () => {
  const catalog = await openCatalog(freshPath());
  const names = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"];
  const answers = await catalog.read(names.map((name) => ({ sql: `pragma ${name}`, params: [] })));
  expect(answers.flat(2)).toEqual(["wal", FULL, 1, 5_000]);
  catalog.close();
});

test("what was saved is there after a restart", async () => {
  const path = freshPath();
  const record = { tenant: "kept", anchors: { SM: new Uint8Array(65).fill(7) }, cardRoots: [] };
  const first = await openCatalog(path);
  await createRepositories(first).tenants.save(record);
  first.close();
  const second = await openCatalog(path);
  expect(await createRepositories(second).tenants.find("kept")).toEqual(record);
  second.close();
});

test("processes that open one new file at once agree on generations", async () => {
  const path = freshPath();
  const script = `
    import { openCatalog } from "#db/bun";
    import { createRepositories } from "#db/catalog";
    const catalog = await openCatalog(${JSON.stringify(path)});
    const { tenants, platformKeys } = createRepositories(catalog);
    await tenants.save({ tenant: "t", anchors: {}, cardRoots: [] });
    const key = { publicKey: new Uint8Array(65), wrappedPrivateKey: new Uint8Array(9) };
    for (let i = 0; i < 25; i++) {
      console.log(await platformKeys.create({ tenant: "t", suite: "P-256", ...key }));
    }`;
  const cwd = join(import.meta.dir, "../..");
  const runs = Array.from({ length: 3 }, () =>
    Bun.spawn([process.execPath, "-e", script], { cwd, stdout: "pipe", stderr: "inherit" }),
  );
  const outputs = await Promise.all(runs.map(async (run) => new Response(run.stdout).text()));
  const numbers = outputs.join("").trim().split("\n").map(Number);
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 75 }, (_, i) => i + 1));
});

test("a unit that fails in the middle changes nothing", async () => {
  const catalog = await openCatalog(":memory:");
  const insert = { sql: "insert into tenant values (?)", params: ["t"] };
  expect(await catalog.write([insert, insert]).catch(() => "thrown")).toBe("thrown");
  const all = prepareStatement(build.select().from(tenants));
  expect(await catalog.read([all.call({})])).toEqual([[]]);
  catalog.close();
});

test("values that SQLite would turn into something else are refused", async () => {
  const catalog = await openCatalog(":memory:");
  const write = catalog.write([{ sql: "insert into tenant values (?)", params: [true] }]);
  expect(await write.catch((error: unknown) => error)).toBeInstanceOf(TypeError);
  catalog.close();
});

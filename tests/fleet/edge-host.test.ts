import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEdge } from "#cli/edge-host";

/** (module (func (export "answer") (result i32) i32.const 42)) */
const WASM = Uint8Array.fromHex(
  "0061736d010000000105016000017f03020100070a0106616e7377657200000a06010400412a0b",
);
/**
 * A Worker with everything that ours has: WASM, D1, both object classes, a variable, node:crypto.
 */
const WORKER = `
import { DurableObject } from "cloudflare:workers";
import { createHash } from "node:crypto";
import module from "./deep/answer.wasm";
const core = new WebAssembly.Instance(module).exports;
class Counter extends DurableObject {
  next() {
    const { sql } = this.ctx.storage;
    sql.exec("create table if not exists counter (value integer)");
    sql.exec("insert into counter values (1)");
    return sql.exec("select count(*) as count from counter").one().count;
  }
}
export class CardObject extends Counter {}
export class SubscriberObject extends Counter {}
export default {
  async fetch(request, env) {
    console.log("asked " + new URL(request.url).pathname);
    const rows = await env.DB.prepare("select name from pet order by name").all();
    const card = env.CARD.get(env.CARD.idFromName("a"));
    const subscriber = env.SUBSCRIBER.get(env.SUBSCRIBER.idFromName("a"));
    return Response.json({
      answer: core.answer(),
      pets: rows.results.map((row) => row.name),
      card: await card.next(),
      subscriber: await subscriber.next(),
      key: env.SIMLATCH_TEST,
      other: env.OTHER ?? null,
      digest: createHash("sha256").update("a").digest("hex").slice(0, 8),
    });
  },
};
`;

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "simlatch-edge-test-"));
  await Bun.write(join(folder, "worker.ts"), WORKER);
  await Bun.write(join(folder, "deep", "answer.wasm"), WASM);
  const [first, second] = ["insert into pet values ('cat')", "insert into pet values ('dog')"];
  const broken = "--> statement-breakpoint";
  await Bun.write(
    join(folder, "migrations", "0000_first.sql"),
    `create table pet (name text);\n${broken}\n${first};\n`,
  );
  await Bun.write(join(folder, "migrations", "0001_second.sql"), `${second};${broken}\n`);
  await Bun.write(join(folder, "migrations", "meta.json"), "{}");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(log: string[] = [], kept = "kept") {
  return startEdge({
    environment: { SIMLATCH_TEST: "value", OTHER: "stays here" },
    folder: join(folder, kept),
    entry: join(folder, "worker.ts"),
    migrationsFolder: join(folder, "migrations"),
    writeLine: (line) => log.push(line),
  });
}

async function ask(url: string): Promise<unknown> {
  return (await fetch(`${url}/hello`)).json();
}

test("two points of presence are two Workers over the same objects and the same catalog", async () => {
  const host = await startEdge({
    environment: {},
    entry: join(folder, "worker.ts"),
    migrationsFolder: join(folder, "migrations"),
    writeLine: () => undefined,
    points: 2,
  });
  const [near = "", far = ""] = host.urls;
  expect(near).not.toBe(far);
  expect(await ask(near)).toMatchObject({ card: 1, subscriber: 1, pets: ["cat", "dog"] });
  expect(await ask(far)).toMatchObject({ card: 2, subscriber: 2, pets: ["cat", "dog"] });
  await host.stop();
});

test("a Worker with WASM, D1, objects and variables runs in workerd; storage outlives a restart", async () => {
  const log: string[] = [];
  const first = await start(log);
  const expected = {
    answer: 42,
    pets: ["cat", "dog"],
    card: 1,
    subscriber: 1,
    key: "value",
    other: null,
    digest: "ca978112",
  };
  expect(new URL(first.url).hostname).toBe("127.0.0.1");
  expect(await ask(first.url)).toEqual(expected);
  await Promise.all([first.stop(), first.stop()]);
  expect(log).toContain("asked /hello");
  const second = await start();
  // Migrations are not applied twice, objects are where they were.
  expect(await ask(second.url)).toEqual({ ...expected, card: 2, subscriber: 2 });
  await second.stop();
});

test("a migration that fails stops the start, and none of it is applied", async () => {
  const file = join(folder, "migrations", "0002_broken.sql");
  await Bun.write(
    file,
    "insert into pet values ('eel');--> statement-breakpoint\ninsert into x 1;",
  );
  let failure: unknown;
  try {
    await start([], "broken");
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(Error);
  await rm(file);
  const healed = await start([], "broken");
  expect(await ask(healed.url)).toMatchObject({ pets: ["cat", "dog"] });
  await healed.stop();
});

/** Subscribers out of a database that osmo-hlr itself made. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { imsiOf, keyOf, OP, OPC } from "./keys.ts";
import { openScene, type Scene, summaryOf } from "./scene.ts";

const program = Bun.which("osmo-hlr-db-tool");
if (program === null) process.stdout.write("SKIP osmo-hlr-absent: import of its database\n");

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene.stop());

async function makeDatabase(name: string, statements: readonly string[]): Promise<string> {
  const path = join(scene.folder, name);
  const made = Bun.spawn([program ?? "", "-l", path, "create"], {
    stdout: "ignore",
    stderr: "ignore",
  });
  expect(await made.exited).toBe(0);
  const database = new Database(path);
  for (const statement of statements) database.run(statement);
  database.close();
  return path;
}

const subscriber = (id: number, rest = ""): string =>
  `INSERT INTO subscriber (id, imsi${rest === "" ? "" : ", msisdn"}) VALUES (${id}, '${imsiOf(id)}'${rest})`;
const auc3g = (id: number, algorithm: number, columns: string, values: string): string =>
  `INSERT INTO auc_3g (subscriber_id, algo_id_3g, k, ${columns})
   VALUES (${id}, ${algorithm}, '${keyOf(id)}', ${values})`;
const auc2g = (id: number, algorithm: number): string =>
  `INSERT INTO auc_2g VALUES (${id}, ${algorithm}, '${keyOf(id + 50)}')`;

const ROWS = [
  subscriber(1, ", '46701'"),
  auc3g(1, 5, "opc, sqn", `'${OPC}', 4711`),
  subscriber(2),
  auc3g(2, 5, "op, sqn, ind_bitlen", `'${OP}', 320, 6`),
  subscriber(3),
  auc2g(3, 1),
  subscriber(4),
  auc2g(4, 3),
  "UPDATE subscriber SET nam_cs = 0, nam_ps = 0 WHERE id = 4",
  subscriber(5),
  auc2g(5, 1),
  auc3g(5, 5, "opc", `'${OPC}'`),
  subscriber(6),
  subscriber(7),
  auc2g(7, 5),
  subscriber(8),
  auc3g(8, 4, "sqn", "0"),
  subscriber(9),
  "INSERT INTO auc_3g (subscriber_id, algo_id_3g, k, opc) VALUES (9, 5, 'none', NULL)",
  subscriber(10),
  auc3g(10, 7, "op", `'${OP}${OP}'`),
];

const run = (path: string, args: readonly string[] = []) =>
  scene.run([
    "import",
    "subscribers",
    "--osmo-hlr",
    path,
    "--url",
    scene.url,
    "--default",
    "mnc_length=2",
    ...args,
  ]);
function floorOf(id: number): unknown {
  const catalog = new Database(join(scene.folder, "data", "catalog.db"), { readonly: true });
  const [row] = catalog.query(`SELECT seq_floor FROM auc WHERE imsi = '${imsiOf(id)}'`).values();
  catalog.close();
  return row?.[0];
}

const view = (id: number): Promise<unknown> => scene.call("GET", `/subscribers/${imsiOf(id)}`);

test.skipIf(program === null)(
  "keys, algorithms, SQN, IND and status; what has no counterpart is listed",
  async () => {
    const path = await makeDatabase("hlr.db", ROWS);
    const outcome = await run(path);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr.trimEnd().split("\n")).toEqual([
      "subscriber 6, k: has no authentication data",
      "subscriber 7, algorithm: is an algorithm of osmo-hlr that has no counterpart here",
      "subscriber 8, algorithm: is an algorithm that this platform does not let in",
      "subscriber 9, k: is not hexadecimal",
      "1 subscribers have 2G keys of their own, too: only the 3G keys are taken",
    ]);
    expect(outcome.stdout).toContain("10 rows, inserted 6,");
    expect(await view(1)).toMatchObject({
      algorithm: "milenage",
      msisdn: "46701",
      moduleKind: "USIM",
    });
    expect(await view(3)).toMatchObject({ algorithm: "comp128-1", moduleKind: "SIM" });
    expect(await view(4)).toMatchObject({ algorithm: "comp128-3", status: "barred" });
    expect(await view(5)).toMatchObject({ algorithm: "milenage" });
    expect(await view(10)).toMatchObject({ algorithm: "tuak" });
    const catalog = new Database(join(scene.folder, "data", "catalog.db"), { readonly: true });
    const floors = catalog
      .query("SELECT imsi, seq_floor, ind_bits FROM auc ORDER BY imsi")
      .values();
    catalog.close();
    expect(floors.slice(0, 2)).toEqual([
      [imsiOf(1), Math.floor(4711 / 32), 5],
      [imsiOf(2), 320 / 64, 6],
    ]);
    expect(summaryOf(await run(path, ["--json"]))).toMatchObject({ unchanged: 6, failed: 4 });
  },
);

test.skipIf(program === null)(
  "osmo-hlr went on meanwhile: SQN rises with --update and never falls",
  async () => {
    const path = await makeDatabase("later.db", [
      subscriber(21),
      auc3g(21, 5, "opc, sqn", `'${OPC}', 64000`),
    ]);
    const setSqn = (sqn: number): void => {
      const database = new Database(path);
      database.run(`UPDATE auc_3g SET sqn = ${sqn}`);
      database.close();
    };
    expect((await run(path)).code).toBe(0);
    expect(floorOf(21)).toBe(2000);
    setSqn(96_000);
    expect((await run(path)).stderr).toContain("sqn: differs from what is there, which --update");
    expect(floorOf(21)).toBe(2000);
    expect((await run(path, ["--update"])).code).toBe(0);
    expect(floorOf(21)).toBe(3000);
    setSqn(32_000);
    expect(summaryOf(await run(path, ["--update", "--json"]))).toMatchObject({ unchanged: 1 });
    expect(floorOf(21)).toBe(3000);
  },
);

test("a file that is no such database", async () => {
  const path = scene.file("no.db", "not a database");
  const outcome = await run(path);
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain("--osmo-hlr wants the database of an osmo-hlr");
});

/** `simlatch import subscribers` as an operator starts it, on Bun and against workerd. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { imsiOf, K, keyOf, OP, OPC } from "./keys.ts";
import { openScene, type Scene, summaryOf } from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene.stop());

let serial = 100;
/** IMSIs that no other test uses. */
const fresh = (count: number): number[] => Array.from({ length: count }, () => (serial += 1));
const HEADER = "imsi,mnc_length,msisdn,k,opc\n";
const lineOf = (number: number, rest = "", key = keyOf(number)): string =>
  `${imsiOf(number)},2,${rest},${key},${OPC}\n`;
const view = (number: number): Promise<unknown> =>
  scene.call("GET", `/subscribers/${imsiOf(number)}`);

test("dry run, import, the same again, and an update", async () => {
  const [one = 0, two = 0] = fresh(2);
  const csv = `${HEADER}${lineOf(one, "46701")}${lineOf(two)}`;
  const dry = await scene.importRows(csv, ["--dry-run"]);
  expect(dry).toMatchObject({ code: 0, stderr: "" });
  expect(dry.stdout).toMatch(
    new RegExp(
      `^\\+ ${imsiOf(one)}\\n\\+ ${imsiOf(two)}\\nsubscribers: 2 rows, would be inserted 2,`,
    ),
  );
  expect(dry.stdout).toContain("nothing was changed");
  expect(await view(one)).toMatchObject({ code: "not_found" });

  const first = await scene.importRows(csv, ["--json"]);
  expect(first.code).toBe(0);
  expect(summaryOf(first)).toEqual({
    rows: 2,
    inserted: 2,
    updated: 0,
    unchanged: 0,
    failed: 0,
    dryRun: false,
  });
  expect(await view(one)).toMatchObject({ msisdn: "46701", operator: "46001", keyVersion: 1 });
  expect(summaryOf(await scene.importRows(csv, ["--json"]))).toMatchObject({ unchanged: 2 });

  const changed = `${HEADER}${lineOf(one, "46702", keyOf(999_999))}${lineOf(two)}`;
  const refused = await scene.importRows(changed);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toBe(
    "line 2, msisdn: differs from what is there, which --update changes (46701 -> 46702)\n" +
      "line 2, k: differs from what is there, which --update changes\n",
  );
  expect(await view(one)).toMatchObject({ msisdn: "46701", keyVersion: 1 });
  const diff = await scene.importRows(changed, ["--update", "--dry-run"]);
  expect(diff.stdout).toStartWith(`~ ${imsiOf(one)}  msisdn 46701 -> 46702, k replaced\n`);
  expect(await view(one)).toMatchObject({ msisdn: "46701", keyVersion: 1 });
  expect((await scene.importRows(changed, ["--update"])).code).toBe(0);
  expect(await view(one)).toMatchObject({ msisdn: "46702", keyVersion: 2 });
});

test("whatever is wrong is listed by line, column and reason; the rest is there", async () => {
  const [a = 0, b = 0, c = 0, d = 0] = fresh(4);
  const bad = [
    HEADER,
    lineOf(a),
    `${imsiOf(b)},2,,${K.slice(1)},${OPC}\n`,
    `${imsiOf(c)},two,,${K},${OPC}\n`,
    `${imsiOf(c)},2\n`,
    `${imsiOf(b)},2,,"${K}\n`,
    lineOf(a, "", keyOf(1_000_001)),
    lineOf(d, "", keyOf(a)),
    `${imsiOf(d + 900_000)},2,caf`,
  ].join("");
  const bytes = Buffer.concat([Buffer.from(bad), Buffer.of(0xe9), Buffer.from(`,${K},${OPC}\n`)]);
  const last = Buffer.from(lineOf(d + 910_000));
  const failures = scene.file("failures.csv", "");
  const outcome = await scene.importRows(Buffer.concat([bytes, last]), ["--failures", failures]);
  expect(outcome.code).toBe(1);
  expect(outcome.stderr.trimEnd().split("\n")).toEqual([
    "line 3, k: is not hexadecimal",
    "line 4, mnc_length: is not a whole number",
    "line 5, column 3: has not as many cells as the first line",
    "line 6, k: has a quote that is not closed on its line",
    "line 7, imsi: is there already, in line 2",
    "line 8, k: is the key of another subscriber, in line 2",
    "line 9, msisdn: is not UTF-8",
  ]);
  expect(outcome.stdout).toContain("9 rows, inserted 2, updated 0, unchanged 0, failed 7");
  expect(readFileSync(failures, "utf8").split("\r\n")).toEqual([
    "line,column,reason,detail",
    "3,k,not_hex,",
    "4,mnc_length,not_a_number,",
    "5,3,wrong_cell_count,",
    "6,k,quote_not_closed,",
    "7,imsi,duplicate,2",
    "8,k,key_of_another_line,2",
    "9,msisdn,not_utf8,",
    "",
  ]);
  for (const text of [outcome.stdout, outcome.stderr, scene.log.join("")]) {
    for (const secret of [K, K.slice(1), OPC, keyOf(a)]) expect(text).not.toContain(secret);
  }
  expect(await view(a)).toMatchObject({ imsi: imsiOf(a) });
  expect(await view(d + 910_000)).toMatchObject({ imsi: imsiOf(d + 910_000) });
  for (const number of [b, c, d]) expect(await view(number)).toMatchObject({ code: "not_found" });
});

test.each([
  ["column_absent", "mnc_length,k\n2,x\n", "line 1, imsi: the column is needed and is not there"],
  ["unknown_column", `imsi,${K}\n`, "line 1, column 2: no such column;"],
  ["column_twice", "imsi,IMSI,k\n", "line 1, imsi: the column is there twice"],
  ["not_utf8", Uint8Array.of(0xff, 0xfe, 0x69, 0x00), "line 1, column 1: is not UTF-8"],
])("%s in the first line: nothing is imported", async (_reason, csv, message) => {
  const outcome = await scene.importRows(csv);
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toStartWith(message);
  expect(outcome.stderr).not.toContain(K);
});

test("a file from standard input, and a dry run of it whose reader is slow", async () => {
  const numbers = fresh(3000);
  const csv = new Blob([HEADER, ...numbers.map((number) => lineOf(number))]);
  const args = ["import", "subscribers", "-", "--url", scene.url];
  const dry = await scene.run([...args, "--dry-run"], undefined, csv);
  expect(dry.stdout.trimEnd().split("\n")).toHaveLength(3001);
  const outcome = await scene.run([...args, "--json"], undefined, csv);
  expect(summaryOf(outcome)).toMatchObject({ rows: 3000, inserted: 3000, failed: 0 });
});

test("columns of other names, defaults, another delimiter, and SQN in hex", async () => {
  const [one = 0] = fresh(1);
  const csv = `ICCID;"Ki ";OPc;Imsi;SQN\n8946;${keyOf(one)};${OPC};${imsiOf(one)};0x000000000420\n`;
  const options = ["--map", "iccid=", "--map", "ki=k", "--delimiter", ";"];
  const outcome = await scene.importRows(csv, [...options, "--default", "mnc_length=3"]);
  expect(outcome).toMatchObject({ code: 0, stderr: "" });
  expect(await view(one)).toMatchObject({ operator: "460010" });
});

test("0x and decimal SQN are one; what is no number or too long is refused", async () => {
  const numbers = fresh(4);
  const sqns = ["1056", "0x420", "0x1000000000000", "1e3"];
  const rows = numbers.map((n, i) => `${imsiOf(n)},2,${keyOf(n)},${OPC},${sqns[i]}\n`);
  const outcome = await scene.importRows(`imsi,mnc_length,k,opc,sqn\n${rows.join("")}`, ["--json"]);
  const faults = outcome.stdout.trimEnd().split("\n").slice(0, -1);
  expect(faults.map((line) => JSON.parse(line))).toEqual([
    { line: 4, column: "sqn", reason: "not_a_number" },
    { line: 5, column: "sqn", reason: "not_a_number" },
  ]);
});

test("two subscribers of one key, where that is meant", async () => {
  const [one = 0, two = 0] = fresh(2);
  const csv = `${HEADER}${lineOf(one, "", K)}${lineOf(two, "", K)}`;
  expect((await scene.importRows(csv, ["--allow-shared-keys"])).code).toBe(0);
});

test("what the platform does not answer is listed, and what was never sent", async () => {
  const numbers = fresh(5000);
  const csv = `${HEADER}${numbers.map((number) => lineOf(number)).join("")}`;
  const path = scene.file("many.csv", csv);
  const dead = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.json({ code: "malformed" }, { status: 400 }),
  });
  const url = dead.url.origin;
  const outcome = await scene.run(["import", "subscribers", path, "--url", url, "--json"]);
  await dead.stop(true);
  expect(outcome.code).toBe(1);
  const lines = outcome.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const faults = lines.slice(0, -1);
  expect(new Set(faults.map(({ reason }) => reason))).toEqual(new Set(["not_answered"]));
  const last = faults.at(-1);
  expect(last).toMatchObject({ detail: "this line and all after it" });
  expect(faults.map(({ line }) => line)).toEqual(
    Array.from({ length: last.line - 1 }, (_, i) => i + 2),
  );
  expect(outcome.stderr).toBe("simlatch import: the platform said malformed\n");
});

test("a batch that gets no answer is sent again", async () => {
  const [one = 0] = fresh(1);
  let asked = 0;
  const flaky = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      asked += 1;
      if (asked === 1) return Response.json({ code: "unavailable" }, { status: 503 });
      return fetch(`${scene.url}${new URL(request.url).pathname}`, {
        method: "POST",
        headers: request.headers,
        body: await request.text(),
      });
    },
  });
  const path = scene.file("one.csv", `${HEADER}${lineOf(one)}`);
  const args = ["import", "subscribers", path, "--url", flaky.url.origin];
  expect((await scene.run(args)).code).toBe(0);
  await flaky.stop(true);
  expect(asked).toBe(2);
  expect(await view(one)).toMatchObject({ imsi: imsiOf(one) });
});

test("the command line's mistakes are told before anything is sent", async () => {
  const path = scene.file("rows.csv", HEADER);
  const usage = [
    ["people", path],
    ["subscribers"],
    ["subscribers", path, path],
    ["subscribers", `${path}.none`],
    ["subscribers", path, "--default", `k=${K}`],
    ["subscribers", path, "--default", "imsi=460010000000001"],
    ["subscribers", path, "--map", "x=nowhere"],
    ["subscribers", path, "--delimiter", "ab"],
    ["subscribers", path, "--plain", "imsi"],
    ["subscribers", path, "--transport-check", "000000"],
    ["subscribers", path, "--transport-mode", "des"],
    ["subscribers", path, "--tenant", "UPPER"],
    ["subscribers", path, "--url", "http://example.com"],
    ["cards", path, "--update"],
    ["cards", "--osmo-hlr", path],
    ["subscribers", "--osmo-hlr", path],
  ];
  for (const args of usage) {
    const { code, stdout, stderr } = await scene.run(["import", ...args]);
    expect([args, code]).toEqual([args, 2]);
    expect(stdout + stderr).not.toContain(K);
  }
  const args = ["import", "subscribers", path, "--url", scene.url];
  expect((await scene.run(args, "")).code).toBe(3);
  const csv = scene.file("one.csv", `${HEADER}${lineOf(1)}`);
  const wrong = await scene.run(["import", "subscribers", csv, "--url", scene.url], "x".repeat(40));
  expect(wrong.code).toBe(3);
  expect(wrong.stderr).toContain("line 2: got no answer from the platform");
  const nobody = await scene.run([
    ...args.slice(0, 2),
    csv,
    ...args.slice(3),
    "--tenant",
    "nobody",
  ]);
  expect(nobody).toMatchObject({ code: 1 });
  expect(nobody.stderr).toContain("no such tenant");
});

test("a whole import on workerd: insert, again, update, failures", async () => {
  const edge = await openScene("workerd");
  try {
    const numbers = Array.from({ length: 2500 }, (_, i) => i);
    const rows = numbers.map((number) => `${imsiOf(number)},2,${keyOf(number)},${OP},32000\n`);
    const csv = `imsi,mnc_length,k,op,sqn\n${rows.join("")}${imsiOf(9)},2,${K},${OP},1\n`;
    const first = await edge.importRows(csv, ["--json"]);
    expect(first.code).toBe(1);
    expect(JSON.parse(first.stdout.split("\n")[0] ?? "")).toEqual({
      line: 2502,
      column: "imsi",
      reason: "duplicate",
      detail: "11",
    });
    expect(summaryOf(first)).toMatchObject({ rows: 2501, inserted: 2500, failed: 1 });
    const again = `imsi,mnc_length,k,op,sqn,msisdn\n${rows
      .map((row, number) => row.replace("\n", number === 7 ? ",46707\n" : ",\n"))
      .join("")}`;
    const second = await edge.importRows(again, ["--json", "--update"]);
    expect(summaryOf(second)).toMatchObject({ updated: 1, unchanged: 2499, failed: 0 });
    expect(await edge.call("GET", `/subscribers/${imsiOf(7)}`)).toMatchObject({
      msisdn: "46707",
      keyVersion: 1,
    });
  } finally {
    await edge.stop();
  }
}, 120_000);

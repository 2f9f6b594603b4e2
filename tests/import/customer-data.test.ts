/**
 * Customer data in lists of subscribers: what a row and an empty cell say, and that an export comes
 * in again as nothing. On Bun, and the whole way on workerd.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { decodeNames, encodeNames } from "#cli/import/name-list";
import type { RowOutcome, RowReason } from "#protocol/import";
import type { SubscriberProfile } from "#protocol/subscriber-profile";
import { openTenant, type Platform, TENANT } from "#tests/admin/platform";
import { sendRows } from "./batch.ts";
import { imsiOf, K, keyOf, OPC } from "./keys.ts";
import { openScene, type Scene, summaryOf } from "./scene.ts";

const NUMBER = "8613800138000";
const ROW = { imsi: imsiOf(1), mncLength: 2, k: K, opc: OPC } as const;
const WITH_NUMBER = { ...ROW, msisdn: NUMBER } as const;
const KEYLESS = { imsi: imsiOf(1), mncLength: 2 } as const;
const DATA = {
  homeRegion: "Shenzhen",
  userGroups: ["drivers", "night; shift"],
  level: "gold",
  company: "Ping An",
  services: ["bank"],
  networkSubset: "12",
  serviceProvider: "0A",
  corporate: "FFEE",
} as const;

const changed = (...columns: readonly string[]): RowOutcome[] => [
  { outcome: "updated", changes: columns.map((column) => ({ column, from: "", to: "" })) },
];
const numberless = (column: string): RowOutcome[] => [
  { outcome: "refused", column, reason: "no_number" },
];

describe("a batch", () => {
  let platform: Platform;
  beforeEach(async () => {
    platform = await openTenant({ connectors: new Map([["hlr", { fetchVectors: never }]]) });
  });
  afterEach(() => platform.close());

  const send = (rows: readonly unknown[], options?: Readonly<Record<string, boolean>>) =>
    sendRows(platform, rows, options);
  const update = (row: object) => send([row], { update: true });
  const profile = async (): Promise<unknown> =>
    (await platform.dependencies.repositories.subscribers.findMany(TENANT, [imsiOf(1)]))[0]
      ?.profile;

  test("comes with a new subscriber, is what rules then ask for, and is there once", async () => {
    const row = { ...WITH_NUMBER, ...DATA };
    const before = await platform.dump();
    expect(await send([row], { dryRun: true })).toEqual([{ outcome: "inserted" }]);
    expect(await platform.dump()).toBe(before);
    expect(await send([row])).toEqual([{ outcome: "inserted" }]);
    const { directory } = platform.dependencies;
    expect(await directory.find(TENANT, NUMBER)).toEqual({ ok: true, value: DATA });
    const after = await platform.dump();
    expect(await send([row])).toEqual([{ outcome: "unchanged" }]);
    expect(await update(row)).toEqual([{ outcome: "unchanged" }]);
    // Lists are sets, and a file of customer data has no keys.
    const again = { ...KEYLESS, ...DATA, userGroups: DATA.userGroups.toReversed() };
    expect(await update(again)).toEqual([{ outcome: "unchanged" }]);
    expect(await platform.dump()).toBe(after);
  });

  test("a difference is a conflict without --update, told by column and never by value", async () => {
    await send([{ ...WITH_NUMBER, ...DATA }]);
    const row = { ...KEYLESS, company: "ACME", userGroups: ["office"], level: "gold" };
    const changes = ["userGroups", "company"].map((column) => ({ column, from: "", to: "" }));
    expect(await send([row])).toEqual([{ outcome: "conflict", changes }]);
    const before = await platform.dump();
    expect(await send([row], { update: true, dryRun: true })).toEqual([
      { outcome: "updated", changes },
    ]);
    expect(await platform.dump()).toBe(before);
    expect(await update(row)).toEqual([{ outcome: "updated", changes }]);
    expect(await profile()).toEqual({ ...DATA, company: "ACME", userGroups: ["office"] });
    expect(await update(row)).toEqual([{ outcome: "unchanged" }]);
  });

  test("null and the empty list say that there is none; what is absent stays", async () => {
    await send([{ ...WITH_NUMBER, ...DATA }]);
    expect(await update({ ...KEYLESS, company: null, services: [] })).toEqual(
      changed("company", "services"),
    );
    const { company: _, ...rest } = DATA;
    const left: unknown = await profile();
    expect(left).toEqual({ ...rest, services: [] });
    expect(left).not.toHaveProperty("company");
    expect(await update({ ...KEYLESS, msisdn: "46701" })).toMatchObject([{ outcome: "updated" }]);
    expect(await profile()).toEqual({ ...rest, services: [] });
  });

  test("known to have nothing is not the same as nothing known", async () => {
    await send([WITH_NUMBER]);
    expect(await profile()).toBeUndefined();
    expect(await update({ ...KEYLESS, company: null })).toEqual(changed("customerData"));
    expect(await profile()).toEqual({ userGroups: [], services: [] });
    expect(await update({ ...KEYLESS, customerData: "known" })).toEqual([{ outcome: "unchanged" }]);
    const { directory } = platform.dependencies;
    expect((await directory.find(TENANT, NUMBER)).ok).toBe(true);
    expect(await update({ ...KEYLESS, customerData: "unknown", company: null })).toEqual(
      changed("customerData"),
    );
    expect(await profile()).toBeUndefined();
    expect(await directory.find(TENANT, NUMBER)).toEqual({ ok: false, reason: "number_unknown" });
    expect(await update({ ...KEYLESS, customerData: "unknown" })).toEqual([
      { outcome: "unchanged" },
    ]);
  });

  test("no_number: customer data is found by number; a number in the same row will do", async () => {
    expect(await send([{ ...ROW, company: "ACME" }])).toEqual(numberless("company"));
    expect(await send([{ ...ROW, customerData: "known" }])).toEqual(numberless("customerData"));
    expect(await send([{ ...ROW, company: null, userGroups: [] }])).toEqual([
      { outcome: "inserted" },
    ]);
    expect(await profile()).toBeUndefined();
    expect(await update({ ...KEYLESS, company: "ACME" })).toEqual(numberless("company"));
    expect(await update({ ...KEYLESS, msisdn: NUMBER, company: "ACME" })).toMatchObject([
      { outcome: "updated" },
    ]);
    await platform.call("PUT", `/subscribers/${imsiOf(1)}/number`, { msisdn: null });
    for (const customerData of ["unknown", undefined]) {
      expect(await update({ ...KEYLESS, company: null, customerData })).toEqual([
        { outcome: "unchanged" },
      ]);
    }
  });

  const many = Array.from({ length: 33 }, (_, i) => `group ${i}`);
  type Refusal = readonly [reason: RowReason, column: string, row: object];
  test.each<Refusal>([
    ["not_beside_unknown", "level", { customerData: "unknown", level: "gold" }],
    ["out_of_range", "customerData", { customerData: "perhaps" }],
    ["name_twice", "userGroups", { userGroups: ["a", "b", "a"] }],
    ["too_many_names", "services", { services: many }],
    ["malformed", "services", { services: "bank" }],
    ["malformed", "userGroups", { userGroups: ["a", ""] }],
    ["malformed", "userGroups", { userGroups: [" a"] }],
    ["malformed", "homeRegion", { homeRegion: "" }],
    ["malformed", "company", { company: "x".repeat(65) }],
    ["malformed", "level", { level: "two\nlines" }],
    ["malformed", "networkSubset", { networkSubset: "1" }],
    ["malformed", "serviceProvider", { serviceProvider: "0a" }],
    ["malformed", "corporate", { corporate: 5 }],
  ])("%s, %s: the row is refused whole", async (reason, column, data) => {
    expect(await send([{ ...WITH_NUMBER, ...data }])).toEqual([
      { outcome: "refused", column, reason },
    ]);
    expect(await profile()).toBeUndefined();
  });

  test("changed_meanwhile: a profile that was set since is not overwritten, nor is the rest taken", async () => {
    await send([{ ...WITH_NUMBER, ...DATA }]);
    const { repositories } = platform.dependencies;
    const slow: Platform["dependencies"]["repositories"] = {
      ...repositories,
      subscribers: {
        ...repositories.subscribers,
        async findMany(tenant, imsis) {
          const found = await repositories.subscribers.findMany(tenant, imsis);
          const withdrawn = { userGroups: [], services: [] };
          await repositories.subscribers.setProfile(tenant, imsiOf(1), withdrawn);
          return found;
        },
      },
    };
    const { importSubscribers } = await import("#edge/subscriber-import");
    const rows = [{ ...KEYLESS, level: "silver", k: keyOf(9), opc: OPC }];
    const batch = { tenant: TENANT, dryRun: false, update: true, rows };
    const outcomes = await importSubscribers(
      { ...platform.dependencies, repositories: slow },
      batch,
    );
    expect(outcomes).toEqual([{ outcome: "refused", column: "imsi", reason: "changed_meanwhile" }]);
    expect(await profile()).toEqual({ userGroups: [], services: [] });
    const [record] = await repositories.subscribers.findMany(TENANT, [imsiOf(1)]);
    expect(record?.keyVersion).toBe(1);
  });

  test("a full batch of the longest rows is taken in one unit", async () => {
    const list = Array.from({ length: 32 }, (_, i) => `${"\u{20000}".repeat(20)}${i}`);
    const rows = Array.from({ length: 300 }, (_, i) => ({
      imsi: imsiOf(i),
      mncLength: 2,
      k: keyOf(i),
      opc: OPC,
      msisdn: `4670${i}`,
      userGroups: list,
      services: list,
    }));
    expect(Buffer.byteLength(JSON.stringify(rows))).toBeGreaterThan(1_500_000);
    const outcomes = await send(rows);
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(["inserted"]));
    const next = rows.map((row) => Object.assign(row, { userGroups: list.slice(1) }));
    const updated = await send(next, { update: true });
    expect(new Set(updated.map(({ outcome }) => outcome))).toEqual(new Set(["updated"]));
    expect(await profile()).toMatchObject({ userGroups: list.slice(1), services: list });
  });

  describe("rows without keys", () => {
    test("a new subscriber wants its keys, unless another centre has them", async () => {
      const missing = { outcome: "refused", column: "k", reason: "missing" } as const;
      expect(await send([KEYLESS, { ...KEYLESS, algorithm: "comp128-3" }])).toEqual([
        missing,
        { outcome: "refused", column: "imsi", reason: "duplicate_in_batch" },
      ]);
      const elsewhere = { ...KEYLESS, centre: "hlr", algorithm: "USIM", indBits: 6 };
      expect(await send([elsewhere])).toEqual([{ outcome: "inserted" }]);
      const view = await platform.call("GET", `/subscribers/${imsiOf(1)}`);
      expect(view.json).toMatchObject({ centre: "hlr", algorithm: "USIM", keyVersion: 1 });
      expect(await send([elsewhere, { ...KEYLESS, imsi: imsiOf(2), centre: "hlr" }])).toEqual([
        { outcome: "unchanged" },
        { outcome: "refused", column: "algorithm", reason: "missing" },
      ]);
      expect(await update({ ...KEYLESS, msisdn: NUMBER, company: "ACME" })).toMatchObject([
        { outcome: "updated" },
      ]);
    });

    test.each<Refusal>([
      ["unknown_centre", "centre", { centre: "nowhere", algorithm: "USIM" }],
      ["not_for_centre", "k", { centre: "hlr", algorithm: "USIM", k: K, opc: OPC }],
      ["unknown_algorithm", "algorithm", { centre: "hlr", algorithm: "milenage" }],
      ["unknown_algorithm", "algorithm", { algorithm: "rot13" }],
      ["not_for_algorithm", "sqn", { centre: "hlr", algorithm: "SIM", sqn: 5 }],
      ["keys_needed", "algorithm", { algorithm: "tuak" }],
      ["not_for_algorithm", "amf", { imsi: imsiOf(2), amf: "8000" }],
    ])("%s, %s", async (reason, column, change) => {
      const sim = { imsi: imsiOf(2), mncLength: 2, algorithm: "comp128-3", ki: K };
      await send([ROW, sim]);
      expect(await update({ ...KEYLESS, ...change })).toEqual([
        { outcome: "refused", column, reason },
      ]);
    });

    test("keys stay, and the centre: a list moves nobody", async () => {
      await send([WITH_NUMBER]);
      const { subscribers } = platform.dependencies.repositories;
      const before = await subscribers.find(TENANT, imsiOf(1));
      await update({ ...KEYLESS, amf: "8000", company: "ACME" });
      const after: unknown = await subscribers.find(TENANT, imsiOf(1));
      expect(after).toEqual({ ...before, amf: Uint8Array.of(0x80, 0) });
      expect(await update({ ...KEYLESS, centre: "hlr", algorithm: "USIM" })).toMatchObject([
        {
          outcome: "conflict",
          changes: [{ column: "centre", from: "embedded", to: "hlr" }, { column: "algorithm" }],
        },
      ]);
    });
  });
});

async function never(): Promise<never> {
  throw new Error("an import asks no centre");
}

test("names in one cell: semicolons, and a backslash before those that belong to a name", () => {
  const lists = [[], ["a"], ["a;b", "c"], ["\\", ";", "\\;"], ["Ping An", "e\\\\"], [";;", "'=x"]];
  for (const list of lists) expect(decodeNames(encodeNames(list))).toEqual(list);
  expect(encodeNames(["a;b", "c\\d"])).toBe(String.raw`a\;b;c\\d`);
  expect(decodeNames(" a ;  b c ")).toEqual(["a", "b c"]);
  expect(decodeNames("a;;b;")).toEqual(["a", "", "b", ""]);
  for (const cell of ["a\\b", "a\\", "\\ ;", ";\\x"]) expect(decodeNames(cell)).toBeUndefined();
});

describe.each(["bun", "workerd"] as const)("the command on %s", (runtime) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene(runtime);
    const keys = `imsi,mnc_length,msisdn,k,opc\n${[1, 2, 3, 4, 5, 6]
      .map((n) => `${imsiOf(n)},2,${n === 6 ? "" : `4670${n}`},${keyOf(n)},${OPC}\n`)
      .join("")}`;
    expect((await scene.importRows(keys)).code).toBe(0);
  }, 60_000);
  afterAll(() => scene.stop());

  const profileOf = async (number: number): Promise<unknown> =>
    scene.call("GET", `/subscribers/${imsiOf(number)}/profile`);
  const HEADER = "imsi,mnc_length,msisdn,company,user_groups\n";

  test("lists, empty cells, faults by line and column, and no value in what is said", async () => {
    const rows = [
      `${imsiOf(1)},2,,Ping An,${String.raw`drivers; night\;shift`}\n`,
      `${imsiOf(2)},2,,,\n`,
      `${imsiOf(3)},2,,ACME,a;;b\n`,
      `${imsiOf(4)},2,,ACME,a\\b\n`,
      `${imsiOf(5)},2,,ACME,a;a\n`,
      `${imsiOf(6)},2,,ACME,\n`,
    ];
    const csv = `${HEADER}${rows.join("")}`;
    const dry = await scene.importRows(csv, ["--update", "--dry-run"]);
    expect(dry.stdout.split("\n").slice(0, 2)).toEqual([
      `~ ${imsiOf(1)}  customer_data changed, user_groups changed, company changed`,
      `~ ${imsiOf(2)}  customer_data changed`,
    ]);
    expect(await profileOf(1)).toEqual({ profile: null });
    const taken = await scene.importRows(csv, ["--update"]);
    expect(taken.code).toBe(1);
    expect(taken.stderr.trimEnd().split("\n")).toEqual([
      "line 4, user_groups: is malformed",
      "line 5, user_groups: has a backslash before neither a semicolon nor a backslash",
      "line 6, user_groups: names the same twice",
      "line 7, company: wants a number that the subscriber does not have",
    ]);
    for (const text of [dry.stdout, taken.stdout, taken.stderr, scene.log.join("")]) {
      for (const value of ["Ping An", "ACME", "drivers"]) expect(text).not.toContain(value);
    }
    const known: SubscriberProfile = {
      company: "Ping An",
      userGroups: ["drivers", "night;shift"],
      services: [],
    };
    expect(await profileOf(1)).toEqual({ profile: known });
    expect(await profileOf(2)).toEqual({ profile: { userGroups: [], services: [] } });
    expect(await profileOf(3)).toEqual({ profile: null });
    const again = await scene.importRows(csv, ["--json"]);
    expect(summaryOf(again)).toMatchObject({ unchanged: 2, failed: 4 });
    const differs = await scene.importRows(`${HEADER}${imsiOf(1)},2,,ACME,drivers\n`);
    expect(differs.stderr).toBe(
      "line 2, user_groups: differs from what is there, which --update changes\n" +
        "line 2, company: differs from what is there, which --update changes\n",
    );
    // A default is for empty cells, also where these say that there is none.
    const filled = `${HEADER}${imsiOf(2)},2,,,\n`;
    const options = ["--update", "--default", "company=House", "--default", "level=gold"];
    expect((await scene.importRows(filled, options)).code).toBe(0);
    expect(await profileOf(2)).toMatchObject({ profile: { company: "House", level: "gold" } });
  });

  test(`${runtime}: an export comes in again as nothing, and puts back what was changed since`, async () => {
    const awkward = ["=cmd", "'=x", "a;b", String.raw`c\d`, '"q"', "Straße, 5", "深圳"];
    await scene.call("PUT", `/subscribers/${imsiOf(3)}/profile`, {
      profile: { ...DATA, userGroups: awkward, company: "'@home" },
    });
    await scene.call("PUT", `/subscribers/${imsiOf(2)}/profile`, { profile: { level: "silver" } });
    await scene.call("POST", "/subscribers", {
      imsi: imsiOf(7),
      mncLength: 2,
      algorithm: "comp128-3",
      ki: K,
    });
    const exported = await scene.run(["export", "subscribers", "--url", scene.url]);
    expect(exported.code).toBe(0);
    const options = ["--map", "key_version=", "--json"];
    const same = await scene.importRows(exported.stdout, options);
    expect(same.code).toBe(0);
    expect(summaryOf(same)).toMatchObject({ rows: 7, unchanged: 7 });

    const { profile: before } = Object(await profileOf(3));
    await scene.call("PUT", `/subscribers/${imsiOf(3)}/profile`, { profile: null });
    await scene.call("PUT", `/subscribers/${imsiOf(1)}/profile`, { profile: { level: "x" } });
    await scene.call("PUT", `/subscribers/${imsiOf(5)}/profile`, { profile: {} });
    const more = { level: "silver", userGroups: ["drivers"] };
    await scene.call("PUT", `/subscribers/${imsiOf(2)}/profile`, { profile: more });
    const back = await scene.importRows(exported.stdout, [...options, "--update"]);
    expect(summaryOf(back)).toMatchObject({ updated: 4, unchanged: 3 });
    const { profile: second } = Object(await profileOf(2));
    expect(second).toEqual({ level: "silver", userGroups: [], services: [] });
    expect(await profileOf(3)).toEqual({ profile: before });
    expect(await profileOf(5)).toEqual({ profile: null });
    const twice = await scene.run(["export", "subscribers", "--url", scene.url]);
    expect(twice.stdout).toBe(exported.stdout);
  });
});

/** POST /v1/admin/subscribers/batch: an outcome a row, and nothing that is not said there. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { RowReason } from "#protocol/import";
import { encodeHex } from "#protocol/bytes";
import { openTenant, type Platform, TENANT } from "#tests/admin/platform";
import { expectRefusal, MARKER } from "#tests/admin/refusal";
import { sendRows } from "./batch.ts";
import { imsiOf, K, keyOf, OP, OPC } from "./keys.ts";

let platform: Platform;
beforeEach(async () => {
  platform = await openTenant();
});
afterEach(() => platform.close());

const send = (rows: readonly unknown[], options?: Readonly<Record<string, boolean>>) =>
  sendRows(platform, rows, options);
const find = (number: number) =>
  platform.dependencies.repositories.subscribers.find(TENANT, imsiOf(number));
async function readKeys(number: number): Promise<readonly string[]> {
  const record = await find(number);
  const context = `${TENANT}/${imsiOf(number)}`;
  const { vault } = platform.dependencies;
  const k = record?.wrappedKey && vault.unwrap("k", context, record.wrappedKey);
  const opc = record?.wrappedOperator && vault.unwrap("opc", context, record.wrappedOperator);
  return [encodeHex(k ?? new Uint8Array(0)), encodeHex(opc ?? new Uint8Array(0))];
}

const ROW = { imsi: imsiOf(1), mncLength: 2, k: K, opc: OPC } as const;
const FULL = {
  ...ROW,
  msisdn: "8613800138000",
  status: "barred",
  algorithm: "milenage",
  amf: "80ff",
  indBits: 6,
  sqn: 64 * 1000 + 5,
} as const;

test("rows are stored as single enrolments are, keys wrapped, OPc derived from OP", async () => {
  const second = { imsi: imsiOf(2), mncLength: 3, k: K.toUpperCase(), op: OP };
  expect(await send([FULL, second])).toEqual([{ outcome: "inserted" }, { outcome: "inserted" }]);
  expect(await find(1)).toMatchObject({
    operator: "46001",
    msisdn: "8613800138000",
    status: "barred",
    algorithm: "milenage",
    amf: Uint8Array.of(0x80, 0xff),
    indBits: 6,
    keyVersion: 1,
    ssdUpdates: 0,
    seqFloor: 1000,
  });
  expect(await find(2)).toMatchObject({
    operator: "460010",
    msisdn: undefined,
    status: "active",
    amf: new Uint8Array(2),
    indBits: 5,
    seqFloor: 0,
  });
  expect(await readKeys(1)).toEqual([K, OPC]);
  expect(await readKeys(2)).toEqual([K, OPC]);
  const dump = await platform.dump();
  for (const secret of [K, OP, OPC]) {
    expect(platform.logged.join("")).not.toContain(secret);
    expect(dump).not.toContain([...Buffer.from(secret, "hex")].join(","));
  }
});

test("every kind of module", async () => {
  const rows = [
    { imsi: imsiOf(1), mncLength: 2, algorithm: "tuak", k: `${K}${K}`, top: `${OP}${OP}` },
    { imsi: imsiOf(2), mncLength: 2, algorithm: "comp128-3", ki: K },
    { imsi: imsiOf(3), mncLength: 2, algorithm: "gsm-milenage", ki: K, op: OP },
    { imsi: imsiOf(4), mncLength: 2, algorithm: "cave", akey: K.slice(16), uimId: "01020304" },
    { imsi: imsiOf(5), mncLength: 2, algorithm: "chap-md5", secret: "00ff" },
  ];
  expect(new Set((await send(rows)).map(({ outcome }) => outcome))).toEqual(new Set(["inserted"]));
  expect(new Set((await send(rows)).map(({ outcome }) => outcome))).toEqual(new Set(["unchanged"]));
  const [, , , cave, chap] = rows;
  const changed = [
    { ...cave, uimId: "01020305" },
    { ...chap, secret: "00fe" },
    { ...rows[1], ki: OP },
    { ...rows[0], top: undefined, topc: `${OP}${OP}` },
  ];
  expect(await send(changed)).toEqual(
    ["uimId", "secret", "ki", "topc"].map((column) => ({
      outcome: "conflict",
      changes: [{ column, from: "", to: "" }],
    })),
  );
});

test("the same rows again change nothing, whether OP or OPc is given", async () => {
  await send([FULL]);
  const before = await platform.dump();
  expect(await send([FULL])).toEqual([{ outcome: "unchanged" }]);
  expect(await send([{ ...ROW, opc: undefined, op: OP }])).toEqual([{ outcome: "unchanged" }]);
  expect(await send([FULL], { update: true })).toEqual([{ outcome: "unchanged" }]);
  expect(await platform.dump()).toBe(before);
});

test("a subscriber whose keys another centre has gets none by an import", async () => {
  await send([ROW]);
  const known = await find(1);
  if (known === undefined) throw new Error("nothing was imported");
  const { subscribers } = platform.dependencies.repositories;
  const elsewhere = { ...known, imsi: imsiOf(2), centre: "hlr", algorithm: "USIM" };
  const keyless = { ...elsewhere, wrappedKey: undefined, wrappedOperator: undefined };
  expect(await subscribers.insert(keyless)).toBe("inserted");
  const row = { ...ROW, imsi: imsiOf(2) };
  for (const update of [false, true]) {
    const [outcome] = await send([row], { update });
    expect(outcome).toMatchObject({ outcome: "conflict" });
    expect(outcome).toHaveProperty("changes[0]", {
      column: "centre",
      from: "hlr",
      to: "embedded",
    });
  }
  expect(await find(2)).toMatchObject({ centre: "hlr", algorithm: "USIM", wrappedKey: undefined });
});

test("a row that differs is a conflict, and with update it is taken", async () => {
  await send([{ ...FULL, status: "active" }]);
  const next = { ...FULL, status: "active", msisdn: "46701", amf: "0000", k: keyOf(1) };
  const changes = [
    { column: "msisdn", from: "8613800138000", to: "46701" },
    { column: "amf", from: "80ff", to: "0000" },
    { column: "k", from: "", to: "" },
  ];
  const before = await platform.dump();
  expect(await send([next])).toEqual([{ outcome: "conflict", changes }]);
  expect(await send([next], { dryRun: true, update: true })).toEqual([
    { outcome: "updated", changes },
  ]);
  expect(await platform.dump()).toBe(before);
  expect(await send([next], { update: true })).toEqual([{ outcome: "updated", changes }]);
  expect(await find(1)).toMatchObject({ msisdn: "46701", amf: new Uint8Array(2), keyVersion: 2 });
  expect(await readKeys(1)).toEqual([keyOf(1), OPC]);
  expect(await send([next], { update: true })).toEqual([{ outcome: "unchanged" }]);
});

test("an update without new keys leaves the wrapped ones and the key version as they are", async () => {
  await send([FULL]);
  const before = await find(1);
  await send([{ ...FULL, msisdn: "46701" }], { update: true });
  const after: unknown = await find(1);
  expect(after).toEqual({ ...before, msisdn: "46701" });
});

test("an old file lifts no bar and moves no IND, --update or not", async () => {
  await send([{ ...ROW, status: "barred" }]);
  const rows = [{ ...ROW, status: "active", indBits: 8, msisdn: "46701" }];
  for (const update of [false, true]) {
    expect(await send(rows, { update })).toMatchObject([
      {
        outcome: "conflict",
        changes: [
          { column: "status", from: "barred", to: "active" },
          { column: "indBits", from: "5", to: "8" },
          { column: "msisdn" },
        ],
      },
    ]);
  }
  expect(await find(1)).toMatchObject({ status: "barred", indBits: 5, msisdn: undefined });
});

test("another algorithm comes with its keys and raises the key version", async () => {
  await send([FULL]);
  const sim = { imsi: imsiOf(1), mncLength: 2, algorithm: "comp128-3", ki: K };
  const changes = [
    { column: "algorithm", from: "milenage", to: "comp128-3" },
    { column: "ki", from: "", to: "" },
  ];
  expect(await send([sim], { update: true })).toEqual([{ outcome: "updated", changes }]);
  expect(await find(1)).toMatchObject({
    algorithm: "comp128-3",
    keyVersion: 2,
    wrappedOperator: undefined,
    seqFloor: 1000,
  });
});

test("a subscriber whose keys another centre has gets none by an import", async () => {
  const { subscribers } = platform.dependencies.repositories;
  await send([ROW]);
  const own = await find(1);
  if (own === undefined) throw new Error("not enrolled");
  const nothing = { wrappedKey: undefined, wrappedOperator: undefined };
  const other = { ...own, ...nothing, imsi: imsiOf(2), centre: "hlr", algorithm: "USIM" };
  await subscribers.insert(other);
  const row = { ...ROW, imsi: imsiOf(2) };
  expect(await send([row], { update: true })).toMatchObject([
    { outcome: "conflict", changes: [{ column: "centre", from: "hlr", to: "embedded" }, {}, {}] },
  ]);
  expect(await find(2)).toEqual(other);
});

test("a dry run says what would be done and does nothing", async () => {
  const before = await platform.dump();
  expect(await send([FULL, { ...ROW, k: "00" }], { dryRun: true })).toEqual([
    { outcome: "inserted" },
    { outcome: "refused", column: "k", reason: "wrong_length" },
  ]);
  expect(await platform.dump()).toBe(before);
});

const REFUSED: readonly (readonly [RowReason, string, unknown])[] = [
  ["not_a_row", "", null],
  ["not_a_row", "", [MARKER]],
  ["unknown_member", "", { ...ROW, [MARKER]: 1 }],
  ["missing", "imsi", { ...ROW, imsi: undefined }],
  ["missing", "mncLength", { ...ROW, mncLength: undefined }],
  ["missing", "k", { ...ROW, k: undefined }],
  ["missing", "opc", { ...ROW, opc: undefined }],
  ["malformed", "imsi", { ...ROW, imsi: MARKER }],
  ["malformed", "imsi", { ...ROW, imsi: 460010000000001 }],
  ["malformed", "msisdn", { ...ROW, msisdn: "0123456" }],
  ["malformed", "algorithm", { ...ROW, algorithm: 5 }],
  ["not_hex", "k", { ...ROW, k: `${K.slice(1)}g` }],
  ["not_hex", "k", { ...ROW, k: K.slice(1) }],
  ["not_hex", "amf", { ...ROW, amf: 8000 }],
  ["wrong_length", "k", { ...ROW, k: K.slice(2) }],
  ["wrong_length", "opc", { ...ROW, opc: `${OPC}00` }],
  ["wrong_length", "amf", { ...ROW, amf: "00" }],
  ["out_of_range", "mncLength", { ...ROW, mncLength: 4 }],
  ["out_of_range", "status", { ...ROW, status: "gone" }],
  ["out_of_range", "indBits", { ...ROW, indBits: 17 }],
  ["out_of_range", "sqn", { ...ROW, sqn: 2 ** 48 }],
  ["out_of_range", "sqn", { ...ROW, sqn: -1 }],
  ["out_of_range", "sqn", { ...ROW, sqn: 1.5 }],
  ["too_short_for_mnc", "imsi", { ...ROW, imsi: "460010", mncLength: 3 }],
  ["unknown_algorithm", "algorithm", { ...ROW, algorithm: MARKER }],
  ["algorithm_not_allowed", "algorithm", { ...ROW, algorithm: "milenage-256" }],
  ["algorithm_not_allowed", "algorithm", { ...ROW, algorithm: "xor-3g", opc: undefined }],
  ["not_for_algorithm", "ki", { ...ROW, ki: K }],
  [
    "not_for_algorithm",
    "sqn",
    { imsi: imsiOf(1), mncLength: 2, algorithm: "comp128-3", ki: K, sqn: 5 },
  ],
  ["one_of_two", "op", { ...ROW, op: OP }],
  [
    "ssd_of_zeros",
    "ssdA",
    {
      imsi: imsiOf(1),
      mncLength: 2,
      algorithm: "cave",
      akey: "0102030405060708",
      uimId: "01020304",
      ssdA: "0000000000000000",
      ssdB: "0102030405060708",
    },
  ],
];

test.each(REFUSED)(
  "%s, %s: the row is refused, the others are taken",
  async (reason, column, row) => {
    expect(await send([row, { ...ROW, imsi: imsiOf(2) }])).toEqual([
      { outcome: "refused", column, reason },
      { outcome: "inserted" },
    ]);
    expect(await find(1)).toBeUndefined();
    expect(platform.logged.join("")).not.toContain(MARKER);
  },
);

test("fewer_inds_than_slots, and a batch of 1,000 with one row twice: duplicate_in_batch", async () => {
  platform.close();
  platform = await openTenant({ slots: 3 });
  expect(await send([{ ...ROW, indBits: 1 }])).toEqual([
    { outcome: "refused", column: "indBits", reason: "fewer_inds_than_slots" },
  ]);
  const rows = Array.from({ length: 1000 }, (_, i) => ({
    ...ROW,
    imsi: imsiOf(i === 999 ? 0 : i),
    k: keyOf(i),
  }));
  const outcomes = await send(rows);
  expect(outcomes.filter(({ outcome }) => outcome === "inserted")).toHaveLength(999);
  expect(outcomes[999]).toEqual({
    outcome: "refused",
    column: "imsi",
    reason: "duplicate_in_batch",
  });
});

test("a row that somebody else was faster with is refused: changed_meanwhile", async () => {
  await send([ROW]);
  const { repositories } = platform.dependencies;
  const slow: Platform["dependencies"]["repositories"] = {
    ...repositories,
    subscribers: {
      ...repositories.subscribers,
      async findMany(tenant, imsis) {
        const found = await repositories.subscribers.findMany(tenant, imsis);
        const keys = await repositories.subscribers.find(tenant, imsiOf(1));
        if (keys !== undefined) await repositories.subscribers.replaceKeys(tenant, imsiOf(1), keys);
        for (const record of found) {
          await repositories.subscribers.insert({ ...record, imsi: imsiOf(2) });
        }
        return found;
      },
    },
  };
  const { importSubscribers } = await import("#edge/subscriber-import");
  const outcomes = await importSubscribers(
    { ...platform.dependencies, repositories: slow },
    {
      tenant: TENANT,
      dryRun: false,
      update: true,
      rows: [
        { ...ROW, msisdn: "46701" },
        { ...ROW, imsi: imsiOf(2) },
      ],
    },
  );
  const raced = { outcome: "refused", column: "imsi", reason: "changed_meanwhile" } as const;
  expect(outcomes).toEqual([raced, raced]);
  expect(await find(1)).toMatchObject({ msisdn: undefined, keyVersion: 2 });
});

test("batches of another shape are refused whole", async () => {
  const wrong = [
    {},
    { rows: [] },
    { rows: {} },
    { rows: MARKER },
    { rows: Array.from({ length: 1001 }, () => ROW) },
    { rows: [ROW], dryRun: 1 },
    { rows: [ROW], [MARKER]: true },
    { rows: [ROW], tenant: "UPPER" },
  ];
  for (const body of wrong) {
    await expectRefusal(platform, "malformed", () =>
      platform.call("POST", "/subscribers/batch", body),
    );
  }
  await expectRefusal(platform, "too_large", () =>
    platform.call("POST", "/subscribers/batch", { rows: ["x".repeat(2 * 1024 * 1024)] }),
  );
  await expectRefusal(platform, "not_found", () =>
    platform.call("POST", "/subscribers/batch", { rows: [ROW], tenant: "nobody" }),
  );
});

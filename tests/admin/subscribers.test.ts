import { afterEach, beforeEach, expect, test } from "bun:test";

import { encodeHex } from "#protocol/bytes";

import { IMSI, K, OP, OPC, openTenant, type Platform, TENANT } from "./platform.ts";
import { expectRefusal, MARKER } from "./refusal.ts";

let platform: Platform;
beforeEach(async () => {
  platform = await openTenant();
});
afterEach(() => platform.close());

const create = async (body: unknown) => platform.call("POST", "/subscribers", body);
const WITH_OPC = { imsi: IMSI, mncLength: 2, k: K, opc: OPC };
const VIEW = {
  tenant: TENANT,
  imsi: IMSI,
  operator: "00101",
  msisdn: null,
  status: "active",
  centre: "embedded",
  algorithm: "milenage",
  moduleKind: "USIM",
  keyVersion: 1,
};

async function readKeys(imsi = IMSI): Promise<readonly (string | undefined)[]> {
  const { repositories, vault } = platform.dependencies;
  const record = await repositories.subscribers.find(TENANT, imsi);
  const context = `${TENANT}/${imsi}`;
  const k = record?.wrappedKey && vault.unwrap("k", context, record.wrappedKey);
  const opc = record?.wrappedOperator && vault.unwrap("opc", context, record.wrappedOperator);
  return [k && encodeHex(k), opc && encodeHex(opc)];
}

test("K and OPc are kept wrapped, each for its subscriber, and never come back", async () => {
  const answer = await create(WITH_OPC);
  expect(answer.status).toBe(201);
  expect(answer.json).toEqual(VIEW);
  expect(await readKeys()).toEqual([K, OPC]);
  const seen = await platform.call("GET", `/subscribers/${IMSI}`);
  expect(seen.json).toEqual(VIEW);
  const stored = await platform.dependencies.repositories.subscribers.find(TENANT, IMSI);
  expect(stored).toMatchObject({ amf: new Uint8Array(2), indBits: 5, keyVersion: 1 });
  for (const secret of [K, OPC]) {
    const bytes = [...Buffer.from(secret, "hex")].join(",");
    for (const blob of [stored?.wrappedKey, stored?.wrappedOperator]) {
      expect([...(blob ?? [])].join(",")).not.toContain(bytes);
    }
    expect(platform.logged.join("")).not.toContain(secret);
  }
  const { vault } = platform.dependencies;
  const wrappedKey = stored?.wrappedKey ?? new Uint8Array(0);
  expect(vault.unwrap("k", `${TENANT}/001010123456780`, wrappedKey)).toBeUndefined();
  expect(vault.unwrap("opc", `${TENANT}/${IMSI}`, wrappedKey)).toBeUndefined();
});

test("OPc is derived from OP (TS 35.206, 4.1)", async () => {
  const answer = await create({ imsi: IMSI, mncLength: 2, k: K.toUpperCase(), op: OP });
  expect(answer.status).toBe(201);
  expect(await readKeys()).toEqual([K, OPC]);
});

test("MNC of three digits, AMF and IND bits as given", async () => {
  const body = { ...WITH_OPC, mncLength: 3, amf: "80ff", indBits: 8 };
  expect(await create(body)).toMatchObject({ status: 201, json: { operator: "001010" } });
  const stored = await platform.dependencies.repositories.subscribers.find(TENANT, IMSI);
  expect(stored).toMatchObject({ amf: Uint8Array.of(0x80, 0xff), indBits: 8 });
});

test("a taken IMSI is a conflict and keeps its keys", async () => {
  await create(WITH_OPC);
  await expectRefusal(platform, "conflict", async () => create({ ...WITH_OPC, k: "0".repeat(32) }));
  expect(await readKeys()).toEqual([K, OPC]);
});

test("unknown tenants and subscribers are not found", async () => {
  await expectRefusal(platform, "not_found", async () => create({ ...WITH_OPC, tenant: "nobody" }));
  await create(WITH_OPC);
  for (const path of ["/subscribers/001010000000000", `/subscribers/${IMSI}?tenant=nobody`]) {
    await expectRefusal(platform, "not_found", async () => platform.call("GET", path));
  }
  const bar = { tenant: "nobody", status: "barred" };
  await expectRefusal(platform, "not_found", async () =>
    platform.call("PUT", `/subscribers/${IMSI}/status`, bar),
  );
});

test("status", async () => {
  await create(WITH_OPC);
  const path = `/subscribers/${IMSI}/status`;
  expect((await platform.call("PUT", path, { status: "barred" })).status).toBe(204);
  const seen = await platform.call("GET", `/subscribers/${IMSI}`);
  expect(seen.json).toEqual({ ...VIEW, status: "barred" });
});

test.each([
  { ...WITH_OPC, op: OP },
  { imsi: IMSI, mncLength: 2, k: K },
  { ...WITH_OPC, k: K.slice(2) },
  { ...WITH_OPC, k: `${K}00` },
  { ...WITH_OPC, k: K.slice(1) },
  { ...WITH_OPC, k: `${K.slice(0, -1)}g` },
  { ...WITH_OPC, opc: OPC.slice(2) },
  { ...WITH_OPC, opc: undefined, op: OP.slice(2) },
  { ...WITH_OPC, mncLength: 1 },
  { ...WITH_OPC, mncLength: "2" },
  { ...WITH_OPC, imsi: "00101" },
  { ...WITH_OPC, imsi: "001010", mncLength: 3 },
  { ...WITH_OPC, imsi: `${IMSI}0` },
  { ...WITH_OPC, imsi: `${IMSI.slice(1)}x` },
  { ...WITH_OPC, amf: "00" },
  { ...WITH_OPC, amf: "000000" },
  { ...WITH_OPC, indBits: -1 },
  { ...WITH_OPC, indBits: 29 },
  { ...WITH_OPC, indBits: 5.5 },
  { ...WITH_OPC, algorithm: "tuak" },
])("malformed: %j", async (body) => {
  await expectRefusal(platform, "malformed", async () => create(body));
});

test.each([`/subscribers/${MARKER}`, "/subscribers/00101", `/subscribers/${IMSI}0`])(
  "GET %s is malformed",
  async (path) => {
    await expectRefusal(platform, "malformed", async () => platform.call("GET", path));
  },
);

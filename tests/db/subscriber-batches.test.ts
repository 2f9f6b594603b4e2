/** Subscribers by the batch, on every host. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { createRepositories } from "#db/catalog";
import type { ProfileChange, Repositories, SubscriberRecord } from "#db/records";

import { bytesOf, fresh, makeCard, makeSubscriber, saveTenant } from "./fixtures.ts";
import { HOSTS, type OpenHost } from "./hosts.ts";

const HOST_TIMEOUT_MS = 30_000;

const byImsi = <Entry extends SubscriberRecord>(records: readonly Entry[]) =>
  records.toSorted((a, b) => (a.imsi < b.imsi ? -1 : 1));

describe.each([...HOSTS])("subscribers in batches on $name", (host) => {
  let opened: OpenHost;
  let repositories: Repositories;

  beforeAll(async () => {
    opened = await host.open();
    repositories = createRepositories(opened.database);
  }, HOST_TIMEOUT_MS);
  afterAll(async () => opened.close());

  const make = async (count: number): Promise<readonly [string, SubscriberRecord[]]> => {
    const tenant = await saveTenant(repositories);
    return [tenant, Array.from({ length: count }, () => makeSubscriber(tenant))];
  };

  test("a thousand at once are found as saved, and each once", async () => {
    const [tenant, records] = await make(1000);
    const [first, second] = records;
    if (first === undefined || second === undefined) throw new Error("no records");
    const full = {
      ...first,
      msisdn: "8613800138000",
      wrappedSsd: bytesOf(69, 1),
      uimId: bytesOf(4, 0),
      seqFloor: 2 ** 43 - 1,
    };
    const bare = { ...second, wrappedOperator: undefined };
    const all = [full, bare, ...records.slice(2)];
    const { subscribers } = repositories;
    const saved = await subscribers.saveMany(all, []);
    expect(saved.inserted.size).toBe(1000);
    const imsis = all.map(({ imsi }) => imsi);
    expect(byImsi(await subscribers.findMany(tenant, [...imsis, "none"]))).toEqual(byImsi(all));
    expect(await subscribers.find(tenant, full.imsi)).toEqual(full);
    const again = await subscribers.saveMany([full, makeSubscriber(tenant)], []);
    expect(again.inserted.size).toBe(1);
    expect(await subscribers.findMany(fresh("tenant-"), imsis)).toEqual([]);
    expect(await subscribers.saveMany([], [])).toEqual({
      inserted: new Set(),
      updated: new Set(),
    });
  });

  test("a change with new keys, one without, and one that came too late", async () => {
    const [tenant, records] = await make(3);
    const { subscribers } = repositories;
    await subscribers.saveMany(records, []);
    const changes = records.map((record, index) => ({
      record: {
        ...record,
        operator: "001011",
        msisdn: "46701",
        status: "barred" as const,
        amf: bytesOf(2, 5),
        seqFloor: 7,
        indBits: 9,
        wrappedKey: bytesOf(69, 77),
        wrappedOperator: undefined,
        keyVersion: index === 0 ? 2 : 1,
      },
      knownKeyVersion: index === 2 ? 5 : 1,
    }));
    const [one, two, three] = records;
    if (one === undefined || two === undefined || three === undefined) throw new Error("none");
    const saved = await subscribers.saveMany([], changes);
    expect([...saved.updated].toSorted()).toEqual([one.imsi, two.imsi].toSorted());
    const taken = { operator: "001011", msisdn: "46701", amf: bytesOf(2, 5), seqFloor: 7 };
    const newKeys = { wrappedKey: bytesOf(69, 77), wrappedOperator: undefined, keyVersion: 2 };
    expect(await subscribers.find(tenant, one.imsi)).toEqual({ ...one, ...taken, ...newKeys });
    expect(await subscribers.find(tenant, two.imsi)).toEqual({ ...two, ...taken });
    expect(await subscribers.find(tenant, three.imsi)).toEqual(three);
  });

  test("customer data comes with a row, stays, changes, and not under somebody's feet", async () => {
    const [tenant, [one, two]] = await make(2);
    if (one === undefined || two === undefined) throw new Error("no records");
    const { subscribers } = repositories;
    const known = { userGroups: ["a;b", "ü"], services: [], company: "ACME" };
    const numbered = { ...one, msisdn: fresh("46701") };
    await subscribers.saveMany([{ ...numbered, profile: known }, two], []);
    const profiles = async (): Promise<unknown[]> =>
      byImsi(await subscribers.findMany(tenant, [one.imsi, two.imsi])).map(
        ({ profile }) => profile,
      );
    expect(await profiles()).toEqual([known, undefined]);
    const [listed] = await subscribers.list(tenant, { after: "", limit: 1 });
    expect(listed?.profile).toEqual(known);
    const save = async (profile?: ProfileChange, changes: Partial<SubscriberRecord> = {}) => {
      const record = { ...numbered, ...changes };
      const { updated } = await subscribers.saveMany([], [{ record, knownKeyVersion: 1, profile }]);
      return updated.size;
    };
    expect(await save(undefined, { seqFloor: 3 })).toBe(1);
    expect(await profiles()).toEqual([known, undefined]);
    const next = { userGroups: [], services: [] };
    // Neither half of a change whose profile is another by now.
    expect(await save({ known: next, next: undefined }, { amf: bytesOf(2, 9) })).toBe(0);
    expect(await subscribers.find(tenant, one.imsi)).toEqual({ ...numbered, seqFloor: 3 });
    expect(await save({ known, next })).toBe(1);
    expect(await profiles()).toEqual([next, undefined]);
    expect(await save({ known: next, next: undefined })).toBe(1);
    expect(await save({ known: undefined, next })).toBe(1);
    expect(await profiles()).toEqual([next, undefined]);
  });

  test("a move takes or brings keys at once, if nobody was faster", async () => {
    const [tenant, [record]] = await make(1);
    if (record === undefined) throw new Error("no record");
    const { subscribers } = repositories;
    await subscribers.saveMany([{ ...record, seqFloor: 7 }], []);
    const nothing = {
      wrappedKey: undefined,
      wrappedOperator: undefined,
      wrappedSsd: undefined,
      uimId: undefined,
    };
    const there = {
      ...nothing,
      centre: "hlr",
      algorithm: "USIM",
      amf: bytesOf(2, 1),
      indBits: 5,
      seqFloor: 3,
    };
    const move = (next: typeof there, knownKeyVersion: number) =>
      subscribers.move(tenant, record.imsi, { ...next, knownKeyVersion });
    expect(await move(there, 2)).toBe(false);
    expect(await subscribers.find(tenant, record.imsi)).toEqual({ ...record, seqFloor: 7 });
    expect(await move(there, 1)).toBe(true);
    const moved = { ...record, ...there, seqFloor: 7, keyVersion: 2 };
    expect(await subscribers.find(tenant, record.imsi)).toEqual(moved);
    const here = { ...there, centre: "embedded", algorithm: "milenage", seqFloor: 9 };
    const keys = { wrappedKey: bytesOf(69, 5), wrappedOperator: bytesOf(69, 6) };
    const back = { ...here, ...keys, knownKeyVersion: 2 };
    expect(await subscribers.move(tenant, record.imsi, back)).toBe(true);
    expect(await subscribers.find(tenant, record.imsi)).toEqual({
      ...record,
      ...here,
      ...keys,
      keyVersion: 3,
    });
    expect(await subscribers.move(tenant, fresh("none"), back)).toBe(false);
  });

  test("I4: the floor of SEQ rises and never falls", async () => {
    const [tenant, [record]] = await make(1);
    if (record === undefined) throw new Error("no record");
    const { subscribers } = repositories;
    await subscribers.saveMany([{ ...record, seqFloor: 100 }], []);
    for (const [seqFloor, expected] of [
      [50, 100],
      [200, 200],
      [199, 200],
    ] as const) {
      await subscribers.saveMany([], [{ record: { ...record, seqFloor }, knownKeyVersion: 1 }]);
      expect((await subscribers.find(tenant, record.imsi))?.seqFloor).toBe(expected);
    }
  });

  test("pages, without keys", async () => {
    const [tenant, records] = await make(5);
    const { subscribers, cards } = repositories;
    await subscribers.saveMany(records, []);
    const names = byImsi(records).map(({ imsi }) => imsi);
    const first = await subscribers.list(tenant, { after: "", limit: 3 });
    expect(first.map(({ imsi }) => imsi)).toEqual(names.slice(0, 3));
    expect(Object.keys(first[0] ?? {}).toSorted()).toEqual(
      "algorithm amf centre imsi indBits keyVersion msisdn operator profile status".split(" "),
    );
    const rest = await subscribers.list(tenant, { after: names[2] ?? "", limit: 3 });
    expect(rest.map(({ imsi }) => imsi)).toEqual(names.slice(3));
    const made = [makeCard(tenant), makeCard(tenant)];
    for (const card of made) await cards.insert(card);
    const listed = await cards.list(tenant, { after: "", limit: 1 });
    expect(listed.map(({ cardId }) => cardId)).toEqual([made[0]?.cardId ?? ""]);
    expect(Object.keys(listed[0] ?? {})).not.toContain("wrappedKey");
    expect(await cards.list(tenant, { after: made[1]?.cardId ?? "", limit: 1 })).toEqual([]);
  });
});

/** Subscribers, binding rules and audit events, on every host. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { createRepositories } from "#db/catalog";
import type { AuditEvent, Repositories, StoredRule } from "#db/records";

import {
  bytesOf,
  cardIdOf,
  fresh,
  makeCard,
  makeEvent,
  makeSubscriber,
  saveTenant,
} from "./fixtures.ts";
import { HOSTS, type OpenHost } from "./hosts.ts";

const numbers = (found: readonly AuditEvent[]): number[] => found.map((e) => e.number);

describe.each([...HOSTS])("repositories on $name", (host) => {
  let opened: OpenHost;
  let repositories: Repositories;

  beforeAll(async () => {
    opened = await host.open();
    repositories = createRepositories(opened.database);
  });
  afterAll(async () => opened.close());

  const makeTenant = async (): Promise<string> => saveTenant(repositories);
  const activate = async (tenant: string, raisesFloor = true): Promise<number | undefined> => {
    const { revision } = await repositories.rules.findState(tenant);
    return repositories.rules.activate(tenant, { revision, at: 9, raisesFloor });
  };

  describe("subscribers", () => {
    test("are found as inserted, in their tenant only", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const subscriber = makeSubscriber(tenant);
      expect(await repositories.subscribers.insert(subscriber)).toBe("inserted");
      expect(await repositories.subscribers.find(tenant, subscriber.imsi)).toEqual(subscriber);
      expect(await repositories.subscribers.find(other, subscriber.imsi)).toBeUndefined();
    });

    test("a taken IMSI leaves subscriber and keys unchanged", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const subscriber = makeSubscriber(tenant);
      await repositories.subscribers.insert(subscriber);
      const second = {
        ...subscriber,
        operator: "99999",
        wrappedKey: bytesOf(69, 8),
        keyVersion: 2,
      };
      expect(await repositories.subscribers.insert(second)).toBe("taken");
      expect(await repositories.subscribers.find(tenant, subscriber.imsi)).toEqual(subscriber);
      const roamer = { ...second, tenant: other };
      expect(await repositories.subscribers.insert(roamer)).toBe("inserted");
      expect(await repositories.subscribers.find(other, subscriber.imsi)).toEqual(roamer);
    });

    test("change their status", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const subscriber = makeSubscriber(tenant);
      await repositories.subscribers.insert(subscriber);
      const subscribers = repositories.subscribers;
      expect(await subscribers.setStatus(other, subscriber.imsi, "barred")).toBe(false);
      expect(await subscribers.find(tenant, subscriber.imsi)).toEqual(subscriber);
      expect(await subscribers.setStatus(tenant, subscriber.imsi, "barred")).toBe(true);
      expect(await subscribers.find(tenant, subscriber.imsi)).toEqual({
        ...subscriber,
        status: "barred",
      });
    });

    test("have a profile, found by a number that is theirs alone", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const { subscribers } = repositories;
      const [one, two] = [makeSubscriber(tenant), makeSubscriber(tenant)];
      for (const each of [one, two]) await subscribers.insert(each);
      const profile = { level: "gold", userGroups: ["a"], services: [] };
      expect(await subscribers.setProfile(tenant, one.imsi, profile)).toBe("no_number");
      expect(await subscribers.setProfile(other, one.imsi, profile)).toBe("absent");
      await subscribers.setNumber(tenant, one.imsi, "8613800138000");
      expect(await subscribers.findProfile(tenant, "8613800138000")).toBeUndefined();
      expect(await subscribers.setProfile(tenant, one.imsi, profile)).toBe("set");
      expect(await subscribers.findProfile(tenant, "8613800138000")).toEqual(profile);
      expect(await subscribers.findProfile(other, "8613800138000")).toBeUndefined();
      expect(await subscribers.findProfile(tenant, "8613800138001")).toBeUndefined();
      await subscribers.setNumber(tenant, two.imsi, "8613800138000");
      expect(await subscribers.findProfile(tenant, "8613800138000")).toBeUndefined();
      await subscribers.setNumber(tenant, two.imsi, undefined);
      expect(await subscribers.setProfile(tenant, one.imsi, undefined)).toBe("set");
      expect(await subscribers.findProfile(tenant, "8613800138000")).toBeUndefined();
      const [first, second] = [one, two].toSorted((a, b) => (a.imsi < b.imsi ? -1 : 1));
      const page = await subscribers.list(tenant, { after: "", limit: 1 });
      expect(page).toMatchObject([{ imsi: first?.imsi, operator: "00101", algorithm: "milenage" }]);
      const next = await subscribers.list(tenant, { after: first?.imsi ?? "", limit: 9 });
      expect(next.map(({ imsi }) => imsi)).toEqual([second?.imsi ?? ""]);
    });

    test("of a tenant that does not exist are refused whole", async () => {
      const subscriber = makeSubscriber(fresh("nobody-"));
      // Any error will do: drivers name it differently.
      const outcome = repositories.subscribers.insert(subscriber).catch(() => "thrown");
      expect(await outcome).toBe("thrown");
      expect(await repositories.subscribers.find(subscriber.tenant, subscriber.imsi)).toBe(
        undefined,
      );
    });
  });

  describe("cards", () => {
    test("have groups and a company", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const { cards } = repositories;
      const [one, two] = [makeCard(tenant), makeCard(tenant)];
      for (const each of [one, two]) await cards.insert(each);
      const details = { groups: ["sales", "pool"], company: "ACME" };
      expect(await cards.setDetails(other, two.cardId, details)).toBe(false);
      expect(await cards.setDetails(tenant, two.cardId, details)).toBe(true);
      expect(await cards.find(tenant, two.cardId)).toMatchObject(details);
      expect(await cards.list(tenant, { after: "", limit: 9 })).toMatchObject([
        { cardId: one.cardId, groups: [], company: undefined },
        { cardId: two.cardId, ...details },
      ]);
      expect(await cards.list(tenant, { after: two.cardId, limit: 9 })).toEqual([]);
      expect(await cards.hasGroup(tenant, "pool")).toBe(true);
      expect(await cards.hasGroup(tenant, "poo")).toBe(false);
      expect(await cards.hasGroup(other, "pool")).toBe(false);
      await cards.setDetails(tenant, two.cardId, { groups: [], company: undefined });
      expect(await cards.find(tenant, two.cardId)).toMatchObject({
        groups: [],
        company: undefined,
      });
    });
  });

  describe("binding rules", () => {
    const ownRule: StoredRule = {
      id: "own",
      target: { card: cardIdOf(1) },
      condition: { operator: "00101" },
      wrappedIdentities: Uint8Array.of(1, 2, 3),
      onMismatch: "lock",
    };
    const allRule: StoredRule = {
      id: "all",
      target: { all: true },
      effect: "deny",
      priority: 7,
      condition: { operator: "00101", services: ["a", "b"] },
      claims: { countries: ["CN"] },
      onMismatch: { lockAfter: 3 },
      minimumStrength: "USIM",
      validFrom: 1,
      validUntil: 2,
      lease: { uses: 5, services: ["sign"] },
    };
    const groupRule: StoredRule = { ...ownRule, id: "group", target: { group: "sales" } };
    const otherRule: StoredRule = { ...ownRule, id: "other", target: { card: cardIdOf(2) } };
    const page = { after: "", limit: 100 };
    const list = async (tenant: string, version: number) =>
      repositories.rules.list(tenant, version, page);

    test("a version is what was in the draft when it was activated", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const rules = repositories.rules;
      expect(await rules.findState(tenant)).toEqual({ active: 0, floor: 0, draft: 1, revision: 0 });
      for (const rule of [ownRule, allRule, groupRule, otherRule]) await rules.save(tenant, rule);
      await rules.save(other, { ...allRule, id: "foreign" });
      expect(await list(tenant, 0)).toEqual([]);
      expect(await activate(tenant)).toBe(1);
      expect(await list(tenant, 1)).toEqual([allRule, groupRule, otherRule, ownRule]);
      expect(await rules.findOwn(tenant, 1, cardIdOf(1))).toEqual([ownRule]);
      expect(await rules.findOwn(tenant, 1, cardIdOf(3))).toEqual([]);
      expect(await rules.findShared(tenant, 1, page)).toEqual([allRule, groupRule]);
      expect(await rules.findShared(tenant, 1, { after: "all", limit: 1 })).toEqual([groupRule]);
      expect((await rules.findState(other)).active).toBe(0);
    });

    test("changes go into the draft alone, and what is in use stays", async () => {
      const tenant = await makeTenant();
      const rules = repositories.rules;
      for (const rule of [ownRule, allRule]) await rules.save(tenant, rule);
      await activate(tenant);
      const changed: StoredRule = { ...allRule, id: "own", onMismatch: "refuse" };
      await rules.save(tenant, changed);
      await rules.save(tenant, { ...changed, priority: 8 });
      await rules.save(tenant, changed);
      expect(await rules.remove(tenant, "nothing")).toBe(false);
      expect(await rules.remove(tenant, "all")).toBe(true);
      expect(await rules.remove(tenant, "all")).toBe(false);
      expect(await list(tenant, 1)).toEqual([allRule, ownRule]);
      expect(await list(tenant, 2)).toEqual([changed]);
      expect(await activate(tenant, false)).toBe(2);
      expect(await rules.findState(tenant)).toMatchObject({ active: 2, floor: 1, draft: 3 });
      expect(await list(tenant, 2)).toEqual([changed]);
      expect(await rules.listVersions(tenant, 10)).toEqual([
        { version: 2, activatedAt: 9 },
        { version: 1, activatedAt: 9 },
      ]);
    });

    test("a draft that changed since it was looked at is not activated", async () => {
      const tenant = await makeTenant();
      const rules = repositories.rules;
      await rules.save(tenant, ownRule);
      const { revision } = await rules.findState(tenant);
      await rules.save(tenant, allRule);
      expect(await rules.activate(tenant, { revision, at: 9, raisesFloor: true })).toBe(undefined);
      expect((await rules.findState(tenant)).active).toBe(0);
      expect(await rules.listVersions(tenant, 10)).toEqual([]);
    });

    test("an earlier version comes again, and the draft with it goes", async () => {
      const tenant = await makeTenant();
      const rules = repositories.rules;
      for (const rule of [ownRule, allRule]) await rules.save(tenant, rule);
      await activate(tenant);
      await rules.save(tenant, { ...allRule, id: "own" });
      await rules.remove(tenant, "all");
      await rules.save(tenant, otherRule);
      await activate(tenant);
      await rules.save(tenant, groupRule);
      await rules.remove(tenant, "other");
      await rules.restore(tenant, 1);
      expect(await list(tenant, 3)).toEqual([allRule, ownRule]);
      expect(await list(tenant, 2)).toEqual([otherRule, { ...allRule, id: "own" }]);
      expect(await activate(tenant)).toBe(3);
      await rules.restore(tenant, 2);
      expect(await activate(tenant)).toBe(4);
      expect(await list(tenant, 4)).toEqual([otherRule, { ...allRule, id: "own" }]);
      expect(await list(tenant, 3)).toEqual([allRule, ownRule]);
      expect(await list(tenant, 1)).toEqual([allRule, ownRule]);
    });

    test("changes made at once are all kept", async () => {
      const tenant = await makeTenant();
      const ids = Array.from({ length: 20 }, (_, i) => `rule-${i}`);
      await Promise.all(ids.map(async (id) => repositories.rules.save(tenant, { ...allRule, id })));
      expect((await repositories.rules.findState(tenant)).revision).toBe(20);
      expect((await list(tenant, 1)).map(({ id }) => id)).toEqual(ids.toSorted());
    });
  });

  describe("audit events", () => {
    test("are kept once for each writer and number", async () => {
      const tenant = fresh("tenant-");
      const first = makeEvent(tenant);
      const second = makeEvent(tenant, { number: 2, trail: [] });
      const elsewhere = makeEvent(tenant, { writer: `subscriber:${tenant}`, number: 2 });
      await repositories.audit.append([]);
      await repositories.audit.append([first]);
      await repositories.audit.append([{ ...first, reason: "forged" }, second, elsewhere, second]);
      const found = await repositories.audit.find(tenant, { session: "s" }, 100);
      expect(found).toEqual([first, second, elsewhere]);
    });

    test("are found by session or card, newest when there are too many", async () => {
      const tenant = fresh("tenant-");
      const events = Array.from({ length: 12 }, (_, i) =>
        makeEvent(tenant, {
          number: i + 1,
          session: i % 2 === 0 ? "even" : "odd",
          cardId: cardIdOf(i < 8 ? 1 : 2),
        }),
      );
      await repositories.audit.append(events);
      const audit = repositories.audit;
      expect(numbers(await audit.find(tenant, { session: "odd" }, 100))).toEqual([
        2, 4, 6, 8, 10, 12,
      ]);
      expect(numbers(await audit.find(tenant, { session: "odd" }, 2))).toEqual([10, 12]);
      expect(numbers(await audit.find(tenant, { cardId: cardIdOf(2) }, 100))).toEqual([
        9, 10, 11, 12,
      ]);
      // Each writer counts for itself, and after a restore on from an older number.
      const { at } = makeEvent(tenant);
      const later = { writer: `restored:${tenant}`, number: 7, at: at + 1, session: "odd" };
      await audit.append([makeEvent(tenant, later)]);
      expect(numbers(await audit.find(tenant, { session: "odd" }, 2))).toEqual([12, 7]);
      expect(await audit.find(fresh("tenant-"), { session: "odd" }, 100)).toEqual([]);
      expect(await audit.find(tenant, { session: "none" }, 100)).toEqual([]);
    });
  });
});

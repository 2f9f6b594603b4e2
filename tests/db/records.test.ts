/** Subscribers, binding rules and audit events, on every host. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { createRepositories } from "#db/catalog";
import type { AuditEvent, Repositories, StoredRule } from "#db/records";

import { bytesOf, cardIdOf, fresh, makeEvent, makeSubscriber, saveTenant } from "./fixtures.ts";
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

  describe("binding rules", () => {
    const ownRule: StoredRule = {
      id: "own",
      target: { card: cardIdOf(1) },
      condition: { wrappedImsi: Uint8Array.of(1, 2, 3) },
      onMismatch: "lock",
    };
    const allRule: StoredRule = {
      id: "all",
      target: { all: true },
      condition: { operator: "00101" },
      onMismatch: "refuse",
    };
    const otherRule: StoredRule = { ...ownRule, id: "other", target: { card: cardIdOf(2) } };

    test("apply to the card they name and to all", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const rules = repositories.rules;
      expect(await rules.findApplicable(tenant, cardIdOf(1))).toEqual({ version: 0, rules: [] });
      for (const rule of [ownRule, allRule, otherRule]) await rules.save(tenant, rule);
      await rules.save(other, { ...allRule, id: "foreign" });
      expect(await rules.findApplicable(tenant, cardIdOf(1))).toEqual({
        version: 3,
        rules: [allRule, ownRule],
      });
      expect(await rules.findApplicable(tenant, cardIdOf(3))).toEqual({
        version: 3,
        rules: [allRule],
      });
      expect(await rules.list(tenant)).toEqual({
        version: 3,
        rules: [allRule, otherRule, ownRule],
      });
      expect((await rules.list(other)).version).toBe(1);
    });

    test("each change raises the version, a refused removal does not", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const rules = repositories.rules;
      expect(await rules.save(tenant, ownRule)).toBe(1);
      expect(await rules.save(tenant, allRule)).toBe(2);
      const changed: StoredRule = { ...ownRule, ...otherRule, id: "own", onMismatch: "refuse" };
      expect(await rules.save(tenant, changed)).toBe(3);
      expect(await rules.list(tenant)).toEqual({ version: 3, rules: [allRule, changed] });
      expect(await rules.save(other, allRule)).toBe(1);
      expect(await rules.remove(tenant, "nothing")).toBe(false);
      expect(await rules.remove(other, "own")).toBe(false);
      expect((await rules.list(tenant)).version).toBe(3);
      expect(await rules.remove(tenant, "own")).toBe(true);
      expect(await rules.list(tenant)).toEqual({ version: 4, rules: [allRule] });
      expect(await rules.list(other)).toEqual({ version: 1, rules: [allRule] });
    });

    test("changes made at once get different versions", async () => {
      const tenant = await makeTenant();
      const ids = Array.from({ length: 20 }, (_, i) => `rule-${i}`);
      const saved = ids.map(async (id) => repositories.rules.save(tenant, { ...allRule, id }));
      expect(new Set(await Promise.all(saved)).size).toBe(20);
      expect((await repositories.rules.list(tenant)).version).toBe(20);
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
      expect(await audit.find(fresh("tenant-"), { session: "odd" }, 100)).toEqual([]);
      expect(await audit.find(tenant, { session: "none" }, 100)).toEqual([]);
    });
  });
});

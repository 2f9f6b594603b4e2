import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { createRepositories } from "#db/catalog";
import type { CardRecord, Repositories, SubscriberRecord } from "#db/records";
import type { AuditEvent } from "#db/records";
import { encodeHex } from "#protocol/bytes";
import type { BindingRule } from "#protocol/rules";

import { HOSTS, type OpenHost } from "./hosts.ts";

const SUITE = "P-256";
const ROOT = Uint8Array.of(0x30, 0x01, 0xff);
const ROOT_FINGERPRINT = encodeHex(new Bun.CryptoHasher("sha256").update(ROOT).digest());
const LEAF_FINGERPRINT = "ab".repeat(32);
const ISSUER_FINGERPRINT = "cd".repeat(32);

let serial = 0;
/** A name no other test uses. */
const fresh = (prefix: string): string => `${prefix}${(serial += 1)}`;
const cardIdOf = (number: number): string => number.toString(16).toUpperCase().padStart(16, "0");
const bytesOf = (length: number, fill: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 37 + fill) % 256);

function makeCard(tenant: string, changes: Partial<CardRecord> = {}): CardRecord {
  serial += 1;
  const publicKey = bytesOf(65, 0);
  new DataView(publicKey.buffer).setUint32(1, serial);
  return {
    tenant,
    cardId: cardIdOf(serial),
    kind: "TF",
    suites: ["P-256"],
    modes: ["signed"],
    status: "active",
    publicKey,
    servicePublicKey: bytesOf(65, 9),
    certificates: [bytesOf(500, 1), bytesOf(0, 0)],
    fingerprints: [LEAF_FINGERPRINT, ISSUER_FINGERPRINT, ROOT_FINGERPRINT],
    notBefore: 0,
    notAfter: 253_402_300_799_000,
    ...changes,
  };
}

function makeSubscriber(tenant: string): SubscriberRecord {
  serial += 1;
  return {
    tenant,
    imsi: `00101${String(serial).padStart(10, "0")}`,
    operator: "00101",
    status: "active",
    algorithm: "milenage",
    wrappedK: bytesOf(69, 3),
    wrappedOpc: bytesOf(69, 200),
    amf: Uint8Array.of(0x00, 0xff),
    indBits: 5,
    keyVersion: 1,
  };
}

function makeEvent(tenant: string, changes: Partial<AuditEvent> = {}): AuditEvent {
  const event = {
    tenant,
    writer: `card:${tenant}`,
    number: 1,
    at: 1_790_000_000_123,
    type: "binding",
    cardId: cardIdOf(1),
    session: "s",
    reason: "allowed",
    trail: [{ step: 311 as const, at: 5, outcome: "done" }],
  };
  return { ...event, ...changes };
}

describe.each([...HOSTS])("repositories on $name", (host) => {
  let opened: OpenHost;
  let repositories: Repositories;

  beforeAll(async () => {
    opened = await host.open();
    repositories = createRepositories(opened.database);
  });
  afterAll(async () => opened.close());

  async function makeTenant(): Promise<string> {
    const tenant = fresh("tenant-");
    await repositories.tenants.save({
      tenant,
      anchorPublicKey: bytesOf(65, 4),
      cardRoots: [ROOT],
    });
    return tenant;
  }

  async function makeKey(tenant: string): Promise<number> {
    const key = { publicKey: bytesOf(65, 1), wrappedPrivateKey: bytesOf(200, 250) };
    return repositories.platformKeys.create({ tenant, suite: SUITE, ...key });
  }

  describe("tenants", () => {
    test("are found as saved, roots in order", async () => {
      const tenant = fresh("tenant-");
      expect(await repositories.tenants.find(tenant)).toBeUndefined();
      const record = {
        tenant,
        anchorPublicKey: bytesOf(65, 4),
        cardRoots: [bytesOf(4096, 2), ROOT, Uint8Array.of(0)],
      };
      await repositories.tenants.save(record);
      const found = await repositories.tenants.find(tenant);
      expect(found).toEqual(record);
      expect(Object.getPrototypeOf(found?.anchorPublicKey)).toBe(Uint8Array.prototype);
    });

    test("saved again are replaced, roots and all", async () => {
      const tenant = await makeTenant();
      const record = { tenant, anchorPublicKey: bytesOf(65, 77), cardRoots: [Uint8Array.of(5)] };
      await repositories.tenants.save(record);
      expect(await repositories.tenants.find(tenant)).toEqual(record);
      await repositories.tenants.save({ ...record, cardRoots: [] });
      expect(await repositories.tenants.find(tenant)).toEqual({ ...record, cardRoots: [] });
    });

    test("a root given twice is kept once", async () => {
      const tenant = fresh("tenant-");
      const anchorPublicKey = bytesOf(65, 4);
      await repositories.tenants.save({ tenant, anchorPublicKey, cardRoots: [ROOT, ROOT] });
      expect((await repositories.tenants.find(tenant))?.cardRoots).toEqual([ROOT]);
    });
  });

  describe("platform keys", () => {
    test("count generations from 1 in each tenant", async () => {
      const [a, b] = [await makeTenant(), await makeTenant()];
      expect(await makeKey(a)).toBe(1);
      expect(await makeKey(a)).toBe(2);
      expect(await makeKey(b)).toBe(1);
      expect(await repositories.platformKeys.find(a, SUITE, 2)).toEqual({
        tenant: a,
        suite: SUITE,
        generation: 2,
        publicKey: bytesOf(65, 1),
        wrappedPrivateKey: bytesOf(200, 250),
        credential: undefined,
      });
      expect(await repositories.platformKeys.find(a, SUITE, 3)).toBeUndefined();
      expect(await repositories.platformKeys.find(b, SUITE, 2)).toBeUndefined();
    });

    test("made at once get different generations", async () => {
      const tenant = await makeTenant();
      const made = await Promise.all(Array.from({ length: 20 }, async () => makeKey(tenant)));
      expect(made.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    });

    test("are put into use once", async () => {
      const tenant = await makeTenant();
      const generation = await makeKey(tenant);
      const platformKeys = repositories.platformKeys;
      expect(await platformKeys.activate(tenant, SUITE, generation, Uint8Array.of(1))).toBe(
        "inserted",
      );
      expect(await platformKeys.activate(tenant, SUITE, generation, Uint8Array.of(2))).toBe(
        "taken",
      );
      expect(await platformKeys.activate(tenant, SUITE, generation + 1, Uint8Array.of(2))).toBe(
        "taken",
      );
      const found = await platformKeys.find(tenant, SUITE, generation);
      expect(found?.credential).toEqual(Uint8Array.of(1));
    });

    test("the newest that is in use is the active one", async () => {
      const platformKeys = repositories.platformKeys;
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      for (let i = 0; i < 3; i++) await makeKey(tenant);
      await makeKey(other);
      await platformKeys.activate(other, SUITE, 1, Uint8Array.of(9));
      expect(await platformKeys.findActive(tenant, SUITE)).toBeUndefined();
      await platformKeys.activate(tenant, SUITE, 2, Uint8Array.of(2));
      await platformKeys.activate(tenant, SUITE, 1, Uint8Array.of(1));
      expect(await platformKeys.findActive(tenant, SUITE)).toEqual({
        tenant,
        suite: SUITE,
        generation: 2,
        publicKey: bytesOf(65, 1),
        wrappedPrivateKey: bytesOf(200, 250),
        credential: Uint8Array.of(2),
        floor: 1,
      });
    });

    test("the floor rises to a generation in use and never sinks", async () => {
      const platformKeys = repositories.platformKeys;
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      for (let i = 0; i < 3; i++) await makeKey(tenant);
      await makeKey(other);
      await platformKeys.activate(other, SUITE, 1, Uint8Array.of(9));
      expect(await platformKeys.raiseFloor(tenant, SUITE, 1)).toBe("refused");
      await platformKeys.activate(tenant, SUITE, 2, Uint8Array.of(2));
      expect(await platformKeys.raiseFloor(tenant, SUITE, 3)).toBe("refused");
      expect(await platformKeys.raiseFloor(tenant, SUITE, 2)).toBe("raised");
      expect(await platformKeys.raiseFloor(tenant, SUITE, 2)).toBe("raised");
      expect(await platformKeys.raiseFloor(tenant, SUITE, 1)).toBe("refused");
      expect((await platformKeys.findActive(tenant, SUITE))?.floor).toBe(2);
      expect((await platformKeys.findActive(other, SUITE))?.floor).toBe(1);
    });
  });

  describe("cards", () => {
    test("are found as inserted, in their tenant only", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const card = makeCard(tenant);
      expect(await repositories.cards.insert(card)).toBe("inserted");
      expect(await repositories.cards.find(tenant, card.cardId)).toEqual({
        ...card,
        chainRevoked: false,
      });
      expect(await repositories.cards.find(other, card.cardId)).toBeUndefined();
      expect(await repositories.cards.find(tenant, cardIdOf(0xffff))).toBeUndefined();
    });

    test("a taken card id leaves the card unchanged", async () => {
      const tenant = await makeTenant();
      const card = makeCard(tenant);
      await repositories.cards.insert(card);
      const impostor = makeCard(tenant, { cardId: card.cardId, notAfter: 1, certificates: [] });
      expect(await repositories.cards.insert(impostor)).toBe("taken");
      const found = await repositories.cards.find(tenant, card.cardId);
      expect(found).toEqual({ ...card, chainRevoked: false });
    });

    test("a public key belongs to one card in all tenants", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const card = makeCard(tenant);
      await repositories.cards.insert(card);
      const clone = makeCard(other, { publicKey: card.publicKey });
      expect(await repositories.cards.insert(clone)).toBe("taken");
      expect(await repositories.cards.find(other, clone.cardId)).toBeUndefined();
      const namesake = makeCard(other, { cardId: card.cardId });
      expect(await repositories.cards.insert(namesake)).toBe("inserted");
    });

    test("one of two inserted at once is taken", async () => {
      const tenant = await makeTenant();
      const [first, second] = [makeCard(tenant), makeCard(tenant)];
      const rival = { ...second, cardId: first.cardId };
      const cards = repositories.cards;
      const outcomes = await Promise.all([cards.insert(first), cards.insert(rival)]);
      expect(outcomes.toSorted()).toEqual(["inserted", "taken"]);
    });

    test("change their status", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const [card, bystander] = [makeCard(tenant), makeCard(tenant)];
      await repositories.cards.insert(card);
      await repositories.cards.insert(bystander);
      const cards = repositories.cards;
      expect(await cards.setStatus(other, card.cardId, "revoked")).toBe(false);
      expect((await cards.find(tenant, card.cardId))?.status).toBe("active");
      expect(await cards.setStatus(tenant, card.cardId, "revoked")).toBe(true);
      expect((await cards.find(tenant, card.cardId))?.status).toBe("revoked");
      expect((await cards.find(tenant, bystander.cardId))?.status).toBe("active");
    });

    test.each([LEAF_FINGERPRINT, ISSUER_FINGERPRINT, ROOT_FINGERPRINT])(
      "a revoked certificate %s revokes the chains it is in, in its tenant",
      async (fingerprint) => {
        const [tenant, other] = [await makeTenant(), await makeTenant()];
        const card = makeCard(tenant);
        const bystander = makeCard(tenant, { fingerprints: ["11".repeat(32), ROOT_FINGERPRINT] });
        const foreign = makeCard(other);
        for (const each of [card, bystander, foreign]) await repositories.cards.insert(each);
        const cards = repositories.cards;
        await cards.revokeCertificate(tenant, "22".repeat(32));
        expect((await cards.find(tenant, card.cardId))?.chainRevoked).toBe(false);
        await cards.revokeCertificate(tenant, fingerprint);
        await cards.revokeCertificate(tenant, fingerprint);
        expect((await cards.find(tenant, card.cardId))?.chainRevoked).toBe(true);
        const shared = fingerprint === ROOT_FINGERPRINT;
        expect((await cards.find(tenant, bystander.cardId))?.chainRevoked).toBe(shared);
        expect((await cards.find(other, foreign.cardId))?.chainRevoked).toBe(false);
      },
    );

    test("a root that the tenant no longer trusts revokes its chains", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const [card, foreign] = [makeCard(tenant), makeCard(other)];
      await repositories.cards.insert(card);
      await repositories.cards.insert(foreign);
      const anchorPublicKey = bytesOf(65, 4);
      const save = async (cardRoots: Uint8Array[]): Promise<void> =>
        repositories.tenants.save({ tenant, anchorPublicKey, cardRoots });
      await save([Uint8Array.of(1)]);
      expect((await repositories.cards.find(tenant, card.cardId))?.chainRevoked).toBe(true);
      expect((await repositories.cards.find(other, foreign.cardId))?.chainRevoked).toBe(false);
      await save([Uint8Array.of(1), ROOT]);
      expect((await repositories.cards.find(tenant, card.cardId))?.chainRevoked).toBe(false);
    });
  });

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
      const second = { ...subscriber, operator: "99999", wrappedK: bytesOf(69, 8), keyVersion: 2 };
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
    const ownRule: BindingRule = {
      id: "own",
      target: { card: cardIdOf(1) },
      condition: { imsi: "001010000000001" },
      onMismatch: "lock",
    };
    const allRule: BindingRule = {
      id: "all",
      target: { all: true },
      condition: { operator: "00101" },
      onMismatch: "refuse",
    };
    const otherRule: BindingRule = { ...ownRule, id: "other", target: { card: cardIdOf(2) } };

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
      const changed: BindingRule = { ...ownRule, ...otherRule, id: "own", onMismatch: "refuse" };
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
      const numbers = (found: readonly AuditEvent[]): number[] => found.map((e) => e.number);
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

/** Tenants, platform keys and cards, on every host. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { createRepositories } from "#db/catalog";
import type { CardRecord, RegisteredCard, Repositories } from "#db/records";

import {
  bytesOf,
  cardIdOf,
  fresh,
  ISSUER_FINGERPRINT,
  LEAF_FINGERPRINT,
  makeCard,
  ROOT,
  ROOT_FINGERPRINT,
  saveTenant,
  SUITE,
} from "./fixtures.ts";
import { HOSTS, type OpenHost } from "./hosts.ts";

/** What `find` gives of a card that nothing is known against. */
function registered(record: CardRecord): RegisteredCard {
  const { certificates: _certificates, fingerprints: _fingerprints, ...card } = record;
  return { ...card, chainRevoked: false };
}

describe.each([...HOSTS])("repositories on $name", (host) => {
  let opened: OpenHost;
  let repositories: Repositories;

  beforeAll(async () => {
    opened = await host.open();
    repositories = createRepositories(opened.database);
  });
  afterAll(async () => opened.close());

  const makeTenant = async (): Promise<string> => saveTenant(repositories);

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
        anchors: { "P-256": bytesOf(65, 4), "RSA-2048": bytesOf(256, 4) },
        cardRoots: [bytesOf(4096, 2), ROOT, Uint8Array.of(0)],
      };
      await repositories.tenants.save(record);
      const found = await repositories.tenants.find(tenant);
      expect(found).toEqual(record);
      expect(Object.getPrototypeOf(found?.anchors["P-256"])).toBe(Uint8Array.prototype);
    });

    test("saved again are replaced, anchors, roots and all", async () => {
      const tenant = await makeTenant();
      const record = { tenant, anchors: { SM: bytesOf(65, 77) }, cardRoots: [Uint8Array.of(5)] };
      await repositories.tenants.save(record);
      expect(await repositories.tenants.find(tenant)).toEqual(record);
      await repositories.tenants.save({ ...record, cardRoots: [] });
      expect(await repositories.tenants.find(tenant)).toEqual({ ...record, cardRoots: [] });
    });

    test("a root given twice is kept once", async () => {
      const tenant = fresh("tenant-");
      await repositories.tenants.save({ tenant, anchors: {}, cardRoots: [ROOT, ROOT] });
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

  describe("concealment keys", () => {
    test("count up from 1 and are found until they are destroyed", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const { concealmentKeys } = repositories;
      const key = { tenant, publicKey: bytesOf(65, 1), wrappedPrivateKey: bytesOf(85, 2) };
      expect(await concealmentKeys.create(key)).toBe(1);
      expect(await concealmentKeys.create({ ...key, publicKey: bytesOf(65, 3) })).toBe(2);
      expect(await concealmentKeys.find(tenant, 1)).toEqual(key);
      expect(await concealmentKeys.find(other, 1)).toBeUndefined();
      expect(await concealmentKeys.destroy(tenant, 1)).toBe(true);
      expect(await concealmentKeys.destroy(tenant, 1)).toBe(false);
      expect(await concealmentKeys.find(tenant, 1)).toBeUndefined();
      expect(await concealmentKeys.create(key)).toBe(3);
    });

    test("end with id 255", async () => {
      const tenant = await makeTenant();
      const key = { tenant, publicKey: bytesOf(65, 1), wrappedPrivateKey: bytesOf(85, 2) };
      const { concealmentKeys } = repositories;
      for (let id = 1; id < 255; id++) expect(await concealmentKeys.create(key)).toBe(id);
      // An id of two bytes would be one that no client can say.
      const last = [concealmentKeys.create(key), concealmentKeys.create(key)];
      expect((await Promise.all(last)).filter((id) => id !== undefined)).toEqual([255]);
      expect(await concealmentKeys.create(key)).toBeUndefined();
    });
  });

  describe("cards", () => {
    test("are found as inserted, in their tenant only", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const card = makeCard(tenant);
      expect(await repositories.cards.insert(card)).toBe("inserted");
      expect(await repositories.cards.find(tenant, card.cardId)).toEqual(registered(card));
      expect(await repositories.cards.find(other, card.cardId)).toBeUndefined();
      expect(await repositories.cards.find(tenant, cardIdOf(0xffff))).toBeUndefined();
    });

    test("with a shared key keep it wrapped, and have no chain to revoke", async () => {
      const tenant = await makeTenant();
      const shared = { suite: "AES", wrappedKey: bytesOf(69, 5), keyVersion: 3 } as const;
      const card = makeCard(tenant, { ...shared, certificates: [], fingerprints: [] });
      expect(await repositories.cards.insert(card)).toBe("inserted");
      expect(await repositories.cards.find(tenant, card.cardId)).toEqual(registered(card));
    });

    test("give terms to strangers: those of the card that comes next, else of the first", async () => {
      const { cards } = repositories;
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const [low, high] = ["0000000000000010", "8000000000000000"];
      expect(await cards.findTerms(tenant, low, high)).toBeUndefined();
      await cards.insert(makeCard(tenant, { cardId: low, suite: "SM", modes: ["signed"] }));
      await cards.insert(makeCard(tenant, { cardId: high, suite: "AES", modes: ["encrypted"] }));
      const SM = { suite: "SM", modes: ["signed"] } as const;
      const AES = { suite: "AES", modes: ["encrypted"] } as const;
      const unknown = "7777777777777777";
      expect(await cards.findTerms(tenant, low, high)).toEqual(SM);
      expect(await cards.findTerms(tenant, high, low)).toEqual(AES);
      expect(await cards.findTerms(tenant, unknown, "0000000000000011")).toEqual(AES);
      expect(await cards.findTerms(tenant, unknown, "0000000000000010")).toEqual(SM);
      expect(await cards.findTerms(tenant, unknown, "8000000000000001")).toEqual(SM);
      expect(await cards.findTerms(other, low, low)).toBeUndefined();
    });

    test("a taken card id leaves the card unchanged", async () => {
      const tenant = await makeTenant();
      const card = makeCard(tenant);
      await repositories.cards.insert(card);
      const impostor = makeCard(tenant, { cardId: card.cardId, notAfter: 1, certificates: [] });
      expect(await repositories.cards.insert(impostor)).toBe("taken");
      const found = await repositories.cards.find(tenant, card.cardId);
      expect(found).toEqual(registered(card));
    });

    test("a key belongs to one card in all tenants", async () => {
      const [tenant, other] = [await makeTenant(), await makeTenant()];
      const card = makeCard(tenant);
      await repositories.cards.insert(card);
      const clone = makeCard(other, { pinnedKey: card.pinnedKey });
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
      const save = async (cardRoots: Uint8Array[]): Promise<void> =>
        repositories.tenants.save({ tenant, anchors: {}, cardRoots });
      await save([Uint8Array.of(1)]);
      expect((await repositories.cards.find(tenant, card.cardId))?.chainRevoked).toBe(true);
      expect((await repositories.cards.find(other, foreign.cardId))?.chainRevoked).toBe(false);
      await save([Uint8Array.of(1), ROOT]);
      expect((await repositories.cards.find(tenant, card.cardId))?.chainRevoked).toBe(false);
    });
  });
});

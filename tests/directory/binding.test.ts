/**
 * Rules about customer data that an external database has, on both runtimes as they are started: it
 * is asked about a proven number only, and what it does not say refuses and never locks.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPlatform } from "#cli/platform-host";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createFleet, type Fleet, type FleetCard, type FleetSubscriber } from "#tests/fleet/fleet";
import { random } from "#tests/platform/rig";
import { openScene, PROFILE, type Scene, SECRET } from "./scene.ts";

describe.each([false, true])("edge %p", (edge) => {
  const deployment = random(16);
  const adminKey = encodeBase64Url(random(32));
  const lines: string[] = [];
  let folder = "";
  let customers: Scene;
  let platform: Awaited<ReturnType<typeof startPlatform>>;
  let fleet: Fleet;
  let card: FleetCard;
  let subscriber: FleetSubscriber;
  let msisdn = "";

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "simlatch-directory-"));
    customers = await openScene();
    platform = await startPlatform({
      edge,
      folder,
      hostname: "127.0.0.1",
      port: 0,
      writeLine: (line) => lines.push(line),
      environment: {
        SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
        SIMLATCH_DEPLOYMENT: encodeHex(deployment),
        SIMLATCH_ADMIN_KEY: adminKey,
        SIMLATCH_CHALLENGES_PER_CARD_HOUR: "100",
        SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "100",
        SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "100",
        SIMLATCH_DIRECTORY_URL: `${customers.peer.url}/lookup`,
        SIMLATCH_DIRECTORY_SECRET: SECRET,
        SIMLATCH_DIRECTORY_TIMEOUT_MS: "300",
        SIMLATCH_DIRECTORY_CACHE_SECONDS: "0",
        SIMLATCH_DIRECTORY_FAILURES: "1000",
      },
    });
    fleet = await createFleet({
      platformUrl: platform.url,
      adminKey,
      deployment,
      fetch: (url, init) => fetch(url, init),
      now: () => Date.now(),
      random,
    });
  }, 60_000);
  afterAll(async () => {
    await platform.stop();
    await customers.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  beforeEach(async () => {
    customers.peer.heal();
    card = await fleet.addCard();
    subscriber = await fleet.addSubscriber({ operator: "46001" });
    msisdn = `86138${String(Date.now()).slice(-8)}`;
    await fleet.admin.setNumber(subscriber.imsi, { tenant: fleet.tenant, msisdn });
  });

  async function bind(module = subscriber): Promise<string> {
    const phone = await fleet.assemblePhone(card, module);
    const { outcome } = await phone.bind();
    return `${outcome.verdict} ${outcome.cardState}`;
  }

  async function reasonOf(): Promise<string> {
    await Bun.sleep(100);
    const events = await fleet.admin.getAudit({ card: card.cardId });
    return events.findLast(({ type }) => type === "decided")?.reason ?? "";
  }

  test("what the database says decides, and a change of it decides anew", async () => {
    await fleet.addRule(card, { company: PROFILE.company, userGroup: "drivers" }, "refuse");
    customers.customers.set(msisdn, PROFILE);
    expect(await bind()).toBe("SUCCESS serving");
    customers.customers.set(msisdn, { ...PROFILE, userGroups: ["guests"] });
    expect(await bind()).toBe("FAILURE idle");
    expect(await reasonOf()).toContain("userGroup");
  });

  test("I8: unknown, unavailable or nonsense: refused, never locked, whatever the rule says", async () => {
    await fleet.addRule(card, { company: PROFILE.company }, "lock");
    expect(await bind()).toBe("FAILURE idle");
    expect(await reasonOf()).toContain("attribute_unknown");
    customers.customers.set(msisdn, PROFILE);
    const faults = [
      { kind: "silence" },
      { kind: "reply", status: 500, body: "" },
      { kind: "reply", status: 200, body: '{"msisdn":"86138"}' },
      { kind: "reset" },
    ] as const;
    for (const fault of faults) {
      customers.peer.plan(fault);
      expect(await bind()).toBe("FAILURE idle");
      expect(await reasonOf()).toContain("attribute_unknown");
    }
    expect(await bind()).toBe("SUCCESS serving");
    customers.customers.set(msisdn, { ...PROFILE, company: "another" });
    expect(await bind()).toBe("FAILURE locked");
  }, 30_000);

  test("only a proven number is asked about: a wrong answer asks nobody", async () => {
    await fleet.addRule(card, { company: PROFILE.company }, "refuse");
    customers.customers.set(msisdn, PROFILE);
    const asked = customers.requests.length;
    expect(await bind(subscriber.forge())).toBe("FAILURE idle");
    expect(customers.requests).toHaveLength(asked);
    expect(await bind()).toBe("SUCCESS serving");
    expect(customers.requests).toHaveLength(asked + 1);
  });

  test("a rule that needs no customer data asks nobody, also while the database is gone", async () => {
    await fleet.addRule(card, { imsi: subscriber.imsi }, "refuse");
    const asked = customers.requests.length;
    expect(await bind()).toBe("SUCCESS serving");
    expect(customers.requests).toHaveLength(asked);
  });

  test("the log has reasons, and neither numbers nor the secret", () => {
    const log = lines.join("\n");
    expect(log).toContain('"event":"directory_failed","reason":"timed_out"');
    for (const number of customers.customers.keys()) expect(log).not.toContain(number);
    expect(log).not.toContain(SECRET);
  });
});

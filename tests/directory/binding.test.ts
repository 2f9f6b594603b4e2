/**
 * Rules about customer data that an external database has, on both runtimes as they are started: it
 * is asked about a proven number only, and what it does not say refuses and never locks.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Fleet, FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import { createLiveRig, eventsOf, GENEROUS, type LiveRig } from "#tests/platform/live-rig";
import { openScene, PROFILE, type Scene, SECRET } from "./scene.ts";

describe.each([false, true])("edge %p", (edge) => {
  let customers: Scene;
  let platform: LiveRig;
  let fleet: Fleet;
  let card: FleetCard;
  let subscriber: FleetSubscriber;
  let msisdn = "";
  /** The last one. */
  let session = "";

  beforeAll(async () => {
    customers = await openScene();
    platform = await createLiveRig(edge, {
      ...GENEROUS,
      SIMLATCH_DIRECTORY_URL: `${customers.peer.url}/lookup`,
      SIMLATCH_DIRECTORY_SECRET: SECRET,
      SIMLATCH_DIRECTORY_TIMEOUT_MS: "300",
      SIMLATCH_DIRECTORY_CACHE_SECONDS: "0",
      SIMLATCH_DIRECTORY_FAILURES: "1000",
    });
    ({ fleet } = platform);
  }, 60_000);
  afterAll(async () => {
    await platform.dispose();
    await customers.stop();
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
    session = outcome.sid;
    return `${outcome.verdict} ${outcome.cardState}`;
  }

  async function reasonOf(): Promise<string> {
    const [reason = ""] = await eventsOf(fleet, session, "decided");
    return reason;
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
    const log = platform.log.join("\n");
    expect(log).toContain('"event":"directory_failed","reason":"timed_out"');
    for (const number of customers.customers.keys()) expect(log).not.toContain(number);
    expect(log).not.toContain(SECRET);
  });
});

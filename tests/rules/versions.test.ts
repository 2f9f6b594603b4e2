/** Drafts, activation and rollback; the floor; rules that are kept for a while. */
import { afterEach, expect, test } from "bun:test";
import type { Dependencies } from "#edge/dependencies";
import { createRuleSource } from "#edge/binding-verification/rule-source";
import type { RuleSetState } from "#db/records";
import { order } from "#tests/invariants/order-scene";
import { readDurable } from "#tests/invariants/bench";
import { ADMIN_KEY } from "#tests/platform/rig";
import { AWAY, HOME, openRules, type RuleBench } from "./bench.ts";

let bench: RuleBench | undefined;
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

async function post(path: string, body: object): Promise<{ status: number; json: unknown }> {
  if (bench === undefined) throw new Error("no platform");
  const response = await bench.rig.fetch(`http://rig.test/v1/admin/rule-set/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, json: await response.json() };
}

test("a draft decides nothing until it is activated, a rollback brings an earlier version", async () => {
  bench = await openRules();
  const { fleet, card } = bench;
  const [home, away] = [await bench.addSubscriber(), await bench.addSubscriber({ operator: AWAY })];
  const target = { card: card.cardId };
  const onMismatch = "refuse" as const;
  await fleet.admin.putRule("r", { target, condition: { operator: HOME }, onMismatch });
  expect((await bench.bind(home)).verdict).toBe("FAILURE");
  expect(await post("activate", {})).toEqual({
    status: 200,
    json: { version: 1, findings: [] },
  });
  expect((await bench.bind(home)).verdict).toBe("SUCCESS");
  await fleet.admin.putRule("r", { target, condition: { operator: AWAY }, onMismatch });
  expect((await bench.bind(home)).verdict).toBe("SUCCESS");
  expect((await post("activate", {})).json).toMatchObject({ version: 2 });
  expect((await bench.bind(home)).why).toBe("no_rule_allows rule r field operator");
  expect((await bench.bind(away)).verdict).toBe("SUCCESS");
  expect((await post("rollback", { version: 1 })).json).toMatchObject({ version: 3 });
  expect((await bench.bind(home)).verdict).toBe("SUCCESS");
  expect((await bench.bind(away)).verdict).toBe("FAILURE");
  expect((await post("rollback", { version: 4 })).status).toBe(409);
});

test("what locks out everybody is activated by force alone", async () => {
  bench = await openRules();
  const { fleet, card } = bench;
  const subscriber = await bench.addSubscriber();
  const target = { card: card.cardId };
  await bench.rule("r", { condition: { operator: HOME }, onMismatch: "refuse" });
  await fleet.admin.putRule("nobody", {
    target: { all: true },
    effect: "deny",
    priority: 9,
    condition: {},
    onMismatch: "refuse",
  });
  expect((await post("check", {})).json).toEqual({
    version: 2,
    rules: 2,
    findings: [
      { finding: "shadowed", rule: "r", by: "nobody" },
      { finding: "locks_out_everybody" },
    ],
  });
  expect((await post("activate", {})).status).toBe(409);
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  expect((await post("activate", { force: true })).status).toBe(200);
  expect((await bench.bind(subscriber)).why).toBe("rule_denies rule nobody");
  await fleet.admin.deleteRule("nobody");
  await fleet.admin.putRule("r", { target, condition: { operator: HOME }, onMismatch: "lock" });
  expect((await post("activate", {})).status).toBe(200);
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
});

/** The catalog says so; the platform may have older rules in hand. */
function counting(reads: { own: number; shared: number }) {
  return (dependencies: Dependencies): Dependencies => {
    const { rules } = dependencies.repositories;
    const counted: typeof rules = {
      ...rules,
      findOwn: async (...asked) => {
        reads.own += 1;
        return rules.findOwn(...asked);
      },
      findShared: async (...asked) => {
        reads.shared += 1;
        return rules.findShared(...asked);
      },
    };
    return { ...dependencies, repositories: { ...dependencies.repositories, rules: counted } };
  };
}

test("rules are read once a version, whoever asks", async () => {
  const reads = { own: 0, shared: 0 };
  bench = await openRules({ wrap: counting(reads) });
  const subscriber = await bench.addSubscriber();
  await bench.rule("r", { condition: { operator: HOME } });
  for (let i = 0; i < 3; i++) expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  expect(reads).toEqual({ own: 1, shared: 1 });
  await bench.rule("s", { condition: { operator: AWAY } });
  for (let i = 0; i < 3; i++) expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  expect(reads).toEqual({ own: 2, shared: 2 });
});

test("the floor: a tightened version counts at once, whatever is kept", async () => {
  bench = await openRules();
  const subscriber = await bench.addSubscriber();
  await bench.rule("r", { condition: { operator: HOME }, onMismatch: "refuse" });
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  // Nothing of the clock: what is kept is as fresh as can be.
  await bench.rule("r", { condition: { operator: AWAY }, onMismatch: "refuse" });
  expect((await bench.bind(subscriber)).verdict).toBe("FAILURE");
});

test("without the floor a new version counts once the kept one is 30 seconds old", async () => {
  bench = await openRules();
  const { rig, fleet, card } = bench;
  const [home, away] = [await bench.addSubscriber(), await bench.addSubscriber({ operator: AWAY })];
  await bench.rule("r", { condition: { operator: HOME }, onMismatch: "refuse" });
  expect((await bench.bind(home)).verdict).toBe("SUCCESS");
  const target = { card: card.cardId };
  await fleet.admin.putRule("wider", {
    target,
    condition: { operator: AWAY },
    onMismatch: "refuse",
  });
  await fleet.admin.activateRules({ raiseFloor: false });
  rig.advance(29_000);
  expect((await bench.bind(away)).verdict).toBe("FAILURE");
  rig.advance(1000);
  expect((await bench.bind(away)).verdict).toBe("SUCCESS");
});

test("the card's writer decides by no older version than it has decided by", async () => {
  // A replica of the catalog that fell behind, and a point of presence that knows nothing yet.
  const lag: { state?: RuleSetState } = {};
  const wrap = (dependencies: Dependencies): Dependencies => {
    const { rules } = dependencies.repositories;
    const findState: typeof rules.findState = async (tenant) =>
      lag.state ?? rules.findState(tenant);
    const lagging = { ...dependencies.repositories, rules: { ...rules, findState } };
    return { ...dependencies, repositories: lagging };
  };
  bench = await openRules({ wrap });
  const { rig } = bench;
  const subscriber = await bench.addSubscriber();
  await bench.rule("r", { condition: { operator: HOME }, onMismatch: "lock" });
  const old = await rig.dependencies.repositories.rules.findState("default");
  await bench.rule("r", { condition: { operator: AWAY }, onMismatch: "refuse" });
  expect((await bench.bind(subscriber)).verdict).toBe("FAILURE");
  expect(readDurable(rig, "SELECT rule_version FROM card")).toEqual([{ rule_version: 2 }]);
  lag.state = old;
  rig.advance(31_000);
  expect(await bench.bind(subscriber)).toEqual({ verdict: "FAILURE", why: "rules_stale" });
  expect(bench.lockPhase()).toBe("none");
});

test("rules begin and end by the clock", async () => {
  bench = await openRules();
  const { rig } = bench;
  const subscriber = await bench.addSubscriber();
  const validFrom = rig.now() + 60_000;
  const validUntil = rig.now() + 8 * 3_600_000;
  await bench.rule("r", { condition: { operator: HOME }, validFrom, validUntil });
  expect((await bench.bind(subscriber)).why).toBe("no_rule_for_card");
  rig.advance(60_000);
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  rig.advance(4 * 3_600_000);
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  rig.advance(validUntil - rig.now() - 1);
  expect((await bench.bind(subscriber)).verdict).toBe("SUCCESS");
  rig.advance(1);
  expect((await bench.bind(subscriber)).why).toBe("no_rule_for_card");
});

test("calls at the same moment read a version once", async () => {
  const reads = { own: 0, shared: 0 };
  bench = await openRules({ wrap: counting(reads) });
  await bench.rule("r", { condition: { operator: HOME } });
  const source = createRuleSource({ sharesReading: true });
  const { dependencies } = bench.rig;
  const cards = Array.from({ length: 20 }, (_, i) =>
    i.toString(16).toUpperCase().padStart(16, "0"),
  );
  const loaded = await Promise.all(
    cards.map(async (card) => source.load(dependencies, "default", card, 0)),
  );
  expect(new Set(loaded.map(({ version }) => version))).toEqual(new Set([1]));
  expect(reads).toEqual({ own: 20, shared: 1 });
});

const neverRead = (): Promise<never> => Promise.withResolvers<never>().promise;

test("where a call may be cut off, no other waits for what it reads", async () => {
  bench = await openRules();
  await bench.rule("r", { condition: { operator: HOME } });
  const { dependencies } = bench.rig;
  const { rules } = dependencies.repositories;
  const cutOff = {
    ...dependencies,
    repositories: { ...dependencies.repositories, rules: { ...rules, findShared: neverRead } },
  };
  const source = createRuleSource({ sharesReading: false });
  const never = source.load(cutOff, "default", "00112233445566AA", 0);
  expect(await Promise.race([never, Bun.sleep(20).then(() => "cut off")])).toBe("cut off");
  const loaded = await source.load(dependencies, "default", "00112233445566AA", 0);
  expect(loaded.version).toBe(1);
});

test("lock after n: counted at the card's writer, begun anew by a SUCCESS", async () => {
  bench = await openRules();
  const owner = await bench.addSubscriber();
  const stranger = await bench.addSubscriber();
  const condition = { imsi: owner.imsi };
  await bench.rule("own", { condition, onMismatch: { lockAfter: 3 } });
  const bind = async (whom = stranger) => (await bench?.bind(whom, { finish: true }))?.verdict;
  expect(await bind(owner)).toBe("SUCCESS");
  expect([await bind(), await bind(), bench.lockPhase()]).toEqual(["FAILURE", "FAILURE", "none"]);
  // A renewal beside the right one.
  expect(await bind(owner)).toBe("SUCCESS");
  expect([await bind(), await bind(), bench.lockPhase()]).toEqual(["FAILURE", "FAILURE", "none"]);
  expect([await bind(), bench.lockPhase()]).toEqual(["FAILURE", "locked"]);
  // Two people lift it, and the count has begun anew.
  const by = ["Ada", "Grace"];
  await order(bench.rig, `cards/${bench.card.cardId}`, { order: "unlock", by });
  const phone = await bench.fleet.assemblePhone(bench.card, owner);
  expect((await phone.bind()).outcome.verdict).toBe("UNLOCKED");
  expect([await bind(), await bind(), bench.lockPhase()]).toEqual(["FAILURE", "FAILURE", "none"]);
});

test("what somebody puts into the draft during a rollback is not activated with it", async () => {
  const late = { isDue: false };
  bench = await openRules({
    wrap: (dependencies) => {
      const { rules } = dependencies.repositories;
      const restore: typeof rules.restore = async (tenant, version) => {
        const revision = await rules.restore(tenant, version);
        const condition = { operator: HOME };
        const rule = { id: "late", target: { all: true }, condition, onMismatch: "lock" } as const;
        if (late.isDue) await rules.save(tenant, rule);
        return revision;
      };
      const repositories = { ...dependencies.repositories, rules: { ...rules, restore } };
      return { ...dependencies, repositories };
    },
  });
  await bench.rule("r", { condition: { operator: AWAY } });
  await bench.rule("r", { condition: { operator: HOME } });
  late.isDue = true;
  expect((await post("rollback", { version: 1 })).status).toBe(409);
  const [state] = readDurable(bench.rig, "SELECT active FROM rule_set", "catalog.db");
  expect(state).toEqual({ active: 2 });
  late.isDue = false;
  expect((await post("rollback", { version: 1 })).json).toMatchObject({ version: 3 });
});

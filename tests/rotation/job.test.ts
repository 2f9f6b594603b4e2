/** The re-wrap job step by step: broken off, beside changes, and over what does not open. */
import { afterEach, expect, test } from "bun:test";
import { subscriberObject } from "#edge/access-authentication/authenticate";
import type { CentreConnector, Dependencies } from "#edge/dependencies";
import { type RewrapRequest, rewrapStep } from "#edge/rewrap";
import { createVault } from "#edge/vault";
import { wrapKeys } from "#edge/access-authentication/authentication-centre/subscriber-keys";
import type { RewrapStep, RewrapStepRequest } from "#protocol/admin";
import { failure } from "#protocol/result";
import { createEmulatedCentre, type EmulatedCentre } from "#tests/centre/emulated-centre";
import { type Bench, createBench, HOME, readDurable } from "#tests/invariants/bench";
import { bytesOf, createExchange } from "#tests/platform/exchange";
import { ADMIN_KEY, type Answer, random, type Rig, type RigOptions } from "#tests/platform/rig";
import { openedBy, readSecrets } from "./rows.ts";
import { makeKey } from "./stage.ts";

const OLD = makeKey(1);
const NEW = makeKey(2);
const keys = (...list: readonly { readonly entry: string }[]) => ({
  SIMLATCH_WRAPPING_KEYS: list.map(({ entry }) => entry).join(","),
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "10000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "10000",
});

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.dispose();
  rig = undefined;
});

async function openOld(): Promise<Bench> {
  const bench = await createBench({ environment: keys(OLD) });
  rig = bench.rig;
  return bench;
}

async function reopen(options: RigOptions = {}, list = [NEW, OLD]): Promise<Rig> {
  if (rig === undefined) throw new Error("nothing is open");
  rig = await rig.reopen({ ...options, environment: keys(...list) });
  return rig;
}

async function post(at: Rig, path: string, body: unknown): Promise<Answer> {
  const response = await at.fetch(`http://rig.test/v1/admin${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
}

async function step(at: Rig, request: RewrapStepRequest): Promise<RewrapStep> {
  const answer = await post(at, "/rewrap", request);
  expect(answer.status).toBe(200);
  const parsed: RewrapStep = JSON.parse(answer.text);
  return parsed;
}

/** To the end of the pass; the steps it took. */
async function pass(at: Rig, start: RewrapStepRequest = {}): Promise<RewrapStep[]> {
  const steps: RewrapStep[] = [];
  for (let request = start; ;) {
    const done = await step(at, request);
    steps.push(done);
    if (done.cursor === null) return steps;
    request = { cursor: done.cursor };
  }
}

const sum = (steps: readonly RewrapStep[], of: (step: RewrapStep) => number): number =>
  steps.reduce((total, each) => total + of(each), 0);
const staleIn = (steps: readonly RewrapStep[]): number =>
  sum(steps, ({ stale }) => Object.values(stale).reduce((total, count) => total + count, 0));
const rewrappedIn = (steps: readonly RewrapStep[]): number => sum(steps, (each) => each.rewrapped);

async function addSubscribers({ fleet }: Bench, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await fleet.addSubscriber({ operator: HOME });
}

test("a pass that was broken off goes on at its cursor in another process, or begins anew", async () => {
  const bench = await openOld();
  await addSubscribers(bench, 150);
  await (await bench.exchange()).run();
  let at = await reopen();
  const secrets = readSecrets(at.folder);
  expect(openedBy(secrets, OLD)).toHaveLength(secrets.length);
  const first = await step(at, {});
  expect(first.rewrapped).toBe(128);
  at = await reopen();
  expect(openedBy(readSecrets(at.folder), NEW)).toHaveLength(128);
  const rest = await pass(at, { cursor: first.cursor ?? "" });
  expect(rewrappedIn(rest)).toBe(secrets.length - 128);
  // It found some: only a pass that finds none ends the need for the old key.
  expect(rest.at(-1)).toMatchObject({ retired: [], needed: [1, 2] });
  const again = await pass(at);
  expect([rewrappedIn(again), staleIn(again)]).toEqual([0, 0]);
  expect(sum(again, ({ seen }) => seen)).toBe(secrets.length);
  expect(again.at(-1)).toMatchObject({ retired: [1], needed: [2] });
  const after = readSecrets(at.folder);
  expect(openedBy(after, OLD)).toEqual([]);
  expect(openedBy(after, NEW)).toHaveLength(secrets.length);
});

test("the rest of a pass that found something retires nothing, wherever it goes on", async () => {
  const bench = await openOld();
  await addSubscribers(bench, 100);
  const at = await reopen();
  const first = await step(at, { check: false });
  expect(Object.keys(first.stale)).toEqual(["1"]);
  const rest = await pass(at, { cursor: first.cursor ?? "" });
  expect(rest.at(-1)?.retired).toEqual([]);
});

test("vectors of an external centre that wait are brought along, and serve", async () => {
  let hlr: EmulatedCentre | undefined;
  const connector: CentreConnector = {
    fetchVectors: (query) =>
      hlr?.fetchVectors(query) ?? Promise.resolve(failure("centre_unreachable")),
  };
  const wrap = (dependencies: Dependencies): Dependencies => ({
    ...dependencies,
    connectors: new Map([["hlr", connector]]),
  });
  const { fleet, rig: old, card } = await createBench({ environment: keys(OLD), wrap });
  rig = old;
  const centre = {
    name: "hlr",
    provision: (imsi: string, { k = "", opc = "" }) => {
      hlr = createEmulatedCentre(imsi, { k: Uint8Array.fromHex(k), opc: Uint8Array.fromHex(opc) });
    },
  };
  const subscriber = await fleet.addSubscriber({ operator: HOME, centre });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "refuse");
  const first = await createExchange(old, card, subscriber);
  await first.run();
  const waiting = (at: Rig) =>
    readSecrets(at.folder).filter(({ place }) => place === "slot_vector.wrapped_vector");
  expect(openedBy(waiting(old), OLD)).toHaveLength(4);
  const at = await reopen({ wrap });
  await pass(at);
  expect(openedBy(waiting(at), NEW)).toHaveLength(4);
  expect(openedBy(waiting(at), OLD)).toEqual([]);
  const second = await createExchange(at, card, subscriber);
  expect((await second.run()).reply.json["verdict"]).toBe("SUCCESS");
  expect(hlr?.queries).toHaveLength(1);
});

test("--check counts and changes nothing, and retires nothing", async () => {
  await openOld();
  const at = await reopen();
  const before = readSecrets(at.folder);
  const checked = await pass(at, { check: true });
  expect([staleIn(checked), rewrappedIn(checked)]).toEqual([before.length, 0]);
  expect(readSecrets(at.folder)).toEqual(before);
  await pass(at);
  const clean = await pass(at, { check: true });
  expect(staleIn(clean)).toBe(0);
  expect(clean.at(-1)).toMatchObject({ retired: [], needed: [1, 2] });
});

/** Calls `before` each time the job is about to write what it has read. */
function beforeReplacing(before: (dependencies: Dependencies, table: string) => Promise<void>) {
  return (dependencies: Dependencies): Dependencies => {
    const { repositories } = dependencies;
    const { wrappedColumns } = repositories;
    return {
      ...dependencies,
      repositories: {
        ...repositories,
        wrappedColumns: {
          ...wrappedColumns,
          async replace(table, changes) {
            await before(dependencies, table);
            return wrappedColumns.replace(table, changes);
          },
        },
      },
    };
  };
}

test("keys that are replaced while the job holds the old ones are not lost", async () => {
  const { subscriber } = await openOld();
  const k = new Uint8Array(16).fill(0xa5);
  let replaced: Uint8Array | undefined;
  const at = await reopen({
    wrap: beforeReplacing(async (dependencies) => {
      if (replaced !== undefined) return;
      const name = { tenant: "default", imsi: subscriber.imsi };
      const algorithm = dependencies.algorithms.find("milenage");
      if (algorithm === undefined) throw new Error("no Milenage");
      const given = new Map([
        ["k", k.slice()],
        ["opc", k.slice()],
      ]);
      const stored = { algorithm: "milenage", ...wrapKeys(dependencies, name, algorithm, given) };
      replaced = stored.wrappedKey;
      await dependencies.repositories.subscribers.replaceKeys("default", subscriber.imsi, stored);
    }),
  });
  const first = await pass(at);
  // K and OPc were seen, and another hand was later.
  expect(staleIn(first) - rewrappedIn(first)).toBe(2);
  const row = await at.dependencies.repositories.subscribers.find("default", subscriber.imsi);
  expect(row?.keyVersion).toBe(2);
  expect(row?.wrappedKey).toEqual(replaced);
  const opened = at.dependencies.vault.unwrap(
    "k",
    `default/${subscriber.imsi}`,
    row?.wrappedKey ?? k,
  );
  expect(opened).toEqual(k);
});

test("a key that is destroyed while the job holds it stays destroyed", async () => {
  await openOld();
  const at = await reopen({
    wrap: beforeReplacing(async ({ repositories }, table) => {
      if (table !== "concealmentKeys") return;
      await repositories.concealmentKeys.destroy("default", 1);
    }),
  });
  await pass(at);
  expect(
    readDurable(at, "SELECT wrapped_private_key AS k FROM concealment_key", "catalog.db"),
  ).toEqual([{ k: null }]);
});

test("a session that is under way while its secrets are re-wrapped brings no old key back", async () => {
  const { card, fleet, rig: old } = await openOld();
  const ahead = await fleet.addSubscriber({ operator: HOME, seqMs: 5000 });
  await fleet.addRule(card, { imsi: ahead.imsi }, "lock");
  const early = await createExchange(old, card, ahead);
  const body = await early.start();
  const auts = await early.sign(await early.prove(body));
  let isDuring = false;
  const at = await reopen({
    wrap: (dependencies) => ({
      ...dependencies,
      repositories: {
        ...dependencies.repositories,
        subscribers: {
          ...dependencies.repositories.subscribers,
          async find(tenant, imsi) {
            // The writer has read the session, and saves it with the next round.
            if (!isDuring && rig !== undefined) {
              isDuring = true;
              await pass(rig);
            }
            return dependencies.repositories.subscribers.find(tenant, imsi);
          },
        },
      },
    }),
  });
  const next = await at.post(`/${body.sid}/answer`, auts);
  expect(isDuring).toBe(true);
  expect(staleIn(await pass(at, { check: true }))).toBe(0);
  expect(openedBy(readSecrets(at.folder), OLD)).toEqual([]);
  const reply = await at.post(`/${body.sid}/answer`, await early.sign(next));
  expect(reply.json["verdict"]).toBe("SUCCESS");
});

test("a session opened before the restart goes on after it, and its challenge is judged", async () => {
  const { card, subscriber, rig: old } = await openOld();
  const early = await createExchange(old, card, subscriber);
  const body = await early.start();
  const challenge = await early.prove(body);
  const signed = await early.sign(challenge);
  let at = await reopen();
  await pass(at);
  await pass(at);
  at = await reopen({}, [NEW]);
  const reply = await at.post(`/${body.sid}/answer`, signed);
  expect(reply.json["verdict"]).toBe("SUCCESS");
});

test("what does not open is named, stays as it is, and keeps the old key needed", async () => {
  const { subscriber } = await openOld();
  const at = await reopen();
  const { repositories } = at.dependencies;
  const found = await repositories.subscribers.find("default", subscriber.imsi);
  if (found?.wrappedKey === undefined) throw new Error("no subscriber");
  const wrappedKey = found.wrappedKey.slice();
  wrappedKey.set([(wrappedKey.at(-1) ?? 0) ^ 1], wrappedKey.length - 1);
  await repositories.subscribers.replaceKeys("default", subscriber.imsi, { ...found, wrappedKey });
  await pass(at);
  const second = await pass(at);
  expect(second.flatMap(({ unreadable }) => unreadable)).toEqual([`k default/${subscriber.imsi}`]);
  expect(staleIn(second)).toBe(1);
  expect(second.at(-1)).toMatchObject({ retired: [], needed: [1, 2] });
  const kept = await repositories.subscribers.find("default", subscriber.imsi);
  expect(kept?.wrappedKey).toEqual(wrappedKey);
  // The operator gives the key again, and the job comes to its end.
  await repositories.subscribers.replaceKeys("default", subscriber.imsi, {
    ...found,
    wrappedOperator: kept?.wrappedOperator,
    wrappedKey: at.dependencies.vault.wrap("k", `default/${subscriber.imsi}`, new Uint8Array(16)),
  });
  expect((await pass(at)).at(-1)).toMatchObject({ retired: [1], needed: [2] });
});

test("secrets under a key that is not configured are counted, not lost", async () => {
  await openOld();
  const third = makeKey(3);
  const at = await reopen({}, [third, OLD]);
  // Whoever runs with another list has wrapped something since.
  const { vault } = at.dependencies;
  const foreign = vault.wrap("rule identities", "default/foreign", new Uint8Array(15));
  foreign.set([0, 9], 1);
  const rule = {
    id: "foreign",
    target: { all: true },
    condition: {},
    wrappedIdentities: foreign,
    onMismatch: "refuse",
  } as const;
  await at.dependencies.repositories.rules.save("default", rule);
  await pass(at);
  const second = await pass(at);
  expect(second.map(({ stale }) => stale).filter((stale) => Object.keys(stale).length > 0)).toEqual(
    [{ 9: 1 }],
  );
  expect(second.at(-1)?.retired).toEqual([]);
});

test("where writers cannot be listed, those of every card, subscriber and slot are asked", async () => {
  const bench = await openOld();
  await addSubscribers(bench, 40);
  const at = await reopen();
  const asked: string[] = [];
  const note = async (object: string) => {
    asked.push(object);
    return { seen: 1, stale: {}, rewrapped: 0, unreadable: [] };
  };
  const state = { list: undefined, rewrapCard: note, rewrapSlot: note };
  let seen = 0;
  for (let request: RewrapRequest = { check: true, slots: 2 }; ;) {
    const done = await rewrapStep(at.dependencies, state, request);
    if (!done.ok) throw new Error(done.reason);
    seen += done.value.seen;
    if (done.value.cursor === null) break;
    request = { cursor: bytesOf(done.value.cursor) };
  }
  const imsis = readDurable(at, "SELECT imsi FROM subscriber", "catalog.db");
  const slots = imsis.flatMap(({ imsi }) =>
    [0, 1].map((slot) =>
      subscriberObject({ vault: at.dependencies.vault, slot }, "default", String(imsi)),
    ),
  );
  expect(asked.toSorted()).toEqual([`default:${bench.card.cardId}`, ...slots].toSorted());
  // Keys of 41 subscribers, a platform and a concealment key, a rule.
  expect(seen).toBe(asked.length + 82 + 3);
});

test("a process that only knows the new key opens what another one wraps with it", () => {
  const master = random(32);
  const first = createVault(master, random, [OLD, NEW]);
  const second = createVault(master, random, [NEW, OLD]);
  const secret = random(16);
  for (const [one, other] of [
    [first, second],
    [second, first],
  ] as const) {
    expect(other.unwrap("k", "row", one.wrap("k", "row", secret))).toEqual(secret);
    // Names are not wrapped: they stay what they are.
    expect(other.mac("subscriber", secret)).toEqual(one.mac("subscriber", secret));
  }
});

test("a cursor is the platform's own: altered it is malformed, of another key it is a conflict", async () => {
  const bench = await openOld();
  await addSubscribers(bench, 70);
  let at = await reopen();
  const { cursor } = await step(at, {});
  if (cursor === null) throw new Error("one step was enough");
  expect(cursor).not.toContain(bench.subscriber.imsi);
  expect((await post(at, "/rewrap", { cursor: `${cursor.slice(0, -4)}AAAA` })).json["code"]).toBe(
    "malformed",
  );
  for (const body of [
    { cursor: "AA" },
    { cursor, check: true },
    { check: 1 },
    { slots: 33 },
    { slots: 0 },
    [],
  ]) {
    expect((await post(at, "/rewrap", body)).json["code"]).toBe("malformed");
  }
  at = await reopen({}, [OLD, NEW]);
  expect((await post(at, "/rewrap", { cursor })).json["code"]).toBe("conflict");
});

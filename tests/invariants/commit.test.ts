/** I12: what one COMMIT covers is on disk whole or not at all, and no event of it is lost. */
import { Database } from "bun:sqlite";
import { afterEach, expect, spyOn, test } from "bun:test";
import { join } from "node:path";
import type { Dependencies } from "#edge/dependencies";
import { cardObject } from "#edge/state/card-writer";
import { DRAIN_RETRY_MS } from "#edge/state/outbox";
import { StorageError } from "#edge/state/sql";
import { createRig, type Rig } from "#tests/platform/rig";
import { readDurable } from "./bench.ts";
import { order } from "./order-scene.ts";

const CARD = "00000000000000A1";
const OBJECT = cardObject("default", CARD);
const REPORT = {
  tenant: "default",
  cardId: CARD,
  order: "report",
  reason: "lost",
  by: ["Ada"],
} as const;

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.dispose();
  rig = undefined;
});

type Append = Dependencies["repositories"]["audit"]["append"];

/** The platform with an audit index of the test's own making. */
function withIndex(append: (events: Parameters<Append>[0], real: Append) => Promise<void>) {
  return (dependencies: Dependencies): Dependencies => {
    const { audit } = dependencies.repositories;
    const real: Append = (events) => audit.append(events);
    const own: typeof audit = { ...audit, append: (events) => append(events, real) };
    const repositories = { ...dependencies.repositories, audit: own };
    return { ...dependencies, repositories };
  };
}

test("I12: no event reaches the index before the commit that it is part of", async () => {
  const early: number[] = [];
  const created: Rig = await createRig({
    wrap: withIndex(async (events, real) => {
      const [row] = readDurable(created, "SELECT number FROM outbox_number");
      const durable = Number(row?.["number"] ?? 0);
      early.push(...events.map(({ number }) => number).filter((number) => number > durable));
      await real(events);
    }),
  });
  rig = created;
  for (let i = 0; i < 20; i++) await rig.host.cards.order(OBJECT, REPORT);
  await Bun.sleep(50);
  expect(early).toEqual([]);
  expect(readDurable(rig, "SELECT number FROM audit_event", "catalog.db")).toHaveLength(20);
});

test("I12: while the index is away one attempt an object waits, and nothing is lost", async () => {
  const timers = spyOn(globalThis, "setTimeout");
  try {
    let isAway = true;
    rig = await createRig({
      wrap: withIndex(async (events, real) => {
        if (isAway) throw new Error("the index is away");
        await real(events);
      }),
    });
    for (let i = 0; i < 20; i++) await rig.host.cards.order(OBJECT, REPORT);
    await Bun.sleep(50);
    const waiting = timers.mock.calls.filter(([, delay]) => delay === DRAIN_RETRY_MS);
    expect(waiting).toHaveLength(1);
    expect(readDurable(rig, "SELECT number FROM outbox")).toHaveLength(20);
    isAway = false;
    waiting[0]?.[0]();
    await Bun.sleep(50);
    expect(readDurable(rig, "SELECT number FROM audit_event", "catalog.db")).toHaveLength(20);
    expect(readDurable(rig, "SELECT number FROM outbox")).toEqual([]);
  } finally {
    timers.mockRestore();
  }
});

test("I12: when storage takes back a group, its calls fail, and the next of that turn are on disk", async () => {
  const open = await createRig();
  rig = open;
  const card = await (await open.fleet()).addCard();
  const state = new Database(join(open.folder, "state.db"));
  // As a full disk does: not the statement is taken back, but the transaction.
  state.run(`CREATE TRIGGER full BEFORE INSERT ON card_order WHEN NEW.report = 'stolen'
    BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END`);
  state.close();
  const outcomes = await Promise.allSettled([
    open.host.cards.order(`${OBJECT}A`, REPORT),
    open.host.cards.order(`${OBJECT}B`, { ...REPORT, reason: "stolen" }),
    open.host.cards.order(`${OBJECT}C`, REPORT),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  for (const each of outcomes.slice(0, 2)) {
    expect("reason" in each && each.reason).toBeInstanceOf(StorageError);
  }
  expect(readDurable(rig, "SELECT object FROM card_order")).toEqual([{ object: `${OBJECT}C` }]);
  expect((await open.host.cards.order(`${OBJECT}A`, REPORT)).ok).toBe(true);
  const stolen = { order: "report", reason: "stolen", by: ["Ada"] };
  const told = await order(open, `cards/${card.cardId}`, stolen);
  expect([told.status, JSON.parse(told.text).code]).toEqual([503, "unavailable"]);
  expect(rig.log.join()).toContain('"event":"storage_unavailable"');
});

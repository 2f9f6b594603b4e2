/**
 * The single writers on one machine: all of them over one file, in one process. This host is the
 * output gate that a Durable Object has by nature: calls run as savepoints in one open
 * transaction, and no call returns before the COMMIT that made everything it saw durable.
 */
import { Database } from "bun:sqlite";
import type { Dependencies } from "../dependencies.ts";
import type { SubscriberSlots } from "../access-authentication/authentication-centre/slot.ts";
import { createRuleSource } from "../binding-verification/rule-source.ts";
import { CardWriter } from "./card-writer.ts";
import { carryEvents, DRAIN_RETRY_MS, hasEvents } from "./outbox.ts";
import { listWriters, rewrapState, type RewrapOrder } from "./rewrapping.ts";
import { createStateTables } from "./schema.ts";
import { readText, type Sql, type SqlRow, type SqlValue, StorageError } from "./sql.ts";
import { SubscriberWriter } from "./subscriber-writer.ts";
import type { Writers } from "./writers.ts";

export interface BunHost extends Writers {
  /** Carries what an earlier process left in the outbox; the tables are on disk afterwards. */
  recover(): Promise<void>;
  /** Commits what is open and closes the file. */
  close(): Promise<void>;
}

/** `path` of state.db, or ":memory:". */
export function openBunHost(path: string, dependencies: Dependencies): BunHost {
  const database = openDatabase(path);
  const gate = createGate(database);
  const start = gate.enter();
  start.sql.transaction(() => createStateTables(start.sql));
  const drains = createDrains(gate, dependencies);
  const followUps = createFollowUps(drains, dependencies);
  const rules = createRuleSource({ sharesReading: true });

  /** Runs a writer's call, holds its outcome back until it is durable, then carries its events. */
  async function call<T>(object: string, work: (sql: Sql) => T | Promise<T>): Promise<T> {
    const { sql, leave } = gate.enter();
    try {
      return await work(sql);
    } finally {
      await leave();
      drains.start(object);
    }
  }

  const slotOf = (sql: Sql, object: string): SubscriberWriter =>
    new SubscriberWriter(sql, object, dependencies);
  const cardOf = (sql: Sql, object: string): CardWriter =>
    new CardWriter({
      sql,
      object,
      dependencies,
      slots: slotsBeside(drains, (name) => slotOf(sql, name)),
      rules,
      afterwards: (work) => followUps.add(object, work),
    });

  const rewrap = (object: string, order: RewrapOrder) =>
    call(object, (sql) => rewrapState(sql, object, dependencies.vault, order));

  return {
    wrapped: {
      list: (after, limit) => call("", (sql) => listWriters(sql, after, limit)),
      rewrapCard: rewrap,
      rewrapSlot: rewrap,
    },
    cards: {
      open: (object, request) => call(object, (sql) => cardOf(sql, object).open(request)),
      answer: (object, request) => call(object, (sql) => cardOf(sql, object).answer(request)),
      receipt: (object, request) => call(object, (sql) => cardOf(sql, object).receipt(request)),
      order: (object, order) => call(object, (sql) => cardOf(sql, object).order(order)),
      describe: (object) => call(object, (sql) => cardOf(sql, object).describe()),
    },
    slots: {
      order: (object, order) => call(object, (sql) => slotOf(sql, object).order(order)),
      batch: (object, request) => call(object, (sql) => slotOf(sql, object).batch(request)),
    },
    async recover() {
      const rows = start.sql.all("SELECT DISTINCT object FROM outbox");
      for (const row of rows) drains.start(readText(row, "object"));
      await drains.settled();
      await gate.settled();
    },
    async close() {
      await followUps.settled();
      await drains.close();
      await gate.settled();
      database.close();
    },
  };
}

/** Between two writers of this file nothing is held back: one COMMIT covers both of them. */
function slotsBeside(
  drains: Drains,
  slotOf: (object: string) => SubscriberWriter,
): SubscriberSlots {
  async function ask<T>(object: string, work: (slot: SubscriberWriter) => T): Promise<T> {
    const outcome = work(slotOf(object));
    drains.start(object);
    return outcome;
  }
  return {
    challenge: (object, request) => ask(object, (slot) => slot.challenge(request)),
    answer: (object, request) => ask(object, (slot) => slot.answer(request)),
    resynchronise: (object, request) => ask(object, (slot) => slot.resynchronise(request)),
  };
}

function openDatabase(path: string): Database {
  const database = new Database(path, { create: true, strict: true });
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = FULL");
  database.run("PRAGMA busy_timeout = 5000");
  // No secret under an older wrapping key stays behind on a free page.
  database.run("PRAGMA secure_delete = ON");
  return database;
}

interface Drains {
  /** Carries the object's events when those before them have been carried; tries until it can. */
  readonly start: (object: string) => void;
  /** Nothing is tried again after it. */
  close(): Promise<void>;
  settled(): Promise<void>;
}

function createDrains(gate: Gate, { repositories, log }: Dependencies): Drains {
  const running = new Map<string, Promise<void>>();
  const retries = new Map<string, NodeJS.Timeout>();
  let isClosed = false;

  async function drain(object: string, previous: Promise<void> | undefined): Promise<void> {
    await previous;
    for (let isLeft = true; isLeft;) {
      // Between the end of a group and this moment another call may have opened the next.
      while (gate.isOpen()) await gate.settled();
      const { sql } = gate.enter();
      isLeft = await carryEvents(sql, object, (events) => repositories.audit.append(events));
    }
  }

  /** Once an object, however many of its calls found the index away. */
  function retry(object: string): void {
    log("audit_index_unavailable", {});
    if (isClosed || retries.has(object)) return;
    const again = (): void => {
      retries.delete(object);
      start(object);
    };
    retries.set(object, setTimeout(again, DRAIN_RETRY_MS).unref());
  }

  /** What storage does not say is for the drain to find out, which fails nobody's call. */
  function mayHaveEvents(object: string): boolean {
    try {
      return hasEvents(gate.enter().sql, object);
    } catch {
      return true;
    }
  }

  /** Most calls record nothing. */
  function start(object: string): void {
    if (!mayHaveEvents(object)) return;
    const next = drain(object, running.get(object))
      .catch(() => retry(object))
      .finally(() => {
        if (running.get(object) === next) running.delete(object);
      });
    running.set(object, next);
  }

  async function settled(): Promise<void> {
    await Promise.all(running.values());
  }

  return {
    start,
    settled,
    async close() {
      isClosed = true;
      for (const timer of retries.values()) clearTimeout(timer);
      await settled();
    },
  };
}

interface FollowUps {
  /** What `work` recorded is carried when it ends. */
  readonly add: (object: string, work: Promise<void>) => void;
  settled(): Promise<void>;
}

function createFollowUps(drains: Drains, { log }: Dependencies): FollowUps {
  const running = new Set<Promise<void>>();
  return {
    add(object, work) {
      const done = work
        .catch(() => log("follow_up_failed", {}))
        .finally(() => {
          running.delete(done);
          drains.start(object);
        });
      running.add(done);
    },
    async settled() {
      await Promise.all(running);
    },
  };
}

interface Gate {
  /** One call's view of the database. */
  enter(): { readonly sql: Sql; readonly leave: () => Promise<void> };
  /** Something is written and not committed yet. */
  isOpen(): boolean;
  settled(): Promise<void>;
}

/**
 * Group commit: the first write opens a transaction, the end of the event loop's turn closes it.
 */
function createGate(database: Database): Gate {
  let group: Promise<void> | undefined;
  let failures = 0;

  function openGroup(): void {
    if (group !== undefined) return;
    database.run("BEGIN IMMEDIATE");
    group = new Promise((resolve) => {
      setImmediate(() => {
        group = undefined;
        try {
          database.run("COMMIT");
        } catch {
          failures += 1;
          if (database.inTransaction) database.run("ROLLBACK");
        }
        resolve();
      });
    });
  }

  function savepoint<T>(work: () => T): T {
    openGroup();
    database.run("SAVEPOINT step");
    try {
      const outcome = work();
      database.run("RELEASE step");
      return outcome;
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  /** The step alone, unless storage took back the whole group: what comes next is a new one. */
  function takeBack(): void {
    if (database.inTransaction) {
      database.run("ROLLBACK TO step");
      database.run("RELEASE step");
    } else {
      failures += 1;
      database.run("BEGIN IMMEDIATE");
    }
  }

  async function settled(): Promise<void> {
    await group;
  }

  return {
    settled,
    isOpen: () => group !== undefined,
    enter() {
      const seen = failures;
      /** A call whose earlier steps were rolled back by a failed COMMIT goes no further. */
      const check = (): void => {
        if (failures !== seen) throw new StorageError();
      };
      const sql: Sql = {
        all: (statement, ...values) => database.query<SqlRow, SqlValue[]>(statement).all(...values),
        run(statement, ...values) {
          database.query<SqlRow, SqlValue[]>(statement).run(...values);
        },
        transaction(work) {
          check();
          return savepoint(work);
        },
      };
      const leave = async (): Promise<void> => {
        await settled();
        check();
      };
      return { sql, leave };
    },
  };
}

/** The single writers on Cloudflare: one Durable Object each, over its own SQLite storage. */
import { DurableObject } from "cloudflare:workers";
import type {
  SlotAnswerRequest,
  SlotBatchRequest,
  SlotChallengeRequest,
  SlotOrder,
  SlotResynchronisation,
  SubscriberSlots,
} from "../access-authentication/authentication-centre/slot.ts";
import {
  createGsupClient,
  type GsupClient,
} from "../access-authentication/authentication-centre/gsup/client.ts";
import { checkEnvironment } from "../bindings.ts";
import { type CatalogEnvironment, centreOfObject, composeWorker } from "../compose-worker.ts";
import { createRuleSource, type RuleSource } from "../binding-verification/rule-source.ts";
import type { Dependencies, VectorQuery } from "../dependencies.ts";
import { NO_COUNTS, type RewrapCounts } from "../rewrap-counts.ts";
import { workerdTcp } from "../tcp-workerd.ts";
import type { CardOrder } from "./card-orders.ts";
import {
  type AnswerRequest,
  CardWriter,
  type OpenRequest,
  type ReceiptRequest,
} from "./card-writer.ts";
import { carryEvents, DRAIN_RETRY_MS } from "./outbox.ts";
import { rewrapState, type RewrapOrder } from "./rewrapping.ts";
import { createStateTables, hasStateTables } from "./schema.ts";
import type { Sql, SqlRow, SqlValue } from "./sql.ts";
import { SubscriberWriter } from "./subscriber-writer.ts";
import type { Writers } from "./writers.ts";

export interface WorkerEnvironment extends CatalogEnvironment {
  readonly CARD: DurableObjectNamespace<CardObject>;
  readonly SUBSCRIBER: DurableObjectNamespace<SubscriberObject>;
}

abstract class WriterObject extends DurableObject<WorkerEnvironment> {
  protected readonly sql: Sql;
  protected readonly object: string;
  protected readonly dependencies: Dependencies;
  private isPrepared = false;

  constructor(state: DurableObjectState, env: WorkerEnvironment) {
    super(state, env);
    if (state.id.name === undefined) throw new Error("a writer's object has no name");
    this.object = state.id.name;
    this.sql = createObjectSql(state.storage);
    this.dependencies = composeWorker(env).dependencies;
  }

  /** A writer that was never called holds nothing, and stays without tables, and so storage. */
  rewrap(order: RewrapOrder): RewrapCounts {
    const { sql, object, dependencies } = this;
    if (!hasStateTables(sql)) return NO_COUNTS;
    this.prepare();
    return rewrapState(sql, object, dependencies.vault, order);
  }

  /** Tables that a newer version brought are made here, too. */
  private prepare(): void {
    if (this.isPrepared) return;
    createStateTables(this.sql);
    this.isPrepared = true;
  }

  /** The outcome leaves through the output gate at once; its events follow behind it. */
  protected async settle<T>(work: () => T | Promise<T>): Promise<T> {
    this.prepare();
    try {
      return await work();
    } finally {
      this.ctx.waitUntil(this.drain());
    }
  }

  /**
   * The output gate holds back what leaves for the index until the events are on disk. What the
   * index did not take is tried again by the alarm.
   */
  private async drain(): Promise<void> {
    const { sql, object } = this;
    const { audit } = this.dependencies.repositories;
    try {
      for (let isLeft = true; isLeft;) {
        isLeft = await carryEvents(sql, object, (events) => audit.append(events));
      }
    } catch {
      this.dependencies.log("audit_index_unavailable", {});
      await this.ctx.storage.setAlarm(this.dependencies.clock() + DRAIN_RETRY_MS);
    }
  }

  override async alarm(): Promise<void> {
    await this.drain();
  }
}

export class CardObject extends WriterObject {
  private writer(): CardWriter {
    const { sql, object, dependencies } = this;
    const slots = objectSlots(this.env);
    const afterwards = (work: Promise<void>): void => {
      this.ctx.waitUntil(this.settle(() => work));
    };
    const rules = ruleSourceOf(dependencies);
    return new CardWriter({ sql, object, dependencies, slots, rules, afterwards });
  }

  open(request: OpenRequest) {
    return this.settle(() => this.writer().open(request));
  }

  answer(request: AnswerRequest) {
    return this.settle(() => this.writer().answer(request));
  }

  receipt(request: ReceiptRequest) {
    return this.settle(() => this.writer().receipt(request));
  }

  order(order: CardOrder) {
    return this.settle(() => this.writer().order(order));
  }

  describe() {
    return this.settle(() => this.writer().describe());
  }
}

/** One for all objects of an isolate that share a composition. */
const ruleSources = new WeakMap<Dependencies, RuleSource>();

function ruleSourceOf(dependencies: Dependencies): RuleSource {
  const source = ruleSources.get(dependencies) ?? createRuleSource({ sharesReading: false });
  ruleSources.set(dependencies, source);
  return source;
}

export class SubscriberObject extends WriterObject {
  private writer(): SubscriberWriter {
    return new SubscriberWriter(this.sql, this.object, this.dependencies);
  }

  challenge(request: SlotChallengeRequest) {
    return this.settle(() => this.writer().challenge(request));
  }

  answer(request: SlotAnswerRequest) {
    return this.settle(() => this.writer().answer(request));
  }

  resynchronise(request: SlotResynchronisation) {
    return this.settle(() => this.writer().resynchronise(request));
  }

  batch(request: SlotBatchRequest) {
    return this.settle(() => this.writer().batch(request));
  }

  order(order: SlotOrder) {
    return this.settle(() => this.writer().order(order));
  }
}

/**
 * The connection to one HLR under one GSUP name. Two of them would compete for the name, so it
 * lives in the one object that there is of it, near whoever asked first.
 */
export class CentreObject extends DurableObject<WorkerEnvironment> {
  private readonly client: GsupClient;

  constructor(state: DurableObjectState, env: WorkerEnvironment) {
    super(state, env);
    const settings = checkEnvironment(env).gsupCentres.get(centreOfObject(state.id.name ?? ""));
    if (settings === undefined || !("port" in settings.via)) throw new Error("no HLR's address");
    const { dependencies } = composeWorker(env);
    this.client = createGsupClient(dependencies, workerdTcp(settings.via), settings.peerName);
  }

  fetchVectors(query: VectorQuery) {
    return this.client.fetchVectors(query);
  }
}

/** All writers, each call through a fresh stub: a stub is spent after an exception. */
export function objectWriters(env: WorkerEnvironment): Writers {
  const card = (object: string) => env.CARD.get(env.CARD.idFromName(object));
  const slot = (object: string) => env.SUBSCRIBER.get(env.SUBSCRIBER.idFromName(object));
  return {
    cards: {
      open: (object, request) => card(object).open(request),
      answer: (object, request) => card(object).answer(request),
      receipt: (object, request) => card(object).receipt(request),
      order: (object, order) => card(object).order(order),
      describe: (object) => card(object).describe(),
    },
    slots: {
      order: (object, order) => slot(object).order(order),
      batch: (object, request) => slot(object).batch(request),
    },
    wrapped: {
      list: undefined,
      rewrapCard: (object, order) => card(object).rewrap(order),
      rewrapSlot: (object, order) => slot(object).rewrap(order),
    },
  };
}

function objectSlots(env: WorkerEnvironment): SubscriberSlots {
  const stub = (object: string) => env.SUBSCRIBER.get(env.SUBSCRIBER.idFromName(object));
  return {
    challenge: (object, request) => stub(object).challenge(request),
    answer: (object, request) => stub(object).answer(request),
    resynchronise: (object, request) => stub(object).resynchronise(request),
  };
}

function createObjectSql(storage: DurableObjectStorage): Sql {
  const all = (statement: string, values: readonly SqlValue[]): SqlRow[] =>
    storage.sql
      .exec(statement, ...values)
      .toArray()
      .map((row) => {
        const columns = Object.entries(row).map(([name, value]) => [
          name,
          value instanceof ArrayBuffer ? new Uint8Array(value) : value,
        ]);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only blobs were changed
        return Object.fromEntries(columns) as SqlRow;
      });
  return {
    all: (statement, ...values) => all(statement, values),
    run(statement, ...values) {
      all(statement, values);
    },
    transaction: (work) => storage.transactionSync(work),
  };
}

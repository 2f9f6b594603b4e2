/** The single writers on Cloudflare: one Durable Object each, over its own SQLite storage. */
import { DurableObject } from "cloudflare:workers";
import type {
  SlotAnswerRequest,
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
import { type CatalogEnvironment, composeWorker } from "../compose-worker.ts";
import type { Dependencies, VectorQuery } from "../dependencies.ts";
import { workerdTcp } from "../tcp-workerd.ts";
import type { CardOrder } from "./card-orders.ts";
import {
  type AnswerRequest,
  CardWriter,
  type OpenRequest,
  type ReceiptRequest,
} from "./card-writer.ts";
import { DRAIN_RETRY_MS, drainOutbox } from "./outbox.ts";
import { createStateTables } from "./schema.ts";
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

  constructor(state: DurableObjectState, env: WorkerEnvironment) {
    super(state, env);
    if (state.id.name === undefined) throw new Error("a writer's object has no name");
    this.object = state.id.name;
    this.sql = createObjectSql(state.storage);
    this.dependencies = composeWorker(env).dependencies;
    createStateTables(this.sql);
  }

  /** The outcome leaves through the output gate at once; its events follow behind it. */
  protected async settle<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.ctx.waitUntil(this.drain());
    }
  }

  /** What the audit index did not take is tried again by the alarm. */
  private async drain(): Promise<void> {
    try {
      const { audit } = this.dependencies.repositories;
      await drainOutbox(this.sql, this.object, (events) => audit.append(events));
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
    return new CardWriter({ sql, object, dependencies, slots: objectSlots(this.env) });
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

  order(order: SlotOrder) {
    return this.settle(() => this.writer().order(order));
  }
}

/**
 * The connection to the HLR under one GSUP name. Two of them would compete for the name, so it
 * lives in the one object that there is of it, near whoever asked first.
 */
export class CentreObject extends DurableObject<WorkerEnvironment> {
  private readonly client: GsupClient;

  constructor(state: DurableObjectState, env: WorkerEnvironment) {
    super(state, env);
    const { gsup } = checkEnvironment(env);
    if (gsup === undefined || !("port" in gsup.via)) throw new Error("no address of an HLR");
    const { dependencies } = composeWorker(env);
    this.client = createGsupClient(dependencies, workerdTcp(gsup.via), gsup.name);
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
    },
    slots: { order: (object, order) => slot(object).order(order) },
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

/**
 * A platform whose subscribers come over the administration's routes, and whose slots are asked as
 * the card's writer asks them; every row that a slot holds can be looked at.
 */
import { Database } from "bun:sqlite";
import {
  type AccessChallengeOutcome,
  type AccessOutcome,
  requestChallenge,
  verifyResponse,
} from "#edge/access-authentication/authenticate";
import type { SubscriberSlots } from "#edge/access-authentication/authentication-centre/slot";
import type { Dependencies } from "#edge/dependencies";
import { DEFAULT_LIMITS } from "#edge/limits";
import { createStateTables } from "#edge/state/schema";
import type { Sql, SqlRow, SqlValue } from "#edge/state/sql";
import { SubscriberWriter } from "#edge/state/subscriber-writer";
import { encodeBase64Url } from "#protocol/bytes";
import { encodeChallenge, type ModuleAnswer } from "#protocol/messages";
import type { Result } from "#protocol/result";
import { MODULE_KIND_NUMBERS, type ModuleKindName } from "#protocol/suites";
import { openTenant, type Platform } from "../admin/platform.ts";

export const TENANT = "default";
const NO_TAG: Uint8Array = new Uint8Array(0);
const CARD_ID = "00112233445566AA";
const PLENTY = 100_000;

export interface Question {
  readonly imsi: string;
  readonly kind: ModuleKindName;
  readonly sid?: string;
  readonly round?: number;
  readonly isConfirmation?: boolean;
  readonly objection?: string;
}

export interface Asked extends AccessChallengeOutcome {
  readonly sid: string;
  readonly sidBytes: Uint8Array;
  readonly round: number;
  /** As the card would get it. */
  readonly challenge: Uint8Array;
  answer(answer: ModuleAnswer, tag?: Uint8Array, digest?: Uint8Array): Promise<AccessOutcome>;
}

export interface Scene {
  readonly platform: Platform;
  readonly dependencies: Dependencies;
  readonly sql: Sql;
  enrol(body: object): Promise<void>;
  /** PUT below the subscriber; the status. */
  put(imsi: string, what: string, body: object): Promise<number>;
  ask(question: Question): Promise<Asked>;
  rows(query: string): SqlRow[];
  /** All rows of all slots but the outbox. */
  dump(): string;
  /** The same rows under another store generation or other dependencies. */
  reopen(changes: Partial<Dependencies>): void;
  close(): void;
}

export const random = (length: number): Uint8Array =>
  crypto.getRandomValues(new Uint8Array(length));
export const res = (...values: readonly Uint8Array[]): ModuleAnswer => ({ kind: "res", values });

function openSql(): { readonly sql: Sql; readonly database: Database } {
  const database = new Database(":memory:", { strict: true });
  const sql: Sql = {
    all: (statement, ...values) => database.query<SqlRow, SqlValue[]>(statement).all(...values),
    run(statement, ...values) {
      database.query<SqlRow, SqlValue[]>(statement).run(...values);
    },
    transaction: (work) => database.transaction(work)(),
  };
  createStateTables(sql);
  return { sql, database };
}

export async function openScene(changes: Partial<Dependencies> = {}): Promise<Scene> {
  const limits = {
    ...DEFAULT_LIMITS,
    testAlgorithms: 1,
    challengesPerImsiHour: PLENTY,
    reservedPerImsiHour: 0,
  };
  const platform = await openTenant({ limits, ...changes });
  let { dependencies } = platform;
  const { sql, database } = openSql();
  const writer = (object: string) => new SubscriberWriter(sql, object, dependencies);
  const slots: SubscriberSlots = {
    challenge: async (object, request) => writer(object).challenge(request),
    answer: async (object, request) => writer(object).answer(request),
    resynchronise: async (object, request) => writer(object).resynchronise(request),
  };

  async function ask(question: Question): Promise<Asked> {
    const { imsi, kind, round = 0, isConfirmation = false, objection = "" } = question;
    const sidBytes = random(16);
    const sid = question.sid ?? encodeBase64Url(sidBytes);
    const moduleKind = MODULE_KIND_NUMBERS[kind];
    const session = { tenant: TENANT, cardId: CARD_ID, imsi, sid, round, moduleKind };
    const policy = { related: false, objection, isConfirmation };
    const outcome = reachCentre(await requestChallenge(dependencies, slots, session, policy));
    return {
      ...outcome,
      sid,
      sidBytes,
      round,
      challenge: encodeChallenge({ round, ...outcome.vector }),
      answer: async (answer, tag = NO_TAG, digest = random(32)) =>
        reachCentre(await verifyResponse(dependencies, slots, session, { answer, tag, digest })),
    };
  }

  return {
    platform,
    dependencies,
    sql,
    async enrol(body) {
      const answer = await platform.call("POST", "/subscribers", body);
      if (answer.status !== 201) throw new Error(`not enrolled: ${answer.text}`);
    },
    put: async (imsi, what, body) =>
      (await platform.call("PUT", `/subscribers/${imsi}/${what}`, body)).status,
    ask,
    rows: (query) => sql.all(query),
    dump() {
      const tables = ["slot", "slot_challenge", "slot_rand", "slot_ssd", "slot_status"];
      return asText(tables.flatMap((table) => sql.all(`SELECT * FROM ${table}`)));
    },
    reopen(next) {
      dependencies = { ...dependencies, ...next };
    },
    close() {
      platform.close();
      database.close();
    },
  };
}

/** Throws while an external centre is out of order. */
function reachCentre<T>(outcome: Result<T, string>): T {
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.value;
}

/** Bytes as hex. */
export function asText(rows: unknown): string {
  return JSON.stringify(rows, (_key, value: unknown) =>
    value instanceof Uint8Array ? value.toHex() : value,
  );
}

/** The reason of a refusal; else the kind of the outcome. */
export function wordOf(outcome: AccessOutcome): string {
  return outcome.kind === "refused" ? outcome.reason : outcome.kind;
}

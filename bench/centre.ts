/**
 * `simlatch bench centre`: what five vectors of Milenage cost the processor, here and at an
 * osmo-hlr that is asked by GSUP in the same run. Both have SQN on disk before the vectors leave,
 * with as many questions under way as one caller may have. Ours are asked of the slot's writer;
 * with what stands around it, from the sealed question to the sealed answer; and as five
 * challenges of our own, whose expected answers are wrapped and on disk, too.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePlatformKeys } from "#cli/keys";
import { openCatalog } from "#db/bun";
import { compose, runtimeAmbient } from "#edge/app";
import { checkEnvironment, type Configuration } from "#edge/bindings";
import type { Dependencies, SubscriberRecord } from "#edge/dependencies";
import {
  QUERIES_UNDER_WAY_MAX,
  wipeVector,
} from "#edge/access-authentication/authentication-centre/external";
import { encodeSqn } from "#edge/access-authentication/sequence-number";
import { NONCE_BYTES, RELAY_PATH, sealQuestion } from "#edge/relay/envelope";
import { createHomeRelay } from "#edge/relay/home-centre";
import { type BunHost, openBunHost } from "#edge/state/bun-host";
import { createStateTables } from "#edge/state/schema";
import type { Sql, SqlRow, SqlValue } from "#edge/state/sql";
import { SubscriberWriter } from "#edge/state/subscriber-writer";
import { importSubscribers } from "#edge/subscriber-import";
import { subscriberObject } from "#edge/access-authentication/authenticate";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import type { BenchRow } from "./core.ts";
import { summarise } from "./measure.ts";
import { startOsmoHlr } from "./osmo-hlr.ts";

export interface CentreBenchOptions {
  /** Each asks once a round. */
  readonly subscribers: number;
  readonly rounds: number;
  readonly onRound?: (round: string) => void;
}

const VECTORS = 5;
const UNDER_WAY = QUERIES_UNDER_WAY_MAX;
/** Rounds that nobody counts, until the engine has compiled what they run. */
const WARM_UP_ROUNDS = 4;
const TENANT = "default";
/** Of the points of presence that ask: one at the writer, one through the relay. */
const SLOT = 1;
const CALLER_SLOT = 2;
const CALLER = "bench";
const CALLER_KEY = crypto.getRandomValues(new Uint8Array(32));
const IND_BITS = 5;
const PEER = "osmo-hlr, GSUP";

/** Gives the microseconds of one request of five vectors. */
type Sample = () => Promise<number>;

export async function benchCentre(options: CentreBenchOptions): Promise<BenchRow[]> {
  const keys = makeKeys(options.subscribers);
  const imsis = keys.map(({ imsi }) => imsi);
  const own = await openOwn(keys);
  const hlr = await startOsmoHlr(keys);
  try {
    const samplers: readonly (readonly [string, Sample])[] = [
      ["five vectors, SQN durable", own.batch],
      ["five vectors, SQN durable, sealed", own.relayed],
      ["five vectors, computed", own.vectors],
      ["five challenges, durable", own.challenges],
    ];
    const names = [...samplers.map(([name]) => name), PEER];
    const costs = new Map(names.map((name): [string, number[]] => [name, []]));
    for (let round = 0; round < WARM_UP_ROUNDS; round++) {
      for (const [, sample] of samplers) await sample();
      await hlr?.ask(imsis, UNDER_WAY);
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const [name, sample] of samplers) costs.get(name)?.push(await sample());
      if (hlr === undefined) continue;
      const before = hlr.cpuSeconds();
      await hlr.ask(imsis, UNDER_WAY);
      costs.get(PEER)?.push(((hlr.cpuSeconds() - before) * 1e6) / imsis.length);
      options.onRound?.(`round ${round + 1} of ${options.rounds}`);
    }
    const peer = hlr === undefined ? undefined : costs.get(PEER);
    return samplers.map(([name]) => rowOf(name, costs.get(name) ?? [], peer));
  } finally {
    await hlr?.close();
    await own.close();
  }
}

/** The ratio says how many times less ours costs. */
function rowOf(
  name: string,
  own: readonly number[],
  peer: readonly number[] | undefined,
): BenchRow {
  const ratios = peer && summarise(peer.map((cost, round) => cost / (own[round] ?? Number.NaN)));
  return {
    name,
    runtime: "bun",
    value: summarise(own).median,
    unit: "us",
    peer: PEER,
    peerValue: peer === undefined ? null : summarise(peer).median,
    ratio: ratios?.median ?? null,
    min: ratios?.min ?? null,
    max: ratios?.max ?? null,
  };
}

interface SubscriberKeys {
  readonly imsi: string;
  readonly k: string;
  readonly opc: string;
}

const hex = (): string => encodeHex(crypto.getRandomValues(new Uint8Array(16)));

function makeKeys(count: number): SubscriberKeys[] {
  return Array.from({ length: count }, (_, i) => ({
    imsi: `00101${String(i).padStart(10, "0")}`,
    k: hex(),
    opc: hex(),
  }));
}

interface Own {
  readonly batch: Sample;
  readonly relayed: Sample;
  readonly vectors: Sample;
  readonly challenges: Sample;
  readonly close: () => Promise<void>;
}

async function openOwn(keys: readonly SubscriberKeys[]): Promise<Own> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-centre-"));
  const catalog = await openCatalog(join(folder, "catalog.db"));
  const configuration = checkEnvironment({
    ...generatePlatformKeys(),
    SIMLATCH_SLOTS: "3",
    SIMLATCH_CENTRE_CALLERS: `${CALLER}:${encodeBase64Url(CALLER_KEY)}:${CALLER_SLOT}`,
    SIMLATCH_RELAY_PER_MINUTE: "1000000",
    SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000000",
  });
  const { dependencies } = compose(
    configuration,
    catalog,
    runtimeAmbient(() => undefined),
  );
  const subscribers = await enrol(dependencies, keys);
  const host = openBunHost(join(folder, "host.db"), dependencies);
  const state = openState(join(folder, "state.db"));
  return {
    batch: batchSampler(dependencies, host, subscribers),
    relayed: relaySampler(configuration, dependencies, host, subscribers),
    vectors: async () =>
      measure(subscribers.length, async () => {
        for (const subscriber of subscribers) computeFive(dependencies, subscriber);
      }),
    challenges: challengeSampler(dependencies, state, subscribers),
    async close() {
      state.close();
      await host.close();
      catalog.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As many at once as may be; the host commits what came in one turn together. */
async function measureAtOnce<T>(
  questions: readonly T[],
  ask: (question: T) => Promise<void>,
): Promise<number> {
  return measure(questions.length, async () => {
    for (let from = 0; from < questions.length; from += UNDER_WAY) {
      await Promise.all(questions.slice(from, from + UNDER_WAY).map(ask));
    }
  });
}

function batchSampler(
  { vault }: Dependencies,
  host: BunHost,
  subscribers: readonly SubscriberRecord[],
): Sample {
  let askedAt = 0;
  async function ask(subscriber: SubscriberRecord): Promise<void> {
    const object = subscriberObject({ vault, slot: SLOT }, TENANT, subscriber.imsi);
    askedAt += 1;
    const question = { subscriber, slot: SLOT, count: VECTORS, askedAt };
    const given = await host.slots.batch(object, question);
    if (!given.ok) throw new Error(`no vectors: ${given.reason}`);
    for (const vector of given.value) wipeVector(vector);
  }
  return () => measureAtOnce(subscribers, ask);
}

/** The questions are sealed beforehand: that is the caller's work. */
function relaySampler(
  { centreCallers }: Configuration,
  dependencies: Dependencies,
  host: BunHost,
  subscribers: readonly SubscriberRecord[],
): Sample {
  if (centreCallers === undefined) throw new Error("no caller");
  const relay = createHomeRelay(dependencies, host.slots, centreCallers);
  async function ask(request: Request): Promise<void> {
    const answer = await relay.fetch(request);
    if (answer.status !== 200) throw new Error(`no vectors: ${answer.status}`);
  }
  return async () => {
    const questions = subscribers.map(({ imsi }) => {
      const head = { caller: CALLER, at: Date.now(), nonce: dependencies.random(NONCE_BYTES) };
      const body = sealQuestion(CALLER_KEY, head, { imsi, count: VECTORS });
      return new Request(`http://centre.example${RELAY_PATH}`, { method: "POST", body });
    });
    return measureAtOnce(questions, ask);
  };
}

function challengeSampler(
  dependencies: Dependencies,
  state: State,
  subscribers: readonly SubscriberRecord[],
): Sample {
  let serial = 0;
  function challenge(subscriber: SubscriberRecord): void {
    const object = subscriberObject(dependencies, TENANT, subscriber.imsi);
    const writer = new SubscriberWriter(state.sql, object, dependencies);
    for (let vector = 0; vector < VECTORS; vector++) {
      serial += 1;
      const request = { sid: `bench-${serial}`, round: 0, cardId: "", related: true };
      const issued = writer.challenge({ ...request, subscriber, form: "USIM" });
      if (!issued.ok) throw new Error(`no challenge: ${issued.reason}`);
    }
  }
  return async () =>
    measure(subscribers.length, async () => {
      for (let from = 0; from < subscribers.length; from += UNDER_WAY) {
        const some = subscribers.slice(from, from + UNDER_WAY);
        state.commit(() => {
          for (const subscriber of some) challenge(subscriber);
        });
      }
    });
}

interface State {
  readonly sql: Sql;
  /** All of it durable when this returns, as at the end of a turn of the Bun host. */
  commit(work: () => void): void;
  close(): void;
}

function openState(path: string): State {
  const database = new Database(path, { create: true, strict: true });
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = FULL");
  const sql: Sql = {
    all: (statement, ...values) => database.query<SqlRow, SqlValue[]>(statement).all(...values),
    run(statement, ...values) {
      database.query<SqlRow, SqlValue[]>(statement).run(...values);
    },
    transaction(work) {
      database.run("SAVEPOINT step");
      const outcome = work();
      database.run("RELEASE step");
      return outcome;
    },
  };
  createStateTables(sql);
  return {
    sql,
    commit(work) {
      database.run("BEGIN IMMEDIATE");
      work();
      database.run("COMMIT");
    },
    close: () => {
      database.close();
    },
  };
}

function computeFive({ centre, random }: Dependencies, subscriber: SubscriberRecord): void {
  const rands = Array.from({ length: VECTORS }, () => random(16));
  const sqns = rands.map((_, i) => encodeSqn(i + 1, 0, IND_BITS));
  for (const vector of centre.batch(subscriber, { rands, sqns })) wipeVector(vector);
}

async function enrol(
  dependencies: Dependencies,
  keys: readonly SubscriberKeys[],
): Promise<SubscriberRecord[]> {
  await dependencies.repositories.tenants.save({ tenant: TENANT, anchors: {}, cardRoots: [] });
  const rows = keys.map((each) => ({ ...each, mncLength: 2 }));
  const batch = { tenant: TENANT, dryRun: false, update: false, rows };
  const outcomes = await importSubscribers(dependencies, batch);
  if (outcomes.some(({ outcome }) => outcome !== "inserted")) throw new Error("not all enrolled");
  const imsis = keys.map(({ imsi }) => imsi);
  return dependencies.repositories.subscribers.findMany(TENANT, imsis);
}

/** Microseconds of this process, user and system, for each of so many requests. */
async function measure(requests: number, work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

/**
 * `simlatch bench centre`: what five vectors of Milenage cost the processor, here and at an
 * osmo-hlr that is asked by GSUP in the same run. Ours are five challenges of the slot's writer:
 * SEQ, RAND and wrapped expected answer of each are on disk before it leaves.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePlatformKeys } from "#cli/keys";
import { openCatalog } from "#db/bun";
import { compose, runtimeAmbient } from "#edge/app";
import { checkEnvironment } from "#edge/bindings";
import type { Dependencies, SubscriberRecord } from "#edge/dependencies";
import { encodeSqn } from "#edge/access-authentication/sequence-number";
import { createStateTables } from "#edge/state/schema";
import type { Sql, SqlRow, SqlValue } from "#edge/state/sql";
import { SubscriberWriter } from "#edge/state/subscriber-writer";
import { importSubscribers } from "#edge/subscriber-import";
import { subscriberObject } from "#edge/access-authentication/authenticate";
import { encodeHex } from "#protocol/bytes";
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
const UNDER_WAY = 16;
const TENANT = "default";
const IND_BITS = 5;
const PEER = "osmo-hlr, GSUP";

/** Gives the microseconds of one request of five vectors. */
type Sample = () => number;

export async function benchCentre(options: CentreBenchOptions): Promise<BenchRow[]> {
  const keys = makeKeys(options.subscribers);
  const imsis = keys.map(({ imsi }) => imsi);
  const own = await openOwn(keys);
  const hlr = await startOsmoHlr(keys);
  try {
    const samplers: readonly (readonly [string, Sample])[] = [
      ["five challenges, durable", own.challenges],
      ["five vectors, computed", own.vectors],
    ];
    const names = [...samplers.map(([name]) => name), PEER];
    const costs = new Map(names.map((name): [string, number[]] => [name, []]));
    for (let round = 0; round < options.rounds; round++) {
      for (const [name, sample] of samplers) costs.get(name)?.push(sample());
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
    own.close();
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
  readonly challenges: Sample;
  readonly vectors: Sample;
  readonly close: () => void;
}

async function openOwn(keys: readonly SubscriberKeys[]): Promise<Own> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-centre-"));
  const catalog = await openCatalog(join(folder, "catalog.db"));
  const configuration = checkEnvironment({
    ...generatePlatformKeys(),
    SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000000",
  });
  const { dependencies } = compose(
    configuration,
    catalog,
    runtimeAmbient(() => undefined),
  );
  const subscribers = await enrol(dependencies, keys);
  const state = openState(join(folder, "state.db"));
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

  return {
    challenges: () =>
      measure(subscribers.length, () => {
        for (let from = 0; from < subscribers.length; from += UNDER_WAY) {
          const some = subscribers.slice(from, from + UNDER_WAY);
          state.commit(() => {
            for (const subscriber of some) challenge(subscriber);
          });
        }
      }),
    vectors: () =>
      measure(subscribers.length, () => {
        for (const subscriber of subscribers) {
          for (let seq = 1; seq <= VECTORS; seq++) computeOne(dependencies, subscriber, seq);
        }
      }),
    close() {
      state.close();
      catalog.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
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

function computeOne({ centre, random }: Dependencies, subscriber: SubscriberRecord, seq: number) {
  const sqn = encodeSqn(seq, 0, IND_BITS);
  const { expected } = centre.vector(subscriber, { form: "USIM", rands: [random(16)], sqn });
  for (const secret of expected) secret.fill(0);
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
function measure(requests: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

/** A rig with one card beside one allowed SIM, and what most invariant tests ask of them. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { Fleet, FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import { createExchange, type Exchange } from "#tests/platform/exchange";
import { createRig, type Rig, type RigOptions } from "#tests/platform/rig";

export const HOME = "46001";

export interface Bench {
  readonly rig: Rig;
  readonly fleet: Fleet;
  readonly card: FleetCard;
  readonly subscriber: FleetSubscriber;
  /** A fresh power-up of the card beside the SIM. */
  readonly exchange: () => Promise<Exchange>;
}

/** Quotas are lifted unless the test sets them: most tests bind one card many times. */
const NO_QUOTAS = {
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "10000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "10000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "10000",
};

export async function createBench(options: RigOptions = {}): Promise<Bench> {
  const environment = { ...NO_QUOTAS, ...options.environment };
  const rig = await createRig({ ...options, environment });
  const fleet = await rig.fleet();
  const card = await fleet.addCard();
  const subscriber = await fleet.addSubscriber({ operator: HOME });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  return {
    rig,
    fleet,
    card,
    subscriber,
    exchange: () => createExchange(rig, card, subscriber),
  };
}

/** Rows that a crash at this moment would leave behind: read through a second connection. */
export function readDurable(
  rig: Rig,
  query: string,
  file: "state.db" | "catalog.db" = "state.db",
): Record<string, unknown>[] {
  return readFile(join(rig.folder, file), query);
}

/** Events are carried to the index behind the answers: until none is on its way. */
export async function untilIndexed(rig: Rig): Promise<void> {
  while (readDurable(rig, "SELECT 1 FROM outbox").length > 0) await Bun.sleep(5);
}

function readFile(path: string, query: string): Record<string, unknown>[] {
  const database = new Database(path, { readonly: true });
  // Whose file it is may be about to commit.
  database.run("PRAGMA busy_timeout = 5000");
  try {
    return database.query<Record<string, unknown>, []>(query).all();
  } finally {
    database.close();
  }
}

/**
 * Everything the single writers hold, as text: equal dumps mean that nothing changed. Without the
 * outbox, which empties itself behind the answers; its numbers stay.
 */
export function dumpState(rig: Rig): string {
  return dumpFile(join(rig.folder, "state.db"));
}

/** The same of one file of a writer's tables; those of workerd's own begin with _cf. */
export function dumpFile(path: string): string {
  const tables = readFile(
    path,
    `SELECT name FROM sqlite_master
     WHERE type = 'table' AND name <> 'outbox' AND name NOT LIKE '\\_cf%' ESCAPE '\\'`,
  );
  return tables
    .map(
      ({ name }) =>
        `${String(name)}: ${rowsAsText(readFile(path, `SELECT * FROM ${String(name)}`))}`,
    )
    .toSorted()
    .join("\n");
}

function rowsAsText(rows: Record<string, unknown>[]): string {
  return JSON.stringify(rows, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
  );
}

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes);
  out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return out;
}

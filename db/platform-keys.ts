/** The platform's signing keys by generation, and the floor under them. */
import { and, desc, eq, gte, isNotNull, isNull, sql } from "drizzle-orm";

import type { SuiteName } from "#protocol/suites";

import { build, type CatalogDatabase, prepareStatement, readRows, writeRows } from "./database.ts";
import type {
  ActivePlatformKey,
  InsertOutcome,
  PlatformKeyRecord,
  Repositories,
} from "./records.ts";
import { platformKeyFloors, platformKeys } from "./schema.ts";

type NewPlatformKey = Pick<
  PlatformKeyRecord,
  "tenant" | "suite" | "publicKey" | "wrappedPrivateKey"
>;

const tenant = sql.placeholder("tenant");
const suite = sql.placeholder("suite");
const generation = sql.placeholder("generation");

/** Generations below the floor of a suite that never had one raised: none. */
const FIRST_GENERATION = 1;

const ofSuite = and(eq(platformKeys.tenant, tenant), eq(platformKeys.suite, suite));
const isActive = isNotNull(platformKeys.credential);

/** One statement, so that two callers never get the same generation. */
const insertKey = prepareStatement(
  build
    .insert(platformKeys)
    .values({
      tenant,
      suite,
      generation: sql`(select coalesce(max(generation), 0) + 1 from platform_key
        where tenant = ${tenant} and suite = ${suite})`,
      publicKey: sql.placeholder("publicKey"),
      wrappedPrivateKey: sql.placeholder("wrappedPrivateKey"),
    })
    .returning({ generation: platformKeys.generation }),
);

const selectKey = prepareStatement(
  build
    .select()
    .from(platformKeys)
    .where(and(ofSuite, eq(platformKeys.generation, generation))),
);

const activateKey = prepareStatement(
  build
    .update(platformKeys)
    .set({ credential: sql`${sql.placeholder("credential")}` })
    .where(and(ofSuite, eq(platformKeys.generation, generation), isNull(platformKeys.credential)))
    .returning({ generation: platformKeys.generation }),
);

const selectActive = prepareStatement(
  build
    .select({
      generation: platformKeys.generation,
      publicKey: platformKeys.publicKey,
      wrappedPrivateKey: platformKeys.wrappedPrivateKey,
      credential: platformKeys.credential,
      floor: platformKeyFloors.floor,
    })
    .from(platformKeys)
    .leftJoin(
      platformKeyFloors,
      and(
        eq(platformKeyFloors.tenant, platformKeys.tenant),
        eq(platformKeyFloors.suite, platformKeys.suite),
      ),
    )
    .where(and(ofSuite, isActive))
    .orderBy(desc(platformKeys.generation))
    .limit(1),
);

const raise = prepareStatement(
  build
    .insert(platformKeyFloors)
    .select(
      build
        .select({
          tenant: platformKeys.tenant,
          suite: platformKeys.suite,
          floor: sql<number>`${sql.placeholder("floor")}`.as("floor"),
        })
        .from(platformKeys)
        .where(and(ofSuite, isActive, gte(platformKeys.generation, sql.placeholder("floor"))))
        .limit(1),
    )
    .onConflictDoUpdate({
      target: [platformKeyFloors.tenant, platformKeyFloors.suite],
      set: { floor: sql`excluded.floor` },
      setWhere: sql`excluded.floor >= ${platformKeyFloors.floor}`,
    })
    .returning({ floor: platformKeyFloors.floor }),
);

export function createPlatformKeys(database: CatalogDatabase): Repositories["platformKeys"] {
  async function create(key: NewPlatformKey): Promise<number> {
    const [row] = await writeRows(database, insertKey, { ...key });
    if (row === undefined) throw new Error("the platform key was not stored");
    return row.generation;
  }

  async function find(
    name: string,
    suiteName: SuiteName,
    number: number,
  ): Promise<PlatformKeyRecord | undefined> {
    const values = { tenant: name, suite: suiteName, generation: number };
    const [row] = await readRows(database, selectKey, values);
    return row && { ...row, credential: row.credential ?? undefined };
  }

  async function activate(
    name: string,
    suiteName: SuiteName,
    number: number,
    credential: Uint8Array,
  ): Promise<InsertOutcome> {
    const values = { tenant: name, suite: suiteName, generation: number, credential };
    const rows = await writeRows(database, activateKey, values);
    return rows.length > 0 ? "inserted" : "taken";
  }

  async function findActive(
    name: string,
    suiteName: SuiteName,
  ): Promise<ActivePlatformKey | undefined> {
    const key = { tenant: name, suite: suiteName };
    const [row] = await readRows(database, selectActive, key);
    if (row === undefined || row.credential === null) return undefined;
    return { ...key, ...row, credential: row.credential, floor: row.floor ?? FIRST_GENERATION };
  }

  async function raiseFloor(
    name: string,
    suiteName: SuiteName,
    floor: number,
  ): Promise<"raised" | "refused"> {
    const rows = await writeRows(database, raise, { tenant: name, suite: suiteName, floor });
    return rows.length > 0 ? "raised" : "refused";
  }

  return { create, find, activate, findActive, raiseFloor };
}

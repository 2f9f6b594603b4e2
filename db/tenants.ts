/** Whom each operator trusts: its anchor key and the roots of its card issuers. */
import { eq, sql } from "drizzle-orm";

import { encodeHex } from "#protocol/bytes";

import { build, type CatalogDatabase, prepareStatement } from "./database.ts";
import type { Repositories, TenantRecord } from "./records.ts";
import { cardRoots, tenants } from "./schema.ts";

const tenant = sql.placeholder("tenant");
const anchorPublicKey = sql.placeholder("anchorPublicKey");

const selectTenant = prepareStatement(
  build.select().from(tenants).where(eq(tenants.tenant, tenant)),
);

const selectRoots = prepareStatement(
  build
    .select({ certificate: cardRoots.certificate })
    .from(cardRoots)
    .where(eq(cardRoots.tenant, tenant))
    .orderBy(cardRoots.position),
);

const upsertTenant = prepareStatement(
  build
    .insert(tenants)
    .values({ tenant, anchorPublicKey })
    .onConflictDoUpdate({
      target: tenants.tenant,
      set: { anchorPublicKey: sql`excluded.anchor_public_key` },
    })
    .returning({ tenant: tenants.tenant }),
);

const deleteRoots = prepareStatement(
  build
    .delete(cardRoots)
    .where(eq(cardRoots.tenant, tenant))
    .returning({ tenant: cardRoots.tenant }),
);

const insertRoot = prepareStatement(
  build
    .insert(cardRoots)
    .values({
      tenant,
      fingerprint: sql.placeholder("fingerprint"),
      position: sql.placeholder("position"),
      certificate: sql.placeholder("certificate"),
    })
    .onConflictDoNothing()
    .returning({ position: cardRoots.position }),
);

export function createTenants(database: CatalogDatabase): Repositories["tenants"] {
  async function find(name: string): Promise<TenantRecord | undefined> {
    const values = { tenant: name };
    const [found, roots] = await database.read([
      selectTenant.call(values),
      selectRoots.call(values),
    ]);
    const [row] = selectTenant.rows(found);
    if (row === undefined) return undefined;
    return { ...row, cardRoots: selectRoots.rows(roots).map(({ certificate }) => certificate) };
  }

  async function save(record: TenantRecord): Promise<void> {
    const fingerprints = await Promise.all(record.cardRoots.map(fingerprintOf));
    const values = { tenant: record.tenant };
    await database.write([
      upsertTenant.call({ ...values, anchorPublicKey: record.anchorPublicKey }),
      deleteRoots.call(values),
      ...record.cardRoots.map((certificate, position) =>
        insertRoot.call({ ...values, fingerprint: fingerprints[position], position, certificate }),
      ),
    ]);
  }

  return { find, save };
}

/** As the fingerprints of CardRecord, which name their chain's root. */
async function fingerprintOf(certificate: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(certificate));
  return encodeHex(new Uint8Array(digest));
}

/** Whom each operator trusts: its anchor keys and the roots of its card issuers. */
import { eq, sql } from "drizzle-orm";

import { encodeHex } from "#protocol/bytes";

import { build, type CatalogDatabase, prepareStatement } from "./database.ts";
import type { Repositories, TenantRecord } from "./records.ts";
import { anchors, cardRoots, tenants } from "./schema.ts";

const tenant = sql.placeholder("tenant");

const selectTenant = prepareStatement(
  build.select().from(tenants).where(eq(tenants.tenant, tenant)),
);

const selectAnchors = prepareStatement(
  build
    .select({ suite: anchors.suite, publicKey: anchors.publicKey })
    .from(anchors)
    .where(eq(anchors.tenant, tenant)),
);

const selectRoots = prepareStatement(
  build
    .select({ certificate: cardRoots.certificate })
    .from(cardRoots)
    .where(eq(cardRoots.tenant, tenant))
    .orderBy(cardRoots.position),
);

const insertTenant = prepareStatement(
  build
    .insert(tenants)
    .values({ tenant })
    .onConflictDoNothing()
    .returning({ tenant: tenants.tenant }),
);

const deleteAnchors = prepareStatement(
  build.delete(anchors).where(eq(anchors.tenant, tenant)).returning({ tenant: anchors.tenant }),
);

const insertAnchor = prepareStatement(
  build
    .insert(anchors)
    .values({ tenant, suite: sql.placeholder("suite"), publicKey: sql.placeholder("publicKey") })
    .returning({ suite: anchors.suite }),
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
    const [found, keys, roots] = await database.read([
      selectTenant.call(values),
      selectAnchors.call(values),
      selectRoots.call(values),
    ]);
    const [row] = selectTenant.rows(found);
    if (row === undefined) return undefined;
    const pairs = selectAnchors.rows(keys).map(({ suite, publicKey }) => [suite, publicKey]);
    const byAnchor: TenantRecord["anchors"] = Object.fromEntries(pairs);
    return {
      ...row,
      anchors: byAnchor,
      cardRoots: selectRoots.rows(roots).map(({ certificate }) => certificate),
    };
  }

  async function save(record: TenantRecord): Promise<void> {
    const fingerprints = await Promise.all(record.cardRoots.map(fingerprintOf));
    const values = { tenant: record.tenant };
    await database.write([
      insertTenant.call(values),
      deleteAnchors.call(values),
      ...Object.entries(record.anchors).map(([suite, publicKey]) =>
        insertAnchor.call({ ...values, suite, publicKey }),
      ),
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

/** The hosts that every repository test runs on. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { convertV4MiniflareOptions, Miniflare } from "miniflare";

import { openCatalog } from "#db/bun";
import { openD1 } from "#db/d1";
import type { CatalogDatabase } from "#db/database";
import { applyMigrations } from "#db/migrations";

export interface OpenHost {
  readonly database: CatalogDatabase;
  close(): Promise<void>;
}

export interface Host {
  readonly name: string;
  open(): Promise<OpenHost>;
}

const WORKER = "export default { fetch: () => new Response(null, { status: 404 }) };";

export const HOSTS: readonly Host[] = [
  { name: "bun:sqlite in memory", open: openMemory },
  { name: "bun:sqlite in a file", open: openFile },
  { name: "D1 in workerd", open: openWorkerd },
];

async function openMemory(): Promise<OpenHost> {
  const catalog = await openCatalog(":memory:");
  return { database: catalog, close: async () => catalog.close() };
}

async function openFile(): Promise<OpenHost> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-db-"));
  const catalog = await openCatalog(join(folder, "catalog.db"));
  return {
    database: catalog,
    async close() {
      catalog.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function openWorkerd(): Promise<OpenHost> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: WORKER,
      compatibilityDate: "2026-11-01",
      d1Databases: { CATALOG: "catalog" },
    }),
  );
  const database = openD1(await miniflare.getD1Database("CATALOG"));
  await applyMigrations(database);
  return { database, close: async () => miniflare.dispose() };
}

/** What would be deployed: the Worker as wrangler bundles it, core included. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");
const BUNDLE_GZIP_BYTES_MAX = 160 * 1024;

test("deploy --dry-run bundles the Worker; it stays below 160 KB gzip", async () => {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-bundle-"));
  try {
    const command = [process.execPath, "cli/main.ts", "deploy", "--dry-run", "--outdir", folder];
    const run = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
    const output = await new Response(run.stdout).text();
    expect(await run.exited).toBe(0);
    for (const name of ["CardObject", "SubscriberObject", "env.DB"]) expect(output).toContain(name);
    const files = readdirSync(folder).filter((name) => /\.(js|wasm)$/.test(name));
    expect(files.some((name) => name.endsWith(".wasm"))).toBe(true);
    const sizes = files.map((name) => Bun.gzipSync(readFileSync(join(folder, name))).length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    process.stdout.write(`Worker bundle: ${total} bytes gzip\n`);
    expect(total).toBeGreaterThan(10_000);
    expect(total).toBeLessThan(BUNDLE_GZIP_BYTES_MAX);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);

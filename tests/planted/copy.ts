/** A copy of the source to plant faults in. */
import { cpSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Copied: everything a test may import. node_modules is linked. */
const COPIED = [
  "cli",
  "db",
  "edge",
  "protocol",
  "terminal",
  "tests",
  "wasm",
  "bunfig.toml",
  "package.json",
  "tsconfig.json",
] as const;

/** The folder of the copy; the caller removes it. */
export function copySource(root: string): string {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-planted-"));
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

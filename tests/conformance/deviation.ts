/**
 * A card that deviates from the page in one thing: the emulated card, its source edited, loaded
 * beside the others into this process. What the edit does not reach is shared with them.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { createTestCard } from "#cli/test-card/test-card";
import type { EmulatedCard } from "#cli/conformance/slot";

export interface Deviation {
  /** Ids of the rows that must not pass; every other row must. */
  readonly rows: readonly string[];
  readonly what: string;
  /** AES, TF, signed mode, no clock unless given. */
  readonly on?: Partial<EmulatedCard>;
  readonly edits: readonly Edit[];
}

/** `find` occurs once in `source`. */
export type Edit = readonly [source: string, find: string, replace: string];

const ROOT = resolve(import.meta.dir, "../..");
const TEST_CARD = "cli/test-card/test-card.ts";
/** What the test card is made of. */
const SOURCES = ["cli/test-card", "protocol", "tests/emulators/card", "tests/emulators/operator"];
const SHARED = ["package.json", "tsconfig.json", "node_modules"];

export interface Workshop {
  /** The factory of cards that deviate. Throws when an edit has no single place. */
  build(deviation: Deviation): Promise<typeof createTestCard>;
  close(): void;
}

export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-deviations-"));
  const files = SOURCES.flatMap((source) =>
    [...new Bun.Glob(`${source}/*.{ts,json}`).scanSync({ cwd: ROOT })].toSorted(),
  );
  const imports = new Map(files.map((file) => [file, importsOf(file)]));
  let built = 0;
  return {
    async build({ edits, what }) {
      const copy = join(folder, String(built++));
      const own = withImporters(imports, [TEST_CARD, ...edits.map(([source]) => source)]);
      for (const source of SOURCES) mkdirSync(join(copy, source), { recursive: true });
      for (const name of SHARED) symlinkSync(join(ROOT, name), join(copy, name));
      for (const file of files) {
        // A link leads to the module that is loaded already.
        const place = own.has(file) ? copyFileSync : symlinkSync;
        place(join(ROOT, file), join(copy, file));
      }
      for (const [source, find, replace] of edits) {
        const path = join(copy, source);
        const parts = readFileSync(path, "utf8").split(find);
        if (parts.length !== 2) throw new Error(`${what}: ${parts.length - 1} places in ${source}`);
        writeFileSync(path, parts.join(replace));
      }
      const module: unknown = await import(join(copy, TEST_CARD));
      if (!isCardModule(module)) throw new Error("the copy has no createTestCard");
      return module.createTestCard;
    },
    close: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Ours that `file` imports, from the root. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(/from "(?<path>[#.][^"]+)"/g)].map((match) => {
    const path = match.groups?.["path"] ?? "";
    return path.startsWith("#") ? `${path.slice(1)}.ts` : join(dirname(file), path);
  });
}

/** The files, and every one that imports them, through others or not. */
function withImporters(
  imports: ReadonlyMap<string, readonly string[]>,
  files: readonly string[],
): ReadonlySet<string> {
  const found = new Set(files);
  for (const file of found) {
    for (const [importer, paths] of imports) if (paths.includes(file)) found.add(importer);
  }
  return found;
}

function isCardModule(
  module: unknown,
): module is { readonly createTestCard: typeof createTestCard } {
  return typeof module === "object" && module !== null && "createTestCard" in module;
}

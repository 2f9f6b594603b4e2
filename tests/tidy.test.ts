/** The shape of the house, as tests: who may import whom, and what no file may hold. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const FILE_LINES_MAX = 400;
const LINE_COLUMNS_MAX = 100;

const files = [...new Bun.Glob("**/*.ts").scanSync({ cwd: ROOT })]
  .filter((file) => !/(^|\/)(node_modules|build|dist)\//.test(file))
  .toSorted();
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** Rooms, most specific first; a file belongs to the first whose prefix it has. */
const ROOMS = [
  "edge/secure-connection",
  "edge/access-authentication",
  "edge/binding-verification",
  "edge/dependencies.ts",
  "edge",
  "tests/emulators/card",
  "tests/emulators/sim",
  "tests/emulators/operator",
  "tests/emulators/terminal",
  "tests/emulators/udm",
  "protocol/assigned-numbers.ts",
  "protocol",
  "wasm/assembly",
  "wasm",
  "db",
  "terminal",
  "cli",
  "bench",
  "tests",
] as const;
type Room = (typeof ROOMS)[number];

/** Ours that a room may import, beside itself. */
const MAY_IMPORT: Readonly<Record<Room, readonly Room[] | "all">> = {
  "protocol/assigned-numbers.ts": [],
  protocol: ["protocol/assigned-numbers.ts"],
  "wasm/assembly": [],
  wasm: [],
  db: ["protocol", "protocol/assigned-numbers.ts"],
  "edge/dependencies.ts": ["protocol", "db", "edge"],
  "edge/secure-connection": ["protocol", "protocol/assigned-numbers.ts", "edge/dependencies.ts"],
  "edge/access-authentication": [
    "protocol",
    "protocol/assigned-numbers.ts",
    "edge/dependencies.ts",
  ],
  "edge/binding-verification": ["protocol", "protocol/assigned-numbers.ts", "edge/dependencies.ts"],
  edge: [
    "protocol",
    "protocol/assigned-numbers.ts",
    "db",
    "wasm",
    "edge/dependencies.ts",
    "edge/secure-connection",
    "edge/access-authentication",
    "edge/binding-verification",
  ],
  terminal: ["protocol", "protocol/assigned-numbers.ts"],
  "tests/emulators/card": ["protocol/assigned-numbers.ts"],
  "tests/emulators/sim": ["protocol/assigned-numbers.ts"],
  "tests/emulators/operator": ["protocol/assigned-numbers.ts", "tests/emulators/card"],
  "tests/emulators/terminal": ["protocol", "protocol/assigned-numbers.ts", "terminal"],
  "tests/emulators/udm": ["tests/emulators/sim"],
  cli: "all",
  bench: "all",
  tests: "all",
};

/** Packages that only some rooms may import. */
const PACKAGES: readonly (readonly [RegExp, readonly Room[]])[] = [
  [/^hono/, ["edge", "tests"]],
  [/^drizzle-/, ["db"]],
  [/^cloudflare:/, ["edge"]],
  [/^bun(:|$)/, ["edge", "db", "cli", "bench", "tests", "wasm"]],
];

function roomOf(file: string): Room | undefined {
  return ROOMS.find((room) => file === room || file.startsWith(`${room}/`));
}

/** Test files beside an emulator play the platform's part: they are tests, not the emulator. */
const isTest = (file: string): boolean => /\.test\.ts$|-double\.ts$|\/test-card\.ts$/.test(file);

function importsOf(file: string): string[] {
  const pattern = /(?:from|import)\s*\(?\s*"(?<path>[^"]+)"/g;
  return [...read(file).matchAll(pattern)].map((match) => match.groups?.["path"] ?? "");
}

function targetOf(file: string, path: string): string | undefined {
  if (path === "#wasm") return "wasm/index.ts";
  if (path === "#wasm/module") return "wasm/module.bun.ts";
  if (path.startsWith("#")) return `${path.slice(1)}.ts`;
  if (path.startsWith(".")) return relative(ROOT, join(ROOT, dirname(file), path));
  return undefined;
}

test("imports go the allowed way only", () => {
  const violations: string[] = [];
  let crossings = 0;
  for (const file of files.filter((name) => !isTest(name))) {
    const room = roomOf(file);
    if (room === undefined) continue;
    const allowed = MAY_IMPORT[room];
    for (const path of importsOf(file)) {
      const target = targetOf(file, path);
      const targetRoom = target === undefined ? undefined : roomOf(target);
      if (target === undefined) {
        const rule = PACKAGES.find(([pattern]) => pattern.test(path));
        if (rule !== undefined && !rule[1].includes(room)) violations.push(`${file}: ${path}`);
      } else if (targetRoom !== room && targetRoom !== undefined) {
        crossings += 1;
        if (allowed !== "all" && !allowed.includes(targetRoom)) violations.push(`${file}: ${path}`);
      }
    }
  }
  expect(violations).toEqual([]);
  expect(crossings).toBeGreaterThan(50);
});

test("cross-folder imports show on the import line", () => {
  const violations = files.flatMap((file) =>
    importsOf(file)
      .filter((path) => path.startsWith("../"))
      .filter((path) => (targetOf(file, path) ?? "").split("/")[0] !== file.split("/")[0])
      .map((path) => `${file}: ${path}`),
  );
  expect(violations).toEqual([]);
});

const BANNED: readonly (readonly [pattern: RegExp, instead: string, except: RegExp])[] = [
  [
    /\bDate\.now\(|\bnew Date\(\)/,
    "a Clock",
    /^(cli|bench)\/|^tests\/(?!emulators)|^edge\/app\.ts$|\.test\.ts$/,
  ],
  [/\bMath\.random\(/, "a Random", /^$/],
  [
    /\bgetRandomValues\(/,
    "a Random",
    /^(cli|bench)\/|^tests\/(?!emulators)|^edge\/app\.ts$|\.test\.ts$/,
  ],
  [/\bconsole\./, "the log or cli/output.ts", /^edge\/compose-worker\.ts$|^tests\//],
  [/\bprocess\.env\b/, "checked bindings", /^(cli|tests|bench)\//],
  [/\b(TODO|FIXME|XXX|HACK)\b/, "the README's status table", /^tests\/tidy\.test\.ts$/],
  [/ as any\b|: any\b/, "a type", /^tests\/tidy\.test\.ts$/],
  [/(ts-ignore|ts-expect-error|eslint-disable)/, "a fix", /^tests\/tidy\.test\.ts$/],
];

test("no ambient time, randomness or environment, no marks of unfinished work", () => {
  const violations = files.flatMap((file) =>
    BANNED.filter(([pattern, , except]) => !except.test(file) && pattern.test(read(file))).map(
      ([pattern, instead]) => `${file}: ${String(pattern)}, use ${instead}`,
    ),
  );
  expect(violations).toEqual([]);
});

test("every suppression of the linter gives its reason", () => {
  const lines = files.flatMap((file) =>
    read(file)
      .split("\n")
      .filter((line) => line.includes("oxlint-disable") && !file.endsWith("tidy.test.ts"))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(lines.filter((line) => !/oxlint-disable-next-line \S+ -- \S+/.test(line))).toEqual([]);
});

test("files stay one room and lines stay readable", () => {
  const long = files.filter((file) => read(file).split("\n").length > FILE_LINES_MAX + 1);
  expect(long).toEqual([]);
  const wide = files
    .filter((file) => !/planted\/faults|^wasm\/|tables?[^/]*\.ts$/.test(file))
    .flatMap((file) =>
      read(file)
        .split("\n")
        .map((line, index) => [line, index] as const)
        .filter(([line]) => line.length > LINE_COLUMNS_MAX && !/^\s*(test\(|"|`)/.test(line))
        .map(([, index]) => `${file}:${index + 1}`),
    );
  expect(wide).toEqual([]);
});

test("every failure reason has a test that names it or its code", async () => {
  const { FAILURE_REASONS, problemFor } = await import("#edge/wire-error");
  const tests = files
    .filter((file) => file.startsWith("tests/") && file.endsWith(".test.ts"))
    .map(read)
    .join("\n");
  const unnamed = FAILURE_REASONS.filter(
    (reason) => !tests.includes(`"${reason}"`) && !tests.includes(`"${problemFor(reason).code}"`),
  );
  expect(unnamed).toEqual([]);
});

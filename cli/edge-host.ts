/**
 * The Worker in workerd, inside this process: bundled as wrangler would, D1 with our migrations,
 * both Durable Object classes, loopback only. For development and tests; `wrangler deploy` is the
 * real one.
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { printNote } from "./output.ts";

/** As wrangler.toml has it. */
const COMPATIBILITY_DATE = "2026-11-01";
const COMPATIBILITY_FLAGS = ["nodejs_compat"];
const MAIN_MODULE = "worker.js";
const WORKER_NAME = "simlatch";
const DIRECT_SOCKET = { host: "127.0.0.1", port: 0 };
const ROOT = join(import.meta.dir, "..");
const WORKER_ENTRY = join(ROOT, "edge", "worker.ts");
const MIGRATIONS_FOLDER = join(ROOT, "db", "migrations");
/** drizzle-kit's line between two statements. */
const STATEMENT_BREAK = "--> statement-breakpoint";

export interface EdgeOptions {
  /** Only SIMLATCH_* reach the Worker. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostname?: string;
  /** 0 is any free port. */
  readonly port?: number;
  /** Where databases are kept; in memory unless given. */
  readonly folder?: string;
  /** Takes what the Worker logs, a line at a time; standard error unless given. */
  readonly writeLine?: (line: string) => void;
  /** Another Worker than edge/worker.ts, for this file's own test. */
  readonly entry?: string;
  readonly migrationsFolder?: string;
  /** The Worker as bundleWorker made it; bundled anew unless given. */
  readonly bundle?: Bundle;
  /** Points of presence: Workers over the same objects and catalog, each with its own port. */
  readonly points?: number;
}

export interface RunningHost {
  readonly url: string;
  stop(): Promise<void>;
}

export interface EdgeHost extends RunningHost {
  /** One a point of presence. */
  readonly urls: readonly string[];
}

/** The Worker's modules. */
export interface Bundle {
  readonly code: string;
  /** File name to bytes. */
  readonly wasm: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

export async function startEdge(options: EdgeOptions): Promise<EdgeHost> {
  const bundle = options.bundle ?? (await bundleWorker(options.entry));
  const miniflare = keepSignals(() => new Miniflare(describeWorker(options, bundle)));
  try {
    const { origin } = await miniflare.ready;
    const urls = await findUrls(miniflare, options);
    await applyMigrations(miniflare, options.migrationsFolder ?? MIGRATIONS_FOLDER);
    // Disposing twice is an error in Miniflare, and Ctrl-C arrives twice.
    let stopping: Promise<void> | undefined;
    const stop = (): Promise<void> => (stopping ??= miniflare.dispose());
    return { url: origin, urls, stop };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

/**
 * Miniflare ends the process at the first SIGINT or SIGTERM; whoever started us stops us instead,
 * and tidies up. Its handler for the end of the process, which kills workerd, stays.
 */
function keepSignals<T>(create: () => T): T {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const created = create();
  for (const [index, signal] of signals.entries())
    for (const listener of process.listeners(signal))
      if (before[index]?.includes(listener) !== true) process.off(signal, listener);
  return created;
}

function describeWorker(options: EdgeOptions, bundle: Bundle) {
  const { folder, writeLine = printNote } = options;
  const converted = convertV4MiniflareOptions({
    host: options.hostname ?? "127.0.0.1",
    port: options.port ?? 0,
    handleStructuredLogs: ({ message }) => {
      writeLine(message);
    },
    workers: pointNames(options).map((name) => describePoint(options, bundle, name)),
  });
  return folder === undefined ? converted : { ...converted, resourcePersistencePath: folder };
}

function pointNames({ points = 1 }: EdgeOptions): string[] {
  return Array.from({ length: points }, (_, index) =>
    index === 0 ? WORKER_NAME : `${WORKER_NAME}-${index + 1}`,
  );
}

/** The objects live in the first Worker; another point of presence names it. */
function describePoint(options: EdgeOptions, bundle: Bundle, name: string) {
  const home = name === WORKER_NAME ? {} : { scriptName: WORKER_NAME };
  return {
    name,
    modules: [
      { type: "ESModule" as const, path: MAIN_MODULE, contents: bundle.code },
      ...[...bundle.wasm].map(([path, contents]) => ({
        type: "CompiledWasm" as const,
        path,
        contents,
      })),
    ],
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: COMPATIBILITY_FLAGS,
    bindings: selectBindings(options.environment),
    d1Databases: { DB: "simlatch" },
    durableObjects: {
      CARD: { className: "CardObject", useSQLite: true, ...home },
      SUBSCRIBER: { className: "SubscriberObject", useSQLite: true, ...home },
      CENTRE: { className: "CentreObject", useSQLite: true, ...home },
    },
    ...(options.points === undefined ? {} : { unsafeDirectSockets: [DIRECT_SOCKET] }),
  };
}

/** Of each point of presence, past Miniflare's own Worker; where there is one, it is the `url`. */
async function findUrls(miniflare: Miniflare, options: EdgeOptions): Promise<string[]> {
  const url = await miniflare.ready;
  if (options.points === undefined) return [url.origin];
  const names = pointNames(options);
  const urls = await Promise.all(names.map((name) => miniflare.unsafeGetDirectURL(name)));
  return urls.map(({ origin }) => origin);
}

function selectBindings(environment: EdgeOptions["environment"]): Record<string, string> {
  const bindings: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment))
    if (name.startsWith("SIMLATCH_") && value !== undefined) bindings[name] = value;
  return bindings;
}

/**
 * One module of code; each .wasm stays a module of its own, since Workers compile none from bytes.
 */
export async function bundleWorker(entry = WORKER_ENTRY): Promise<Bundle> {
  const wasm = new Map<string, Uint8Array<ArrayBuffer>>();
  const built = await Bun.build({
    entrypoints: [entry],
    target: "browser",
    format: "esm",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*", "node:*"],
    loader: { ".sql": "text" },
    plugins: [
      {
        name: "wasm modules",
        setup(build) {
          build.onResolve({ filter: /\.wasm$/ }, async ({ path, importer }) => {
            const file = Bun.resolveSync(path, join(importer, ".."));
            const name = basename(file);
            wasm.set(name, new Uint8Array(await Bun.file(file).arrayBuffer()));
            return { path: `./${name}`, external: true };
          });
        },
      },
    ],
  });
  const [output] = built.outputs;
  if (output === undefined) throw new Error(`nothing was built from ${entry}`);
  return { code: await output.text(), wasm };
}

/** Each file once, in the order of the names; what was applied is kept as wrangler keeps it. */
async function applyMigrations(miniflare: Miniflare, folder: string): Promise<void> {
  const database = await miniflare.getD1Database("DB");
  await database
    .prepare(
      `create table if not exists d1_migrations (id integer primary key autoincrement,
       name text unique, applied_at timestamp default current_timestamp not null)`,
    )
    .run();
  const applied = await database.prepare("select name from d1_migrations").all<{ name: string }>();
  const done = new Set(applied.results.map((row) => row.name));
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql"));
  for (const name of names.toSorted()) {
    if (done.has(name)) continue;
    const sql = await Bun.file(join(folder, name)).text();
    const statements = sql.split(STATEMENT_BREAK).filter((statement) => statement.trim() !== "");
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare("insert into d1_migrations (name) values (?)").bind(name),
    ]);
  }
}

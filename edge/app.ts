/** The composition root: what the platform is made of, in the order a reader wants to meet it. */
import { Hono } from "hono";
import { createRepositories } from "#db/catalog";
import type { CatalogDatabase } from "#db/database";
import * as core from "#wasm";
import type { Configuration } from "./bindings.ts";
import type { CentreConnectors, Clock, Dependencies, Log, Random, Sleep } from "./dependencies.ts";
import { createHttpDirectory } from "./directory/http-directory.ts";
import { createEmbeddedDirectory } from "./embedded-directory.ts";
import { createEmbeddedCentre } from "./access-authentication/authentication-centre/embedded.ts";
import { algorithms } from "./algorithms.ts";
import { createFetchTransport } from "./peers/fetch.ts";
import type { PeerTransport } from "./peers/transport.ts";
import { RELAY_PATH } from "./relay/envelope.ts";
import { createHomeRelay } from "./relay/home-centre.ts";
import { createAdminRoutes } from "./routes/admin.ts";
import { createBindingRoutes } from "./routes/bindings.ts";
import { createErrorHandler, handleNotFound } from "./routes/problem.ts";
import { requireWrappingKeys } from "./routes/wrapping-keys.ts";
import type { Writers } from "./state/writers.ts";
import { certificateAlgorithms } from "./suites/certificate-algorithms.ts";
import { eciesProfileB } from "./suites/ecies.ts";
import { tpmTools } from "./suites/tpm.ts";
import { createSuiteTools } from "./suites/tools.ts";
import { createVault } from "./vault.ts";

export interface Composition {
  readonly dependencies: Dependencies;
  readonly adminKey: string | undefined;
  /** Absent: this platform is the centre of nobody else. */
  readonly centreCallers?: Configuration["centreCallers"];
}

/** What only the world can give: time, randomness, peers, and somewhere to write the log. */
export interface Ambient {
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly random: Random;
  /** Takes one line of JSON. */
  readonly writeLine: (line: string) => void;
  /** None unless given. */
  readonly connectors?: CentreConnectors;
}

/** What carries service-based interfaces (TS 29.500): HTTP/2 where the runtime can. */
interface Peers {
  readonly serviceTransport: PeerTransport;
}

/** The runtime's own clock and randomness, and its `fetch`. */
export function runtimeAmbient(writeLine: Ambient["writeLine"]): Ambient & Peers {
  return {
    clock: () => Date.now(),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    writeLine,
    serviceTransport: createFetchTransport((url, init) => fetch(url, init)),
  };
}

/** One line of JSON an event. */
export function createLog({ clock, writeLine }: Pick<Ambient, "clock" | "writeLine">): Log {
  return (event, fields) => writeLine(JSON.stringify({ at: clock(), event, ...fields }));
}

export function compose(
  configuration: Configuration,
  database: CatalogDatabase,
  ambient: Ambient,
): Composition {
  const { masterKey, wrappingKeys, deployment, storeGeneration, limits } = configuration;
  const { slot, slots, country } = configuration;
  const { clock, sleep, random, connectors = new Map() } = ambient;
  const vault = createVault(masterKey, random, wrappingKeys);
  const repositories = createRepositories(database);
  const log = createLog(ambient);
  const dependencies: Dependencies = {
    clock,
    sleep,
    random,
    core,
    vault,
    algorithms,
    centre: createEmbeddedCentre({ algorithms, vault }),
    connectors,
    directory: openDirectory(configuration, repositories, { clock, log }),
    suites: createSuiteTools(random),
    certificates: certificateAlgorithms,
    ecies: eciesProfileB,
    tpm: tpmTools,
    log,
    repositories,
    deployment,
    storeGeneration,
    limits,
    country,
    slot,
    slots,
  };
  const { adminKey, centreCallers } = configuration;
  return { dependencies, adminKey, centreCallers };
}

/** The operator's customer database, or else the catalog's own; never one in the other's place. */
function openDirectory(
  { directory }: Configuration,
  repositories: Dependencies["repositories"],
  { clock, log }: Pick<Dependencies, "clock" | "log">,
): Dependencies["directory"] {
  if (directory === undefined) return createEmbeddedDirectory(repositories);
  const transport = createFetchTransport((url, init) => fetch(url, init));
  return createHttpDirectory({ transport, clock, log }, directory);
}

export function createApp(
  { dependencies, adminKey, centreCallers }: Composition,
  writers: Writers,
): Hono {
  const app = new Hono();
  app.onError(createErrorHandler(dependencies.log));
  app.notFound(handleNotFound);
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.use("/v1/*", requireWrappingKeys(dependencies));
  app.route("/v1/bindings", createBindingRoutes(dependencies, writers.cards));
  if (adminKey !== undefined) {
    app.route("/v1/admin", createAdminRoutes(dependencies, adminKey, writers));
  }
  if (centreCallers !== undefined) {
    const relay = createHomeRelay(dependencies, writers.slots, centreCallers);
    app.post(RELAY_PATH, (c) => relay.fetch(c.req.raw));
  }
  return app;
}

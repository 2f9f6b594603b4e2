/** The composition root: what the platform is made of, in the order a reader wants to meet it. */
import { Hono } from "hono";
import { createRepositories } from "#db/catalog";
import type { CatalogDatabase } from "#db/database";
import * as core from "#wasm";
import type { Configuration } from "./bindings.ts";
import type {
  CentreConnector,
  CentreConnectors,
  Clock,
  Dependencies,
  Log,
  Random,
  Sleep,
} from "./dependencies.ts";
import { ConfigurationError } from "./environment.ts";
import { createEmbeddedCentre } from "./access-authentication/authentication-centre/embedded.ts";
import { algorithms } from "./algorithms.ts";
import { createNudmClient } from "./nudm/client.ts";
import { createNudmConnector } from "./nudm/connector.ts";
import { createFetchTransport } from "./peers/fetch.ts";
import type { PeerTransport } from "./peers/transport.ts";
import { createAdminRoutes } from "./routes/admin.ts";
import { createBindingRoutes } from "./routes/bindings.ts";
import { createErrorHandler, handleNotFound } from "./routes/problem.ts";
import type { Writers } from "./state/writers.ts";
import { certificateAlgorithms } from "./suites/certificate-algorithms.ts";
import { eciesProfileB } from "./suites/ecies.ts";
import { tpmTools } from "./suites/tpm.ts";
import { createSuiteTools } from "./suites/tools.ts";
import { createVault } from "./vault.ts";

export interface Composition {
  readonly dependencies: Dependencies;
  readonly adminKey: string | undefined;
}

/** What only the world can give: time, randomness, peers, and somewhere to write the log. */
export interface Ambient {
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly random: Random;
  /** Takes one line of JSON. */
  readonly writeLine: (line: string) => void;
  /** Beside those of the configuration; none unless given. */
  readonly connectors?: CentreConnectors;
  /** Carries service-based interfaces (TS 29.500): HTTP/2 where the runtime can. */
  readonly serviceTransport?: PeerTransport;
}

/** The runtime's own clock and randomness. */
export function runtimeAmbient(writeLine: Ambient["writeLine"]): Ambient {
  return {
    clock: () => Date.now(),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    writeLine,
    serviceTransport: createFetchTransport((url, init) => fetch(url, init)),
  };
}

export function compose(
  configuration: Configuration,
  database: CatalogDatabase,
  ambient: Ambient,
): Composition {
  const { clock, sleep, random, writeLine } = ambient;
  const { masterKey, deployment, storeGeneration, limits, slot, slots } = configuration;
  const vault = createVault(masterKey, random);
  const log: Log = (event, fields) => writeLine(JSON.stringify({ at: clock(), event, ...fields }));
  const dependencies: Dependencies = {
    clock,
    sleep,
    random,
    core,
    vault,
    algorithms,
    centre: createEmbeddedCentre({ algorithms, vault }),
    connectors: connectCentres(configuration, ambient, log),
    suites: createSuiteTools(random),
    certificates: certificateAlgorithms,
    ecies: eciesProfileB,
    tpm: tpmTools,
    log,
    repositories: createRepositories(database),
    deployment,
    storeGeneration,
    limits,
    slot,
    slots,
  };
  return { dependencies, adminKey: configuration.adminKey };
}

/** Of the configuration, and those that the host brings along. */
function connectCentres(
  { nudmCentres }: Configuration,
  { clock, connectors = new Map(), serviceTransport: transport }: Ambient,
  log: Log,
): CentreConnectors {
  const { convert3gTo2g } = algorithms;
  const udms = [...nudmCentres].map(([name, settings]): [string, CentreConnector] => {
    if (connectors.has(name)) throw new ConfigurationError(`Two centres are called ${name}.`);
    if (transport === undefined) throw new Error("nothing carries a service-based interface");
    const client = createNudmClient({ transport, clock }, settings);
    return [name, createNudmConnector({ log, convert3gTo2g }, name, client)];
  });
  return new Map([...connectors, ...udms]);
}

export function createApp({ dependencies, adminKey }: Composition, writers: Writers): Hono {
  const app = new Hono();
  app.onError(createErrorHandler(dependencies.log));
  app.notFound(handleNotFound);
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.route("/v1/bindings", createBindingRoutes(dependencies, writers.cards));
  if (adminKey !== undefined) {
    app.route("/v1/admin", createAdminRoutes(dependencies, adminKey, writers));
  }
  return app;
}

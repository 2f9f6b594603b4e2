/** The composition root: what the platform is made of, in the order a reader wants to meet it. */
import { Hono } from "hono";
import { createRepositories } from "#db/catalog";
import type { CatalogDatabase } from "#db/database";
import * as core from "#wasm";
import type { Configuration } from "./bindings.ts";
import type { Clock, Dependencies, Random, Sleep } from "./dependencies.ts";
import { createEmbeddedCentre } from "./access-authentication/authentication-centre/embedded.ts";
import { algorithms } from "./algorithms.ts";
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

/** What only the world can give: time, randomness, and somewhere to write the log. */
export interface Ambient {
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly random: Random;
  /** Takes one line of JSON. */
  readonly writeLine: (line: string) => void;
}

/** The runtime's own clock and randomness. */
export function runtimeAmbient(writeLine: Ambient["writeLine"]): Ambient {
  return {
    clock: () => Date.now(),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    writeLine,
  };
}

export function compose(
  configuration: Configuration,
  database: CatalogDatabase,
  { clock, sleep, random, writeLine }: Ambient,
): Composition {
  const { masterKey, deployment, storeGeneration, limits, slot, slots } = configuration;
  const vault = createVault(masterKey, random);
  const dependencies: Dependencies = {
    clock,
    sleep,
    random,
    core,
    vault,
    algorithms,
    centre: createEmbeddedCentre({ algorithms, vault }),
    suites: createSuiteTools(random),
    certificates: certificateAlgorithms,
    ecies: eciesProfileB,
    tpm: tpmTools,
    log: (event, fields) => writeLine(JSON.stringify({ at: clock(), event, ...fields })),
    repositories: createRepositories(database),
    deployment,
    storeGeneration,
    limits,
    slot,
    slots,
  };
  return { dependencies, adminKey: configuration.adminKey };
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

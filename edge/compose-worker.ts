/** Composition on Cloudflare, once per isolate: configuration and catalog of this environment. */
import { openD1 } from "#db/d1";
import { failure } from "#protocol/result";
import { compose, type Composition, createLog, runtimeAmbient } from "./app.ts";
import { checkEnvironment } from "./bindings.ts";
import { openConnectors } from "./connectors.ts";
import type { CentreConnector } from "./dependencies.ts";
import type { UncheckedEnvironment } from "./environment.ts";

export interface CatalogEnvironment extends UncheckedEnvironment {
  readonly DB: D1Database;
  /** The one object of each centre and peer name, which holds its connection. */
  readonly CENTRE: ObjectNamespace<CentreConnector>;
}

interface ObjectNamespace<T> {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): T;
}

const compositions = new WeakMap<D1Database, Composition>();

export function composeWorker(env: CatalogEnvironment): Composition {
  const known = compositions.get(env.DB);
  if (known !== undefined) return known;
  const configuration = checkEnvironment(env);
  const ambient = runtimeAmbient(writeLine);
  const tools = { ...ambient, log: createLog(ambient) };
  const connectors = openConnectors(configuration, tools, (centre, name) =>
    objectConnector(env, centreObject(centre, name)),
  );
  const composition = compose(configuration, openD1(env.DB), {
    ...ambient,
    connectors: connectors.all,
  });
  compositions.set(env.DB, composition);
  return composition;
}

/** The name of the object that holds the connection; no centre has a slash in its name. */
function centreObject(centre: string, peerName: string): string {
  return `${centre}/${peerName}`;
}

export function centreOfObject(object: string): string {
  return object.slice(0, object.indexOf("/"));
}

/** Each call through a fresh stub: a stub is spent after an exception. */
function objectConnector({ CENTRE }: CatalogEnvironment, name: string): CentreConnector {
  return {
    async fetchVectors(query) {
      try {
        return await CENTRE.get(CENTRE.idFromName(name)).fetchVectors(query);
      } catch {
        // The object went away under the call, with the machine that it was on.
        return failure("centre_unreachable");
      }
    },
  };
}

function writeLine(line: string): void {
  // oxlint-disable-next-line no-console -- the log of a Worker is its console
  console.log(line);
}

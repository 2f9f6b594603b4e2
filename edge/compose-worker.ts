/** Composition on Cloudflare, once per isolate: configuration and catalog of this environment. */
import { openD1 } from "#db/d1";
import { compose, type Composition, runtimeAmbient } from "./app.ts";
import { checkEnvironment } from "./bindings.ts";
import type { UncheckedEnvironment } from "./environment.ts";

export interface CatalogEnvironment extends UncheckedEnvironment {
  readonly DB: D1Database;
}

const compositions = new WeakMap<D1Database, Composition>();

export function composeWorker(env: CatalogEnvironment): Composition {
  const known = compositions.get(env.DB);
  if (known !== undefined) return known;
  const composition = compose(checkEnvironment(env), openD1(env.DB), runtimeAmbient(writeLine));
  compositions.set(env.DB, composition);
  return composition;
}

function writeLine(line: string): void {
  // oxlint-disable-next-line no-console -- the log of a Worker is its console
  console.log(line);
}

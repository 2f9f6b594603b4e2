/** Cloudflare entry: the app at a point of presence, and the Durable Objects behind it. */
import type { Hono } from "hono";
import { COUNTRY_PATTERN } from "#protocol/rules";
import { createApp } from "./app.ts";
import type { Composition } from "./app.ts";
import { composeWorker } from "./compose-worker.ts";
import { objectWriters, type WorkerEnvironment } from "./state/objects.ts";

export { CardObject, CentreObject, SubscriberObject } from "./state/objects.ts";

const apps = new WeakMap<Composition, Hono>();

export default {
  fetch(request, env, context) {
    const composition = composeWorker(env);
    const app = apps.get(composition) ?? createApp(composition, objectWriters(env));
    apps.set(composition, app);
    // Cloudflare sets this header itself; off Cloudflare the proxy in front must.
    const address = request.headers.get("CF-Connecting-IP") ?? undefined;
    const country = countryOf(request);
    return app.fetch(request, { address, ...(country && { country }) }, context);
  },
} satisfies ExportedHandler<WorkerEnvironment>;

/** "T1" (Tor) and "XX" (not known) are no countries. */
function countryOf({ cf }: Request): string | undefined {
  const country = cf?.["country"];
  const isCountry = typeof country === "string" && COUNTRY_PATTERN.test(country);
  return isCountry && country !== "XX" ? country : undefined;
}

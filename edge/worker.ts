/** Cloudflare entry: the app at a point of presence, and the Durable Objects behind it. */
import type { Hono } from "hono";
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
    return app.fetch(request, { address }, context);
  },
} satisfies ExportedHandler<WorkerEnvironment>;

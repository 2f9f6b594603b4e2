/**
 * Orders that must hold at once at every point of presence: they go to the single writers and are
 * acknowledged when those have them on disk. What takes something back wants two people.
 */
import { Hono } from "hono";

import type { Dependencies } from "../dependencies.ts";
import { cardObject } from "../state/card-writer.ts";
import type { Writers } from "../state/writers.ts";
import { orderAtSlots } from "../subscriber-orders.ts";
import { cardOrder, cardPath, subscriberOrder, subscriberPath } from "./admin-schemas.ts";
import { respondProblem, validateJson, validatePath } from "./problem.ts";

export function createOrderRoutes(dependencies: Dependencies, { cards, slots }: Writers): Hono {
  const { repositories } = dependencies;
  const routes = new Hono();

  routes.post(
    "/cards/:cardId/orders",
    validatePath(cardPath),
    validateJson(cardOrder),
    async (c) => {
      const order = c.req.valid("json");
      const { cardId } = c.req.valid("param");
      if ((await repositories.cards.find(order.tenant, cardId)) === undefined) {
        return respondProblem(c, "not_found");
      }
      const done = await cards.order(cardObject(order.tenant, cardId), { ...order, cardId });
      return done.ok ? c.body(null, 204) : respondProblem(c, done.reason);
    },
  );

  routes.post(
    "/subscribers/:imsi/orders",
    validatePath(subscriberPath),
    validateJson(subscriberOrder),
    async (c) => {
      const { tenant, order, by } = c.req.valid("json");
      const { imsi } = c.req.valid("param");
      if ((await repositories.subscribers.find(tenant, imsi)) === undefined) {
        return respondProblem(c, "not_found");
      }
      const set = order === "report";
      await orderAtSlots(dependencies, slots, imsi, { tenant, mark: "swapped", set, by });
      return c.body(null, 204);
    },
  );

  return routes;
}

/** Steps of the re-wrap job; `simlatch rewrap` drives them. */
import { Hono } from "hono";

import type { Dependencies } from "../dependencies.ts";
import { rewrapStep } from "../rewrap.ts";
import type { WrappedState } from "../state/writers.ts";
import { rewrapStepRequest } from "./admin-schemas.ts";
import { respondProblem, validateJson } from "./problem.ts";

export function createRewrapRoutes(dependencies: Dependencies, state: WrappedState): Hono {
  const request = rewrapStepRequest(dependencies.slots);
  return new Hono().post("/rewrap", validateJson(request), async (c) => {
    const step = await rewrapStep(dependencies, state, c.req.valid("json"));
    return step.ok ? c.json(step.value) : respondProblem(c, step.reason);
  });
}

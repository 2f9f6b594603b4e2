/** Steps of the re-wrap job; `simlatch rewrap` drives them. */
import { Hono } from "hono";
import * as v from "valibot";

import type { Dependencies } from "../dependencies.ts";
import { rewrapStep } from "../rewrap.ts";
import type { WrappedState } from "../state/writers.ts";
import { base64Url } from "./fields.ts";
import { respondProblem, validateJson } from "./problem.ts";

/** As many as SIMLATCH_SLOTS may be. */
const SLOTS_MAX = 32;
const CURSOR_BYTES_MAX = 1024;

export function createRewrapRoutes(dependencies: Dependencies, state: WrappedState): Hono {
  const slots = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(SLOTS_MAX));
  const request = v.pipe(
    v.custom<object>((value) => !Array.isArray(value)),
    v.union([
      v.strictObject({ cursor: base64Url(1, CURSOR_BYTES_MAX) }),
      v.strictObject({
        check: v.optional(v.boolean(), false),
        slots: v.optional(slots, dependencies.slots),
      }),
    ]),
  );
  return new Hono().post("/rewrap", validateJson(request), async (c) => {
    const step = await rewrapStep(dependencies, state, c.req.valid("json"));
    return step.ok ? c.json(step.value) : respondProblem(c, step.reason);
  });
}

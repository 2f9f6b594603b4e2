/** Nothing below /v1 is answered while a wrapping key that rows may need is missing. */
import type { MiddlewareHandler } from "hono";

import type { Dependencies } from "../dependencies.ts";
import { claimWrappingKeys } from "../wrapping-key-claim.ts";
import { respondProblem } from "./problem.ts";

/** Asks once; with each request again as long as the log names a missing key. */
export function requireWrappingKeys(dependencies: Dependencies): MiddlewareHandler {
  let isClaimed = false;
  return async function checkWrappingKeys(c, next) {
    const fault = isClaimed ? undefined : await claimWrappingKeys(dependencies);
    if (fault !== undefined) {
      dependencies.log(fault.reason, { key: fault.id });
      return respondProblem(c, fault.reason);
    }
    isClaimed = true;
    await next();
    return undefined;
  };
}

/** What every adapter does with a module that does not answer, or answers no APDU. */
import type { Response } from "#protocol/apdu";
import { ModuleError } from "./module.ts";

/** The answer; ModuleError "transport" when `exchange` throws, "malformed" when it is no APDU. */
export async function exchangeWithModule(
  what: string,
  exchange: () => Promise<Response | undefined>,
): Promise<Response> {
  let response;
  try {
    response = await exchange();
  } catch (error) {
    throw new ModuleError("transport", what, undefined, error);
  }
  if (response === undefined) throw new ModuleError("malformed", what);
  return response;
}

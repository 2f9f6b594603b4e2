/** What `simlatch relay` is told by its environment. */
import { GSUP_NAME_PATTERN } from "../access-authentication/authentication-centre/gsup/client.ts";
import { checkSecret, ConfigurationError, type UncheckedEnvironment } from "../environment.ts";
import { readGsupAddress, type TcpAddress } from "../gsup-settings.ts";
import { readQuestionsPerMinute } from "./centre-callers.ts";
import type { RelayOptions } from "./relay.ts";

export interface RelayConfiguration extends RelayOptions {
  readonly address: TcpAddress;
}

export function checkRelayEnvironment(environment: UncheckedEnvironment): RelayConfiguration {
  return {
    address: readGsupAddress(environment, "SIMLATCH_GSUP_ADDRESS"),
    callers: readCallers(environment),
    questionsPerMinute: readQuestionsPerMinute(environment),
  };
}

/** NAME:KEY, one for each point of presence, with spaces between them. */
function readCallers(environment: UncheckedEnvironment): ReadonlyMap<string, Uint8Array> {
  const variable = "SIMLATCH_RELAY_CALLERS";
  const value = environment[variable];
  const callers = new Map<string, Uint8Array>();
  for (const entry of typeof value === "string" ? value.split(/\s+/).filter(Boolean) : []) {
    const [name = "", key = "", ...rest] = entry.split(":");
    if (!GSUP_NAME_PATTERN.test(name) || callers.has(name) || rest.length > 0) {
      throw new ConfigurationError(
        `Set ${variable} to NAME:KEY of each point of presence, with spaces between them and no ` +
          "name twice; NAME is its SIMLATCH_GSUP_..._PEER_NAME, KEY its SIMLATCH_GSUP_..._RELAY_KEY.",
      );
    }
    callers.set(name, checkSecret(`each KEY of ${variable}`, key));
  }
  if (callers.size === 0) {
    throw new ConfigurationError(`Set ${variable} to NAME:KEY of at least one point of presence.`);
  }
  return callers;
}

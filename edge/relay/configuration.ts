/** What `simlatch relay` is told by its environment. */
import { ConfigurationError, type UncheckedEnvironment } from "../environment.ts";
import { readGsupAddress, type TcpAddress } from "../gsup-settings.ts";
import { malformedCallers, readCallerEntries, readQuestionsPerMinute } from "./caller-entries.ts";
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

function readCallers(environment: UncheckedEnvironment): ReadonlyMap<string, Uint8Array> {
  const variable = "SIMLATCH_RELAY_CALLERS";
  const form = "NAME:KEY";
  const entries = readCallerEntries(environment, variable, form);
  if (entries.some(({ more }) => more.length > 0)) throw malformedCallers(variable, form);
  if (entries.length === 0) {
    throw new ConfigurationError(`Set ${variable} to ${form} of at least one point of presence.`);
  }
  return new Map(entries.map(({ name, key }) => [name, key]));
}

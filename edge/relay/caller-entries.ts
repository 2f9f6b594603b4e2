/** Who may ask for vectors, as the environment has it: an entry each, spaces between them. */
import { GSUP_NAME_PATTERN } from "../access-authentication/authentication-centre/gsup/client.ts";
import {
  checkSecret,
  ConfigurationError,
  readInteger,
  readText,
  type UncheckedEnvironment,
} from "../environment.ts";
import type { Bytes } from "#protocol/bytes";

export interface CallerEntry {
  readonly name: string;
  /** 32 bytes. */
  readonly key: Bytes;
  /** What stands behind NAME:KEY, separated by colons. */
  readonly more: readonly string[];
}

const QUESTIONS_PER_MINUTE = 6000;
const QUESTIONS_PER_MINUTE_MAX = 1_000_000;

/** `form` says what an entry is, to whoever got it wrong. */
export function readCallerEntries(
  environment: UncheckedEnvironment,
  variable: string,
  form: string,
): CallerEntry[] {
  const texts = (readText(environment, variable) ?? "").split(/\s+/).filter(Boolean);
  const parts = texts.map((text) => text.split(":"));
  const names = parts.map(([name = ""]) => name);
  if (!names.every((name) => GSUP_NAME_PATTERN.test(name)) || new Set(names).size < names.length) {
    throw malformedCallers(variable, form);
  }
  return parts.map(([name = "", key = "", ...more]) => {
    return { name, key: checkSecret(`each KEY of ${variable}`, key), more };
  });
}

export function malformedCallers(variable: string, form: string): ConfigurationError {
  return new ConfigurationError(
    `Set ${variable} to ${form} of each point of presence, with spaces between them and no name ` +
      "twice; NAME is its SIMLATCH_GSUP_..._PEER_NAME, KEY its SIMLATCH_GSUP_..._RELAY_KEY.",
  );
}

/** Of one caller. */
export function readQuestionsPerMinute(environment: UncheckedEnvironment): number {
  const name = "SIMLATCH_RELAY_PER_MINUTE";
  return readInteger(environment, name, QUESTIONS_PER_MINUTE, 1, QUESTIONS_PER_MINUTE_MAX);
}

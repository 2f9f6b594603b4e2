/** Names of external centres, as subscribers and as names of variables have them. */
import { ConfigurationError, readText, type UncheckedEnvironment } from "./environment.ts";

/** In upper case it is a part of variables' names. */
const CENTRE_PATTERN = /^(?!embedded$)[a-z][a-z0-9]{0,31}$/;
const CENTRES_MAX = 16;

/** Of the list in `variable`; empty when there is none. */
export function readCentreNames(
  environment: UncheckedEnvironment,
  variable: string,
): readonly string[] {
  const list = readText(environment, variable);
  const names = list === undefined ? [] : list.split(",");
  const isList =
    new Set(names).size === names.length &&
    names.length <= CENTRES_MAX &&
    names.every((name) => CENTRE_PATTERN.test(name));
  if (!isList) {
    throw new ConfigurationError(
      `Set ${variable} to at most ${CENTRES_MAX} different names, separated by commas: ` +
        `lower-case letters and digits, a letter first, none "embedded".`,
    );
  }
  return names;
}

/** What the variables of one centre begin with. */
export function centrePrefix(kind: "GSUP" | "NUDM", centre: string): string {
  return `SIMLATCH_${kind}_${centre.toUpperCase()}_`;
}

/** Reading what the environment holds, and saying what is wrong with it. */
export type UncheckedEnvironment = Readonly<Record<string, unknown>>;

/** The message is a sentence that says what to do; it never holds a value. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

export function readText(environment: UncheckedEnvironment, name: string): string | undefined {
  const value = environment[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function readInteger(
  environment: UncheckedEnvironment,
  name: string,
  fallback: number,
  least: number,
  greatest: number,
): number {
  const text = readText(environment, name);
  if (text === undefined) return fallback;
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= greatest)) {
    throw new ConfigurationError(`Set ${name} to a whole number from ${least} to ${greatest}.`);
  }
  return value;
}

/** http or https, without user, query, fragment and trailing slash. */
export function readUrl(environment: UncheckedEnvironment, name: string): string | undefined {
  const text = readText(environment, name);
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain =
    url !== undefined &&
    (url.protocol === "http:" || url.protocol === "https:") &&
    `${url.origin}${url.pathname}`.replace(/\/$/, "") === text;
  if (!isPlain) {
    throw new ConfigurationError(
      `Set ${name} to an http or https URL without user, query, fragment and slash at its end.`,
    );
  }
  return text;
}

/** Reading what the environment holds, and saying what is wrong with it. */
import { type Bytes, decodeBase64Url } from "#protocol/bytes";

const SECRET_BYTES = 32;
/** Fewer different bytes than this in a key of 32 do not come from a random source. */
export const DISTINCT_BYTES_MIN = 12;

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

/** 32 bytes. */
export function readSecret(environment: UncheckedEnvironment, name: string): Bytes {
  return checkSecret(name, readText(environment, name) ?? "");
}

/** Of `text`, which is the value of `name` or a part of it. */
export function checkSecret(name: string, text: string): Bytes {
  const key = decodeBase64Url(text);
  if (key?.length !== SECRET_BYTES) {
    throw new ConfigurationError(
      `Set ${name} to 32 random bytes in base64url; "bun run simlatch keys" makes one.`,
    );
  }
  if (isRegular(key)) {
    throw new ConfigurationError(
      `${name} is too regular to be random; take one from "bun run simlatch keys".`,
    );
  }
  return key;
}

export function isRegular(key: Uint8Array): boolean {
  return new Set(key).size < DISTINCT_BYTES_MIN;
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

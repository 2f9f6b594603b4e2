/** SIMLATCH_DIRECTORY_*: an external subscriber database, or none. */
import {
  ConfigurationError,
  readInteger,
  readText,
  readUrl,
  type UncheckedEnvironment,
} from "../environment.ts";
import { VERIFIED_WORD_MS } from "../limits.ts";
import type { DirectorySettings } from "./http-directory.ts";

const URL_NAME = "SIMLATCH_DIRECTORY_URL";
const SECRET_NAME = "SIMLATCH_DIRECTORY_SECRET";
/** Of a bearer (RFC 6750, 2.1). */
const SECRET_PATTERN = /^[A-Za-z0-9._~+/-]{32,512}=*$/;
const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);
/** The slot's word runs out while the directory is asked: there must be time left to decide. */
const TIMEOUT_MS_MAX = VERIFIED_WORD_MS - 500;
const DAY_SECONDS = 86_400;

/** Undefined when the platform's own catalog has the customer data. */
export function readDirectory(environment: UncheckedEnvironment): DirectorySettings | undefined {
  const url = readUrl(environment, URL_NAME);
  if (url === undefined) return undefined;
  const { protocol, hostname } = new URL(url);
  if (protocol === "http:" && !LOOPBACK.has(hostname)) {
    throw new ConfigurationError(
      `Set ${URL_NAME} to an https URL: numbers and customer data must not travel in the clear.`,
    );
  }
  const secret = readText(environment, SECRET_NAME) ?? "";
  if (!SECRET_PATTERN.test(secret)) {
    throw new ConfigurationError(
      `Set ${SECRET_NAME} to at least 32 random letters and digits; it is the directory's bearer.`,
    );
  }
  const read = (name: string, fallback: number, least: number, greatest: number): number =>
    readInteger(environment, `SIMLATCH_DIRECTORY_${name}`, fallback, least, greatest);
  const timeoutMs = read("TIMEOUT_MS", 1000, 50, TIMEOUT_MS_MAX);
  return {
    url,
    secret,
    timeoutMs,
    cacheMs: read("CACHE_SECONDS", 60, 0, DAY_SECONDS) * 1000,
    breaker: {
      failuresMax: read("FAILURES", 5, 1, 1000),
      restMs: read("REST_SECONDS", 10, 1, DAY_SECONDS) * 1000,
      trialMs: 2 * timeoutMs,
    },
  };
}

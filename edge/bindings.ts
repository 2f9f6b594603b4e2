/** Unchecked environment -> checked configuration. What is missing or weak stops the start. */
import { type Bytes, decodeBase64Url, decodeHex } from "#protocol/bytes";
import { LENGTH } from "#protocol/assigned-numbers";
import { DEFAULT_LIMITS, LIMIT_MAXIMA, type Limits } from "./limits.ts";
import { MASTER_KEY_BYTES } from "./vault.ts";
import { parseWrappingKeys, type WrappingKeys, type WrappingKeysFault } from "./wrapping-keys.ts";

export type UncheckedEnvironment = Readonly<Record<string, unknown>>;

export interface Configuration {
  readonly masterKey: Bytes;
  readonly wrappingKeys: WrappingKeys;
  /** 16 bytes. */
  readonly deployment: Bytes;
  /** Absent: the administration routes do not exist. */
  readonly adminKey: string | undefined;
  readonly storeGeneration: number;
  readonly slot: number;
  readonly slots: number;
  readonly limits: Limits;
}

/** The message is a sentence that says what to do; it never holds a value. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

const ADMIN_KEY_CHARACTERS_MIN = 32;
/** Fewer different bytes than this in a key of 32 do not come from a random source. */
const DISTINCT_BYTES_MIN = 12;
/** Five bits of IND in the usual profile (TS 33.102, C.3.2). */
const SLOTS_MAX = 32;
const INTEGER_MAX = 2_147_483_647;

export function checkEnvironment(environment: UncheckedEnvironment): Configuration {
  const slots = readInteger(environment, "SIMLATCH_SLOTS", 1, 1, SLOTS_MAX);
  const masterKey = readMasterKey(environment);
  return {
    masterKey,
    wrappingKeys: readWrappingKeys(environment, masterKey),
    deployment: readDeployment(environment),
    adminKey: readAdminKey(environment),
    storeGeneration: readInteger(environment, "SIMLATCH_STORE_GENERATION", 1, 1, INTEGER_MAX),
    slot: readInteger(environment, "SIMLATCH_SLOT", 0, 0, slots - 1),
    slots,
    limits: readLimits(environment),
  };
}

function readText(environment: UncheckedEnvironment, name: string): string | undefined {
  const value = environment[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function readMasterKey(environment: UncheckedEnvironment): Bytes {
  const name = "SIMLATCH_MASTER_KEY";
  const key = decodeBase64Url(readText(environment, name) ?? "");
  if (key?.length !== MASTER_KEY_BYTES) {
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

function isRegular(key: Uint8Array): boolean {
  return new Set(key).size < DISTINCT_BYTES_MIN;
}

const WRAPPING_KEYS_ADVICE: Readonly<Record<WrappingKeysFault, string>> = {
  malformed:
    'to entries like "2:<32 bytes, base64url>", the newest first, or 0 for the key that is made ' +
    'from the master key; "bun run simlatch keys --wrapping 2" makes an entry',
  too_many: "to at most 16 entries; remove keys that no row needs",
  id_twice: "to entries with an id each",
  key_twice: "to keys that differ from each other and from the master key",
  regular: "to random keys; one of them is too regular",
};

function readWrappingKeys(environment: UncheckedEnvironment, masterKey: Bytes): WrappingKeys {
  const name = "SIMLATCH_WRAPPING_KEYS";
  const parsed = parseWrappingKeys(readText(environment, name) ?? "0", masterKey, isRegular);
  if (parsed.ok) return parsed.value;
  throw new ConfigurationError(`Set ${name} ${WRAPPING_KEYS_ADVICE[parsed.reason]}.`);
}

function readDeployment(environment: UncheckedEnvironment): Bytes {
  const name = "SIMLATCH_DEPLOYMENT";
  const deployment = decodeHex(readText(environment, name) ?? "");
  if (deployment?.length !== LENGTH.deployment) {
    throw new ConfigurationError(
      `Set ${name} to 32 hex digits that name this installation and never change; ` +
        `"bun run simlatch keys" makes them.`,
    );
  }
  return deployment;
}

function readAdminKey(environment: UncheckedEnvironment): string | undefined {
  const name = "SIMLATCH_ADMIN_KEY";
  const key = readText(environment, name);
  if (key === undefined) return undefined;
  if (key.length < ADMIN_KEY_CHARACTERS_MIN || new Set(key).size < DISTINCT_BYTES_MIN) {
    throw new ConfigurationError(
      `Set ${name} to at least ${ADMIN_KEY_CHARACTERS_MIN} random characters ` +
        `("bun run simlatch keys" makes one), or leave it out to have no administration routes.`,
    );
  }
  return key;
}

/** challengeSeconds is set by SIMLATCH_CHALLENGE_SECONDS, and so on. */
function readLimits(environment: UncheckedEnvironment): Limits {
  const maxima = new Map(Object.entries(LIMIT_MAXIMA));
  const entries = Object.entries(DEFAULT_LIMITS).map(([limit, value]) => {
    const name = `SIMLATCH_${limit.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    return [limit, readInteger(environment, name, value, 0, maxima.get(limit) ?? value)];
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- same keys as DEFAULT_LIMITS
  return Object.fromEntries(entries) as Limits;
}

function readInteger(
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
